"""Every engine the contract is run over. Those on the real base are marked `model`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rilearn.settings import Settings
from tests.engines.fake_server import MODEL, serve
from tests.tiny import build_base


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: Any) -> Path:
    return build_base(tmp_path_factory.mktemp("tiny-base"))


@pytest.fixture(
    scope="module",
    params=["scripted", "remote", "transformers", pytest.param("llamacpp", marks=pytest.mark.model)],
)
def any_engine(request: Any, tiny_folder: Path) -> Iterator[Any]:
    """The fake, a server over it, transformers on a tiny base, llama.cpp on the real one."""
    from rilearn.engines import load_engine
    from rilearn.engines.remote import RemoteEngine
    from rilearn.engines.scripted import ScriptedEngine

    if request.param == "scripted":
        yield ScriptedEngine(delay=0.002)
    elif request.param == "remote":
        with serve(ScriptedEngine(delay=0.002)) as (url, _):
            engine = RemoteEngine(url, MODEL)
            yield engine
            engine.close()
    else:
        base = str(tiny_folder) if request.param == "transformers" else "embedded"
        made = load_engine(request.param, base, Settings().cache_dir, threads=1)
        yield made
        made.close()
