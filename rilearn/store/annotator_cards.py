"""How each annotator rates: how fast, how much in agreement, how consistent, and whether length sways them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CTE, Integer, case, cast, func, select
from sqlalchemy.orm import Session

from rilearn.agreement import correlation, kappa
from rilearn.store.agreements import Agreement, agreement, pair_tables
from rilearn.store.database import Database
from rilearn.store.insight import Count, window
from rilearn.store.schema import AnnotatorRow, ReasoningRow
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
            names = dict(session.execute(select(AnnotatorRow.id, AnnotatorRow.name)).tuples().all())
            medians = dict(session.execute(_medians(last)).tuples().all())
            lengths = {who: tuple(map(int, sums)) for who, *sums in session.execute(_lengths(last))}
            others = _others(session, last)
            repeats, known = session.execute(_repeats(last)).all(), session.execute(_known(last)).all()
        again, right = _kept(repeats), _kept(known)
        return [
            Card(
                name=names[who],
                count=Count(names[who], n, g),
                seconds=float(medians[who]),
                with_others=agreement("with others", kappa, others.get(who, {})),
                repeats=again.get(who, Kept(0, 0)),
                known=right.get(who, Kept(0, 0)),
                length=agreement("length", correlation, n, g, *sums),
            )
            for who, (n, g, *sums) in sorted(lengths.items(), key=lambda item: (-item[1][0], names[item[0]]))
        ]


def _medians(last: int | None) -> Any:
    """Without a median function, which SQLite lacks: the mean of the middle one or two."""
    made = window(last, "seconds")
    who, seconds = made.c.annotator_id, made.c.seconds
    place = func.row_number().over(partition_by=who, order_by=(seconds, made.c.id)).label("place")
    n = func.count().over(partition_by=who).label("n")
    each = select(who, seconds, place, n).where(_holds(made)).subquery()
    middle = (2 * each.c.place).between(each.c.n, each.c.n + 2)
    return select(each.c.annotator_id, func.avg(each.c.seconds)).where(middle).group_by(each.c.annotator_id)


def _lengths(last: int | None) -> Any:
    """n and the sums that `correlation` takes: x is good (0 or 1), y the length."""
    made = window(last, "verdict")
    x, y = case((made.c.verdict == "good", 1), else_=0), func.length(ReasoningRow.reasoning)
    sums = (func.sum(x), func.sum(y), func.sum(x * x), func.sum(y * y), func.sum(x * y))
    query = select(made.c.annotator_id, func.count(), *sums)
    query = query.join(ReasoningRow, ReasoningRow.id == made.c.reasoning_id)
    return query.where(_holds(made)).group_by(made.c.annotator_id)


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
    made = window(last, "verdict")
    who = made.c.annotator_id
    before = func.lag(made.c.verdict).over(partition_by=(who, made.c.reasoning_id), order_by=made.c.id)
    given = select(who, made.c.verdict, before.label("before")).subquery()
    same = func.sum(cast(given.c.verdict == given.c.before, Integer))
    query = select(given.c.annotator_id, same, func.count()).where(given.c.before.is_not(None))
    return query.group_by(given.c.annotator_id)


def _known(last: int | None) -> Any:
    made = window(last, "verdict")
    expected = ItemRow.expected["verdict"].as_string()
    query = select(made.c.annotator_id, func.sum(cast(made.c.verdict == expected, Integer)), func.count())
    query = query.join(ItemRow, ItemRow.reasoning_id == made.c.reasoning_id)
    return query.where(_holds(made), expected.is_not(None)).group_by(made.c.annotator_id)


def _holds(made: CTE) -> Any:
    return made.c.superseded_at.is_(None)


def _kept(rows: Sequence[Any]) -> dict[int, Kept]:
    return {who: Kept(int(kept), times) for who, kept, times in rows}
