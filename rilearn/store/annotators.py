"""The people who rate: a name they sign in with, a pseudonym for exports, a role."""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass
from typing import Literal, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from rilearn.errors import InputError
from rilearn.store.checks import short
from rilearn.store.database import Database
from rilearn.store.reasonings import insert_new
from rilearn.store.schema import AnnotatorRow

Role = Literal["annotator", "admin"]
OWNER = "admin"
"""The name that the owner's passphrase of the settings signs in; nobody else can take it."""


@dataclass(frozen=True)
class Annotator:
    id: int
    name: str
    pseudonym: str
    role: Role


class Annotators:
    """Adds and finds annotators."""

    def __init__(self, database: Database):
        self._database = database

    def add(self, name: str, role: Role = "annotator") -> Annotator:
        """The annotator of this name, new or as already there (whose role stays).

        Raises:
            InputError: no name, or an unknown role.
            StoreError: see `Database.write`.
        """
        if role not in ("annotator", "admin"):
            raise InputError(f"There is no role '{role}': annotator or admin.")
        name = short(name.strip(), "name")
        with self._database.write() as session:
            new_annotator(session, name, role)
            return value(session.scalars(select(AnnotatorRow).filter_by(name=name)).one())

    def find(self, name: str) -> Annotator | None:
        """The annotator of this name.

        Raises:
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            row = session.scalars(select(AnnotatorRow).filter_by(name=name.strip())).one_or_none()
            return value(row) if row else None

    def called(self, name: str) -> Annotator:
        """The annotator of this name, or else of this pseudonym.

        Raises:
            InputError: there is none.
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            return value(called(session, name))


def new_annotator(session: Session, name: str, role: Role, **columns: str | None) -> AnnotatorRow | None:
    """The row of a new annotator, inside a transaction; None: somebody has the name."""
    row = {"name": name, "pseudonym": f"annotator-{secrets.token_hex(6)}", "role": role, **columns}
    insert_new(session, AnnotatorRow, [row], "name")
    return session.scalars(select(AnnotatorRow).filter_by(name=name, pseudonym=row["pseudonym"])).one_or_none()


def called(session: Session, name: str) -> AnnotatorRow:
    """The row of the annotator with this name, or else with this pseudonym.

    Raises:
        InputError: there is none.
    """
    for column in (AnnotatorRow.name, AnnotatorRow.pseudonym):
        query = select(AnnotatorRow).where(column == name.strip())
        if (row := session.scalars(query).one_or_none()) is not None:
            return row
    raise InputError(f"There is no annotator '{name.strip()}'.")


def taken(session: Session, name: str) -> bool:
    """Whether the name is the owner's or looks like another's name or pseudonym (case, width, spaces set aside)."""
    known = session.execute(select(AnnotatorRow.name, AnnotatorRow.pseudonym)).tuples()
    return _alike(name) in {OWNER, *(_alike(one) for both in known for one in both)}


def _alike(name: str) -> str:
    # Not in the database: SQLite changes the case of ASCII letters alone.
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def known_pseudonym(session: Session, annotator_id: int) -> str:
    """Raises InputError unless it is the id of somebody who may sign in."""
    row = session.get(AnnotatorRow, annotator_id)
    if row is None or row.deactivated_at:
        raise InputError("You are not known as an annotator. Sign in again.")
    return row.pseudonym


def value(row: AnnotatorRow) -> Annotator:
    return Annotator(row.id, row.name, row.pseudonym, cast(Role, row.role))
