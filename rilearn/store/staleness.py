"""Which model versions a deleted rating makes stale: those trained on it, and all that come from a stale one."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from rilearn.store.schema_versions import VersionRow


def stale_with(session: Session, trained: Collection[int]) -> tuple[list[VersionRow], list[VersionRow]]:
    """What is stale once the versions with the ids `trained` are: these, and the others that become so with them.

    The others have a parent that is stale, at any depth; those that were stale before are not among them.
    """
    versions = session.scalars(select(VersionRow).order_by(VersionRow.id)).all()
    direct = [version for version in versions if version.id in trained]
    stale = {version.digest for version in versions if version.stale_at is not None or version.id in trained}
    others: dict[int, VersionRow] = {}
    while grown := [v for v in versions if v.digest not in stale and stale.intersection(v.parents.values())]:
        stale |= {version.digest for version in grown}
        others |= {version.id: version for version in grown}
    return direct, [others[key] for key in sorted(others)]
