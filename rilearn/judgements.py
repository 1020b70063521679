"""What people say of reasonings, and the rows that come of it: the values that rilearn.curation takes and gives.

A `ref` names a rating, correction, vote or decision for good ("rating:12"), so that each row can be traced to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from rilearn.records import Rating, Reasoning, Verdict

Recipe = Literal["sft", "kto", "dpo", "mixed"]
Kind = Literal["sft", "kto", "pair"]
EVALUATION_SPLITS = ("validation", "test")


class Why(StrEnum):
    """Why something that was said became no row."""

    FLAGGED = "flagged as harmful or private"
    HELD_OUT = "text of an evaluation split"
    WRONG_LABEL = "wrong label"
    UNSURE_LABEL = "split on whether the label is right"
    NOT_THE_REASONING = "'the label is wrong', which says nothing of the reasoning"
    TIED = "tie between annotators"
    OUTVOTED = "outvoted"
    OVERRULED = "overruled by an admin's decision"
    DECISIONS = "decisions that contradict each other"
    BOTH = "one person said both"
    SAME = "correction that changes nothing"
    MISQUOTES = "quotes words that do not stand in the text"
    CALLED_POOR = "correction in words that others call poor"
    NOT_FOR_SFT = "poor, and sft learns from good ones alone"
    VOTES = "blind vote, which makes pairs alone"
    NO_PAIR = "nothing to compare with"
    OTHER_SIDE = "on the other side of a pair"
    CONTRADICTED = "pairs that say the opposite of each other"
    ONE_SIDED = "beside the pairs there are only good ones, or only poor ones"
    CAPPED = "too many that rest on one person's word alone"


@dataclass(frozen=True)
class Opinion:
    """An annotator's rating of a reasoning."""

    annotator: str
    rating: Rating
    ref: str


@dataclass(frozen=True)
class Correction:
    """A reasoning as an annotator would have it."""

    annotator: str
    reasoning: str
    ref: str


@dataclass(frozen=True)
class Judged:
    """A reasoning and all that was said of it.

    `adjudicated` and `right_label` are an admin's decision, `decision` is its ref. `flagged`: somebody calls it
    harmful or private.
    """

    reasoning: Reasoning
    opinions: tuple[Opinion, ...] = ()
    corrections: tuple[Correction, ...] = ()
    adjudicated: Verdict | None = None
    right_label: str | None = None
    flagged: bool = False
    decision: str = ""


@dataclass(frozen=True)
class Preference:
    """A blind vote: of two reasonings for the same text and label the voter prefers `chosen`."""

    task: str
    text: str
    label: str
    chosen: str
    rejected: str
    voter: str
    ref: str
    split: str = ""


@dataclass(frozen=True)
class Rules:
    """How to make rows.

    Args:
        cap: the largest share of the rows that may rest on one annotator's word alone (0 to 1).
        minimum: fewer rows are refused.
        held_out: texts of evaluation splits, which never become rows.
        seed: draws the order of the rows, and which ones go when there are too many of one annotator's.
        labels: those of the task, to tell which have no row; () if not known.
    """

    recipe: Recipe = "mixed"
    cap: float = 2 / 3
    minimum: int = 20
    held_out: frozenset[str] = frozenset()
    seed: int = 0
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingRow:
    """A row to train on.

    In a "pair" `reasoning` is the chosen one and `rejected` the other; in "kto" `desirable` says whether to write like
    `reasoning` or unlike it. `weight`, above 0 and at most 1, is how sure the annotators are together. `because` holds
    the refs behind the row.
    """

    kind: Kind
    text: str
    label: str
    reasoning: str
    rejected: str | None
    desirable: bool
    weight: float
    because: tuple[str, ...]


@dataclass(frozen=True)
class LeftOut:
    """What was said of a reasoning and became no row, and why."""

    reason: Why
    text: str
    label: str
    reasoning: str
    because: tuple[str, ...]


@dataclass(frozen=True)
class Curated:
    """Rows in an order drawn by the seed, and what was left out: together they hold every ref exactly once.

    `ratings`, `corrections`, `votes` and (an admin's) `decisions` count what came in. `notes` are sentences on what to
    know before training.
    """

    recipe: Recipe
    rows: tuple[TrainingRow, ...]
    left_out: tuple[LeftOut, ...]
    ratings: int
    corrections: int
    votes: int
    decisions: int
    notes: tuple[str, ...]

    @property
    def labels(self) -> Mapping[str, Mapping[str, int]]:
        """Label -> "approved", "poor", "pairs" -> rows, the labels in order."""
        counts: dict[str, dict[str, int]] = {}
        for row in self.rows:
            of_label = counts.setdefault(row.label, {"approved": 0, "poor": 0, "pairs": 0})
            of_label["pairs" if row.kind == "pair" else "approved" if row.desirable else "poor"] += 1
        return dict(sorted(counts.items()))
