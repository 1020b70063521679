"""Who rates here, who may sign in, and taking somebody out: with all that they said, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, text, union
from sqlalchemy.orm import Session

from rilearn.store.annotators import called
from rilearn.store.database import Database
from rilearn.store.exchange_rows import stranger
from rilearn.store.insight import live
from rilearn.store.logins import end_all
from rilearn.store.queue_counts import recount
from rilearn.store.schema import AnnotatorRow, EditRow, RatingRow, VoteRow, now
from rilearn.store.schema_counters import DayCount
from rilearn.store.schema_versions import VersionEditRow, VersionRatingRow, VersionRow, VersionVoteRow
from rilearn.store.staleness import stale_with
from rilearn.store.tombstones import bury


@dataclass(frozen=True)
class Person:
    """An annotator and how many ratings of theirs hold. `deactivated_at`: they cannot sign in since."""

    name: str
    pseudonym: str
    role: str
    ratings: int
    joined_at: datetime
    deactivated_at: datetime | None


@dataclass(frozen=True)
class Deleted:
    """What goes with an annotator: all ratings and corrections, superseded ones too. `versions`: models that were
    trained on these or on their votes, stale from then on, as "name (first digits of the digest)"; `descendants`:
    models that come from these and become stale with them."""

    name: str
    ratings: int
    corrections: int
    versions: tuple[str, ...]
    descendants: tuple[str, ...] = ()


class People:
    """Lists, deactivates and deletes annotators."""

    def __init__(self, database: Database):
        self._database = database

    def all(self) -> list[Person]:
        """Everybody, by name.

        Raises:
            StoreError: see `Database.read`.
        """
        counts = select(DayCount.annotator_id, func.sum(DayCount.ratings).label("n"))
        counted = counts.group_by(DayCount.annotator_id).subquery()
        query = select(AnnotatorRow, func.coalesce(counted.c.n, 0)).order_by(AnnotatorRow.name)
        query = query.outerjoin(counted, counted.c.annotator_id == AnnotatorRow.id)
        with self._database.read() as session:
            rows = session.execute(query).tuples().all()
        return [Person(row.name, row.pseudonym, row.role, n, row.created_at, row.deactivated_at) for row, n in rows]

    def deactivate(self, name: str) -> None:
        """End their sessions and let them sign in no more; what they said stays. Once more changes nothing.

        Args:
            name: or the pseudonym.

        Raises:
            InputError: there is no such annotator.
            StoreError: see `Database.write`.
        """
        with self._database.write() as session:
            row = called(session, name)
            row.deactivated_at = row.deactivated_at or now()
            end_all(session, row.id)

    def reactivate(self, name: str) -> None:
        """Let them sign in again. Arguments and errors are those of `deactivate`."""
        with self._database.write() as session:
            called(session, name).deactivated_at = None

    def delete(self, name: str, dry_run: bool = False) -> Deleted:
        """Delete an annotator, and mark the model versions as stale that were trained on their ratings, with all that
        come from these.

        The queue waits for another person on what they had rated. Decisions they made as an admin stay, without name.
        It is for good: exports made before do not bring them back (see `tombstones`); who joins anew is a new person.

        Args:
            name: or the pseudonym.
            dry_run: say what would go and change nothing.

        Raises:
            InputError: there is no such annotator.
            StoreError: see `Database.write`; then all of it is still there.
        """
        with self._database.write() as session:
            row = called(session, name)
            session.refresh(row, with_for_update=True)  # PostgreSQL: they say nothing more meanwhile
            if session.get_bind().dialect.name == "postgresql" and not dry_run:
                # Nor does anybody else: what goes touches many counters, and one rater after another waits for some.
                session.execute(text("LOCK TABLE ratings IN SHARE ROW EXCLUSIVE MODE"))
            mine = RatingRow.annotator_id == row.id
            # Votes on old against new, cast here or come by import.
            ballots = VoteRow.visitor.in_((row.pseudonym, stranger(row.pseudonym)))
            trained = union(
                select(VersionRatingRow.version_id).join(RatingRow).where(mine),
                select(VersionEditRow.version_id).join(EditRow).where(EditRow.annotator_id == row.id),
                select(VersionVoteRow.version_id).join(VoteRow).where(ballots),
            )
            versions, descendants = stale_with(session, set(session.scalars(trained)))
            done = Deleted(
                name=row.name,
                ratings=_count(session, RatingRow, mine),
                corrections=_count(session, EditRow, EditRow.annotator_id == row.id),
                versions=tuple(map(_shown, versions)),
                descendants=tuple(map(_shown, descendants)),
            )
            if not dry_run:
                for version in (*versions, *descendants):
                    version.stale_at = version.stale_at or now()
                rated = session.scalars(select(RatingRow.reasoning_id).where(mine, live())).all()
                for known in (row.pseudonym, stranger(row.pseudonym)):
                    bury(session, known)
                session.flush()
                session.execute(delete(VoteRow).where(ballots))
                session.execute(delete(AnnotatorRow).where(AnnotatorRow.id == row.id))  # what they said goes with them
                recount(session, rated)
            return done


def _shown(version: VersionRow) -> str:
    return f"{version.name} ({version.digest[:12]})"


def _count(session: Session, model: Any, condition: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count(model.id)).where(condition)) or 0
