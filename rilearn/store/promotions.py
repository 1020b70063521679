"""Promotions: which version has a role, and which had it before. Append-only; the newest row of a role is the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from rilearn.errors import InputError
from rilearn.store.checks import short, words
from rilearn.store.database import Database
from rilearn.store.schema import AnnotatorRow
from rilearn.store.schema_versions import PromotionRow, VersionRow

Action = Literal["promote", "rollback"]


@dataclass(frozen=True)
class Promotion:
    """A version took a role. `digest` is the version's, `previous` of whose place it took (empty: of none known).

    `who` is the admin's name (empty: deleted since), `reason` why they overruled the gate or rolled back.
    """

    id: int
    turn: int
    task: str
    role: str
    action: Action
    digest: str
    previous: str
    who: str
    reason: str
    verdict: Mapping[str, Any] | None
    created_at: datetime


class Promotions:
    """Finds promotions; they are made by `rilearn.promotion`, which sees to the files."""

    def __init__(self, database: Database):
        self._database = database

    def active(self, task: str, role: str) -> Promotion | None:
        """The promotion that holds; None: nothing was ever promoted, and what came with rilearn is in use.

        Raises:
            StoreError: see `Database.read`.
        """
        return next(iter(self.history(task, role)), None)

    def history(self, task: str, role: str = "") -> list[Promotion]:
        """All promotions of a task, or of one role in it, newest first.

        Raises:
            StoreError: see `Database.read`.
        """
        query = _query().where(PromotionRow.task == task).order_by(PromotionRow.id.desc())
        with self._database.read() as session:
            return [_value(*row) for row in session.execute(query.where(PromotionRow.role == role) if role else query)]

    def newest(self) -> int:
        """The highest id of a promotion, 0 if there is none: it has changed when something was promoted since.

        Raises:
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            return session.scalar(select(func.max(PromotionRow.id))) or 0


@dataclass(frozen=True)
class Turn:
    """A promotion to be written: `version` takes the place of `previous`."""

    task: str
    role: str
    action: Action
    version: VersionRow
    previous: VersionRow | None
    made_by: int
    token: str
    reason: str
    verdict: Mapping[str, Any] | None = None


def keep_turn(session: Session, turn: Turn) -> Promotion:
    """Write a promotion inside the caller's transaction. Two at once for one role: the unique turn lets one through."""
    at = select(func.max(PromotionRow.turn)).filter_by(task=turn.task, role=turn.role)
    row = PromotionRow(
        task=short(turn.task, "task"),
        role=short(turn.role, "role"),
        turn=1 + (session.scalar(at) or 0),
        action=turn.action,
        version_id=turn.version.id,
        previous_id=turn.previous.id if turn.previous else None,
        made_by=turn.made_by,
        reason=words(turn.reason, "reason", 2000),
        verdict=dict(turn.verdict) if turn.verdict else None,
        token=short(turn.token, "token"),
    )
    session.add(row)
    session.flush()
    return _value(*session.execute(_query().where(PromotionRow.id == row.id)).one())


def rows(session: Session, task: str, role: str) -> Sequence[Promotion]:
    """The promotions of a role, oldest first, inside the caller's transaction."""
    query = _query().where(PromotionRow.task == task, PromotionRow.role == role).order_by(PromotionRow.turn)
    return [_value(*row) for row in session.execute(query)]


def by_token(session: Session, token: str) -> Promotion | None:
    """The promotion that this request made before."""
    found = session.execute(_query().where(PromotionRow.token == token)).one_or_none()
    return _value(*found) if found else None


def check_admin(session: Session, who: int) -> None:
    """Raises InputError unless `who` is an admin who may sign in."""
    admin = session.get(AnnotatorRow, who)
    if admin is None or admin.role != "admin" or admin.deactivated_at:
        raise InputError("Only an admin promotes models or rolls back. Sign in as one.")


def line(promotions: Sequence[Promotion]) -> list[str]:
    """Digests from what came first (empty: nothing known did) to what is in use: a promotion adds one, a rollback takes
    one away, as an undo does.

    Args:
        promotions: of one role, oldest first.
    """
    stack: list[str] = []
    for one in promotions:
        if one.action == "rollback":
            stack.pop()
        else:
            stack = [*(stack or [one.previous]), one.digest]
    return stack


def _query() -> Any:
    previous = aliased(VersionRow)
    query = select(PromotionRow, VersionRow.digest, previous.digest, AnnotatorRow.name)
    query = query.join(VersionRow, VersionRow.id == PromotionRow.version_id)
    query = query.outerjoin(previous, previous.id == PromotionRow.previous_id)
    return query.outerjoin(AnnotatorRow, AnnotatorRow.id == PromotionRow.made_by)


def _value(row: PromotionRow, digest: str, previous: str | None, who: str | None) -> Promotion:
    return Promotion(
        id=row.id,
        turn=row.turn,
        task=row.task,
        role=row.role,
        action=cast(Action, row.action),
        digest=digest,
        previous=previous or "",
        who=who or "",
        reason=row.reason,
        verdict=row.verdict,
        created_at=row.created_at,
    )
