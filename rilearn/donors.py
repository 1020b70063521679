"""Donors: reasonings that an adapter wrote for the task's own example texts, lent to the swaps of faithfulness reports.

The examples are written for this project and are no dataset rows, so a swap never shows anybody's text.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from rilearn.classify import Classifier
from rilearn.faithfulness import Explained
from rilearn.records import AdapterRef

MOST = 8
"""Examples written for at most: enough that most answers find their own label and another among them."""


class Donors:
    """Each adapter's donors, written when first asked for and kept in memory. Thread-safe."""

    def __init__(self) -> None:
        self._kept: dict[tuple[AdapterRef, str], Explained] = {}
        self._writing = threading.Lock()

    def written(self, classifier: Classifier) -> Iterator[tuple[list[Explained], int]]:
        """(donors so far, how many there will be), before the first missing one and after each; the last has all.

        Who asks while another writes waits for that one donor and goes on with the next, so none is written twice.

        Raises:
            EngineError: the model cannot answer; what was written before stays.
        """
        texts, ref = classifier.templates.task.examples[:MOST], classifier.adapter.ref
        while True:
            kept = [self._kept[ref, text] for text in texts if (ref, text) in self._kept]
            yield kept, len(texts)
            if len(kept) == len(texts):
                return
            self._write(classifier, next(text for text in texts if (ref, text) not in self._kept))

    def _write(self, classifier: Classifier, text: str) -> None:
        key = classifier.adapter.ref, text
        with self._writing:
            if key not in self._kept:
                last = classifier.final(text)
                self._kept[key] = Explained(text, last.reasoning, last.label or "")
