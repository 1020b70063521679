"""How far the rating is: an annotator's day, their whole, the project; and the list of one's own ratings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select

from rilearn.errors import InputError
from rilearn.store.database import Database
from rilearn.store.ratings import StoredRating, stored_rating
from rilearn.store.schema import EditRow, RatingRow, ReasoningRow, TextRow
from rilearn.store.schema_counters import DayCount


@dataclass(frozen=True)
class Counts:
    """Ratings that hold."""

    today: int
    mine: int
    project: int


@dataclass(frozen=True)
class Rated:
    """A rating with what it is about, and the correction that holds."""

    rating: StoredRating
    text: str
    label: str
    reasoning: str
    correction: str | None


class Progress:
    """Counts and lists."""

    def __init__(self, database: Database):
        self._database = database

    def counts(self, annotator_id: int, since: datetime) -> Counts:
        """Counts; `today` are the annotator's ratings since this moment.

        Raises:
            StoreError: see `Database.read`.
        """
        project = select(func.sum(DayCount.ratings))
        mine = project.filter_by(annotator_id=annotator_id)
        live = select(func.count()).select_from(RatingRow).where(RatingRow.superseded_at.is_(None))
        today = live.where(RatingRow.annotator_id == annotator_id, RatingRow.created_at >= since)
        with self._database.read() as session:
            return Counts(*(session.scalar(query) or 0 for query in (today, mine, project)))

    def rated(self, annotator_id: int, before: int | None = None, most: int = 30) -> list[Rated]:
        """The annotator's own ratings that hold, newest first; `before` is the last id of the page that came before.

        Raises:
            StoreError: see `Database.read`.
        """
        query = _rated(annotator_id).order_by(RatingRow.id.desc()).limit(most)
        if before is not None:
            query = query.where(RatingRow.id < before)
        with self._database.read() as session:
            return [Rated(stored_rating(row), *rest) for row, *rest in session.execute(query).tuples()]

    def one(self, annotator_id: int, reasoning_id: int) -> Rated:
        """The annotator's own rating of a reasoning.

        Raises:
            InputError: they have none that holds.
            StoreError: see `Database.read`.
        """
        query = _rated(annotator_id).where(RatingRow.reasoning_id == reasoning_id)
        with self._database.read() as session:
            found = session.execute(query).tuples().one_or_none()
            if found is None:
                raise InputError("You have no rating of this reasoning.")
            row, *rest = found
            return Rated(stored_rating(row), *rest)


def _rated(annotator_id: int) -> Select[RatingRow, str, str, str, str]:
    correction = (
        (EditRow.reasoning_id == RatingRow.reasoning_id)
        & (EditRow.annotator_id == annotator_id)
        & EditRow.superseded_at.is_(None)
    )
    return (
        select(RatingRow, TextRow.text, ReasoningRow.label, ReasoningRow.reasoning, EditRow.reasoning)
        .join(ReasoningRow, ReasoningRow.id == RatingRow.reasoning_id)
        .join(TextRow, TextRow.id == ReasoningRow.text_id)
        .outerjoin(EditRow, correction)
        .where(RatingRow.annotator_id == annotator_id, RatingRow.superseded_at.is_(None))
    )
