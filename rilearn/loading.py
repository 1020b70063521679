"""Loading the engine on a thread of its own, with a status that the page can show meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rilearn.adapters import Adapter
from rilearn.engines.base import Engine
from rilearn.errors import EngineError, RilearnError
from rilearn.settings import Settings

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


class Loading:
    """One engine on its way. Thread-safe; nothing loads before `start`."""

    def __init__(self, settings: Settings, adapters: Sequence[Adapter], loader: Loader, empty: str):
        """`empty` is what to say when there are no adapters, and so nothing to load."""
        self._settings, self._adapters = settings, list(adapters)
        self._loader = loader
        self._engine: Engine | None = None
        self._changed = threading.Condition()
        self._status = Status("loading", "Waiting to start") if adapters else Status("empty", empty)
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def status(self) -> Status:
        with self._changed:
            return self._status

    def start(self) -> None:
        """Begin loading, unless it runs or is done; also what the retry button calls."""
        with self._changed:
            under_way = self._thread is not None and self._status.state == "loading"
            if not self._adapters or under_way or self._status.state == "ready" or self._closed:
                return
            self._status = Status("loading", "Starting the engine")
            self._thread = threading.Thread(target=self._run, name="rilearn-load", daemon=True)
            self._thread.start()

    def wait(self, timeout: float | None = None) -> Status:
        """Block until loading has ended either way, or `timeout` seconds have passed."""
        with self._changed:
            self._changed.wait_for(lambda: self._status.state != "loading", timeout)
            return self._status

    def watch(self, every: float) -> Iterator[Status]:
        """The status now and again while the model loads; ends when it is ready.

        Raises:
            EngineError: loading failed, or there is nothing to load; the message says what to do.
        """
        while (status := self.status).state == "loading":
            yield status
            self.wait(every)
        if status.state != "ready":
            raise EngineError(status.message)

    def engine(self) -> Engine:
        """The loaded engine.

        Raises:
            EngineError: it is not there, and why.
        """
        with self._changed:
            engine, status = self._engine, self._status
        if status.state != "ready" or engine is None:
            loading = status.state == "loading"
            raise EngineError(
                f"The model is still loading ({status.message}). Try again in a moment." if loading else status.message
            )
        return engine

    def close(self) -> None:
        """Free the engine, now or as soon as it has loaded."""
        with self._changed:
            engine, self._engine, self._closed = self._engine, None, True
            self._status = Status("failed", "The app is shutting down.")
            self._changed.notify_all()
        if engine is not None:
            engine.close()

    def _run(self) -> None:
        began = time.perf_counter()
        try:
            engine = self._loader(self._settings, self._adapters, self._report)
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
            log.info(
                "ready after %.1f s: %s on %s",
                time.perf_counter() - began,
                ", ".join(a.name for a in self._adapters),
                engine.name,
            )
            self._set(Status("ready", "Ready", 1.0))

    def _report(self, message: str, share: float) -> None:
        self._set(Status("loading", message, min(1.0, max(0.0, share))))

    def _set(self, status: Status) -> None:
        with self._changed:
            self._status = status
            self._changed.notify_all()


def load(settings: Settings, adapters: list[Adapter], report: Callable[[str, float], None]) -> Engine:
    """The loader of the app: the engine of the settings, with these adapters ready."""
    # Imported here, on the loading thread: engines bring heavy libraries with them.
    from rilearn.engines import default_engine, load_engine

    name = settings.engine or default_engine(settings.base)
    refs = [adapter.ref for adapter in adapters]
    return load_engine(name, settings.base, settings.cache_dir, progress=report, preload=refs, threads=settings.threads)
