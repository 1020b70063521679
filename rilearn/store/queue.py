"""The queue: which reasoning an annotator rates next, lent to one person at a time.

A lease is taken by a token, so that a retried request gets the same one; it ends when the reasoning is rated, given
back, flagged, or left alone for too long. `queue_order` says who gets what, and what comes first.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from sqlalchemy import BindParameter, bindparam, func, select, update
from sqlalchemy.orm import Session

from rilearn.errors import InputError, StoreError
from rilearn.store.checks import short
from rilearn.store.database import Database
from rilearn.store.queue_counts import recount
from rilearn.store.queue_items import Entry, put
from rilearn.store.queue_order import KNOWN, OPEN, ORDERS, Order, Shortlists, any_free, first, walk
from rilearn.store.reasonings import inserting_new
from rilearn.store.schema import AnnotatorRow, LeaseRow, now
from rilearn.store.schema_annotation import ItemRow

LEASE = 300.0
"""Seconds that a lease holds without a sign of life."""
_TRIES = 20


@dataclass(frozen=True)
class Lease:
    """`reason` is why the item was chosen: the order, "everyone" or "calibration" (not for the annotator's eyes)."""

    reasoning_id: int
    token: str
    reason: str
    expires_at: datetime


class Queue:
    """Fills the queue, lends its items and takes them back. Thread-safe; one kept for long finds items faster."""

    def __init__(self, database: Database, seconds: float = LEASE):
        self._database, self._span = database, timedelta(seconds=seconds)
        self._shortlists = Shortlists()

    def add(self, entries: Iterable[Entry]) -> int:
        """Put reasonings into the queue, all or none; one that is in it already stays as it is.

        Returns:
            How many were new.

        Raises:
            InputError: no such reasoning or origin, nobody is to rate an item, or a known answer is none.
            StoreError: see `Database.write`.
        """
        found = {entry.reasoning_id: entry for entry in entries}
        with self._database.write() as session:
            added = put(session, found)
        self._shortlists.forget()
        return added

    def lease(self, annotator_id: int, token: str, order: Order = "mixed", calibration: float = 0.0) -> Lease | None:
        """Lend the annotator an item that they have not rated or skipped and nobody else holds; None: there is none.

        Args:
            token: names this request; sent again it gets the same lease while that holds.
            calibration: how often (0 to 1, by chance) it is a calibration item, see `queue_order`.

        Raises:
            InputError: nobody has the id, an unknown order, or the token's lease is over.
            StoreError: see `Database.write`.
        """
        if order not in get_args(Order):
            raise InputError(f"There is no order '{order}': {', '.join(get_args(Order))}.")
        token = short(token, "token")
        chosen = random.choice(ORDERS) if order == "mixed" else order
        mixed_in = random.random() < calibration and (calibration >= 1 or self._has(annotator_id, chosen))
        if mixed_in and (lent := self._from(annotator_id, token, "calibration")):
            return lent
        return self._from(annotator_id, token, chosen)

    def _has(self, annotator_id: int, order: str) -> bool:
        """Whether there is an item for the annotator in this order."""
        ids = self._shortlists.get(annotator_id, order)
        with self._database.read() as session:
            if ids and any_free(session.connection(), annotator_id, order, ids, now()):
                return True
            ids = walk(session.connection(), annotator_id, order, now())
        self._shortlists.put(annotator_id, order, ids)
        return bool(ids)

    def _from(self, annotator_id: int, token: str, order: str) -> Lease | None:
        """Look for items first, beside the writers, then lend one; None: none is free in this order."""
        ids = self._shortlists.get(annotator_id, order)
        for _ in range(_TRIES):
            fresh = not ids
            if fresh:
                with self._database.read() as session:
                    ids = walk(session.connection(), annotator_id, order, now())
            # Not durable: whoever loses a lease to a power cut within seconds gets the item, or another, again.
            with self._database.write(durable=False) as session:
                lent = self._lend(session, annotator_id, token, order, ids)
            self._shortlists.put(annotator_id, order, ids if lent else [])
            if lent or not ids:
                return lent
            ids = []  # others were faster with all of them
        raise StoreError("Too many people took items at the same moment. Try again.")

    def _lend(self, session: Session, annotator_id: int, token: str, order: str, ids: list[int]) -> Lease | None:
        connection, moment = session.connection(), now()
        if connection.execute(_ANNOTATOR, {"annotator_id": annotator_id}).first() is None:
            raise InputError("You are not known as an annotator. Sign in again.")
        if before := session.scalars(_BY_TOKEN, {"token": token}).one_or_none():
            return _again(before, annotator_id)
        if not ids or (found := first(connection, annotator_id, order, ids, moment)) is None:
            return None
        reasoning_id, everyone = found
        connection.execute(_END_DEAD, {"of": reasoning_id, "moment": moment})
        row = {
            "annotator_id": annotator_id,
            "reasoning_id": reasoning_id,
            "token": token,
            "reason": "everyone" if everyone else order,
            "expires_at": moment + self._span,
        }
        # Not made: another transaction was faster (PostgreSQL: it committed after ours began to look).
        made = connection.execute(inserting_new(session, LeaseRow).returning(LeaseRow.id), row).first()
        return made and Lease(reasoning_id, token, str(row["reason"]), moment + self._span)

    def keep(self, annotator_id: int, token: str) -> bool:
        """A sign of life: the lease holds anew. False: it is over, and somebody else may have the item.

        Raises:
            StoreError: see `Database.write`.
        """
        mine = update(LeaseRow).filter_by(annotator_id=annotator_id, token=token, released_at=None)
        with self._database.write(durable=False) as session:
            held = session.execute(mine.where(LeaseRow.expires_at > now()).values(expires_at=now() + self._span))
            return bool(held.rowcount)  # type: ignore[attr-defined]

    def release(self, annotator_id: int, token: str) -> None:
        """Give an item back; of a lease that is over, or another's, nothing changes.

        Raises:
            StoreError: see `Database.write`.
        """
        mine = update(LeaseRow).filter_by(annotator_id=annotator_id, token=token, released_at=None)
        with self._database.write(durable=False) as session:
            session.execute(mine.values(released_at=now()))

    def left(self) -> int:
        """How many items still wait for a rating; not those held back, nor calibration items.

        Raises:
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            waiting = select(func.count()).select_from(ItemRow).where(OPEN, ~KNOWN, ItemRow.held.is_(None))
            return session.scalar(waiting) or 0


def settle(session: Session, annotator_id: int, reasoning_id: int) -> None:
    """An annotator has rated for the first time: the item may wait for one person less, and their lease on it ends."""
    recount(session, [reasoning_id])
    session.connection().execute(_END_MINE, {"who": annotator_id, "of": reasoning_id, "moment": now()})


# Built once: building a statement costs more than running it, and the writers of a SQLite file wait for each other.
_ANNOTATOR = select(AnnotatorRow.id).where(AnnotatorRow.id == bindparam("annotator_id"))
_BY_TOKEN = select(LeaseRow).where(LeaseRow.token == bindparam("token"))
_OF: BindParameter[int] = bindparam("of")
_UNRELEASED = update(LeaseRow).where(LeaseRow.reasoning_id == _OF, LeaseRow.released_at.is_(None))
_END_DEAD = _UNRELEASED.where(LeaseRow.expires_at <= bindparam("moment")).values(released_at=bindparam("moment"))
_END_MINE = _UNRELEASED.where(LeaseRow.annotator_id == bindparam("who")).values(released_at=bindparam("moment"))


def _again(row: LeaseRow, annotator_id: int) -> Lease:
    if row.annotator_id != annotator_id or row.released_at is not None or row.expires_at <= now():
        raise InputError("This lease is over. Ask for the next item.")
    return _value(row)


def _value(row: LeaseRow) -> Lease:
    return Lease(row.reasoning_id, row.token, row.reason, row.expires_at)
