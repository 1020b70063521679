"""Labelled rows -> reasonings in the queue: a generator writes them on a thread of its own, a few at a time.

Visitors come first, as in a batch: before each few rows the writing waits until nobody is being answered. Whoever
started it may leave; what is written is queued at once, and begun again it goes on with rows not written for.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from rilearn.batch import PATIENCE, WIDTH
from rilearn.corpora import evaluation_splits, load_split, public_name, text_key, without_leaks
from rilearn.errors import InputError, in_words
from rilearn.records import Example
from rilearn.services import Services
from rilearn.settings import Settings
from rilearn.tasks import TASKS_DIR, Task

if TYPE_CHECKING:
    from rilearn.store.filling import Plan

Source = Literal["dataset", "demo"]
"""The task's dataset (or the one that the settings name in its place), or the texts written for this project."""
SPLIT = "train"
DEMO = TASKS_DIR.parent / "demo"


@dataclass(frozen=True)
class Chosen:
    """Rows to write for and where they are from. Of the split's `rows`, `kept_out` are in an evaluation split too or
    there twice, `before` have a reasoning of this generator, `left` would be the next ones."""

    examples: tuple[Example, ...]
    source: str
    rows: int
    kept_out: int
    before: int
    left: int


@dataclass(frozen=True)
class Written:
    """How far the writing is: rows `done` of `total`; reasonings `added` to the queue, `there` before, and `empty`
    ones, which are none. `seconds_left` is None before the first."""

    state: Literal["none", "running", "done", "cancelled", "failed"] = "none"
    total: int = 0
    done: int = 0
    added: int = 0
    there: int = 0
    empty: int = 0
    seconds_left: float | None = None
    error: str = ""


def choose(task: Task, settings: Settings, source: Source, count: int, seen: Container[str]) -> Chosen:
    """The next `count` training rows in a fixed random order; rows of evaluation splits stay out.

    Args:
        seen: texts to pass by (see `corpora.text_key`), since the generator has written for them.

    Raises:
        InputError: fewer than one row or more than the settings' limit.
        DataError: the dataset cannot be read.
    """
    if not 1 <= count <= settings.batch_rows:
        raise InputError(f"Choose between 1 and {settings.batch_rows} rows.")
    spec = task.dataset
    if source == "demo":
        spec = spec.model_copy(update={"id": str(DEMO / task.name), "config": None})
    elif settings.dataset:
        spec = spec.model_copy(update={"id": settings.dataset})
    train = load_split(task, SPLIT, spec).examples
    others = evaluation_splits(task, [name for name in spec.splits if name != SPLIT], spec)
    clear = without_leaks(train, [example for split in others for example in split.examples])
    random.Random(0).shuffle(clear)
    fresh = [example for example in clear if text_key(example.text) not in seen]
    return Chosen(
        examples=tuple(fresh[:count]),
        source=public_name(spec.id),
        rows=len(train),
        kept_out=len(train) - len(clear),
        before=len(clear) - len(fresh),
        left=max(0, len(fresh) - count),
    )


class Writing:
    """One run at a time. Thread-safe."""

    def __init__(self, services: Services):
        self._services = services
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._now = Written()

    @property
    def now(self) -> Written:
        with self._lock:
            return self._now

    def start(self, generator: str, chosen: Chosen, plan: Plan) -> None:
        """Begin to write for the rows.

        Raises:
            InputError: some are being written for already, there is no such generator, no row, or a plan without sense.
            EngineError: the model is not loaded.
            StoreError: the database cannot be read.
        """
        from rilearn.store.filling import fill

        if not chosen.examples:
            raise InputError("There is no row left to write for.")
        self._services.write(generator, (), chosen.source, SPLIT)  # what is wrong now would be wrong at every row
        fill(self._services.store.database, (), plan, dry_run=True)
        with self._lock:
            if self._now.state == "running":
                raise InputError("Reasonings are being written already. Wait for their end, or cancel it.")
            self._stop.clear()
            self._now = Written("running", len(chosen.examples))
            work = (generator, chosen, plan)
            self._thread = threading.Thread(target=self._run, args=work, name="rilearn-writing", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Stop after the rows under way; returns at once."""
        self._stop.set()

    def wait(self, timeout: float) -> Written:
        """Until the run has ended, or `timeout` seconds have passed."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self.now

    def _run(self, generator: str, chosen: Chosen, plan: Plan) -> None:
        began = time.monotonic()
        try:
            for first in range(0, len(chosen.examples), WIDTH):
                self._give_way()
                if self._stop.is_set():
                    self._set(replace(self.now, state="cancelled"))
                    return
                self._few(generator, chosen.examples[first : first + WIDTH], chosen.source, plan)
                now = self.now
                left = (time.monotonic() - began) / now.done * (now.total - now.done)
                self._set(replace(now, seconds_left=left))
        except Exception as error:  # told on the page, to whoever looks
            self._set(replace(self.now, state="failed", error=in_words(error)))
        else:
            self._set(replace(self.now, state="done"))

    def _few(self, generator: str, examples: Sequence[Example], source: str, plan: Plan) -> None:
        from rilearn.store.filling import fill

        made = self._services.write(generator, examples, source, SPLIT)
        filled, now = fill(self._services.store.database, made, plan), self.now
        self._set(
            replace(
                now,
                done=now.done + len(examples),
                added=now.added + filled.added,
                there=now.there + filled.there + filled.twice,
                empty=now.empty + len(examples) - len(made) + len(filled.refused),
            )
        )

    def _give_way(self) -> None:
        last_call = time.monotonic() + PATIENCE
        while not self._stop.is_set() and not self._services.give_way(0.1) and time.monotonic() < last_call:
            pass

    def _set(self, now: Written) -> None:
        with self._lock:
            self._now = now
