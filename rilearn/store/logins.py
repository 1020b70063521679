"""Sign-in: who somebody is, by passphrase or login provider, and the sessions that hold until sign-out or expiry.

A session is a secret that the browser's cookie carries; only its digest is kept, so that a copy of the database signs
nobody in.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from rilearn.errors import InputError
from rilearn.store.annotators import OWNER, Annotator, Role, new_annotator, taken, value
from rilearn.store.checks import short, words
from rilearn.store.database import Database
from rilearn.store.passphrases import Guesses, hashed, matches
from rilearn.store.schema import AnnotatorRow, now
from rilearn.store.schema_annotation import LoginRow

DAYS = 30
"""How long a sign-in holds."""
WRONG = "The name or the passphrase is wrong."


class Logins:
    """Signs people in and out, and knows them again. `guesses` must be one for the whole app."""

    def __init__(self, database: Database, guesses: Guesses):
        self._database, self._guesses = database, guesses

    def sign_in(self, name: str, passphrase: str, address: str = "", owner: str = "") -> str:
        """A new session's secret for the annotator of this name.

        Args:
            address: where the request comes from; wrong tries are counted by it too.
            owner: the owner's passphrase by the settings, if any, which signs OWNER in and makes them an admin.

        Raises:
            InputError: wrong name or passphrase, or too many wrong tries.
            StoreError: see `Database.write`.
        """
        name = words(name.strip(), "name", 200)
        self._guesses.begin(name, address)
        if owner and name == OWNER and hmac.compare_digest(owner.encode(), words(passphrase, "passphrase").encode()):
            annotator_id = self._owner()
        else:
            with self._database.read() as session:
                row = session.scalars(select(AnnotatorRow).filter_by(name=name)).one_or_none()
            if (
                not matches(row.passphrase if row else None, passphrase)
                or row is None
                or row.deactivated_at is not None
            ):
                raise InputError(WRONG)
            annotator_id = row.id
        self._guesses.right(name, address)
        return self.begin(annotator_id)

    def begin(self, annotator_id: int) -> str:
        """A new session's secret, for somebody whose identity is known.

        Raises:
            InputError: nobody has the id.
            StoreError: see `Database.write`.
        """
        with self._database.write() as session:
            if session.get(AnnotatorRow, annotator_id) is None:
                raise InputError("You are not known as an annotator. Sign in again.")
            return begun(session, annotator_id)

    def who(self, secret: str) -> Annotator | None:
        """Whose session this is; None: nobody's, or it has ended.

        Raises:
            StoreError: see `Database.read`.
        """
        query = select(AnnotatorRow).join(LoginRow, LoginRow.annotator_id == AnnotatorRow.id)
        holds = (LoginRow.ended_at.is_(None), LoginRow.expires_at > now(), AnnotatorRow.deactivated_at.is_(None))
        with self._database.read() as session:
            row = session.scalars(query.where(LoginRow.digest == sha256(secret), *holds)).one_or_none()
            return value(row) if row else None

    def end(self, secret: str) -> None:
        """Sign out; a session that has ended stays as it is.

        Raises:
            StoreError: see `Database.write`.
        """
        with self._database.write() as session:
            session.execute(update(LoginRow).filter_by(digest=sha256(secret), ended_at=None).values(ended_at=now()))

    def set_passphrase(self, annotator_id: int, passphrase: str) -> None:
        """Set it anew; whoever is signed in as this annotator has to sign in again.

        Raises:
            InputError: too short or too long, or nobody has the id.
            StoreError: see `Database.write`.
        """
        kept = hashed(passphrase)
        with self._database.write() as session:
            if (row := session.get(AnnotatorRow, annotator_id)) is None:
                raise InputError(f"There is no annotator {annotator_id}.")
            row.passphrase = kept
            end_all(session, annotator_id)

    def of_subject(self, subject: str, name: str, role: Role = "annotator") -> Annotator | None:
        """The annotator behind a login provider's subject, new with this role if unknown; None: was deactivated.

        Where somebody else has the name, the new one gets a number behind it.

        Raises:
            StoreError: see `Database.write`.
        """
        subject = short(subject, "subject")
        known = select(AnnotatorRow).filter_by(subject=subject)
        with self._database.read() as session:
            row = session.scalars(known).one_or_none()
        if row is None:
            with self._database.write() as session:
                row = session.scalars(known).one_or_none() or self._named(session, short(name, "name"), role, subject)
        return None if row.deactivated_at else value(row)

    def _named(self, session: Session, name: str, role: Role, subject: str) -> AnnotatorRow:
        for end in ("", *(f" {number}" for number in range(2, 100))):
            # Never the row of somebody else, nor a name that would be the owner's to sign in with.
            if not taken(session, f"{name}{end}") and (
                row := new_annotator(session, f"{name}{end}", role, subject=subject)
            ):
                return row
        raise InputError(f"Too many annotators are called '{name}'.")

    def _owner(self) -> int:
        with self._database.write() as session:
            new_annotator(session, OWNER, "admin")
            row = session.scalars(select(AnnotatorRow).filter_by(name=OWNER)).one()
            row.role, row.deactivated_at = "admin", None
            return row.id


def begun(session: Session, annotator_id: int) -> str:
    """A new session's secret, inside a transaction."""
    secret = secrets.token_urlsafe(32)
    session.add(LoginRow(annotator_id=annotator_id, digest=sha256(secret), expires_at=now() + timedelta(days=DAYS)))
    return secret


def end_all(session: Session, annotator_id: int) -> None:
    """Sign somebody out everywhere, inside a transaction."""
    session.execute(update(LoginRow).filter_by(annotator_id=annotator_id, ended_at=None).values(ended_at=now()))


def sha256(secret: str) -> str:
    """The digest of a random secret; it is long, so no salt and no slow hash is needed."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
