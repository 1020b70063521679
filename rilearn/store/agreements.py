"""How far annotators agree, question by question and two by two; counted in the database, told by rilearn.agreement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from rilearn.agreement import Estimate, Level, alpha, kappa
from rilearn.errors import DataError
from rilearn.records import CRITERIA
from rilearn.store.database import Database
from rilearn.store.insight import window
from rilearn.store.schema import AnnotatorRow

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
            found = _items(session, last)
        return [agreement(name, alpha, found[name], level) for name, (_, level) in _QUESTIONS.items()]

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
    made = window(last, "verdict")
    one, other = made.alias("one"), made.alias("other")
    columns = (one.c.annotator_id, other.c.annotator_id, one.c.verdict, other.c.verdict)
    met = (one.c.reasoning_id == other.c.reasoning_id) & (one.c.annotator_id < other.c.annotator_id)
    query = select(*columns, func.count()).join_from(one, other, met)
    query = query.where(one.c.superseded_at.is_(None), other.c.superseded_at.is_(None)).group_by(*columns)
    tables: dict[tuple[int, int], Counter[tuple[str, str]]] = {}
    for a, b, mine, theirs, n in session.execute(query):
        tables.setdefault((a, b), Counter())[mine, theirs] = n
    return dict(tables)


def _items(session: Session, last: int | None) -> dict[str, Counter[tuple[int, ...]]]:
    """Question -> how many raters gave each of its answers -> how many reasonings have these counts."""
    made = window(last, "verdict", "overall", "criteria", "label_wrong")
    given = {name: answers(made.c) for name, (answers, _) in _QUESTIONS.items()}
    counts = [func.sum(case((answer, 1), else_=0)) for answers in given.values() for answer in answers]
    query = select(*counts).where(made.c.superseded_at.is_(None)).group_by(made.c.reasoning_id)
    found: dict[str, Counter[tuple[int, ...]]] = {name: Counter() for name in given}
    for row in session.execute(query.having(func.count() > 1)):
        numbers = iter(row)
        for name, answers in given.items():
            found[name][tuple(islice(numbers, len(answers)))] += 1
    return found


Answers = Callable[[Any], list[ColumnElement[bool]]]


def _criterion(name: str) -> Answers:
    return lambda c: [c.criteria[name].as_boolean().is_(said) for said in (True, False)]


_QUESTIONS: dict[str, tuple[Answers, Level]] = {
    "verdict": (lambda c: [c.verdict == verdict for verdict in ("good", "poor")], "nominal"),
    "overall": (lambda c: [c.overall == grade for grade in range(1, 6)], "ordinal"),
    **{name: (_criterion(name), "nominal") for name in CRITERIA},
    "label_wrong": (lambda c: [c.label_wrong.is_(said) for said in (True, False)], "nominal"),
}
"""What is asked -> its answers in order, as conditions on a rating's columns."""
