"""Model versions: every generator and classifier with its parents and the ratings, corrections and votes in it.

A version is known by the digest of its weights. Rows are added and never changed, but for the gate's latest verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from rilearn.adapters import Adapter
from rilearn.errors import InputError
from rilearn.store.ancestry import after
from rilearn.store.database import Database
from rilearn.store.schema_versions import VersionEditRow, VersionRatingRow, VersionRow
from rilearn.store.version_rows import (
    LINKS,
    Behind,
    StoredVersion,
    numbered,
    register_shipped,
    registered,
    versions_of,
)


@dataclass(frozen=True)
class Edge:
    """`child` was trained from or with `parent`, in this role (as "start_from"); both are digests."""

    parent: str
    child: str
    role: str


@dataclass(frozen=True)
class Lineage:
    """All versions, oldest first, and what came of what. `unknown`: parents that are no versions here."""

    versions: tuple[StoredVersion, ...]
    edges: tuple[Edge, ...]
    unknown: tuple[str, ...]


class Versions:
    """Registers and finds versions."""

    def __init__(self, database: Database):
        self._database = database

    def register(self, adapter: Adapter, behind: Behind | None = None) -> StoredVersion:
        """The version of this adapter, new or as already there (which gains what was not yet known to be behind it).

        Args:
            behind: what it was trained on; None: what its manifest says. What is no longer there makes it stale.

        Raises:
            AdapterError: the manifest's `data.behind` cannot be read.
            StoreError: see `Database.write`.
        """
        with self._database.write() as session:
            row = registered(session, adapter, behind)
            return versions_of(session, numbered().where(VersionRow.id == row.id))[0]

    def register_shipped(self, adapters: Sequence[Adapter]) -> None:
        """Make the adapters that came with rilearn versions, parents before children.

        Raises:
            AdapterError: see `register`.
            StoreError: see `Database.write`.
        """
        with self._database.write() as session:
            register_shipped(session, adapters)

    def all(self, kind: str = "") -> list[StoredVersion]:
        """All versions, or those of one kind, oldest first.

        Raises:
            StoreError: see `Database.read`.
        """
        query = numbered().order_by(VersionRow.id)
        with self._database.read() as session:
            return versions_of(session, query.where(VersionRow.kind == kind) if kind else query)

    def find(self, digest: str) -> StoredVersion | None:
        """The version with these weights.

        Raises:
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            return next(iter(versions_of(session, numbered().where(VersionRow.digest == digest))), None)

    def lineage(self) -> Lineage:
        """Nodes and edges of the picture.

        Raises:
            StoreError: see `Database.read`.
        """
        nodes = self.all()
        edges = tuple(Edge(parent, v.digest, role) for v in nodes for role, parent in v.parents.items())
        known = {node.digest for node in nodes}
        unknown = dict.fromkeys(edge.parent for edge in edges if edge.parent not in known)
        return Lineage(tuple(nodes), edges, tuple(unknown))

    def of_rating(self, rating_id: int) -> list[StoredVersion]:
        """The versions that were trained on this rating, oldest first.

        Raises:
            StoreError: see `Database.read`.
        """
        return self._of(VersionRatingRow, VersionRatingRow.rating_id, rating_id)

    def going_on_from(self, versions: Sequence[StoredVersion]) -> list[tuple[StoredVersion, StoredVersion]]:
        """The versions that go on from these, at any depth, oldest first, each with the nearest of these.

        Raises:
            StoreError: see `Database.read`.
        """
        these = {one.digest: one for one in versions}
        with self._database.read() as session:
            found = after(session, these)
            query = numbered().where(VersionRow.digest.in_(found)).order_by(VersionRow.id)
            return [(one, these[found[one.digest]]) for one in versions_of(session, query)]

    def of_edit(self, edit_id: int) -> list[StoredVersion]:
        """The versions that were trained on this correction, oldest first.

        Raises:
            StoreError: see `Database.read`.
        """
        return self._of(VersionEditRow, VersionEditRow.edit_id, edit_id)

    def behind(self, digest: str) -> Behind:
        """What this version was trained on, as far as it is still there; nothing if there is no such version.

        Raises:
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            found = {
                name: tuple(session.scalars(select(column).join(VersionRow).filter_by(digest=digest).order_by(column)))
                for name, _, column, _ in LINKS
            }
        return Behind(**found)

    def keep_verdict(self, digest: str, verdict: Mapping[str, Any]) -> None:
        """Keep the gate's verdict with the version, in place of an earlier one.

        Raises:
            InputError: there is no such version.
            StoreError: see `Database.write`.
        """
        with self._database.write() as session:
            row = session.scalars(select(VersionRow).filter_by(digest=digest)).one_or_none()
            if row is None:
                raise InputError(f"There is no version {digest[:12]}. Register its folder first.")
            row.verdict = dict(verdict)

    def _of(self, link: Any, column: Any, item: int) -> list[StoredVersion]:
        mine = select(link.version_id).where(column == item)
        with self._database.read() as session:
            return versions_of(session, numbered().where(VersionRow.id.in_(mine)).order_by(VersionRow.id))
