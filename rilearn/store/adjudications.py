"""Where annotators disagree, and what an admin decides of it. The ratings themselves stay as they are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from rilearn.errors import InputError
from rilearn.records import Verdict
from rilearn.store.checks import short, words
from rilearn.store.database import Database
from rilearn.store.insight import by_id, live
from rilearn.store.ratings import StoredRating, stored_rating
from rilearn.store.reasonings import StoredReasoning
from rilearn.store.schema import AnnotatorRow, RatingRow, ReasoningRow, now
from rilearn.store.schema_annotation import AdjudicationRow
from rilearn.store.schema_counters import Tally


@dataclass(frozen=True)
class Disagreement:
    """A reasoning that some call good and some poor: (annotator's name, rating) of each, oldest first."""

    reasoning: StoredReasoning
    ratings: tuple[tuple[str, StoredRating], ...]


@dataclass(frozen=True)
class Adjudication:
    """An admin's decision; it holds until `superseded_at`."""

    id: int
    reasoning_id: int
    admin_id: int | None
    verdict: Verdict
    right_label: str | None
    comment: str
    created_at: datetime
    superseded_at: datetime | None


class Adjudications:
    """Lists disagreements and takes decisions."""

    def __init__(self, database: Database):
        self._database = database

    def disagreements(self, limit: int, passed: Collection[int] = ()) -> tuple[list[Disagreement], int]:
        """Disputed reasonings that nobody has decided, the most evenly split first, and how many there are in all.

        Args:
            passed: ids that are not to be listed; they count all the same.

        Raises:
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            ids, count = _disputed(session, limit, passed)
            about = by_id(session, ids)
            given = select(RatingRow, AnnotatorRow.name).join(AnnotatorRow).order_by(RatingRow.id)
            made: dict[int, list[tuple[str, StoredRating]]] = {i: [] for i in ids}
            for row, name in session.execute(given.where(live(), RatingRow.reasoning_id.in_(ids))):
                made[row.reasoning_id].append((name, stored_rating(row)))
        return [Disagreement(about[i], tuple(made[i])) for i in ids], count

    def adjudicate(
        self,
        admin_id: int,
        reasoning_id: int,
        verdict: Verdict,
        token: str,
        right_label: str | None = None,
        comment: str = "",
    ) -> Adjudication:
        """Decide; an earlier decision on this reasoning is superseded and stays in the history.

        Args:
            token: names this request among the admin's; sent again it gets the same decision.
            right_label: where the dataset's label is wrong, the right one.

        Raises:
            InputError: not an admin, no such reasoning or verdict, or the token was another decision's.
            StoreError: see `Database.write`; nothing was saved, and the same request may be sent again.
        """
        if verdict not in ("good", "poor"):
            raise InputError("Choose a verdict: good or poor.")
        said = {
            "reasoning_id": reasoning_id,
            "verdict": verdict,
            "right_label": None if right_label is None else short(right_label, "right label"),
            "comment": words(comment, "comment"),
        }
        token = short(token, "token")
        with self._database.write() as session:
            admin = session.get(AnnotatorRow, admin_id)
            if admin is None or admin.role != "admin" or admin.deactivated_at:
                raise InputError("Only an admin decides where annotators disagree. Sign in as one.")
            # Decisions on one reasoning take turns (PostgreSQL; a SQLite write is alone anyway).
            reasoning = session.get(ReasoningRow, reasoning_id, with_for_update={"key_share": True, "of": ReasoningRow})
            if reasoning is None:
                raise InputError(f"There is no reasoning {reasoning_id}.")
            if right_label == reasoning.label:
                raise InputError(f"'{right_label}' is the label that is called wrong. Choose another as the right one.")
            made = session.scalars(select(AdjudicationRow).filter_by(admin_id=admin_id, token=token)).one_or_none()
            if made and any(getattr(made, name) != value for name, value in said.items()):
                raise InputError(
                    "This request was sent before with another decision. Reload the page and decide again."
                )
            if not made:
                live_one = update(AdjudicationRow).filter_by(reasoning_id=reasoning_id, superseded_at=None)
                session.execute(live_one.values(superseded_at=now()))
                made = AdjudicationRow(admin_id=admin_id, token=token, **said)
                session.add(made)
                session.flush()
            return _value(made)

    def history(self, reasoning_id: int) -> list[Adjudication]:
        """All decisions on a reasoning, oldest first; at most the last one holds.

        Raises:
            StoreError: see `Database.read`.
        """
        query = select(AdjudicationRow).filter_by(reasoning_id=reasoning_id).order_by(AdjudicationRow.id)
        with self._database.read() as session:
            return [_value(row) for row in session.scalars(query)]


def _disputed(session: Session, limit: int, passed: Collection[int]) -> tuple[list[int], int]:
    """As many ids as wanted, and how many reasonings are disputed; out of the tallies' outcomes, which are few."""
    outcome = (Tally.ratings, Tally.good)
    split = (Tally.good > 0, Tally.good < Tally.ratings)
    counted = session.execute(select(*outcome, func.count()).where(*split).group_by(*outcome)).tuples().all()
    decided = select(AdjudicationRow.reasoning_id).where(AdjudicationRow.superseded_at.is_(None))
    settled = (
        select(func.count())
        .select_from(AdjudicationRow)
        .join(Tally, Tally.reasoning_id == AdjudicationRow.reasoning_id)
    )
    settled = settled.where(AdjudicationRow.superseded_at.is_(None), *split)
    waits = ~exists(decided.where(AdjudicationRow.reasoning_id == Tally.reasoning_id))
    ids: list[int] = []
    for n, g, _ in sorted(counted, key=lambda row: (abs(2 * row[1] - row[0]), -row[0], row[1])):
        if len(ids) < limit:
            such = select(Tally.reasoning_id).where(Tally.ratings == n, Tally.good == g, waits)
            such = such.where(Tally.reasoning_id.not_in(passed)).order_by(Tally.reasoning_id)
            ids += session.scalars(such.limit(limit - len(ids)))
    return ids, sum(times for *_, times in counted) - (session.scalar(settled) or 0)


def _value(row: AdjudicationRow) -> Adjudication:
    what = (row.reasoning_id, row.admin_id, cast(Verdict, row.verdict), row.right_label, row.comment)
    return Adjudication(row.id, *what, row.created_at, row.superseded_at)
