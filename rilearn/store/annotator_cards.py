"""How each annotator rates: how fast, how much in agreement, how consistent, and whether length sways them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, case, cast, func, select
from sqlalchemy.orm import Session

from rilearn.agreement import correlation, kappa
from rilearn.store.agreements import Agreement, agreement, pair_tables
from rilearn.store.database import Database
from rilearn.store.insight import Count, good, live, newest
from rilearn.store.schema import AnnotatorRow, RatingRow, ReasoningRow
from rilearn.store.schema_annotation import ItemRow


@dataclass(frozen=True)
class Kept:
    """`kept` of `times` came out the same."""

    kept: int
    times: int


@dataclass(frozen=True)
class Card:
    """One annotator.

    `seconds` is the median time a rating took. `with_others` is Cohen's kappa between this annotator's verdicts and
    those of all others on the same reasonings. `repeats`: reasonings rated again, and how often the verdict stayed.
    `known`: items with a known answer, and how often it was given. `length` is the correlation of a good verdict with
    the number of characters of the reasoning: above 0, long ones please.
    """

    name: str
    count: Count
    seconds: float
    with_others: Agreement
    repeats: Kept
    known: Kept
    length: Agreement


class Cards:
    """Makes the cards."""

    def __init__(self, database: Database):
        self._database = database

    def all(self, last: int | None = None) -> list[Card]:
        """A card for each annotator with a rating that holds, the busiest first.

        Args:
            last: only over so many of the newest ratings; None: over all.

        Raises:
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            counts = session.execute(_counts(last)).all()
            medians = dict(session.execute(_medians(last)).tuples().all())
            lengths = {who: sums for who, *sums in session.execute(_lengths(last))}
            others = _others(session, last)
            repeats, known = session.execute(_repeats(last)).all(), session.execute(_known(last)).all()
        again, right = _kept(repeats), _kept(known)
        return [
            Card(
                name=name,
                count=Count(name, n, g),
                seconds=float(medians[who]),
                with_others=agreement("with others", kappa, others.get(who, {})),
                repeats=again.get(who, Kept(0, 0)),
                known=right.get(who, Kept(0, 0)),
                length=agreement("length", correlation, *map(float, lengths[who])),
            )
            for who, name, n, g in sorted(counts, key=lambda row: (-row[2], row[1]))
        ]


def _counts(last: int | None) -> Any:
    query = select(RatingRow.annotator_id, AnnotatorRow.name, func.count(), good()).join(AnnotatorRow)
    return query.where(live(), newest(last)).group_by(RatingRow.annotator_id, AnnotatorRow.name)


def _medians(last: int | None) -> Any:
    """Without a median function, which SQLite lacks: the mean of the middle one or two."""
    who = RatingRow.annotator_id
    place = func.row_number().over(partition_by=who, order_by=(RatingRow.seconds, RatingRow.id)).label("place")
    n = func.count().over(partition_by=who).label("n")
    sorted_ = select(who, RatingRow.seconds, place, n).where(live(), newest(last)).subquery()
    middle = (2 * sorted_.c.place).between(sorted_.c.n, sorted_.c.n + 2)
    return select(sorted_.c.annotator_id, func.avg(sorted_.c.seconds)).where(middle).group_by(sorted_.c.annotator_id)


def _lengths(last: int | None) -> Any:
    """n and the sums that `correlation` takes: x is good (0 or 1), y the length."""
    x, y = case((RatingRow.verdict == "good", 1), else_=0), func.length(ReasoningRow.reasoning)
    sums = (func.sum(x), func.sum(y), func.sum(x * x), func.sum(y * y), func.sum(x * y))
    query = select(RatingRow.annotator_id, func.count(), *sums).join(ReasoningRow)
    return query.where(live(), newest(last)).group_by(RatingRow.annotator_id)


def _others(session: Session, last: int | None) -> dict[int, Counter[tuple[str, str]]]:
    """(own verdict, another's) -> how often, for each annotator against all others."""
    found: dict[int, Counter[tuple[str, str]]] = {}
    for (a, b), table in pair_tables(session, last).items():
        for (mine, theirs), n in table.items():
            found.setdefault(a, Counter())[mine, theirs] += n
            found.setdefault(b, Counter())[theirs, mine] += n
    return found


def _repeats(last: int | None) -> Any:
    """Each rating beside the one that the annotator gave the same reasoning before, superseded ones with it."""
    who = RatingRow.annotator_id
    before = func.lag(RatingRow.verdict).over(partition_by=(who, RatingRow.reasoning_id), order_by=RatingRow.id)
    given = select(who, RatingRow.verdict, before.label("before")).where(newest(last)).subquery()
    same = func.sum(cast(given.c.verdict == given.c.before, Integer))
    query = select(given.c.annotator_id, same, func.count()).where(given.c.before.is_not(None))
    return query.group_by(given.c.annotator_id)


def _known(last: int | None) -> Any:
    expected = ItemRow.expected["verdict"].as_string()
    query = select(RatingRow.annotator_id, func.sum(cast(RatingRow.verdict == expected, Integer)), func.count())
    query = query.join(ItemRow, ItemRow.reasoning_id == RatingRow.reasoning_id)
    return query.where(live(), newest(last), expected.is_not(None)).group_by(RatingRow.annotator_id)


def _kept(rows: Sequence[Any]) -> dict[int, Kept]:
    return {who: Kept(int(kept), times) for who, kept, times in rows}
