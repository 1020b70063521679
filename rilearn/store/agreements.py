"""How far annotators agree, question by question and two by two; counted in the database, told by rilearn.agreement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session, aliased

from rilearn.agreement import Estimate, Level, alpha, kappa
from rilearn.errors import DataError
from rilearn.records import CRITERIA
from rilearn.store.database import Database
from rilearn.store.insight import live, newest
from rilearn.store.schema import AnnotatorRow, RatingRow

Table = Mapping[tuple[str, str], int]
"""(verdict of one, verdict of the other) -> reasonings."""


@dataclass(frozen=True)
class Agreement:
    """A coefficient, or why there is none yet."""

    name: str
    estimate: Estimate | None
    missing: str = ""


class Agreements:
    """Measures agreement."""

    def __init__(self, database: Database):
        self._database = database

    def alphas(self, last: int | None = None) -> list[Agreement]:
        """Krippendorff's alpha of the verdict, of the overall grade (ordinal), of each criterion and of "label wrong".

        Args:
            last: only over so many of the newest ratings; None: over all.

        Raises:
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            found = [(name, level, _items(session, given, last)) for name, (given, level) in _QUESTIONS.items()]
        return [agreement(name, alpha, items, level) for name, level, items in found]

    def kappas(self, most: int, last: int | None = None) -> list[Agreement]:
        """Cohen's kappa of the verdicts of two annotators, for those `most` twos who rated most in common.

        Args:
            last: as in `alphas`.

        Raises:
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            tables = pair_tables(session, last)
            names = dict(session.execute(select(AnnotatorRow.id, AnnotatorRow.name)).tuples().all())
        busiest = sorted(tables.items(), key=lambda item: (-sum(item[1].values()), item[0]))[:most]
        return [agreement(f"{names[a]} and {names[b]}", kappa, table) for (a, b), table in busiest]


def agreement(name: str, measure: Any, *data: Any) -> Agreement:
    """What `measure` (alpha, kappa, correlation) says of the data, or why it says nothing."""
    try:
        return Agreement(name, measure(*data))
    except DataError as error:
        return Agreement(name, None, str(error))


def pair_tables(session: Session, last: int | None) -> dict[tuple[int, int], Table]:
    """The verdicts of each two annotators on the reasonings that both rated."""
    one, other = aliased(RatingRow, _of(last)), aliased(RatingRow, _of(last))
    columns = (one.annotator_id, other.annotator_id, one.verdict, other.verdict)
    met = (one.reasoning_id == other.reasoning_id) & (one.annotator_id < other.annotator_id)
    tables: dict[tuple[int, int], Counter[tuple[str, str]]] = {}
    for a, b, mine, theirs, n in session.execute(select(*columns, func.count()).join(other, met).group_by(*columns)):
        tables.setdefault((a, b), Counter())[mine, theirs] = n
    return dict(tables)


def _of(last: int | None) -> Any:
    columns = (RatingRow.annotator_id, RatingRow.reasoning_id, RatingRow.verdict)
    return select(RatingRow.id, *columns).where(live(), newest(last)).subquery()


def _items(session: Session, given: list[ColumnElement[bool]], last: int | None) -> dict[tuple[int, ...], int]:
    """How many raters gave each answer -> how many reasonings have these counts."""
    counts = [func.sum(case((answer, 1), else_=0)).label(f"n{i}") for i, answer in enumerate(given)]
    each = select(*counts).where(live(), newest(last)).group_by(RatingRow.reasoning_id)
    each = each.having(func.count() > 1)
    columns = list(each.subquery().c)
    rows = session.execute(select(func.count(), *columns).group_by(*columns))
    return {tuple(map(int, numbers)): times for times, *numbers in rows}


_QUESTIONS: dict[str, tuple[list[ColumnElement[bool]], Level]] = {
    "verdict": ([RatingRow.verdict == verdict for verdict in ("good", "poor")], "nominal"),
    "overall": ([RatingRow.overall == grade for grade in range(1, 6)], "ordinal"),
    **{
        name: ([RatingRow.criteria[name].as_boolean().is_(said) for said in (True, False)], "nominal")
        for name in CRITERIA
    },
    "label_wrong": ([RatingRow.label_wrong.is_(said) for said in (True, False)], "nominal"),
}
"""What is asked -> its answers as conditions, in order."""
