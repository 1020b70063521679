"""Shared fixtures: a slow fake engine that records what happens to it, services over it, and a launched app."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from rilearn.adapters import MANIFEST, WEIGHTS, Manifest, save_manifest
from rilearn.engines.base import Progress
from rilearn.prompts import PROMPT_VERSION
from rilearn.records import AdapterRef, Chunk, Generation, Prompt, Sampling
from rilearn.services import Services
from rilearn.settings import Settings
from rilearn.store import passphrases
from tests.migrated import lay

# No test needs the Hub, and none waits for it to answer.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Processes that each compute on all cores wait for each other's threads at every product: a test of half a minute
    # once took seven. For the commands that tests start as well.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The training stages first, the browser tests spread between all others: several browsers at once keep each other
    waiting, and what takes long must not come last."""
    by_file: dict[Path, list[pytest.Item]] = {}
    for item in items:
        by_file.setdefault(item.path, []).append(item)
    browser = [path for path in by_file if path.parent.name == "browser"]
    others = sorted((path for path in by_file if path not in browser), key=lambda path: path.parent.name != "training")
    places = {path: place for place, path in enumerate(others)}
    places |= {path: place * len(others) // max(1, len(browser)) - 0.5 for place, path in enumerate(browser)}
    items[:] = [item for path in sorted(places, key=places.__getitem__) for item in by_file[path]]


REASONING = "The words sound warm and hopeful, as somebody talks who has waited long and is glad now."


class FakeEngine:
    """Streams a fixed reasoning word by word with a pause before each; records how its streams ended."""

    name, base = "fake", "embedded"

    def __init__(self, reasoning: str = REASONING, pause: float = 0.0, error: Exception | None = None):
        self.reasoning, self.pause, self.error = reasoning, pause, error
        self.opened = self.finished = self.closed = self.together = self.running = 0
        self.prompts: list[str] = []
        self.freed = False
        self._lock = threading.Lock()

    def stream(self, prompt: Prompt, sampling: Sampling, adapter: AdapterRef | None = None) -> Iterator[Chunk]:
        self._count("opened", 1)
        self._count("running", 1)
        self.together = max(self.together, self.running)
        self.prompts.append(prompt.text)
        done = False
        try:
            words = self.reasoning.split(" ")
            for word in words[: sampling.max_tokens]:
                time.sleep(self.pause)
                if self.error:
                    raise self.error
                yield Chunk(f" {word}", 1)
            done = True
            yield Chunk("", 0, "length" if len(words) > sampling.max_tokens else "stop")
        finally:
            self._count("running", -1)
            self._count("finished" if done else "closed", 1)

    def score(
        self, prompts: Sequence[Prompt], choices: Sequence[str], adapter: AdapterRef | None = None
    ) -> list[list[float]]:
        """The second choice leads once the prompt holds a reasoning, the first before."""
        self.prompts.extend(p.text for p in prompts)
        return [[-0.5 if i == ("Reasoning:" in p.text) else -2.5 for i, _ in enumerate(choices)] for p in prompts]

    def generate(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        adapter: AdapterRef | None = None,
        progress: Progress | None = None,
    ) -> list[Generation]:
        made = []
        for prompt in prompts:
            pieces = list(self.stream(prompt, sampling, adapter))
            made.append(Generation("".join(c.text for c in pieces), len(pieces) - 1, pieces[-1].finish or ""))
        return made

    def close(self) -> None:
        self.freed = True

    def _count(self, name: str, by: int) -> None:
        with self._lock:
            setattr(self, name, getattr(self, name) + by)


@pytest.fixture(autouse=True, scope="session")
def quick_passphrases() -> Iterator[None]:
    """Argon2 is slow on purpose, and the tests sign in hundreds of times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passphrases, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def adapters(tmp_path: Path) -> Path:
    """A folder with the adapters q-a and q-ra; their weights are a few bytes."""
    for name, kind in (("q-a", "direct"), ("q-ra", "reasoned"), ("generator", "generator")):
        folder = tmp_path / "adapters" / name
        folder.mkdir(parents=True)
        (folder / WEIGHTS).write_bytes(b"weights")
        (folder / "adapter_config.json").write_text(json.dumps({"r": 1}))
        fields = {"name": name, "kind": kind, "base": "embedded", "prompt_version": PROMPT_VERSION}
        save_manifest(folder, Manifest.model_validate({**fields, "task": None if kind == "generator" else "emotion"}))
    assert (folder / MANIFEST).exists()
    return tmp_path / "adapters"


@pytest.fixture
def settings(adapters: Path, tmp_path: Path) -> Settings:
    state = lay(tmp_path / "state")
    return Settings(adapters=adapters, cache=tmp_path / "cache", state=state, database_url="", parallel=2)


@pytest.fixture
def services(settings: Settings, engine: FakeEngine) -> Iterator[Services]:
    """Services over the fake engine, ready."""
    made = Services(settings, lambda *_: engine)
    made.start()
    assert made.wait(10).state == "ready"
    yield made
    made.close()


@pytest.fixture
def live_app() -> Callable[[Services], object]:
    """`with live_app(services) as url:` runs the app of app.py on a free local port."""

    @contextmanager
    def run(services: Services) -> Iterator[str]:
        from rilearn.ui.build import build, page

        app = build(services)
        _, url, _ = app.launch(**page(services), server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
        try:
            yield url
        finally:
            try:
                app.close()
            except (
                RuntimeError
            ):  # Gradio sets an asyncio event from this thread while its loop takes off those who wait
                assert app.server is not None
                app.server.close()

    return run


def eventually(check: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether `check` comes true within `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.05)
    return check()
