"""One text, several classifiers side by side: each runs on a thread of its own, and what they write arrives mixed.

Streaming is the primitive; `final` drains it. All share one engine, which decodes their streams together.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any, cast

from rilearn.classify import Classifier
from rilearn.errors import InputError, in_words
from rilearn.records import Prediction

MOST = 4
"""Models side by side at most: each keeps a part of the engine busy, and a page shows no more."""


@dataclass(frozen=True)
class Side:
    """One column: the model, its latest prediction (None before the first), and why it ended early, in words."""

    model: str
    now: Prediction | None = None
    error: str | None = None

    @property
    def label(self) -> str | None:
        """The chosen label; None while it is not chosen, and for ever after an error."""
        return self.now.label if self.now and self.now.done else None

    @property
    def over(self) -> bool:
        return self.error is not None or self.label is not None


Event = tuple[int, Prediction | Exception | None]
"""Which side, and its news; None says that its thread has ended."""


def chosen(models: Sequence[str]) -> list[str]:
    """The models to compare, each once.

    Raises:
        InputError: fewer than two or more than `MOST`, or no list of names.
    """
    if isinstance(models, str) or not all(isinstance(model, str) for model in models):
        raise InputError("Give the models as a list of names.")
    names = list(dict.fromkeys(models))
    if len(names) < 2:
        raise InputError("Choose at least two different models to compare.")
    if len(names) > MOST:
        raise InputError(f"{len(names)} models are too many at once. Choose at most {MOST}.")
    return names


def compare(classifiers: Sequence[Classifier], text: str) -> Generator[tuple[Side, ...], None, None]:
    """All sides, in the order of `classifiers`, after every piece of news from any of them.

    The last tuple has every side `over`. An error ends its own side only. Closing the iterator stops every side at
    its next token and returns when the engine is free.
    """
    news: SimpleQueue[Event] = SimpleQueue()
    stop = threading.Event()

    def work(index: int) -> None:
        try:
            # Closed here, by the thread that runs it: the engine behind it is busy until then.
            with closing(cast("Any", classifiers[index].predict(text))) as growing:
                for now in growing:
                    news.put((index, now))
                    if stop.is_set():
                        return
        except Exception as error:
            news.put((index, error))
        finally:
            news.put((index, None))

    sides = [Side(classifier.adapter.name) for classifier in classifiers]
    threads = [threading.Thread(target=work, args=(i,), name=f"rilearn-{s.model}") for i, s in enumerate(sides)]
    for thread in threads:
        thread.start()
    try:
        running = len(threads)
        while running:
            index, new = news.get()
            if new is None:
                running -= 1
                continue
            told = {"error": in_words(new)} if isinstance(new, Exception) else {"now": new}
            sides[index] = replace(sides[index], **cast("Any", told))
            yield tuple(sides)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def final(classifiers: Sequence[Classifier], text: str) -> tuple[Side, ...]:
    """The last sides of `compare`."""
    *_, last = compare(classifiers, text)
    return last


def agree(sides: Sequence[Side]) -> bool | None:
    """Whether all chose the same label; None while a label is missing."""
    labels = [side.label for side in sides]
    return None if None in labels else len(set(labels)) == 1
