"""What goes into the queue: reasonings to be rated, each with what orders it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rilearn.errors import InputError
from rilearn.records import Origin
from rilearn.store.known_answers import known_answer
from rilearn.store.queue_counts import recount
from rilearn.store.reasonings import AT_ONCE, insert_new
from rilearn.store.schema import ReasoningRow
from rilearn.store.schema_annotation import ItemRow

Group = tuple[str, str]
"""Label and adapter."""


@dataclass(frozen=True)
class Entry:
    """A stored reasoning to be rated by `ratings` people, or by `everyone`.

    `expected` is the known answer of a calibration item (see `known_answers`), for which neither of these counts (see
    `queue_order`). `uncertainty`, `disagreement` and `quality` (None: not known) order the queue.
    """

    reasoning_id: int
    origin: Origin
    ratings: int = 1
    everyone: bool = False
    expected: Mapping[str, Any] | None = None
    uncertainty: float | None = None
    disagreement: float | None = None
    quality: float | None = None


def put(session: Session, entries: Mapping[int, Entry]) -> int:
    """`Queue.add` inside a transaction of the caller; entries by their reasoning's id."""
    groups = select(ItemRow.label, ItemRow.adapter, func.count()).group_by(ItemRow.label, ItemRow.adapter)
    turns = Counter({(label, adapter): n for label, adapter, n in session.execute(groups).tuples()})
    before = _count(session)
    for begin in range(0, len(entries), AT_ONCE):
        ids = sorted(entries)[begin : begin + AT_ONCE]
        query = select(ReasoningRow.id, ReasoningRow.label, ReasoningRow.adapter).where(ReasoningRow.id.in_(ids))
        known = {i: (label, adapter) for i, label, adapter in session.execute(query).tuples()}
        there = set(session.scalars(select(ItemRow.reasoning_id).where(ItemRow.reasoning_id.in_(ids))))
        rows = [_row(entries[i], known.get(i), turns) for i in ids]
        if new := [row for row in rows if row["reasoning_id"] not in there]:
            insert_new(session, ItemRow, new, "reasoning_id")
            recount(session, [row["reasoning_id"] for row in new])  # some may have been rated before
    return _count(session) - before


def _count(session: Session) -> int:
    return session.scalar(select(func.count(ItemRow.id))) or 0


def _row(entry: Entry, group: Group | None, turns: Counter[Group]) -> dict[str, Any]:
    if group is None:
        raise InputError(f"There is no reasoning {entry.reasoning_id}.")
    if entry.origin not in get_args(Origin):
        raise InputError(f"There is no origin '{entry.origin}': {', '.join(get_args(Origin))}.")
    if entry.ratings < 1:
        raise InputError("At least one person must rate an item.")
    expected = None if entry.expected is None else known_answer(entry.expected, group[0])
    wanted = entry.ratings if expected is None else 0
    turns[group] += 1
    return {
        "reasoning_id": entry.reasoning_id,
        "origin": entry.origin,
        "label": group[0],
        "adapter": group[1],
        "wanted": wanted,
        "ratings_left": wanted,
        "everyone": entry.everyone and expected is None,
        "expected": expected,
        "uncertainty": entry.uncertainty,
        "disagreement": entry.disagreement,
        "quality": entry.quality,
        # Rising with each label's and adapter's own count, so that this order takes them by turns.
        "shuffle": turns[group] + random.random(),
    }
