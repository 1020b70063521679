"""Ratings: append-only, one live rating per annotator and reasoning, each request counted once.

A request carries a token that the client makes up for it. Sent again (a double click, a retry after a lost answer) it
gets the rating that the first one made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast

from sqlalchemy import Integer, bindparam, select, update
from sqlalchemy.orm import Session

from rilearn.errors import InputError
from rilearn.records import Rating, Span, Verdict
from rilearn.store.checks import short, words
from rilearn.store.database import Database
from rilearn.store.queue import settle
from rilearn.store.queue_counts import recount
from rilearn.store.rating_checks import check_against, rating_columns
from rilearn.store.schema import AnnotatorRow, EditRow, RatingRow, ReasoningRow, now

Row = TypeVar("Row", RatingRow, EditRow)


@dataclass(frozen=True)
class StoredRating:
    """A rating as kept: live until `superseded_at`. `guideline` is the version of the guidelines it was made under."""

    id: int
    annotator_id: int
    reasoning_id: int
    rating: Rating
    guideline: str
    seconds: float
    created_at: datetime
    superseded_at: datetime | None


class Ratings:
    """Saves and finds ratings."""

    def __init__(self, database: Database):
        self._database = database

    def rate(
        self,
        annotator_id: int,
        reasoning_id: int,
        rating: Rating,
        token: str,
        guideline: str = "",
        seconds: float = 0.0,
    ) -> StoredRating:
        """Save a rating; an earlier one of this annotator for this reasoning is superseded and stays in the history.

        Args:
            token: names this request among the annotator's.
            seconds: how long the annotator took.

        Raises:
            InputError: the rating makes no sense, nobody or nothing has the id, or the token was another rating's.
            StoreError: see `Database.write`; nothing was saved, and the same request may be sent again.
        """
        row = rating_row(annotator_id, reasoning_id, rating, token, guideline, seconds)
        with self._database.write() as session:
            return stored_rating(keep_rating(session, row, rating)[0])

    def retract(self, annotator_id: int, rating_id: int) -> None:
        """Take a rating back; it stays in the history, and the queue waits for another if too few are left.

        One that is superseded or retracted already is left as it is.

        Raises:
            InputError: this annotator has no such rating.
            StoreError: see `Database.write`.
        """
        mine = (RatingRow.id == rating_id, RatingRow.annotator_id == annotator_id)
        with self._database.write() as session:
            if session.scalars(select(RatingRow.id).where(*mine)).one_or_none() is None:
                raise InputError(f"You have no rating {rating_id}.")
            live = update(RatingRow).where(*mine, RatingRow.superseded_at.is_(None))
            ended = session.scalars(live.values(superseded_at=now()).returning(RatingRow.reasoning_id)).one_or_none()
            if ended is not None:
                recount(session, [ended])

    def live_ratings(self, annotator_id: int | None = None, reasoning_id: int | None = None) -> list[StoredRating]:
        """The ratings that hold, oldest first: all, or those of one annotator, of one reasoning, or of both.

        Raises:
            StoreError: see `Database.read`.
        """
        query = select(RatingRow).where(RatingRow.superseded_at.is_(None))
        if annotator_id is not None:
            query = query.where(RatingRow.annotator_id == annotator_id)
        if reasoning_id is not None:
            query = query.where(RatingRow.reasoning_id == reasoning_id)
        with self._database.read() as session:
            return [stored_rating(row) for row in session.scalars(query.order_by(RatingRow.id))]

    def history(self, annotator_id: int, reasoning_id: int) -> list[StoredRating]:
        """All that this annotator ever said of this reasoning, oldest first; at most the last one is live.

        Raises:
            StoreError: see `Database.read`.
        """
        query = select(RatingRow).filter_by(annotator_id=annotator_id, reasoning_id=reasoning_id).order_by(RatingRow.id)
        with self._database.read() as session:
            return [stored_rating(row) for row in session.scalars(query)]


# Built once: building a statement costs more than running it, and the writers of a SQLite file wait for each other.
_WHO, _WHAT = bindparam("who", type_=Integer), bindparam("what", type_=Integer)
_ANNOTATOR = select(AnnotatorRow.id).where(AnnotatorRow.id == _WHO).with_for_update(key_share=True)
_REASONING = select(ReasoningRow.id).where(ReasoningRow.id == _WHAT)
_SAME: dict[object, Any] = {
    m: select(m).where(m.annotator_id == _WHO, m.token == bindparam("asked")) for m in (RatingRow, EditRow)
}
_SUPERSEDE = {
    m: update(m)
    .where(m.annotator_id == _WHO, m.reasoning_id == _WHAT, m.superseded_at.is_(None))
    .values(superseded_at=bindparam("moment"))
    .returning(m.id)
    for m in (RatingRow, EditRow)
}


def keep_rating(session: Session, row: RatingRow, rating: Rating) -> tuple[RatingRow, bool]:
    """Save the row inside a transaction and tell the queue; raises InputError as `Ratings.rate`.

    Returns:
        The row, and whether it is new: a request sent again gets the one it made before.
    """
    if reasoning := session.get(ReasoningRow, row.reasoning_id):
        check_against(rating, reasoning.reasoning, reasoning.label)
    made, first = supersede(session, row)
    if first:
        settle(session, row.annotator_id, row.reasoning_id)
    return made, made is row


def supersede(session: Session, row: Row) -> tuple[Row, bool]:
    """Add the row in place of the annotator's live one, or find the one that this request made before.

    Returns:
        The row, and whether it is new and took no other's place.

    Raises:
        InputError: no such annotator or reasoning; or the token came with another content before.
    """
    connection, model = session.connection(), type(row)
    values = {"who": row.annotator_id, "what": row.reasoning_id, "asked": row.token, "moment": now()}
    # Requests of one annotator take turns (PostgreSQL; a SQLite write is alone anyway).
    if not connection.execute(_ANNOTATOR, values).first():
        raise InputError("You are not known as an annotator. Sign in again.")
    if not connection.execute(_REASONING, values).first():
        raise InputError(f"There is no reasoning {row.reasoning_id}.")
    if before := session.scalars(_SAME[model], values).one_or_none():
        if _said(before) != _said(row):
            raise InputError("This request was sent before with another content. Reload the page and send it again.")
        return cast("Row", before), False
    replaced = connection.execute(_SUPERSEDE[model], values).first()
    session.add(row)
    session.flush()
    return row, not replaced


def rating_row(
    annotator_id: int, reasoning_id: int, rating: Rating, token: str, guideline: str, seconds: float
) -> RatingRow:
    """A row to add, checked and cleaned. Raises InputError as `Ratings.rate` does."""
    if not math.isfinite(seconds) or seconds < 0:
        raise InputError(f"A rating cannot take {seconds} seconds.")
    return RatingRow(
        annotator_id=annotator_id,
        reasoning_id=reasoning_id,
        token=short(token, "token"),
        guideline=words(guideline, "guideline version", 200),
        seconds=seconds,
        **rating_columns(rating),
    )


def _said(row: RatingRow | EditRow) -> dict[str, object]:
    aside = {"id", "created_at", "superseded_at", "seconds"}  # a retry may measure another time
    return {c.name: getattr(row, c.name) for c in row.__table__.columns if c.name not in aside}


def stored_rating(row: RatingRow) -> StoredRating:
    """The row as a value."""
    rating = Rating(
        verdict=cast(Verdict, row.verdict),
        overall=row.overall,
        criteria=row.criteria,
        thumbs=tuple(row.thumbs),
        spans=tuple(Span(**span) for span in row.spans),
        comment=row.comment,
        label_wrong=row.label_wrong,
        right_label=row.right_label,
        guess=row.guess,
    )
    fields = (row.annotator_id, row.reasoning_id, rating, row.guideline, row.seconds, row.created_at, row.superseded_at)
    return StoredRating(row.id, *fields)
