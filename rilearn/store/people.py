"""Who rates here, and taking somebody out: with all that they said, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select, union, update
from sqlalchemy.orm import Session

from rilearn.errors import InputError
from rilearn.store.database import Database
from rilearn.store.insight import live
from rilearn.store.schema import AnnotatorRow, EditRow, RatingRow, VoteRow, now
from rilearn.store.schema_annotation import ItemRow
from rilearn.store.schema_versions import VersionEditRow, VersionRatingRow, VersionRow, VersionVoteRow


@dataclass(frozen=True)
class Person:
    """An annotator and how many ratings of theirs hold."""

    name: str
    pseudonym: str
    role: str
    ratings: int
    joined_at: datetime


@dataclass(frozen=True)
class Deleted:
    """What goes with an annotator: all ratings and corrections, superseded ones too. `versions`: models that were
    trained on these or on their votes, stale from then on, as "name (first digits of the digest)"."""

    name: str
    ratings: int
    corrections: int
    versions: tuple[str, ...]


class People:
    """Lists and deletes annotators."""

    def __init__(self, database: Database):
        self._database = database

    def all(self) -> list[Person]:
        """Everybody, by name.

        Raises:
            StoreError: see `Database.read`.
        """
        made = select(RatingRow.annotator_id, func.count().label("n")).where(live()).group_by(RatingRow.annotator_id)
        counted = made.subquery()
        query = select(AnnotatorRow, func.coalesce(counted.c.n, 0)).order_by(AnnotatorRow.name)
        query = query.outerjoin(counted, counted.c.annotator_id == AnnotatorRow.id)
        with self._database.read() as session:
            rows = session.execute(query).tuples().all()
        return [Person(row.name, row.pseudonym, row.role, n, row.created_at) for row, n in rows]

    def delete(self, name: str, dry_run: bool = False) -> Deleted:
        """Delete an annotator, and mark the model versions that were trained on their ratings as stale.

        The queue waits for one person more on what they had rated. Decisions they made as an admin stay, without name.

        Args:
            name: or the pseudonym.
            dry_run: say what would go and change nothing.

        Raises:
            InputError: there is no such annotator.
            StoreError: see `Database.write`; then all of it is still there.
        """
        with self._database.write() as session:
            row = session.scalars(select(AnnotatorRow).where(_called(name)).with_for_update()).one_or_none()
            if row is None:
                raise InputError(f"There is no annotator '{name}'.")
            mine = RatingRow.annotator_id == row.id
            ballots = VoteRow.visitor == row.pseudonym  # votes on old against new
            trained = union(
                select(VersionRatingRow.version_id).join(RatingRow).where(mine),
                select(VersionEditRow.version_id).join(EditRow).where(EditRow.annotator_id == row.id),
                select(VersionVoteRow.version_id).join(VoteRow).where(ballots),
            )
            versions = session.scalars(select(VersionRow).where(VersionRow.id.in_(trained)).order_by(VersionRow.id))
            done = Deleted(
                name=row.name,
                ratings=_count(session, RatingRow, mine),
                corrections=_count(session, EditRow, EditRow.annotator_id == row.id),
                versions=tuple(f"{version.name} ({version.digest[:12]})" for version in versions),
            )
            if not dry_run:
                stale = update(VersionRow).where(VersionRow.id.in_(trained), VersionRow.stale_at.is_(None))
                session.execute(stale.values(stale_at=now()))
                rated = select(RatingRow.reasoning_id).where(mine, live())
                items = update(ItemRow).where(ItemRow.reasoning_id.in_(rated))
                session.execute(items.values(ratings_left=ItemRow.ratings_left + 1))
                session.execute(delete(VoteRow).where(ballots))
                session.execute(delete(AnnotatorRow).where(AnnotatorRow.id == row.id))  # what they said goes with them
            return done


def _called(name: str) -> ColumnElement[bool]:
    return or_(AnnotatorRow.name == name.strip(), AnnotatorRow.pseudonym == name.strip())


def _count(session: Session, model: Any, condition: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count(model.id)).where(condition)) or 0
