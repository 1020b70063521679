"""Opening and writing: where the file lies, who may read it, and every fault in words, with nothing half-written."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg.errors
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from rilearn.errors import ConfigError, StoreError
from rilearn.records import Rating
from rilearn.store import database as module
from rilearn.store import faults
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database, open_database
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from tests.store.conftest import reasoning
from tests.store.workers import processes, received, start

PREPARED = False  # here databases are made and migrated as they are opened


def on_checkout(database: Database, statement: str) -> None:
    """Run a statement on each connection before it is used."""
    event.listen(database.engine, "checkout", lambda connection, *_: connection.execute(statement))


def fill(database: Database) -> None:
    Reasonings(database).add(reasoning(n, reasoning="x" * 500) for n in range(100))


def count(database: Database) -> int | None:
    with database.read() as session:
        return session.scalar(text("SELECT count(*) FROM reasonings"))


def test_the_file_is_the_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "state" / "rilearn.db"
    file.parent.mkdir(parents=True)
    file.touch(mode=0o644)
    database = open_database(None, file.parent)
    fill(database)
    found = {p.name: p.stat().st_mode & 0o777 for p in file.parent.iterdir()}
    assert found == dict.fromkeys(("rilearn.db", "rilearn.db-wal", "rilearn.db-shm", "rilearn.db.lock"), 0o600)
    database.close()
    assert open_database(None, tmp_path / "other").close() is None
    assert (tmp_path / "other").stat().st_mode & 0o777 == 0o700


def test_opening_twice_leaves_the_locks_of_the_first(tmp_path: Path) -> None:
    """Without them another process that ends deletes the log that this one still reads and writes."""
    first = open_database(None, tmp_path)
    fill(first)
    open_database(None, tmp_path).close()
    log = (tmp_path / "rilearn.db-wal").stat().st_ino
    (far, near), alone = processes.Pipe(), processes.Barrier(1)  # held here: a semaphore goes with its last reference
    other = processes.Process(target=start, args=(None, tmp_path, alone, far))
    other.start()
    other.join(30)
    assert received(near) == ["opened"] and (tmp_path / "rilearn.db-wal").stat().st_ino == log


def test_how_sqlite_is_set(tmp_path: Path) -> None:
    database = open_database("", tmp_path / "odd #1? 50% ä")  # an empty url is none
    with database.read() as session:
        found = {p: session.scalar(text(f"PRAGMA {p}")) for p in ("journal_mode", "foreign_keys", "synchronous")}
        assert session.scalar(text("PRAGMA busy_timeout")) == module.WAIT * 1000
    assert found == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 1}  # `write` syncs, see test_wal


def test_a_block_that_fails_saves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as session:
        session.execute(text("DELETE FROM alembic_version"))
        raise ZeroDivisionError
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM alembic_version")) == 1


def test_what_a_reader_does_is_not_kept(database: Database, ann: int) -> None:
    with database.read() as session:
        session.execute(text("DELETE FROM annotators"))
    assert Annotators(database).find("ann")


def test_readers_are_not_held_up_by_a_writer(database: Database, item: int) -> None:
    with database.write() as session:
        session.execute(text("DELETE FROM reasonings"))
        assert count(database) == 1
    assert count(database) == 0


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://u:secret@h/d", "begins with 'mysql'"),
        ("nonsense secret", "is no url"),
        ("postgresql://h:x/d", "no url"),
    ],
)
def test_other_databases_are_refused(url: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words) as error:
        open_database(url, tmp_path)
    assert "secret" not in str(error.value)


def test_no_server_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be reached") as error:
        open_database("postgresql://ann:secret@127.0.0.1:1/d?application_name=secret", tmp_path)
    assert "127.0.0.1:1/d" in str(error.value) and "secret" not in str(error.value)


def test_a_database_that_is_not_there(url: str | None, tmp_path: Path) -> None:
    if url is None:
        with pytest.raises(StoreError, match="Check the folder, or set RILEARN_STATE"):
            open_database(None, Path("/proc/rilearn"))
    else:
        with pytest.raises(StoreError, match="Check user, password and database name"):
            open_database(url.replace("rilearn_", "nothing_"), tmp_path)


def test_a_locked_database(reopen: Callable[[], Database], monkeypatch: pytest.MonkeyPatch, item: int) -> None:
    monkeypatch.setattr(module, "WAIT", 0.2)
    database, other = reopen(), reopen()
    ann, ratings = Annotators(database).add("ann").id, Ratings(database)
    with other.write() as session:
        session.execute(text("UPDATE annotators SET name = 'eve'"))
        with pytest.raises(StoreError, match=r"busy with another write.*try again"):
            ratings.rate(ann, item, Rating("good"), "one")
    assert not ratings.live_ratings()
    ratings.rate(ann, item, Rating("good"), "one")
    assert len(ratings.live_ratings()) == 1


def test_a_writer_that_never_ends_holds_up_its_process_only_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT", 0.2)
    database, entered, go = open_database(None, tmp_path), threading.Event(), threading.Event()

    def hold() -> None:
        with database.write():
            entered.set()
            go.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(10)
    with pytest.raises(StoreError, match="busy"):
        fill(database)
    go.set()
    thread.join(10)
    fill(database)


def test_a_full_disk(tmp_path: Path) -> None:
    database = open_database(None, tmp_path)
    with database.read() as session:
        pages = session.scalar(text("PRAGMA page_count"))
    on_checkout(database, f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreError, match=r"is full. Free some space"):
        fill(database)
    assert count(database) == 0
    on_checkout(database, "PRAGMA max_page_count=100000")
    fill(database)
    assert count(database) == 100


def test_a_file_that_vanishes(tmp_path: Path) -> None:
    database = open_database(None, tmp_path)
    (tmp_path / "rilearn.db").rename(tmp_path / "away.db")
    for use in (fill, count):
        with pytest.raises(StoreError, match="gone"):
            use(database)
    assert not (tmp_path / "rilearn.db").exists()  # nothing new and empty in its place
    (tmp_path / "away.db").rename(tmp_path / "rilearn.db")
    fill(database)
    (tmp_path / "rilearn.db").rename(tmp_path / "away.db")
    (tmp_path / "rilearn.db").write_bytes((tmp_path / "away.db").read_bytes())
    with pytest.raises(StoreError, match="gone"):  # another file of that name is not the one that is open
        count(database)


def test_a_file_that_vanishes_during_a_write_is_not_acknowledged(tmp_path: Path) -> None:
    database = open_database(None, tmp_path)
    with pytest.raises(StoreError, match="send what you were saving again"), database.write() as session:
        session.execute(text("DELETE FROM annotators"))
        (tmp_path / "rilearn.db").unlink()


def test_a_server_that_drops_the_connection(database: Database, url: str | None) -> None:
    if url is None:
        pytest.skip("SQLite has no server")
    with pytest.raises(StoreError, match=r"cannot be reached.*saving again"), database.write() as session:
        session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    fill(database)  # a new connection
    assert count(database) == 100


@pytest.mark.parametrize(("begin", "share"), [(0, 0.2), (4096, 1.0)])
def test_a_damaged_file(begin: int, share: float, tmp_path: Path) -> None:
    database = open_database(None, tmp_path)
    fill(database)
    database.close()
    file = tmp_path / "rilearn.db"
    data = bytearray(file.read_bytes())
    end = int(len(data) * share)
    data[begin:end] = b"\xa5" * (end - begin)
    file.write_bytes(data)
    with pytest.raises(StoreError, match=r"is damaged.*put a copy in its place"):
        open_database(None, tmp_path)
    assert file.read_bytes() == data  # as it was, for whoever rescues it


def test_a_database_that_can_only_be_read(database: Database, url: str | None, reopen: Callable[[], Database]) -> None:
    if url is None:
        on_checkout(database, "PRAGMA query_only=ON")
    else:
        on_checkout(database, "SET transaction_read_only=on")
    with pytest.raises(StoreError, match=r"can only be read.*RILEARN_STATE"):
        fill(database)
    assert count(database) == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (psycopg.errors.DiskFull, "is full"),
        (psycopg.errors.DeadlockDetected, "busy with another write"),
        (psycopg.errors.SerializationFailure, "busy with another write"),
        (psycopg.errors.TooManyConnections, "busy with another write"),
        (psycopg.errors.DataCorrupted, "is damaged"),
        (psycopg.errors.AdminShutdown, "cannot be reached"),
        (psycopg.errors.InvalidPassword, "refuses the login"),
        (psycopg.errors.UniqueViolation, "already holds a row"),
        (psycopg.errors.DivisionByZero, r"cannot do this \(DivisionByZero: first\)"),
    ],
)
def test_what_a_server_says_in_our_words(error: type[psycopg.Error], words: str) -> None:
    with pytest.raises(StoreError, match=words) as found, faults.explained("'here'"):
        raise OperationalError("SELECT 'what somebody wrote'", {}, error("first\nDETAIL: somebody's words"))
    assert "somebody" not in str(found.value) and "'here'" in str(found.value)


def test_an_unknown_fault_of_sqlite_is_told_without_anybodys_words(tmp_path: Path) -> None:
    database = open_database(None, tmp_path)
    with pytest.raises(StoreError, match="no such table: nowhere") as error, database.write() as session:
        session.execute(text("SELECT * FROM nowhere WHERE x = :x"), {"x": "private"})
    assert "private" not in str(error.value)
    with pytest.raises(StoreError, match="already holds a row"), database.write() as session:
        for _ in range(2):
            columns = "name, pseudonym, role, created_at"
            session.execute(text(f"INSERT INTO annotators ({columns}) VALUES ('a', 'b', 'admin', '2026-01-01')"))


def test_a_copy_in_place_of_a_lost_file_is_taken_up(tmp_path: Path) -> None:
    database = open_database(None, tmp_path / "a")
    fill(database)
    with sqlite3.connect(tmp_path / "a" / "rilearn.db") as source:
        (tmp_path / "b").mkdir()
        with sqlite3.connect(tmp_path / "b" / "rilearn.db") as target:
            source.backup(target)
    assert count(open_database(None, tmp_path / "b")) == 100
