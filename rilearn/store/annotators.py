"""The people who rate: a name they sign in with, a pseudonym for exports, a role."""

from __future__ import annotations

import secrets
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


def new_annotator(session: Session, name: str, role: Role, **columns: str | None) -> AnnotatorRow | None:
    """The row of a new annotator, inside a transaction; None: somebody has the name."""
    row = {"name": name, "pseudonym": f"annotator-{secrets.token_hex(6)}", "role": role, **columns}
    insert_new(session, AnnotatorRow, [row], "name")
    return session.scalars(select(AnnotatorRow).filter_by(name=name, pseudonym=row["pseudonym"])).one_or_none()


def known_pseudonym(session: Session, annotator_id: int) -> str:
    """Raises InputError unless it is the id of somebody who may sign in."""
    row = session.get(AnnotatorRow, annotator_id)
    if row is None or row.deactivated_at:
        raise InputError("You are not known as an annotator. Sign in again.")
    return row.pseudonym


def value(row: AnnotatorRow) -> Annotator:
    return Annotator(row.id, row.name, row.pseudonym, cast(Role, row.role))
