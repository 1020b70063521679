"""What the app needs, put together once from the settings: task, adapters, engine, database, visitors.

The adapters are read at once, the engine loads on a background thread, so that the page opens before the model is
there; `status` tells the page how far it is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, cast

from rilearn.adapters import Adapter, list_adapters
from rilearn.classify import Classifier, check_text
from rilearn.compare import Side, chosen, compare
from rilearn.engines.base import Engine
from rilearn.errors import EngineError, InputError, RilearnError
from rilearn.prompts import Templates
from rilearn.records import Prediction
from rilearn.settings import Settings
from rilearn.store.handle import Store
from rilearn.tasks import Task, load_task
from rilearn.visitors import Visitors

PREFERRED, PREFERRED_DIRECT = "q-ra", "q-a"
TRAIN_COMMAND = "python -m training.pipeline --recipe training/recipes/embedded/pipeline.yaml --out runs/embedded"
State = Literal["empty", "loading", "ready", "failed"]
Loader = Callable[[Settings, list[Adapter], Callable[[str, float], None]], Engine]
"""Loads the engine for the adapters; calls back with (what is being done, share done 0..1)."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Status:
    """How far the model is: `message` is for the reader, `share` counts while loading (0..1)."""

    state: State
    message: str = ""
    share: float = 0.0


