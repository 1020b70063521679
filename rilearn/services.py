"""What the app needs, put together once from the settings: task, adapters, engine, database, visitors.

The adapters are read at once, the engine loads on a background thread, so that the page opens before the model is
there; `status` tells the page how far it is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rilearn import proposals
from rilearn.adapters import Adapter
from rilearn.classify import Classifier, check_text
from rilearn.compare import Side, chosen, compare
from rilearn.donors import Donors
from rilearn.errors import InputError
from rilearn.faithfulness import Report, report
from rilearn.jobs import JobRunner
from rilearn.loading import Loader, Loading, Status, load
from rilearn.records import Example, Prediction, Proposal
from rilearn.retraining import commands
from rilearn.settings import Settings
from rilearn.store.handle import Store
from rilearn.tasks import Task, load_task
from rilearn.uptake import Uptake
from rilearn.visitors import Visitors

if TYPE_CHECKING:  # the store's modules bring SQLAlchemy
    from rilearn.store.jobs import Job
    from rilearn.store.mattered import Mattered

PREFERRED, PREFERRED_DIRECT = "q-ra", "q-a"
TRAIN_COMMAND = "python -m training.pipeline --recipe training/recipes/embedded/pipeline.yaml --out runs/embedded"


class Services:
    """Everything behind the page. Thread-safe; nothing loads before `start`."""

    def __init__(self, settings: Settings, loader: Loader | None = None):
        """Read the task and the adapters (fast).

        Raises:
            ConfigError: the settings name a task that does not exist or cannot be read.
        """
        self.settings = settings
        self.task: Task = load_task(settings.task)
        self.store = Store(settings.database_url, settings.state_dir)
        self.uptake = Uptake(settings, self.store, self.task, loader or load)
        self.visitors = Visitors(settings.state_dir)
        self.jobs = JobRunner(self.store, settings.state_dir / "jobs", commands(settings), self._retrained)
        self._loading = Loading(settings, list(self.adapters.values()), self.uptake.load, self._no_models())
        self._donors = Donors()
        self._changed = threading.Condition()
        self._closed = False
        self._answering = 0

    @property
    def adapters(self) -> Mapping[str, Adapter]:
        """The classifiers by name, as they are at this moment; see `models.Now`."""
        return self.uptake.models.now.classifiers

    @property
    def generators(self) -> Mapping[str, Adapter]:
        """The generators by name, as they are at this moment."""
        return self.uptake.models.now.generators

    @property
    def generator(self) -> Adapter | None:
        """The generator in use."""
        return self.uptake.models.current("generator")

    @property
    def problems(self) -> list[str]:
        """Adapters that are left out, and why."""
        return list(self.uptake.models.now.problems)

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
        others = [name for name in self._direct if name != self.default] + self.models[1:]
        return [*others[:1], self.default]

    @property
    def _direct(self) -> list[str]:
        direct = [name for name, a in self.adapters.items() if a.manifest.kind == "direct"]
        return sorted(direct, key=lambda name: name != PREFERRED_DIRECT)

    @property
    def status(self) -> Status:
        return self._loading.status

    def start(self) -> None:
        """Begin loading, unless it runs or is done; also what the retry button calls."""
        self._loading.start()
        self.uptake.watch()
        self.jobs.adopt()

    def ready(self) -> bool:
        return self.status.state == "ready"

    def wait(self, timeout: float | None = None) -> Status:
        """Block until loading has ended either way, or `timeout` seconds have passed."""
        return self._loading.wait(timeout)

    def loading(self, every: float = 0.5) -> Iterator[Status]:
        """See `Loading.watch`."""
        return self._loading.watch(every)

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

    def faithfulness(self, text: str, reasoning: str, model: str) -> Iterator[tuple[int, int] | Report]:
        """Did the reasoning that `model` wrote for `text` matter? (donors written, in all) as they are written, then
        the report (see `faithfulness.report`), its evidence read by a direct model if any. Raises as `classifier`.
        """
        reader = self.classifier(self._direct[0]) if self._direct else None
        with self._visitor():
            for donors, count in self._donors.written(classifier := self.classifier(model)):
                yield len(donors), count
            yield report(classifier, text, reasoning, donors, reader)

    def write(self, generator: str, examples: Sequence[Example], source: str, split: str) -> list[Proposal]:
        """What a generator writes for labelled rows of a dataset's split (see `proposals.write`).

        Raises:
            InputError: there is no such generator.
            EngineError: the model is not loaded or cannot answer.
        """
        if generator not in self.generators:
            there = ", ".join(self.generators) or "none"
            raise InputError(f"There is no generator '{generator}'. Generators here: {there}.")
        engine, adapter = self._loading.engine(), self.generators[generator]
        return proposals.write(engine, adapter, self.task, examples, source, split)

    def classifiers(self, models: Sequence[str]) -> list[Classifier]:
        """The classifiers to compare; raises as `compare` does."""
        return [self.classifier(model) for model in chosen(models)]

    def give_way(self, timeout: float) -> bool:
        """For work on many rows: wait `timeout` seconds at most until no visitor is being answered; is it so now?"""
        with self._changed:
            return self._changed.wait_for(lambda: not self._answering or self._closed, timeout)

    def classifier(self, model: str) -> Classifier:
        """The classifier behind a model name.

        Raises:
            InputError: unknown name.
            EngineError: the model is not loaded.
        """
        adapters = self.adapters
        if model not in adapters and adapters:
            raise InputError(f"There is no model '{model}'. Models here: {', '.join(self.models)}.")
        return self.uptake.classifier(self._loading.engine(), adapters[model])

    def mattered(self, annotator_id: int, most: int = 5) -> list[Mattered]:
        """What this annotator said that is in the generator in use, and what that writes now; see `Matters.of`.

        What it has not written yet is written first, if the engine is there; nothing is in the one that came first.

        Raises:
            InputError: nobody has the id.
            EngineError, StoreError: the engine or the database cannot do it.
        """
        from rilearn.rewriting import rewrite
        from rilearn.store.mattered import Matters

        if (generator := self.generator) is None:
            return []
        matters, digest = Matters(self.store.database), generator.ref.digest
        found = matters.of(annotator_id, digest, most)
        waiting = [one.old for one in found if one.new is None]
        if not waiting or not self.ready():
            return found
        with self._visitor():
            rewrite(self.store.database, self._loading.engine(), generator, self.task, waiting)
        return matters.of(annotator_id, digest, most)

    def close(self) -> None:
        """Free the model and close the database."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.jobs.close()
        self.uptake.close()
        try:
            self._loading.close()
        finally:
            self.store.close()

    def _retrained(self, job: Job, out: Path) -> str:
        from rilearn.retrained import take_in

        return take_in(self.store.database, self.settings, out)

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

    def _no_models(self) -> str:
        return (
            f"There is no trained classifier for '{self.task.name}' yet. Train one with:  {TRAIN_COMMAND}  "
            "and start the app again."
        )
