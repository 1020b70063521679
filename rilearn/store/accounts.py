"""Accounts: one's own passphrase and sessions, and what admins see and change of everybody's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rilearn.errors import InputError
from rilearn.store.database import Database
from rilearn.store.insight import live
from rilearn.store.logins import OWNER, begun, end_all
from rilearn.store.passphrases import Guesses, hashed, matches
from rilearn.store.schema import AnnotatorRow, RatingRow, now
from rilearn.store.schema_annotation import LoginRow

OWNERS = f"'{OWNER}' signs in with the passphrase of the app's settings (RILEARN_ADMIN_PASSPHRASE). Change it there."


@dataclass(frozen=True)
class Account:
    """Somebody who may sign in, or could before; `ratings` hold, `seen_at` is the last sign-in or rating."""

    id: int
    name: str
    role: str
    active: bool
    ratings: int
    seen_at: datetime | None


class Accounts:
    """Lists and changes accounts. `guesses` must be one for the whole app, as for `Logins`."""

    def __init__(self, database: Database, guesses: Guesses):
        self._database, self._guesses = database, guesses

    def all(self) -> list[Account]:
        """Everybody, by name.

        Raises:
            StoreError: see `Database.read`.
        """
        mine = RatingRow.annotator_id == AnnotatorRow.id
        query = select(
            AnnotatorRow,
            select(func.count()).where(mine, live()).scalar_subquery(),
            select(func.max(RatingRow.created_at)).where(mine).scalar_subquery(),
            select(func.max(LoginRow.created_at)).where(LoginRow.annotator_id == AnnotatorRow.id).scalar_subquery(),
        ).order_by(AnnotatorRow.name)
        with self._database.read() as session:
            return [_account(*row) for row in session.execute(query).tuples()]

    def has_passphrase(self, annotator_id: int) -> bool:
        """Whether somebody has a passphrase of their own.

        Raises:
            InputError: nobody has the id.
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            return _row(session, annotator_id).passphrase is not None

    def change_passphrase(self, annotator_id: int, old: str, new: str, address: str = "") -> str:
        """Change one's own, or set the first one (then `old` counts for nothing); all sessions end.

        Returns:
            The secret of a new session.

        Raises:
            InputError: the old one is wrong (tries are counted as at the sign-in), the new one too short, or it is the
                owner's, who has theirs in the settings.
            StoreError: see `Database.write`.
        """
        with self._database.read() as session:
            row = _row(session, annotator_id)
            name, kept = row.name, row.passphrase
        if name == OWNER:
            raise InputError(OWNERS)
        if kept is not None:
            self._guesses.begin(name, address)
            if not matches(kept, old):
                raise InputError("The old passphrase is wrong.")
            self._guesses.right(name, address)
        made = hashed(new)
        with self._database.write() as session:
            row = _row(session, annotator_id, lock=True)
            if row.passphrase != kept:
                raise InputError("The passphrase was changed elsewhere meanwhile. Sign in again.")
            row.passphrase = made
            end_all(session, annotator_id)
            return begun(session, annotator_id)

    def sign_out(self, annotator_id: int) -> None:
        """End all sessions of somebody.

        Raises:
            StoreError: see `Database.write`.
        """
        with self._database.write() as session:
            end_all(session, annotator_id)

    def reset_passphrase(self, admin_id: int, annotator_id: int, new: str) -> None:
        """Set somebody else's anew; their sessions end.

        Raises:
            InputError: too short, nobody has the id, who asks is no admin, or it is their own or the owner's.
            StoreError: see `Database.write`.
        """
        made = hashed(new)
        with self._database.write() as session:
            row = self._other(session, admin_id, annotator_id, "Change your own passphrase under your name in the bar.")
            row.passphrase = made
            end_all(session, annotator_id)

    def set_active(self, admin_id: int, annotator_id: int, active: bool) -> None:
        """Let somebody in no more, or again; what they rated stays as it is.

        Raises:
            InputError: nobody has the id, who asks is no admin, or it is their own account or the owner's.
            StoreError: see `Database.write`.
        """
        with self._database.write() as session:
            row = self._other(session, admin_id, annotator_id, "You cannot deactivate yourself. Ask another admin.")
            if active != (row.deactivated_at is None):
                row.deactivated_at = None if active else now()
            if not active:
                end_all(session, annotator_id)

    @staticmethod
    def _other(session: Session, admin_id: int, annotator_id: int, own: str) -> AnnotatorRow:
        # Both under a lock and in one order: of two admins who deactivate each other one comes first and stays.
        both = select(AnnotatorRow).where(AnnotatorRow.id.in_((admin_id, annotator_id))).order_by(AnnotatorRow.id)
        rows = {row.id: row for row in session.scalars(both.with_for_update())}
        admin = rows.get(admin_id)
        if admin is None or admin.role != "admin" or admin.deactivated_at:
            raise InputError("Only an admin may do this.")
        if annotator_id == admin_id:
            raise InputError(own)
        row = rows.get(annotator_id)
        if row is None:
            raise InputError("There is no such annotator (any more). Open the list again.")
        if row.name == OWNER:
            raise InputError(OWNERS)
        return row


def _row(session: Session, annotator_id: int, lock: bool = False) -> AnnotatorRow:
    row = session.get(AnnotatorRow, annotator_id, with_for_update=lock or None)
    if row is None:
        raise InputError("You are not known as an annotator. Sign in again.")
    return row


def _account(row: AnnotatorRow, ratings: int, rated: datetime | None, signed_in: datetime | None) -> Account:
    seen = max((moment for moment in (rated, signed_in) if moment), default=None)
    return Account(row.id, row.name, row.role, row.deactivated_at is None, ratings, seen)
