"""The registry of engines: a name and the function that loads it. Nothing heavy is imported before it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rilearn.engines.base import Engine
from rilearn.errors import ConfigError
from rilearn.records import AdapterRef

Report = Callable[[str, float], None]
"""Called with (what is being done, share done 0..1)."""


def load_engine(
    name: str,
    base: str,
    cache: Path,
    progress: Report | None = None,
    preload: Sequence[AdapterRef] = (),
    threads: int | None = None,
    fast: bool = False,
    allow_fake: bool = False,
) -> Engine:
    """Load the engine `name` over `base`, with the adapters of `preload` ready where it keeps some in memory.

    `fast` is for bulk work with transformers (see `TransformersEngine`); the other engines have one speed.
    The fake engine `scripted` is for tests: without `allow_fake` it is refused, so no setting can serve it to a user.

    Raises:
        ConfigError: no such engine, or its settings are missing. WeightsError: the base cannot be had.
        EngineError, AdapterError: the engine cannot load the base or an adapter.
    """
    loaders = _LOADERS | (_FAKES if allow_fake else {})
    if name not in loaders:
        raise ConfigError(f"There is no engine '{name}'. RILEARN_ENGINE can be: {', '.join(sorted(loaders))}.")
    options = {"fast": fast} if name == "transformers" else {}
    return loaders[name](base, cache, progress or _quiet, preload, threads, **options)


def default_engine(base: str) -> str:
    """The engine for a base when none is named: llama.cpp for the packaged one, which comes as its file format."""
    return "llamacpp" if base == "embedded" else "transformers"


def _quiet(message: str, share: float) -> None:
    pass


def _llamacpp(base: str, cache: Path, report: Report, preload: Sequence[AdapterRef], threads: int | None) -> Engine:
    from rilearn.engines.llamacpp import LlamaCppEngine
    from rilearn.weights import gguf_file

    gguf = gguf_file(base, cache, report)
    report("Loading the model", 0.0)
    engine = LlamaCppEngine(gguf, base, cache / "llama-adapters", threads=threads, preload=preload)
    report("Loading the model", 1.0)
    return engine


def _transformers(
    base: str, cache: Path, report: Report, preload: Sequence[AdapterRef], threads: int | None, fast: bool
) -> Engine:
    from rilearn.engines.transformers import TransformersEngine
    from rilearn.weights import model_source

    source = model_source(base, cache, report)
    report("Loading the model", 0.0)
    engine = TransformersEngine(source, base, threads=threads, fast=fast)
    report("Loading the model", 1.0)
    return engine


def _remote(base: str, cache: Path, report: Report, preload: Sequence[AdapterRef], threads: int | None) -> Engine:
    import os

    from rilearn.engines.remote import RemoteEngine

    url = os.environ.get("RILEARN_REMOTE_URL", "")
    if not url:
        raise ConfigError(
            "The remote engine needs RILEARN_REMOTE_URL, the address of an OpenAI-compatible server ending in /v1. "
            "RILEARN_REMOTE_MODEL names the model there, RILEARN_REMOTE_KEY is its key if it wants one."
        )
    model = os.environ.get("RILEARN_REMOTE_MODEL", base)
    return RemoteEngine(url, model, os.environ.get("RILEARN_REMOTE_KEY"))


def _scripted(base: str, cache: Path, report: Report, preload: Sequence[AdapterRef], threads: int | None) -> Engine:
    from rilearn.engines.scripted import ScriptedEngine

    return ScriptedEngine(base=base)


_LOADERS: dict[str, Callable[..., Any]] = {
    "llamacpp": _llamacpp,
    "transformers": _transformers,
    "remote": _remote,
}
_FAKES: dict[str, Callable[..., Any]] = {"scripted": _scripted}
