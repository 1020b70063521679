"""Brings a database to the newest tables: one process at a time, in one transaction, with a copy kept before.

A new migration is a file in migrations/versions/ written by hand; tests compare the outcome with the models.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from rilearn.errors import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x72_69_6C_65_61_72_6E  # "rilearn": PostgreSQL's advisory lock is a number that all our processes know

log = logging.getLogger(__name__)


def migrate(connection: Connection, where: str, file: Path | None) -> None:
    """Migrate inside the caller's transaction, which it commits.

    On PostgreSQL this waits for its turn; on SQLite (`file`) the caller holds the write lock already.

    Raises:
        StoreError: a newer rilearn wrote this database, or a migration left rows that refer to nothing.
    """
    if file is None:
        connection.execute(text("SET LOCAL lock_timeout = '5min'"))  # as long as another's migration may take
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    head, found = scripts.get_current_head(), MigrationContext.configure(connection).get_current_revision()
    if found == head:
        return
    known = {script.revision for script in scripts.walk_revisions()}
    if found is not None and found not in known:
        raise StoreError(
            f"The database {where} was written by a newer rilearn (tables {found}; this one knows up to {head}). "
            "Update rilearn, or set RILEARN_STATE or RILEARN_DATABASE_URL to another database."
        )
    if file and found:
        log.info("kept a copy before migrating: %s", keep_copy(file, found))
    command.upgrade(config, "head")
    if file and connection.execute(text("PRAGMA foreign_key_check")).first():
        raise StoreError(f"Migrating {where} from {found} to {head} would leave rows that refer to nothing. Undone.")
    log.info("database %s: tables %s", where, head)


def keep_copy(file: Path, revision: str) -> Path:
    """A whole copy of a SQLite database beside it, mode 0600, complete before it has its name."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    copy = file.with_name(f"{file.stem}.before-{stamp}-{revision}.db")
    temp = copy.with_suffix(".tmp")
    os.close(os.open(temp, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(temp)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # one file, whatever the original's journal is
        temp.replace(copy)
    finally:
        temp.unlink(missing_ok=True)
    return copy
