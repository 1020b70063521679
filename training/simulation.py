"""Simulated annotators at the real queue: they take items, rate them and correct some, through the store as people do.

A correction is the reasoning itself or one of the drafts for the same text, with a passage of the text in place of what
it quoted (see training.raters): of those that are good then, one that begins with it, and the one that is liked best.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from rilearn.records import Example
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.edits import Edits
from rilearn.store.queue import Queue
from rilearn.store.queue_order import Order
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from training.bag_of_words import BagOfWords
from training.raters import Annotator, clause, requoted

Drafts = Mapping[tuple[str, str], Sequence[str]]
"""(text, label) -> further reasonings for it."""


class Simulation:
    """The annotators of one project, in turn. The same seed at the same queue gives the same ratings."""

    def __init__(
        self,
        database: Database,
        known: BagOfWords,
        annotators: Sequence[Annotator],
        drafts: Drafts,
        labels: Sequence[str],
        corrected: float,
        order: Order,
        seed: int,
    ):
        """`corrected`: the share of poor reasonings that an annotator corrects where they can (0 to 1)."""
        self._known, self._annotators, self._drafts, self._labels = known, annotators, drafts, labels
        self._corrected, self._order, self._seed = corrected, order, seed
        self._queue, self._ratings, self._edits = Queue(database), Ratings(database), Edits(database)
        self._reasonings, self._rng = Reasonings(database), random.Random(seed)
        people = Annotators(database)
        self._ids = [people.add(annotator.name).id for annotator in annotators]
        self.ratings = self.edits = 0

    def go_on(self, until: int) -> bool:
        """Rate until there are so many ratings; False: the queue was empty before."""
        random.seed(self._seed * 1_000_003 + self.ratings)  # the queue's own draws in the order "mixed"
        while self.ratings < until:
            if not self._one(self.ratings % len(self._annotators)):
                return False
        return True

    def _one(self, turn: int) -> bool:
        annotator, id = self._annotators[turn], self._ids[turn]
        lease = self._queue.lease(id, f"simulated-{self.ratings}", self._order)
        if lease is None:
            return False
        found = self._reasonings.get(lease.reasoning_id).reasoning
        example, token = Example(found.text, found.label), f"simulated-{self.ratings}"
        said = annotator.judge(self._known, example, [found.reasoning], self._labels)[0].rating
        self._ratings.rate(id, lease.reasoning_id, said, token)
        self.ratings += 1
        if said.verdict == "poor" and self._rng.random() < self._corrected:
            better = self._correction(annotator, example, found.reasoning)
            if better and better != found.reasoning:
                self._edits.edit(id, lease.reasoning_id, better, token)
                self.edits += 1
        return True

    def _correction(self, annotator: Annotator, example: Example, reasoning: str) -> str | None:
        drafts = self._drafts.get((example.text, example.label or ""), ())
        passage = clause(self._known, example.text, example.label or "")
        written = [changed for r in (reasoning, *drafts) if (changed := requoted(r, passage))]
        said = annotator.judge(self._known, example, written, self._labels) if written else []
        good = [
            (r.startswith('"'), s.liking, r)
            for s, r in zip(said, written, strict=True)
            if all(s.rating.criteria.values())
        ]
        return max(good)[2] if good else None
