"""Corrections: a reasoning as an annotator would have it. Append-only and counted once, as ratings are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from rilearn.store.checks import short, words
from rilearn.store.database import Database
from rilearn.store.ratings import supersede
from rilearn.store.schema import EditRow


@dataclass(frozen=True)
class Edit:
    id: int
    annotator_id: int
    reasoning_id: int
    reasoning: str
    created_at: datetime
    superseded_at: datetime | None


class Edits:
    """Saves and finds corrections."""

    def __init__(self, database: Database):
        self._database = database

    def edit(self, annotator_id: int, reasoning_id: int, reasoning: str, token: str) -> Edit:
        """Save a correction; an earlier one of this annotator is superseded and stays in the history.

        Raises:
            InputError: empty or too long, nobody or nothing has the id, or the token was another correction's.
            StoreError: see `Database.write`; nothing was saved, and the same request may be sent again.
        """
        row = EditRow(
            annotator_id=annotator_id,
            reasoning_id=reasoning_id,
            token=short(token, "token"),
            reasoning=words(reasoning, "corrected reasoning", empty=False),
        )
        with self._database.write() as session:
            return _value(supersede(session, row)[0])

    def history(self, reasoning_id: int) -> list[Edit]:
        """All corrections of a reasoning, oldest first; those without `superseded_at` hold.

        Raises:
            StoreError: see `Database.read`.
        """
        query = select(EditRow).filter_by(reasoning_id=reasoning_id).order_by(EditRow.id)
        with self._database.read() as session:
            return [_value(row) for row in session.scalars(query)]


def _value(row: EditRow) -> Edit:
    fields = (row.annotator_id, row.reasoning_id, row.reasoning, row.created_at, row.superseded_at)
    return Edit(row.id, *fields)
