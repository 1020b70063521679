"""Items flagged as harmful or private: held back from everybody until an admin decides.

The rule. One flag takes the item out of the queue at once, and its ratings out of exports; the undoing of the last open
flag puts it back. An admin puts it back or removes it, and may decide anew later. A decision closes the flags that are
open then; who flagged an item does not get it again, and a new flag takes it out again. Flags and decisions are never
deleted but with the annotator who made the flag, and then the item stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast, get_args

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from rilearn.errors import InputError
from rilearn.store.checks import short, words
from rilearn.store.database import Database
from rilearn.store.reasonings import StoredReasoning, stored
from rilearn.store.schema import AnnotatorRow, LeaseRow, ReasoningRow, now
from rilearn.store.schema_annotation import FlagDecisionRow, ItemRow, SkipRow

Decided = Literal["put back", "removed"]
Held = Literal["flagged", "removed"]
_FLAG = SkipRow.kind.in_(("harmful", "private")) & SkipRow.undone_at.is_(None)
_OPEN = _FLAG & SkipRow.decision_id.is_(None)


@dataclass(frozen=True)
class Flag:
    """`annotator` is the name, `pseudonym` what exports call them. `open`: no admin has decided on it."""

    kind: str
    reason: str
    annotator: str
    pseudonym: str
    created_at: datetime
    open: bool


@dataclass(frozen=True)
class Decision:
    """`admin` is the name (None: made on the command line, or the admin was deleted)."""

    decision: Decided
    comment: str
    admin: str | None
    created_at: datetime


@dataclass(frozen=True)
class Flagged:
    """An item that is held back; its flags that were not undone and the decisions so far, oldest first."""

    reasoning: StoredReasoning
    flags: tuple[Flag, ...]
    decisions: tuple[Decision, ...]


class Flags:
    """Lists what is held back and takes an admin's decisions."""

    def __init__(self, database: Database):
        self._database = database

    def waiting(self, limit: int = 100) -> list[Flagged]:
        """The items on which an admin has to decide, oldest first.

        Raises:
            StoreError: see `Database.read`.
        """
        return self._held("flagged", limit)

    def removed(self, limit: int = 100) -> list[Flagged]:
        """The items that an admin removed, oldest first.

        Raises:
            StoreError: see `Database.read`.
        """
        return self._held("removed", limit)

    def count(self, held: Held) -> int:
        """How many items wait for an admin, or were removed by one.

        Raises:
            StoreError: see `Database.read`.
        """
        query = select(func.count()).select_from(ItemRow).where(ItemRow.held.is_not(None), ItemRow.held == held)
        with self._database.read() as session:
            return session.scalar(query) or 0

    def decide(
        self, admin_id: int | None, reasoning_id: int, decision: Decided, token: str, comment: str = ""
    ) -> Decision:
        """Put an item back into the queue, or remove it for good.

        Args:
            admin_id: None is the owner, on the command line.
            token: names this request among the admin's; sent again it gets the same decision.

        Raises:
            InputError: not an admin, the item is not held back, or the token was another decision's.
            StoreError: see `Database.write`; nothing was saved, and the same request may be sent again.
        """
        if decision not in get_args(Decided):
            raise InputError(f"There is no decision '{decision}': {', '.join(get_args(Decided))}.")
        comment, token = words(comment, "comment", 1000), short(token, "token")
        with self._database.write() as session:
            admin = None if admin_id is None else session.get(AnnotatorRow, admin_id)
            name = admin.name if admin else None
            if admin_id is not None and (admin is None or admin.role != "admin" or admin.deactivated_at):
                raise InputError("Only an admin decides on flagged items. Sign in as one.")
            item = _lock(session, reasoning_id)
            sent = select(FlagDecisionRow).filter_by(admin_id=admin_id, token=token)
            if (made := session.scalars(sent).one_or_none()) is not None:
                if (made.reasoning_id, made.decision, made.comment) != (reasoning_id, decision, comment):
                    raise InputError("This request was sent before with another decision. Reload the page.")
                return _decision(made, name)
            if item is None or item.held is None:
                raise InputError("This item is not held back: its flag was undone, or an admin has put it back.")
            made = FlagDecisionRow(
                reasoning_id=reasoning_id, admin_id=admin_id, decision=decision, comment=comment, token=token
            )
            session.add(made)
            session.flush()
            of_item = update(SkipRow).where(SkipRow.reasoning_id == reasoning_id, _OPEN)
            session.execute(of_item.values(decision_id=made.id))
            item.held = "removed" if decision == "removed" else None
            return _decision(made, name)

    def history(self, reasoning_id: int) -> Flagged:
        """The flags of a reasoning that were not undone and the decisions on it, whether it is held back or not.

        Raises:
            InputError: there is no such reasoning.
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            if (row := session.get(ReasoningRow, reasoning_id)) is None:
                raise InputError(f"There is no reasoning {reasoning_id}.")
            return _flagged(session, row)

    def is_held(self, reasoning_id: int) -> bool:
        """Whether the item is held back.

        Raises:
            StoreError: see `Database.read`.
        """
        query = select(exists().where(ItemRow.reasoning_id == reasoning_id, ItemRow.held.is_not(None)))
        with self._database.read() as session:
            return bool(session.scalar(query))

    def _held(self, held: Held, limit: int) -> list[Flagged]:
        query = select(ReasoningRow).join(ItemRow, ItemRow.reasoning_id == ReasoningRow.id)
        query = query.where(ItemRow.held.is_not(None), ItemRow.held == held).order_by(ItemRow.id).limit(limit)
        with self._database.read() as session:
            return [_flagged(session, row) for row in session.scalars(query)]


def hold(session: Session, reasoning_id: int) -> None:
    """Somebody flagged it: nobody gets the item, and whoever holds it holds it no more. Inside a transaction."""
    item = update(ItemRow).where(ItemRow.reasoning_id == reasoning_id, ItemRow.held.is_(None))
    session.execute(item.values(held="flagged"))
    leases = update(LeaseRow).filter_by(reasoning_id=reasoning_id, released_at=None)
    session.execute(leases.values(released_at=now()))


def let_go(session: Session, reasoning_id: int) -> None:
    """A flag was undone: the item comes back if that was the last open one. Inside a transaction."""
    item = _lock(session, reasoning_id)
    session.flush()
    others = select(exists().where(SkipRow.reasoning_id == reasoning_id, _OPEN))
    if item is not None and item.held == "flagged" and not session.scalar(others):
        item.held = None


def _lock(session: Session, reasoning_id: int) -> ItemRow | None:
    """Flags of one item and decisions on it take turns (PostgreSQL; a SQLite write is alone anyway)."""
    query = select(ItemRow).filter_by(reasoning_id=reasoning_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def _flagged(session: Session, row: ReasoningRow) -> Flagged:
    flags = select(SkipRow, AnnotatorRow).join(AnnotatorRow, AnnotatorRow.id == SkipRow.annotator_id)
    flags = flags.where(SkipRow.reasoning_id == row.id, _FLAG).order_by(SkipRow.id)
    made = select(FlagDecisionRow, AnnotatorRow.name).where(FlagDecisionRow.reasoning_id == row.id)
    made = made.outerjoin(AnnotatorRow, AnnotatorRow.id == FlagDecisionRow.admin_id).order_by(FlagDecisionRow.id)
    return Flagged(
        stored(row),
        tuple(
            Flag(flag.kind, flag.reason, who.name, who.pseudonym, flag.created_at, flag.decision_id is None)
            for flag, who in session.execute(flags).tuples()
        ),
        tuple(_decision(one, name) for one, name in session.execute(made).tuples()),
    )


def _decision(row: FlagDecisionRow, admin: str | None) -> Decision:
    return Decision(cast(Decided, row.decision), row.comment, admin, row.created_at)
