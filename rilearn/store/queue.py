"""The queue: which reasoning an annotator rates next, lent to one person at a time.

A lease is taken by a token, so that a retried request gets the same one; it ends when the reasoning is rated, given
back, or left alone for too long. Items that are nearly done come first, so that agreement can be told early.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast, get_args

from sqlalchemy import ColumnElement, Select, exists, func, select, update
from sqlalchemy.orm import Session

from rilearn.errors import InputError, StoreError
from rilearn.store.checks import short
from rilearn.store.database import Database
from rilearn.store.reasonings import AT_ONCE, insert_new
from rilearn.store.schema import AnnotatorRow, LeaseRow, RatingRow, ReasoningRow, now
from rilearn.store.schema_annotation import ItemRow, SkipRow

Origin = Literal["generator", "visitor", "label-noise", "import"]
Order = Literal["oldest", "uncertain", "disagree", "quality", "spread", "mixed"]
LEASE = 300.0
"""Seconds that a lease holds without a sign of life."""
_TRIES = 20


@dataclass(frozen=True)
class Entry:
    """A stored reasoning to be rated by `ratings` people, or by `everyone`.

    `expected` is the known answer of a calibration item; `uncertainty`, `disagreement` and `quality` (None: not known)
    order the queue.
    """

    reasoning_id: int
    origin: Origin
    ratings: int = 1
    everyone: bool = False
    expected: Mapping[str, Any] | None = None
    uncertainty: float | None = None
    disagreement: float | None = None
    quality: float | None = None


@dataclass(frozen=True)
class Lease:
    """`reason` is the order the item was chosen by."""

    reasoning_id: int
    token: str
    reason: str
    expires_at: datetime


class Queue:
    """Fills the queue, lends its items and takes them back."""

    def __init__(self, database: Database, seconds: float = LEASE):
        self._database, self._span = database, timedelta(seconds=seconds)

    def add(self, entries: Iterable[Entry]) -> int:
        """Put reasonings into the queue, all or none; one that is in it already stays as it is.

        Returns:
            How many were new.

        Raises:
            InputError: no such reasoning or origin, or nobody is to rate an item.
            StoreError: see `Database.write`.
        """
        found = {entry.reasoning_id: entry for entry in entries}
        added = 0
        with self._database.write() as session:
            before = _count(session)
            for first in range(0, len(found), AT_ONCE):
                ids = sorted(found)[first : first + AT_ONCE]
                query = select(ReasoningRow.id, ReasoningRow.label, ReasoningRow.adapter).where(
                    ReasoningRow.id.in_(ids)
                )
                known = {i: (label, adapter) for i, label, adapter in session.execute(query).tuples()}
                rows = [_item(found[i], known.get(i)) for i in ids]
                insert_new(session, ItemRow, rows, "reasoning_id")
            added = _count(session) - before
        return added

    def lease(self, annotator_id: int, token: str, order: Order = "mixed") -> Lease | None:
        """Lend the annotator an item that they have not rated or skipped and nobody else holds; None: there is none.

        Args:
            token: names this request; sent again it gets the same lease while that holds.

        Raises:
            InputError: nobody has the id, an unknown order, or the token's lease is over.
            StoreError: see `Database.write`.
        """
        if order not in get_args(Order):
            raise InputError(f"There is no order '{order}': {', '.join(get_args(Order))}.")
        token = short(token, "token")
        chosen = random.choice(list(_SORTED)) if order == "mixed" else order
        for _ in range(_TRIES):
            with self._database.write() as session:
                if session.get(AnnotatorRow, annotator_id) is None:
                    raise InputError("You are not known as an annotator. Sign in again.")
                if before := session.scalars(select(LeaseRow).filter_by(token=token)).one_or_none():
                    return _again(before, annotator_id)
                if (reasoning_id := _free(session, annotator_id, chosen)) is None:
                    return None
                if made := self._lend(session, annotator_id, reasoning_id, token, chosen):
                    return made
        raise StoreError("Too many people took items at the same moment. Try again.")

    def _lend(self, session: Session, annotator_id: int, reasoning_id: int, token: str, order: str) -> Lease | None:
        """The lease, or None if another transaction was faster (PostgreSQL: it committed after ours began to read)."""
        moment = now()
        dead = (
            update(LeaseRow).filter_by(reasoning_id=reasoning_id, released_at=None).where(LeaseRow.expires_at <= moment)
        )
        session.execute(dead.values(released_at=moment))
        open_one = select(LeaseRow.id).filter_by(reasoning_id=reasoning_id, released_at=None)
        if session.scalars(open_one).first() is not None:
            return None
        row = LeaseRow(
            annotator_id=annotator_id,
            reasoning_id=reasoning_id,
            token=token,
            reason=order,
            expires_at=moment + self._span,
        )
        session.add(row)
        session.flush()
        return _value(row)

    def keep(self, annotator_id: int, token: str) -> bool:
        """A sign of life: the lease holds anew. False: it is over, and somebody else may have the item.

        Raises:
            StoreError: see `Database.write`.
        """
        mine = update(LeaseRow).filter_by(annotator_id=annotator_id, token=token, released_at=None)
        with self._database.write() as session:
            held = session.execute(mine.where(LeaseRow.expires_at > now()).values(expires_at=now() + self._span))
            return bool(held.rowcount)  # type: ignore[attr-defined]

    def release(self, annotator_id: int, token: str) -> None:
        """Give an item back; of a lease that is over, or another's, nothing changes.

        Raises:
            StoreError: see `Database.write`.
        """
        mine = update(LeaseRow).filter_by(annotator_id=annotator_id, token=token, released_at=None)
        with self._database.write() as session:
            session.execute(mine.values(released_at=now()))

    def left(self) -> int:
        """How many items still wait for a rating.

        Raises:
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            return session.scalar(select(func.count()).where(ItemRow.ratings_left > 0)) or 0


