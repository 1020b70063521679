"""Rows of model versions inside a transaction: registering an adapter with what is behind it, and reading it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from rilearn.adapters import Adapter, Manifest
from rilearn.errors import AdapterError
from rilearn.store.reasonings import AT_ONCE, insert_new, inserting_new
from rilearn.store.schema import EditRow, RatingRow, VoteRow, now
from rilearn.store.schema_versions import VersionEditRow, VersionRatingRow, VersionRow, VersionVoteRow


class Behind(BaseModel):
    """What a version was trained on: ids of ratings, corrections and votes in this database."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ratings: tuple[int, ...] = ()
    edits: tuple[int, ...] = ()
    votes: tuple[int, ...] = ()


@dataclass(frozen=True)
class StoredVersion:
    """A version as kept. `number` counts the versions of its kind and task from 1; `parents` maps role -> digest.

    `ratings`, `edits` and `votes` say how many are in it, `stale_at` since when something in it was deleted.
    """

    id: int
    number: int
    name: str
    kind: str
    task: str
    digest: str
    shipped: bool
    folder: str
    parents: Mapping[str, str]
    recipe: Mapping[str, Any]
    metrics: Mapping[str, Any]
    verdict: Mapping[str, Any] | None
    trained_on: str
    created_at: datetime
    stale_at: datetime | None
    ratings: int
    edits: int
    votes: int


LINKS = (
    ("ratings", VersionRatingRow, VersionRatingRow.rating_id, RatingRow),
    ("edits", VersionEditRow, VersionEditRow.edit_id, EditRow),
    ("votes", VersionVoteRow, VersionVoteRow.vote_id, VoteRow),
)


def registered(session: Session, adapter: Adapter, behind: Behind | None = None, shipped: bool = False) -> VersionRow:
    """See `Versions.register`; inside a transaction of the caller."""
    made, digest = adapter.manifest, adapter.ref.digest
    values = {
        "name": made.name,
        "kind": made.kind,
        "task": "" if made.kind == "generator" else made.task or "",
        "digest": digest,
        "shipped": shipped,
        "folder": str(adapter.ref.path),
        "parents": dict(made.parents),
        "recipe": made.recipe,
        "metrics": made.evaluation,
        "trained_on": made.date,
    }
    insert_new(session, VersionRow, [values], "digest")
    row = session.scalars(select(VersionRow).filter_by(digest=digest)).one()
    _link(session, row, behind or said_behind(made))
    return row


def register_shipped(session: Session, adapters: Sequence[Adapter]) -> None:
    """See `Versions.register_shipped`; inside a transaction of the caller."""
    waiting = sorted(adapters, key=lambda a: (a.manifest.date, a.name))
    while waiting:
        digests = {a.ref.digest for a in waiting}
        free = next((a for a in waiting if not digests & set(a.manifest.parents.values())), waiting[0])
        registered(session, free, shipped=True)
        waiting.remove(free)


def said_behind(manifest: Manifest) -> Behind:
    """What the manifest says the adapter was trained on, in `data.behind`: {"ratings": [ids], "edits", "votes"}.

    Raises:
        AdapterError: something else stands there.
    """
    try:
        return Behind.model_validate(manifest.data.get("behind", {}))
    except ValidationError as error:
        raise AdapterError(f"The manifest of '{manifest.name}' names no ids of ratings in data.behind.") from error


def _link(session: Session, row: VersionRow, behind: Behind) -> None:
    for name, link, column, item in LINKS:
        wanted = sorted(set(getattr(behind, name)))
        for first in range(0, len(wanted), AT_ONCE):
            some = wanted[first : first + AT_ONCE]
            there = session.scalars(select(item.id).where(item.id.in_(some)).order_by(item.id)).all()
            if there:
                session.execute(inserting_new(session, link), [{"version_id": row.id, column.key: i} for i in there])
            if len(there) < len(some) and row.stale_at is None:
                row.stale_at = now()


def numbered() -> Select[Any]:
    place = func.row_number().over(partition_by=(VersionRow.kind, VersionRow.task), order_by=VersionRow.id)
    ranked = select(VersionRow.id, place.label("number")).subquery()
    return select(VersionRow, ranked.c.number, *_counts()).join(ranked, ranked.c.id == VersionRow.id)


def _counts() -> list[Any]:
    return [
        select(func.count()).select_from(link).where(link.version_id == VersionRow.id).scalar_subquery().label(name)
        for name, link, _, _ in LINKS
    ]


def versions_of(session: Session, query: Select[Any]) -> list[StoredVersion]:
    return [_value(row, number, *counts) for row, number, *counts in session.execute(query)]


def _value(row: VersionRow, number: int, ratings: int, edits: int, votes: int) -> StoredVersion:
    return StoredVersion(
        id=row.id,
        number=number,
        name=row.name,
        kind=row.kind,
        task=row.task,
        digest=row.digest,
        shipped=row.shipped,
        folder=row.folder,
        parents=row.parents,
        recipe=row.recipe or {},
        metrics=row.metrics,
        verdict=row.verdict,
        trained_on=row.trained_on,
        created_at=row.created_at,
        stale_at=row.stale_at,
        ratings=ratings,
        edits=edits,
        votes=votes,
    )


def row_of(session: Session, digest: str) -> VersionRow | None:
    """The row of the version with these weights."""
    return session.scalars(select(VersionRow).filter_by(digest=digest)).one_or_none()
