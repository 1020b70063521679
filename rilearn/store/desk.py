"""An annotator's desk: which item lies before them, and what they have entered there and not sent.

A draft brings its item back first, so that begun work is not lost when a page closes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from rilearn.errors import InputError
from rilearn.store.checks import short
from rilearn.store.database import Database
from rilearn.store.queue import LEASE, Lease, Order, Queue
from rilearn.store.schema import LeaseRow, RatingRow, now
from rilearn.store.schema_annotation import DraftRow, ItemRow, SkipRow

AGAIN = "draft"
"""The reason of a lease on an item that the annotator had before."""
_DRAFTS = 20


class Desk:
    """Gives items out and keeps drafts."""

    def __init__(self, database: Database, queue: Queue | None = None):
        self._database, self._queue = database, queue or Queue(database)

    def next(
        self,
        annotator_id: int,
        token: str,
        order: Order = "mixed",
        have: Collection[int] = (),
        calibration: float = 0.0,
    ) -> Lease | None:
        """The item to rate next: one with a draft that nobody else holds, else one from the queue; None: there is none.

        Args:
            token: names this request; sent again it gets the same lease while that holds.
            have: reasonings that lie on the page already.
            calibration: see `Queue.lease`.

        Raises: see `Queue.lease`.
        """

        def mine(row: Any) -> ColumnElement[bool]:
            return cast(
                ColumnElement[bool],
                (row.reasoning_id == DraftRow.reasoning_id) & (row.annotator_id == annotator_id),
            )

        rated = exists().where(mine(RatingRow), RatingRow.superseded_at.is_(None))
        skipped = exists().where(mine(SkipRow), SkipRow.undone_at.is_(None))
        held = exists().where(ItemRow.reasoning_id == DraftRow.reasoning_id, ItemRow.held.is_not(None))
        begun = select(DraftRow.reasoning_id).filter_by(annotator_id=annotator_id).where(~rated, ~skipped, ~held)
        begun = begun.order_by(DraftRow.saved_at.desc()).limit(_DRAFTS)
        with self._database.read() as session:
            waiting = [found for found in session.scalars(begun) if found not in have]
        for reasoning_id in waiting:
            with self._database.write() as session:
                if lease := take(session, annotator_id, reasoning_id, token):
                    return lease
        return self._queue.lease(annotator_id, token, order, calibration)

    def save_draft(self, annotator_id: int, reasoning_id: int, content: Mapping[str, Any]) -> None:
        """Keep what was entered so far, in place of what was kept before; a guess once made stays.

        Raises:
            InputError: the annotator was never given this reasoning.
            StoreError: see `Database.write`.
        """
        with self._database.write() as session:
            require_given(session, annotator_id, reasoning_id)
            keep_draft(session, annotator_id, reasoning_id, content)

    def draft(self, annotator_id: int, reasoning_id: int) -> dict[str, Any]:
        """What was kept; empty: nothing.

        Raises:
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            row = _draft(session, annotator_id, reasoning_id)
            return row.content if row else {}

    def given(self, annotator_id: int, reasoning_id: int) -> None:
        """Check that the annotator was given this reasoning.

        Raises:
            InputError: they never were.
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            require_given(session, annotator_id, reasoning_id)

    def expected(self, reasoning_id: int) -> dict[str, Any] | None:
        """The known answer, if it is a calibration item.

        Raises:
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            return session.scalars(select(ItemRow.expected).filter_by(reasoning_id=reasoning_id)).one_or_none()


def take(session: Session, annotator_id: int, reasoning_id: int, token: str) -> Lease | None:
    """A lease on this very item, inside a transaction; None: somebody else holds it, or it is held back because of a
    flag. One's own lease is prolonged."""
    back = select(ItemRow.id).where(ItemRow.reasoning_id == reasoning_id, ItemRow.held.is_not(None))
    if session.scalars(back).first() is not None:
        return None
    span = timedelta(seconds=LEASE)
    moment = now()
    held = session.scalars(select(LeaseRow).filter_by(reasoning_id=reasoning_id, released_at=None)).one_or_none()
    if held and held.annotator_id == annotator_id and held.expires_at > moment:
        held.expires_at = moment + span
        return _lease(held)
    if held and held.expires_at > moment:
        return None
    if held:
        held.released_at = moment
    row = LeaseRow(
        annotator_id=annotator_id,
        reasoning_id=reasoning_id,
        token=short(token, "token"),
        reason=AGAIN,
        expires_at=moment + span,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:  # PostgreSQL: another transaction was faster; or the token is that of another lease
        return None
    return _lease(row)


def require_given(session: Session, annotator_id: int, reasoning_id: int) -> None:
    """Whoever rates was given the item once; for how long the lease held does not matter, so that no work is lost.

    Raises:
        InputError: they never were.
    """
    given = select(LeaseRow.id).filter_by(annotator_id=annotator_id, reasoning_id=reasoning_id).limit(1)
    if session.scalars(given).first() is None:
        raise InputError("This item was not given to you. Ask for the next one.")


def keep_draft(session: Session, annotator_id: int, reasoning_id: int, content: Mapping[str, Any]) -> None:
    """Save a draft inside a transaction; see `Desk.save_draft`."""
    row = _draft(session, annotator_id, reasoning_id)
    if row is None:
        row = DraftRow(annotator_id=annotator_id, reasoning_id=reasoning_id, content=dict(content), saved_at=now())
        session.add(row)
        return
    guess = row.content.get("guess")
    row.content = {**content, "guess": guess} if guess is not None else dict(content)
    row.saved_at = now()


def _draft(session: Session, annotator_id: int, reasoning_id: int) -> DraftRow | None:
    query = select(DraftRow).filter_by(annotator_id=annotator_id, reasoning_id=reasoning_id)
    return session.scalars(query).one_or_none()


def _lease(row: LeaseRow) -> Lease:
    return Lease(row.reasoning_id, row.token, row.reason, row.expires_at)