def settle(session: Session, annotator_id: int, reasoning_id: int) -> None:
    """An annotator has rated for the first time: the item waits for one person less, and their lease on it ends."""
    item = update(ItemRow).filter_by(reasoning_id=reasoning_id).where(ItemRow.ratings_left > 0)
    session.execute(item.values(ratings_left=ItemRow.ratings_left - 1))
    lease = update(LeaseRow).filter_by(annotator_id=annotator_id, reasoning_id=reasoning_id, released_at=None)
    session.execute(lease.values(released_at=now()))


def reopen(session: Session, reasoning_id: int) -> None:
    """A rating was taken back: the item waits for one person more."""
    item = update(ItemRow).filter_by(reasoning_id=reasoning_id)
    session.execute(item.values(ratings_left=ItemRow.ratings_left + 1))


_SORTED: dict[str, tuple[ColumnElement[Any], ...]] = {
    "oldest": (ItemRow.id.asc(),),
    "uncertain": (ItemRow.uncertainty.desc().nulls_last(), ItemRow.id.asc()),
    "disagree": (ItemRow.disagreement.desc().nulls_last(), ItemRow.id.asc()),
    "quality": (ItemRow.quality.asc().nulls_last(), ItemRow.id.asc()),
    "spread": (ItemRow.shuffle.asc(), ItemRow.id.asc()),
}


def _free(session: Session, annotator_id: int, order: str) -> int | None:
    """The first reasoning in this order that the annotator may have; items for everyone first."""
    for waiting in (ItemRow.everyone.is_(True), ItemRow.ratings_left > 0):
        query = _available(annotator_id).where(waiting).order_by(*_SORTED[order]).limit(1)
        # PostgreSQL: what another transaction is just lending is passed over. SQLite has one writer and no such lock.
        found: int | None = session.scalars(query.with_for_update(skip_locked=True)).first()
        if found is not None:
            return found
    return None


def _available(annotator_id: int) -> Select[Any]:
    def about(row: Any) -> ColumnElement[bool]:
        return cast(ColumnElement[bool], row.reasoning_id == ItemRow.reasoning_id)

    held = exists().where(about(LeaseRow), LeaseRow.released_at.is_(None), LeaseRow.expires_at > now())
    rated = exists().where(about(RatingRow), RatingRow.annotator_id == annotator_id, RatingRow.superseded_at.is_(None))
    skipped = exists().where(about(SkipRow), SkipRow.annotator_id == annotator_id, SkipRow.undone_at.is_(None))
    return select(ItemRow.reasoning_id).where(~held, ~rated, ~skipped)


def _item(entry: Entry, known: tuple[str, str] | None) -> dict[str, Any]:
    if known is None:
        raise InputError(f"There is no reasoning {entry.reasoning_id}.")
    if entry.origin not in get_args(Origin):
        raise InputError(f"There is no origin '{entry.origin}': {', '.join(get_args(Origin))}.")
    if entry.ratings < 1:
        raise InputError("At least one person must rate an item.")
    return {
        "reasoning_id": entry.reasoning_id,
        "origin": entry.origin,
        "label": known[0],
        "adapter": known[1],
        "ratings_left": entry.ratings,
        "everyone": entry.everyone,
        "expected": None if entry.expected is None else dict(entry.expected),
        "uncertainty": entry.uncertainty,
        "disagreement": entry.disagreement,
        "quality": entry.quality,
        "shuffle": random.random(),
    }


def _count(session: Session) -> int:
    return session.scalar(select(func.count(ItemRow.id))) or 0


def _again(row: LeaseRow, annotator_id: int) -> Lease:
    if row.annotator_id != annotator_id or row.released_at is not None or row.expires_at <= now():
        raise InputError("This lease is over. Ask for the next item.")
    return _value(row)


def _value(row: LeaseRow) -> Lease:
    return Lease(row.reasoning_id, row.token, row.reason, row.expires_at)
