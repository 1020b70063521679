"""Invitations: a link with a secret lets somebody join with a role; in open mode people join without one."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import get_args

from sqlalchemy import update

from rilearn.errors import InputError
from rilearn.store.annotators import Role, new_annotator, taken
from rilearn.store.checks import short
from rilearn.store.database import Database
from rilearn.store.logins import begun, sha256
from rilearn.store.passphrases import hashed
from rilearn.store.schema import now
from rilearn.store.schema_annotation import InvitationRow

OVER = "This invitation is not valid: it was used up, has expired, or was cut when it was copied. Ask for a new one."
MOST_USES, MOST_DAYS = 1000, 365


class Invitations:
    """Makes invitations and lets people join."""

    def __init__(self, database: Database):
        self._database = database

    def make(self, role: Role = "annotator", uses: int = 1, days: int = 7, made_by: int | None = None) -> str:
        """A new invitation's secret, which is shown once: only its digest is kept. The link is `?tab=rate#invite=`
        and the secret.

        Raises:
            InputError: an unknown role, or uses or days out of bounds.
            StoreError: see `Database.write`.
        """
        if role not in get_args(Role):
            raise InputError(f"There is no role '{role}': annotator or admin.")
        if not 1 <= uses <= MOST_USES or not 1 <= days <= MOST_DAYS:
            raise InputError(f"An invitation is for 1 to {MOST_USES} people and holds 1 to {MOST_DAYS} days.")
        secret = secrets.token_urlsafe(24)
        row = InvitationRow(
            digest=sha256(secret), role=role, made_by=made_by, uses_left=uses, expires_at=now() + timedelta(days=days)
        )
        with self._database.write() as session:
            session.add(row)
        return secret

    def join(self, secret: str, name: str, passphrase: str) -> str:
        """Take up an invitation: a new annotator, and the secret of their first session.

        Raises:
            InputError: the invitation is none (any more), the name is taken, or the passphrase too short; nothing was
                used up.
            StoreError: see `Database.write`.
        """
        return self._join(name, hashed(passphrase), secret)

    def join_open(self, name: str, passphrase: str = "") -> str:
        """Join without an invitation; the caller has checked that the owner allows it. Raises as `join`.

        Without a passphrase the session is the only way to be this annotator.
        """
        return self._join(name, hashed(passphrase) if passphrase else None, None)

    def _join(self, name: str, kept: str | None, secret: str | None) -> str:
        name = short(" ".join(name.split()), "name")
        role: Role = "annotator"
        with self._database.write() as session:
            if secret is not None:
                open_one = (
                    update(InvitationRow)
                    .filter_by(digest=sha256(secret))
                    .where(InvitationRow.uses_left > 0, InvitationRow.expires_at > now())
                )
                used = open_one.values(uses_left=InvitationRow.uses_left - 1).returning(InvitationRow.role)
                if (found := session.scalars(used).one_or_none()) is None:
                    raise InputError(OVER)
                role = "admin" if found == "admin" else "annotator"
            row = None if taken(session, name) else new_annotator(session, name, role, passphrase=kept)
            if row is None:
                raise InputError(f"The name '{name}' is taken. Choose another, or sign in if it is yours.")
            return begun(session, row.id)
