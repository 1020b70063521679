"""Keeps the engine and the models in step: loads what is in use, then takes up promotions while visitors are answered.

A version that the engine refuses never takes over: the one that came with rilearn does, and the page tells.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rilearn.adapters import Adapter
from rilearn.classify import Classifier
from rilearn.engines.base import Engine
from rilearn.errors import AdapterError, EngineError
from rilearn.gate import Role, Verdict
from rilearn.loading import Loader
from rilearn.models import Models
from rilearn.prompts import Templates
from rilearn.settings import Settings
from rilearn.store.handle import Store
from rilearn.tasks import Task

if TYPE_CHECKING:  # the store's modules bring SQLAlchemy
    from rilearn.store.promotions import Promotion

EVERY = 3.0
"""Seconds between two looks for promotions that other processes made."""


class Uptake:
    """Loads, watches, promotes and rolls back. Thread-safe; reads the shipped adapters when made."""

    def __init__(self, settings: Settings, store: Store, task: Task, loader: Loader):
        self.models = Models(settings, store)
        self._settings, self._store, self._task, self._loader = settings, store, task, loader
        self._engine: Engine | None = None
        self._ended = threading.Event()
        self._watching = threading.Lock()

    def load(self, settings: Settings, _: list[Adapter], report: Callable[[str, float], None]) -> Engine:
        """A loader for `Loading`: the engine, ready for the models in use at this moment. Raises as its own one does,
        but leaves out promoted versions that the engine cannot load."""
        self.models.forgive()
        self.models.refresh()
        try:
            self._engine = self._loader(settings, self.models.now.in_use, report)
        except (AdapterError, EngineError) as error:
            if not self.models.refuse(str(error)):
                raise
            self._engine = self._loader(settings, self.models.now.in_use, report)
        return self._engine

    def watch(self) -> None:
        """Look for promotions on a thread of its own until `close`, unless one does."""
        if self._watching.acquire(blocking=False):
            threading.Thread(target=self._watch, name="rilearn-promotions", daemon=True).start()

    def refresh(self) -> None:
        """Look now; see `Models.refresh`."""
        self.models.refresh(self._warm if self._engine else None)

    def promote(
        self, role: Role, folder: Path, verdict: Verdict, who: int, token: str, overrule_reason: str = ""
    ) -> Promotion:
        """See `promotion.promote`; when this returns, the new version answers here."""
        from rilearn.promotion import promote

        try:
            return promote(self._store.database, self._settings, role, folder, verdict, who, token, overrule_reason)
        finally:
            self.refresh()

    def rollback(self, role: Role, who: int, token: str, instead_of: str, reason: str = "") -> Promotion:
        """See `promotion.rollback`; when this returns, the version before answers here."""
        from rilearn.promotion import rollback

        try:
            return rollback(self._store.database, self._settings, role, who, token, instead_of, reason)
        finally:
            self.refresh()

    def classifier(self, engine: Engine, adapter: Adapter) -> Classifier:
        return Classifier(engine, Templates(self._task, chat=adapter.manifest.chat), adapter)

    def close(self) -> None:
        """Look no more."""
        self._ended.set()
        self._engine = None

    def _watch(self) -> None:
        while not self._ended.wait(EVERY):
            if self._engine is not None:  # before that the models in use are read as it loads
                self.refresh()

    def _warm(self, adapter: Adapter) -> None:
        if (engine := self._engine) is not None:
            classifier = self.classifier(engine, adapter)
            classifier.distributions([classifier.templates.direct("warm")])