class Services:
    """Everything behind the page. Thread-safe; nothing loads before `start`."""

    def __init__(self, settings: Settings, loader: Loader | None = None):
        """Read the task and the adapters (fast).

        Raises:
            ConfigError: the settings name a task that does not exist or cannot be read.
        """
        self.settings = settings
        self.task: Task = load_task(settings.task)
        usable, self.problems = list_adapters(settings.adapters, settings.base)
        self.adapters: dict[str, Adapter] = {
            a.name: a for a in usable if a.manifest.task == self.task.name and a.manifest.kind in ("direct", "reasoned")
        }
        self.store = Store(settings.database_url, settings.state_dir)
        self.visitors = Visitors(settings.state_dir)
        self._loader = loader or _load
        self._engine: Engine | None = None
        self._changed = threading.Condition()
        self._status = Status("loading", "Waiting to start") if self.adapters else Status("empty", self._no_models())
        self._thread: threading.Thread | None = None
        self._closed = False
        self._answering = 0

    @property
    def models(self) -> list[str]:
        """Names of the adapters that can classify, the default first."""
        reasoned = [name for name, a in self.adapters.items() if a.manifest.kind == "reasoned"]
        direct = [name for name in self.adapters if name not in reasoned]
        return sorted(reasoned, key=lambda name: name != PREFERRED) + direct

    @property
    def default(self) -> str:
        """q-ra, else the first reasoned adapter, else the first; the name to hope for when there is none."""
        return next(iter(self.models), PREFERRED)

    @property
    def pair(self) -> list[str]:
        """What is compared unless somebody chooses: a direct model, q-a if it is there, and the default one."""
        direct = [name for name, a in self.adapters.items() if a.manifest.kind == "direct" and name != self.default]
        others = sorted(direct, key=lambda name: name != PREFERRED_DIRECT) + self.models[1:]
        return [*others[:1], self.default]

    @property
    def status(self) -> Status:
        with self._changed:
            return self._status

    def start(self) -> None:
        """Begin loading, unless it runs or is done; also what the retry button calls."""
        with self._changed:
            under_way = self._thread is not None and self._status.state == "loading"
            if not self.adapters or under_way or self._status.state == "ready" or self._closed:
                return
            self._status = Status("loading", "Starting the engine")
            self._thread = threading.Thread(target=self._run, name="rilearn-load", daemon=True)
            self._thread.start()

    def ready(self) -> bool:
        return self.status.state == "ready"

    def wait(self, timeout: float | None = None) -> Status:
        """Block until loading has ended either way, or `timeout` seconds have passed."""
        with self._changed:
            self._changed.wait_for(lambda: self._status.state != "loading", timeout)
            return self._status

    def loading(self, every: float = 0.5) -> Iterator[Status]:
        """The status now and again while the model loads; ends when it is ready.

        Raises:
            EngineError: loading failed, or there is nothing to load; the message says what to do.
        """
        while (status := self.status).state == "loading":
            yield status
            self.wait(every)
        if status.state != "ready":
            raise EngineError(status.message)

    def predict(self, text: str, model: str) -> Iterator[Prediction]:
        """Check the input, then classify it (see `Classifier.predict`).

        Raises:
            InputError: bad text or an unknown model.
            EngineError: the model is not there or cannot answer.
        """
        text = check_text(text, self.settings.max_chars)
        with self._visitor(), closing(cast("Any", self.classifier(model).predict(text))) as growing:
            yield from growing

    def compare(self, text: str, models: Sequence[str]) -> Iterator[tuple[Side, ...]]:
        """Check the input, then classify it with several models side by side (see `compare.compare`).

        Raises:
            InputError: bad text, an unknown model, or not two to `compare.MOST` models.
            EngineError: the model is not there. What one model cannot answer is told in its side instead.
        """
        text = check_text(text, self.settings.max_chars)
        with self._visitor(), closing(compare(self.classifiers(models), text)) as growing:
            yield from growing

    def classifiers(self, models: Sequence[str]) -> list[Classifier]:
        """The classifiers to compare; raises as `compare` does."""
        return [self.classifier(model) for model in chosen(models)]

    def give_way(self, timeout: float) -> bool:
        """Wait `timeout` seconds at most until no single text is being answered, and say whether that is so now.

        For work on many rows, so that visitors come first.
        """
        with self._changed:
            return self._changed.wait_for(lambda: not self._answering or self._closed, timeout)

    def classifier(self, model: str) -> Classifier:
        """The classifier behind a model name.

        Raises:
            InputError: unknown name.
            EngineError: the model is not loaded.
        """
        if model not in self.adapters and self.adapters:
            raise InputError(f"There is no model '{model}'. Models here: {', '.join(self.models)}.")
        engine, status = self._engine, self.status
        if status.state != "ready" or engine is None:
            loading = status.state == "loading"
            raise EngineError(
                f"The model is still loading ({status.message}). Try again in a moment." if loading else status.message
            )
        adapter = self.adapters[model]
        return Classifier(engine, Templates(self.task, chat=adapter.manifest.chat), adapter)

    def close(self) -> None:
        """Free the model and close the database."""
        with self._changed:
            engine, self._engine, self._closed = self._engine, None, True
            self._status = Status("failed", "The app is shutting down.")
            self._changed.notify_all()
        try:
            if engine is not None:
                engine.close()
        finally:
            self.store.close()

    @contextmanager
    def _visitor(self) -> Iterator[None]:
        with self._changed:
            self._answering += 1
        try:
            yield
        finally:
            with self._changed:
                self._answering -= 1
                self._changed.notify_all()

    def _run(self) -> None:
        began = time.perf_counter()
        try:
            engine = self._loader(self.settings, list(self.adapters.values()), self._report)
        except RilearnError as error:
            self._set(Status("failed", str(error)))
        except Exception as error:  # the page must say something whatever happens; the log has the traceback
            log.exception("loading the engine failed")
            kind = type(error).__name__
            self._set(Status("failed", f"The model could not be loaded ({kind}). The log has the details."))
        else:
            with self._changed:
                self._engine, late = (None, engine) if self._closed else (engine, None)
            if late is not None:  # closed while it loaded: nobody else will free it
                late.close()
                return
            log.info("ready after %.1f s: %s on %s", time.perf_counter() - began, ", ".join(self.models), engine.name)
            self._set(Status("ready", "Ready", 1.0))

    def _report(self, message: str, share: float) -> None:
        self._set(Status("loading", message, min(1.0, max(0.0, share))))

    def _set(self, status: Status) -> None:
        with self._changed:
            self._status = status
            self._changed.notify_all()

    def _no_models(self) -> str:
        return (
            f"There is no trained classifier for '{self.task.name}' yet. Train one with:  {TRAIN_COMMAND}  "
            "and start the app again."
        )


def _load(settings: Settings, adapters: list[Adapter], report: Callable[[str, float], None]) -> Engine:
    # Imported here, on the loading thread: engines bring heavy libraries with them.
    from rilearn.engines import default_engine, load_engine

    name = settings.engine or default_engine(settings.base)
    refs = [adapter.ref for adapter in adapters]
    return load_engine(name, settings.base, settings.cache_dir, progress=report, preload=refs, threads=settings.threads)
