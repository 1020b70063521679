"""Opens the database and hands out transactions: SQLite in the state folder, or PostgreSQL by url.

    database = open_database(settings.database_url, settings.state_dir)
    with database.write() as session: ...

A write is on disk when its block ends without an error.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from rilearn.errors import ConfigError, StoreError
from rilearn.store import faults
from rilearn.store.faults import explained
from rilearn.store.migrate import migrate
from rilearn.store.wal import Log, Turns

FILE = "rilearn.db"
WAIT = 10.0
"""Seconds a write waits for another one before it gives up."""
_LONGEST_LOG = 20_000
"""Pages (80 MB) at which SQLite itself folds its log, while the writer waits; before that wal.py does, beside them."""
_POOL: dict[str, Any] = {"pool_size": 8, "max_overflow": 24, "pool_timeout": WAIT}
_COMMON: dict[str, Any] = {
    "hide_parameters": True,  # error texts never show what somebody wrote
    "json_serializer": lambda value: json.dumps(value, allow_nan=False, ensure_ascii=False),
}


class Database:
    """An open, migrated database. Thread-safe."""

    def __init__(self, engine: Engine, where: str, file: Path | None = None):
        self.engine, self.where = engine, where
        self._writer = engine.execution_options(write=True)
        self._file = file
        self._inode = _inode(file) if file else None
        self._log_inode: tuple[int, int] | None = None
        # SQLite has one writer at a time. Threads of this process queue here, in turn and without polling.
        self._turn = Turns() if file else None
        self._log = Log(file, partial(_connect, file)) if file else None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session to read with; nothing that is done in it is kept.

        Raises:
            StoreError: the database cannot be read.
        """
        with explained(self.where), Session(self.engine) as session:
            self._check_file()
            yield session

    @contextmanager
    def write(self, durable: bool = True) -> Iterator[Session]:
        """A session in one transaction: all of it is saved at the end of the block, or nothing.

        Not `durable`: kept when this program dies, but a power cut soon after may undo it (and it alone). For what
        nobody misses, such as a sign of life.

        Raises:
            StoreError: the database cannot be written (full, locked, damaged, gone, read-only); nothing was saved. Or
                the disk failed under what was saved, and it must be sent again.
        """
        with explained(self.where):
            with self._queue(), Session(self._writer, expire_on_commit=False) as session:
                self._check_file()
                with session.begin():
                    yield session
            if durable and self._log is not None:
                self._sync(self._log)
            self._check_file()

    def replaced(self) -> bool:
        """Whether another file stands where this one's was: it must be opened anew."""
        return self._file is not None and _inode(self._file) not in (None, self._inode)

    def close(self) -> None:
        """Close the connections; SQLite then folds its log into the file."""
        if self._log is not None:
            self._log.close()
        self.engine.dispose()
        if self._file and self.replaced():
            self._set_log_aside(self._file)

    def _sync(self, log: Log) -> None:
        try:
            log.sync()
        except OSError as error:
            raise StoreError(faults.UNSURE.format(where=self.where, detail=error.strerror)) from error

    @contextmanager
    def _queue(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        if not self._turn.acquire(timeout=WAIT):
            raise StoreError(faults.LOCKED.format(where=self.where))
        try:
            yield
        finally:
            self._turn.release()

    def _check_file(self) -> None:
        """SQLite goes on writing to a file that was deleted or replaced under it; what it saves there is lost."""
        if self._file is None:
            return
        if _inode(self._file) != self._inode:
            self.engine.dispose()
            raise StoreError(faults.GONE.format(where=self.where))
        self._log_inode = _inode(_beside(self._file, "-wal")) or self._log_inode

    def _set_log_aside(self, file: Path) -> None:
        """The lost file's log: SQLite would write it into the file that stands there now, and damage that."""
        log = _beside(file, "-wal")
        if self._log_inode is not None and _inode(log) == self._log_inode:
            log.replace(_beside(file, "-wal.lost"))
            _beside(file, "-shm").unlink(missing_ok=True)


def open_database(url: str | None, folder: Path) -> Database:
    """The database at a PostgreSQL `url`, or without one the SQLite file in `folder`; made and migrated as needed.

    Raises:
        ConfigError: the url is none, or of another kind of database.
        StoreError: the database cannot be reached, made or migrated, or a newer rilearn wrote it.
    """
    return _open_postgres(url) if url else _open_sqlite(folder)


def _open_sqlite(folder: Path) -> Database:
    file = folder.absolute() / FILE
    where = f"'{file}'"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(file.with_name(f"{FILE}.lock"), timeout=300, mode=0o600):
            # Never open and close a file that SQLite may have open in this process: closing drops SQLite's locks on
            # it (https://www.sqlite.org/howtocorrupt.html, 2.2), and others then delete the log under it.
            if not file.exists():
                os.close(os.open(file, os.O_CREAT | os.O_EXCL, 0o600))
            file.chmod(0o600)
            with explained(where):
                _prepare(file, where)
            return Database(_sqlite_engine(file), where, file)
    except Timeout as error:
        raise StoreError(f"Another process has been starting on {where} for minutes. Stop it, try again.") from error
    except OSError as error:
        hint = "Check the folder, or set RILEARN_STATE."
        raise StoreError(f"The database {where} cannot be opened: {error}. {hint}") from error


def _prepare(file: Path, where: str) -> None:
    engine = _sqlite_engine(file, migrating=True)
    try:
        with engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            if raw.execute("PRAGMA journal_mode=WAL").fetchone() != ("wal",):
                raise StoreError(
                    f"The disk of {where} cannot keep a write-ahead log. Set RILEARN_STATE to a local disk."
                )
        with engine.execution_options(write=True).begin() as connection:
            migrate(connection, where, file)
    finally:
        engine.dispose()


def _connect(file: Path, migrating: bool = False) -> sqlite3.Connection:
    # mode=rw: a file that vanished is an error, not a new and empty database.
    connection = sqlite3.connect(
        f"{file.as_uri()}?mode=rw", uri=True, timeout=WAIT, isolation_level=None, check_same_thread=False
    )
    # Off for migrations: one that rebuilds a table drops the old one, which would delete what refers to it.
    connection.execute(f"PRAGMA foreign_keys={'OFF' if migrating else 'ON'}")
    # What was acknowledged outlives a power cut too: `write` syncs the log itself, see wal.py.
    connection.execute(f"PRAGMA synchronous={'FULL' if migrating else 'NORMAL'}")
    connection.execute(f"PRAGMA wal_autocheckpoint={_LONGEST_LOG}")
    return connection


def _sqlite_engine(file: Path, migrating: bool = False) -> Engine:
    pool: dict[str, Any] = {"poolclass": NullPool} if migrating else {"poolclass": QueuePool, **_POOL}
    engine = create_engine("sqlite://", creator=partial(_connect, file, migrating), **pool, **_COMMON)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A write takes the lock at once: two that first read and then write could not both go on.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")

    return engine


def _open_postgres(url: str) -> Database:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigError("RILEARN_DATABASE_URL is no url. Write postgresql://user:password@host/name.") from None
    if parsed.drivername not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise ConfigError(
            f"RILEARN_DATABASE_URL begins with '{parsed.drivername}'. Write postgresql://user:password@host/name, or "
            "leave it empty for SQLite in RILEARN_STATE."
        )
    where = parsed.set(query={}).render_as_string(hide_password=True)
    limits = {"connect_timeout": 10, "options": f"-c lock_timeout={WAIT * 1000:.0f}ms -c timezone=UTC"}
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg"), connect_args=limits, pool_pre_ping=True, **_POOL, **_COMMON
    )
    try:
        with explained(where), engine.begin() as connection:
            migrate(connection, where, None)
    except BaseException:
        engine.dispose()
        raise
    return Database(engine, where)


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(f"{file.name}{ending}")


def _inode(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
