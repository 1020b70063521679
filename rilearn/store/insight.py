"""What the ratings say, counted in the database: per label, adapter, day and annotator, and which reasonings are best.

Only ratings that hold count, and the database has counted them (schema_counters.py). Where quality is asked, a poor one
that says the dataset's label is wrong does not: that is no fault of the reasoning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import CTE, ColumnElement, func, select
from sqlalchemy.orm import Session

from rilearn.statistics import wilson
from rilearn.store.database import Database
from rilearn.store.reasonings import StoredReasoning, stored
from rilearn.store.schema import AnnotatorRow, RatingRow, ReasoningRow
from rilearn.store.schema_counters import DayCount, GroupCount, Tally

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Count:
    """Ratings of one kind, and how many of them are good."""

    name: str
    ratings: int
    good: int

    @property
    def share(self) -> float:
        return self.good / self.ratings

    @property
    def interval(self) -> tuple[float, float]:
        """95 % of the share of good (Wilson)."""
        return wilson(self.good, self.ratings)


@dataclass(frozen=True)
class Ranked:
    """A reasoning and what its raters say."""

    reasoning: StoredReasoning
    count: Count


@dataclass(frozen=True)
class Overview:
    """All ratings that hold, by what they are about and by whom and when (UTC days, oldest first) they were made.

    `labels` and `adapters` count quality and are sorted by the lower end of their interval, best first; so is `best`,
    and `worst` by the upper end.
    """

    ratings: int
    reasonings: int
    labels: tuple[Count, ...]
    adapters: tuple[Count, ...]
    days: tuple[Count, ...]
    annotators: tuple[Count, ...]
    best: tuple[Ranked, ...] = ()
    worst: tuple[Ranked, ...] = ()


class Insight:
    """Counts and ranks."""

    def __init__(self, database: Database):
        self._database = database

    def overview(self, ranked: int = 0, days: int | None = None) -> Overview:
        """Counts of everything.

        Args:
            ranked: how many reasonings `best` and `worst` hold.
            days: only so many, up to the last one with a rating; None: all.

        Raises:
            StoreError: see `Database.read`.
        """
        daily = select(AnnotatorRow.name, DayCount.day, DayCount.ratings, DayCount.good).join(AnnotatorRow)
        fair, fine = func.sum(GroupCount.fair), func.sum(GroupCount.good)
        grouped = select(GroupCount.label, GroupCount.adapter, fair, fine).group_by(
            GroupCount.label, GroupCount.adapter
        )
        with self._database.read() as session:
            counted = session.execute(daily).tuples().all()
            groups = session.execute(grouped).tuples().all()
            outcomes = session.execute(_OUTCOMES).tuples().all()
            people = _summed((name, n, g) for name, _, n, g in counted)
            quality = [(n, g) for n, g, _ in outcomes if n]
            return Overview(
                ratings=sum(count.ratings for count in people),
                reasonings=sum(times for *_, times in outcomes),
                labels=_summed((label, n, g) for label, _, n, g in groups),
                adapters=_summed((adapter, n, g) for _, adapter, n, g in groups),
                days=_per_day(_summed((day, n, g) for _, day, n, g in counted), days),
                annotators=tuple(sorted(people, key=lambda count: (-count.ratings, count.name))),
                best=_ranked(session, sorted(quality, key=_best_first), ranked),
                worst=_ranked(session, sorted(quality, key=_worst_first), ranked),
            )


_OUTCOMES = select(Tally.fair, Tally.good, func.count()).group_by(Tally.fair, Tally.good)
"""(fair ratings, how many of them are good) -> reasonings: few kinds, since few people rate the same reasoning."""


def live() -> ColumnElement[bool]:
    """The rating holds."""
    return RatingRow.superseded_at.is_(None)


def window(last: int | None, *columns: str) -> CTE:
    """The `last` ratings that were made (None: all), superseded ones with them: who, of what, and these columns.

    Read by itself, in the order of the ids: left to choose, databases walk through all ratings in the order of an index
    that suits what comes after.
    """
    newest = select(func.coalesce(func.max(RatingRow.id), 0)).scalar_subquery()
    names = ("id", "annotator_id", "reasoning_id", "superseded_at", *columns)
    query = select(*(getattr(RatingRow, name) for name in names))
    if last is not None:
        query = query.where(RatingRow.id > newest - last)
    return query.cte("newest").prefix_with("MATERIALIZED")


def by_id(session: Session, ids: Sequence[int]) -> dict[int, StoredReasoning]:
    """These reasonings."""
    return {row.id: stored(row) for row in session.scalars(select(ReasoningRow).where(ReasoningRow.id.in_(ids)))}


def _per_day(counts: Iterable[Count], most: int | None) -> tuple[Count, ...]:
    """Every day from the first with a rating to the last, `most` at most: those without are in it too."""
    found = {count.name: count for count in counts}
    if not found:
        return ()
    first, day = (date.fromisoformat(pick(found)) for pick in (min, max))
    days: list[Count] = []
    while day >= first and (most is None or len(days) < most):
        days.append(found.get(day.isoformat(), Count(day.isoformat(), 0, 0)))
        day -= DAY
    return tuple(reversed(days))


def _ranked(session: Session, outcomes: list[tuple[int, int]], limit: int) -> tuple[Ranked, ...]:
    """Of the outcomes in this order as many reasonings as wanted."""
    found: list[tuple[int, Count]] = []
    for n, g in outcomes:
        if len(found) < limit:
            such = select(Tally.reasoning_id).where(Tally.fair == n, Tally.good == g).order_by(Tally.reasoning_id)
            found += [(i, Count("", n, g)) for i in session.scalars(such.limit(limit - len(found)))]
    about = by_id(session, [i for i, _ in found])
    return tuple(Ranked(about[i], count) for i, count in found)


def _summed(rows: Iterable[tuple[str, int, int]]) -> tuple[Count, ...]:
    ratings, good_ones = Counter[str](), Counter[str]()
    for name, n, g in rows:
        ratings[name] += n
        good_ones[name] += g
    counts = [Count(name, n, good_ones[name]) for name, n in ratings.items() if n]
    return tuple(sorted(counts, key=lambda count: (*_best_first((count.ratings, count.good)), count.name)))


def _best_first(outcome: tuple[int, int]) -> tuple[float, float]:
    n, g = outcome
    return -wilson(g, n)[0], -g / max(n, 1)


def _worst_first(outcome: tuple[int, int]) -> tuple[float, float]:
    n, g = outcome
    return wilson(g, n)[1], g / max(n, 1)
