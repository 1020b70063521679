"""Jobs as the database knows them: at most one runs at a time, in whatever app or machine, by a unique index.

What a job is, and its process, stands in `rilearn/jobs.py`; here is only who runs, since when, and how it ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from rilearn.errors import InputError
from rilearn.store.checks import short, words
from rilearn.store.database import Database
from rilearn.store.schema import AnnotatorRow, JobRow, now

State = Literal["running", "done", "failed", "cancelled", "interrupted"]
Ending = Literal["done", "failed", "cancelled", "interrupted"]
RESUMABLE: tuple[State, ...] = ("failed", "cancelled", "interrupted")
SILENCE = timedelta(minutes=3)
"""A running job of another machine without a sign of life for so long is taken for dead."""
BUSY = "Job {id} is running ({kind}, since {since:%Y-%m-%d %H:%M} UTC). One runs at a time: wait for it or cancel it."
SAID = 2000
"""Characters of a message that are kept."""


@dataclass(frozen=True)
class Job:
    """`made_by` is the name of who started it, None if that account is gone; `message` says what came of it.

    `created_at` is when it was first started, `started_at` when it was resumed last."""

    id: int
    kind: str
    arguments: dict[str, Any]
    state: State
    message: str
    token: str
    made_by: str | None
    host: str
    created_at: datetime
    started_at: datetime
    heartbeat_at: datetime
    finished_at: datetime | None


class Jobs:
    """Begins, renews, ends and lists jobs."""

    def __init__(self, database: Database):
        self._database = database

    def begin(self, kind: str, arguments: dict[str, Any], token: str, made_by: int, host: str) -> tuple[Job, bool]:
        """A new running job, and whether it is new: the same token gives the same job again.

        Raises:
            InputError: another job runs.
            StoreError: see `Database.write`.
        """
        token, moment = short(token, "token"), now()
        with self._database.write() as session:
            row = session.scalars(select(JobRow).filter_by(token=token)).one_or_none()
            if row is not None:
                return _job(session, row), False
            _refuse_a_second(session)
            row = JobRow(
                kind=kind,
                arguments=arguments,
                state="running",
                message="",
                token=token,
                made_by=made_by,
                host=short(host, "host"),
                started_at=moment,
                heartbeat_at=moment,
            )
            _save(session, row)
            return _job(session, row), True

    def resume(self, job_id: int, host: str) -> Job:
        """A job that ended badly, running again.

        Raises:
            InputError: there is none of this id, it runs or is done, or another one runs.
            StoreError: see `Database.write`.
        """
        with self._database.write() as session:
            row = _row(session, job_id, lock=True)
            if row.state not in RESUMABLE:
                raise InputError(f"Job {job_id} is {row.state}: there is nothing to resume.")
            _refuse_a_second(session)
            row.state, row.message, row.host, row.finished_at = "running", "", short(host, "host"), None
            row.started_at = row.heartbeat_at = now()
            _save(session, row)
            return _job(session, row)

    def renew(self, job_id: int) -> None:
        """The sign of life of a running job.

        Raises:
            StoreError: see `Database.write`.
        """
        with self._database.write(durable=False) as session:
            session.execute(update(JobRow).filter_by(id=job_id, state="running").values(heartbeat_at=now()))

    def end(self, job_id: int, state: Ending, message: str = "") -> Job:
        """A running job has ended; one that ended before stays as it is.

        Raises:
            InputError: there is none of this id.
            StoreError: see `Database.write`.
        """
        with self._database.write() as session:
            row = _row(session, job_id, lock=True)
            if row.state == "running":
                row.state, row.message, row.finished_at = state, words(message[:SAID], "message"), now()
                session.flush()
            return _job(session, row)

    def get(self, job_id: int) -> Job:
        """One job.

        Raises:
            InputError: there is none of this id.
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            return _job(session, _row(session, job_id))

    def running(self) -> Job | None:
        """The one that runs, if any.

        Raises:
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            row = session.scalars(select(JobRow).filter_by(state="running")).one_or_none()
            return _job(session, row) if row else None

    def newest(self, most: int = 20, kind: str | None = None, state: State | None = None) -> list[Job]:
        """The jobs begun last, newest first, of one kind and state if these are given.

        Raises:
            StoreError: see `Database.read`.
        """
        query = select(JobRow).order_by(JobRow.id.desc()).limit(most)
        if kind is not None:
            query = query.filter_by(kind=kind)
        if state is not None:
            query = query.filter_by(state=state)
        with self._database.read() as session:
            return [_job(session, row) for row in session.scalars(query)]


def _save(session: Session, row: JobRow) -> None:
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:  # on PostgreSQL two that begin at the same moment do not see each other before this
        raise InputError("Another job began at this very moment, and one runs at a time. Reload to see it.") from None


def _refuse_a_second(session: Session) -> None:
    other = session.scalars(select(JobRow).filter_by(state="running")).one_or_none()
    if other is not None:
        raise InputError(BUSY.format(id=other.id, kind=other.kind, since=other.started_at))


def _row(session: Session, job_id: int, lock: bool = False) -> JobRow:
    row = session.get(JobRow, job_id, with_for_update=True if lock else None)
    if row is None:
        raise InputError(f"There is no job {job_id}.")
    return row


def _job(session: Session, row: JobRow) -> Job:
    name = session.scalar(select(AnnotatorRow.name).filter_by(id=row.made_by))
    return Job(
        id=row.id,
        kind=row.kind,
        arguments=dict(row.arguments),
        state=cast(State, row.state),
        message=row.message,
        token=row.token,
        made_by=name,
        host=row.host,
        created_at=row.created_at,
        started_at=row.started_at,
        heartbeat_at=row.heartbeat_at,
        finished_at=row.finished_at,
    )
