"""What goes wrong with a database, in words: driver errors become a StoreError that says what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from rilearn.errors import StoreError

FULL = "The disk of the database {where} is full. Free some space and send it again; nothing was saved by halves."
LOCKED = "The database {where} is busy with another write. Nothing was saved; try again in a moment."
CORRUPT = (
    "The database {where} is damaged. Move it elsewhere with its -wal and -shm files and put a copy in its place "
    "(start-up keeps copies named *.before-*.db beside it), or rescue what it holds with:  sqlite3 FILE .recover"
)
GONE = (
    "The database {where} is gone or cannot be reached. Bring it back (file, disk or server), or restart the app to "
    "begin with a new file; then send what you were saving again (nothing is saved twice)."
)
DISK = (
    "The disk of the database {where} cannot be read or written ({detail}). Nothing was saved by halves. Look after "
    "the disk, then send it again."
)
READ_ONLY = (
    "The database {where} can only be read. Nothing was saved. Let the user the app runs as write to the file and "
    "its folder, or set RILEARN_STATE to a folder that can be written."
)
REFUSED = "The database {where} refuses the login. Check user, password and database name in RILEARN_DATABASE_URL."
TWICE = "The database {where} already holds a row like this one, written at the same moment. Nothing was saved twice."
UNSURE = (
    "The disk of the database {where} failed while it saved ({detail}). Send it again (nothing is saved twice), and "
    "look after the disk: what was saved may be lost with the power."
)
OTHER = "The database {where} cannot do this ({kind}: {detail}). Nothing was saved."

# https://www.sqlite.org/rescode.html: a whole code, or its low byte, the primary code.
_SQLITE = {5: LOCKED, 6: LOCKED, 8: READ_ONLY, 10: DISK, 11: CORRUPT, 13: FULL, 14: GONE, 26: CORRUPT, 2067: TWICE}
# https://www.postgresql.org/docs/current/errcodes-appendix.html: a whole code, or its class (two characters).
_POSTGRES = {
    "53100": FULL,
    "53300": LOCKED,
    "55P03": LOCKED,
    "40": LOCKED,
    "25006": READ_ONLY,
    "42501": READ_ONLY,
    "23505": TWICE,
    "08": GONE,
    "57": GONE,
    "28": REFUSED,
    "3D": REFUSED,
    "XX": CORRUPT,
}


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Raise what SQLAlchemy raises inside as a StoreError; `where` names the database without its password."""
    try:
        yield
    except PoolTimeout as error:
        raise StoreError(LOCKED.format(where=where)) from error
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise StoreError(message(error, where)) from error


def message(error: SQLAlchemyError | sqlite3.Error, where: str) -> str:
    """The words for an error; never the statement or its values, which may be somebody's text."""
    cause = (error.orig if isinstance(error, DBAPIError) else None) or error
    found: str | None = None
    if (code := getattr(cause, "sqlite_errorcode", None)) is not None:
        found = _SQLITE.get(code) or _SQLITE.get(code & 0xFF)
    elif state := getattr(cause, "sqlstate", None):
        found = _POSTGRES.get(state) or _POSTGRES.get(state[:2])
    elif any(sign in str(cause) for sign in ("password", "does not exist")):
        found = REFUSED  # a refused connection of psycopg carries no code
    elif type(cause).__name__ == "OperationalError":
        found = GONE
    return (found or OTHER).format(where=where, kind=type(cause).__name__, detail=str(cause).split("\n")[0])
