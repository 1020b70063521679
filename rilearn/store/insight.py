"""What the ratings say, counted in the database: per label, adapter, day and annotator, and which reasonings are best.

Only ratings that hold count. Where quality is asked, a rating that says the dataset's label is wrong does not: that is
no fault of the reasoning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Subquery, and_, case, func, or_, select, true
from sqlalchemy.orm import Session

from rilearn.statistics import wilson
from rilearn.store.database import Database
from rilearn.store.reasonings import StoredReasoning, stored
from rilearn.store.schema import AnnotatorRow, RatingRow, ReasoningRow


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
class Overview:
    """All ratings that hold, by what they are about and by whom and when (UTC days, oldest first) they were made.

    `labels` and `adapters` count quality and are sorted by the lower end of their interval, best first.
    """

    ratings: int
    reasonings: int
    labels: tuple[Count, ...]
    adapters: tuple[Count, ...]
    days: tuple[Count, ...]
    annotators: tuple[Count, ...]


@dataclass(frozen=True)
class Ranked:
    """A reasoning and what its raters say."""

    reasoning: StoredReasoning
    count: Count


class Insight:
    """Counts and ranks."""

    def __init__(self, database: Database):
        self._database = database

    def overview(self) -> Overview:
        """Counts of everything.

        Raises:
            StoreError: see `Database.read`.
        """
        day = func.date(RatingRow.created_at)
        who = select(AnnotatorRow.name, day, func.count(), good()).join(AnnotatorRow)
        who = who.where(live()).group_by(RatingRow.annotator_id, AnnotatorRow.name, day)
        each = _per_reasoning()
        kinds = (ReasoningRow.label, ReasoningRow.adapter)
        what = select(*kinds, func.sum(each.c.ratings), func.sum(each.c.good))
        what = what.join(each, each.c.reasoning_id == ReasoningRow.id).group_by(*kinds)
        with self._database.read() as session:
            made = [(name, str(when), n, g) for name, when, n, g in session.execute(who)]
            about = [(label, adapter, int(n), int(g)) for label, adapter, n, g in session.execute(what)]
            reasonings = session.scalar(select(func.count(RatingRow.reasoning_id.distinct())).where(live())) or 0
        return Overview(
            ratings=sum(row[2] for row in made),
            reasonings=reasonings,
            labels=_ranked(_summed((label, n, g) for label, _, n, g in about)),
            adapters=_ranked(_summed((adapter, n, g) for _, adapter, n, g in about)),
            days=tuple(sorted(_summed((when, n, g) for _, when, n, g in made), key=lambda count: count.name)),
            annotators=tuple(sorted(_summed((name, n, g) for name, _, n, g in made), key=lambda c: -c.ratings)),
        )

    def ranking(self, limit: int, worst: bool = False) -> list[Ranked]:
        """The best reasonings by the lower end of the interval of their share of good, or the worst by the upper end.

        Raises:
            StoreError: see `Database.read`.
        """
        each = _per_reasoning()
        with self._database.read() as session:
            # There are few kinds of outcome (3 of 4 are good): they are ranked, then their reasonings fetched.
            kinds = [
                (Count("", n, g), times)
                for n, g, times in session.execute(
                    select(each.c.ratings, each.c.good, func.count()).group_by(each.c.ratings, each.c.good)
                )
            ]
            kinds.sort(key=lambda kind: _worst_first(kind[0]) if worst else _best_first(kind[0]))
            needed, reached = list[Count](), 0
            for count, times in kinds:
                if reached < limit:
                    needed.append(count)
                    reached += times
            if not needed:
                return []
            of_kind = [and_(each.c.ratings == kind.ratings, each.c.good == kind.good) for kind in needed]
            rank = case(*((fits, place) for place, fits in enumerate(of_kind)))
            query = select(each.c.reasoning_id, rank).where(or_(*of_kind)).order_by(rank, each.c.reasoning_id)
            found = session.execute(query.limit(limit)).tuples().all()
            about = by_id(session, [i for i, _ in found])
        return [Ranked(about[i], needed[place]) for i, place in found]


def live() -> ColumnElement[bool]:
    """The rating holds."""
    return RatingRow.superseded_at.is_(None)


def newest(count: int | None) -> ColumnElement[bool]:
    """The rating is one of the `count` made last (None: any), those that were superseded counted with them."""
    last = select(func.coalesce(func.max(RatingRow.id), 0)).scalar_subquery()
    return true() if count is None else RatingRow.id > last - count


def good() -> ColumnElement[int]:
    """How many ratings of a group are good."""
    return func.coalesce(func.sum(case((RatingRow.verdict == "good", 1), else_=0)), 0)


def by_id(session: Session, ids: Sequence[int]) -> dict[int, StoredReasoning]:
    """These reasonings."""
    return {row.id: stored(row) for row in session.scalars(select(ReasoningRow).where(ReasoningRow.id.in_(ids)))}


def _per_reasoning() -> Subquery:
    counts = (func.count().label("ratings"), good().label("good"))
    fair = or_(RatingRow.label_wrong.is_(False), RatingRow.verdict == "good")
    query = select(RatingRow.reasoning_id, *counts).where(live(), fair)
    return query.group_by(RatingRow.reasoning_id).subquery()


def _summed(rows: Iterable[tuple[str, int, int]]) -> list[Count]:
    sums: dict[str, list[int]] = {}
    for name, ratings, number in rows:
        sums.setdefault(name, [0, 0])
        sums[name][0] += ratings
        sums[name][1] += number
    return [Count(name, *numbers) for name, numbers in sums.items()]


def _ranked(counts: list[Count]) -> tuple[Count, ...]:
    return tuple(sorted(counts, key=lambda count: (*_best_first(count), count.name)))


def _best_first(count: Count) -> tuple[float, float]:
    return -count.interval[0], -count.share


def _worst_first(count: Count) -> tuple[float, float]:
    return count.interval[1], count.share
