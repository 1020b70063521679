"""Which versions go on from which: what a version has learnt stays in those that are trained further from it.

Only a parent of the same kind counts: a classifier goes on from a classifier, and merely learns from what a generator
writes.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from rilearn.store.schema_versions import VersionRow


def before(session: Session, version: str) -> list[str]:
    """Digests of the version and of those that it goes on from, the nearest first; itself alone if it is unknown."""
    parents = _parents(session)
    found = [version]
    for digest in found:  # which grows
        found += [parent for parent in parents.get(digest, ()) if parent not in found]
    return found


def after(session: Session, versions: Collection[str]) -> dict[str, str]:
    """Digests of the other versions that go on from these, at any depth -> of which of these, the nearest one."""
    found = {digest: digest for digest in versions}
    parents = _parents(session)
    while grown := {
        child: found[parent]
        for child, of in parents.items()
        if child not in found and (parent := next((one for one in of if one in found), None))
    }:
        found |= grown
    return {child: first for child, first in found.items() if child not in versions}


def _parents(session: Session) -> dict[str, list[str]]:
    rows = session.execute(select(VersionRow.digest, VersionRow.kind, VersionRow.parents)).tuples().all()
    kinds = {digest: kind for digest, kind, _ in rows}
    return {
        digest: [parent for parent in dict.fromkeys(of.values()) if parent != digest and kinds.get(parent) == kind]
        for digest, kind, of in rows
    }
