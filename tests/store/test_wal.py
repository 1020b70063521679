"""The write-ahead log among many writers: acknowledged means on disk, one fsync for those who wait, turns in order."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rilearn.errors import StoreError
from rilearn.records import Rating
from rilearn.store import wal
from rilearn.store.annotators import Annotators
from rilearn.store.database import FILE, Database, open_database
from rilearn.store.queue import Entry, Queue
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.store.wal import Log, Turns
from tests.conftest import eventually
from tests.store.conftest import reasoning

Syncs = Callable[[int], None]


@pytest.fixture
def database(tmp_path: Path) -> Any:
    database = open_database(None, tmp_path / "state")
    yield database
    database.close()


@pytest.fixture
def log(tmp_path: Path) -> Log:
    (tmp_path / "x-wal").touch()
    return Log(tmp_path / "x", lambda: sqlite3.connect(":memory:"))


def tokens(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        return {token for (token,) in connection.execute("SELECT token FROM ratings")}


def test_what_is_acknowledged_is_on_disk(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the files as each fsync begins stands for what the disk holds at least when it has ended."""
    monkeypatch.setattr(wal, "FOLD_EVERY", 10**6)
    items = Reasonings(database).add(reasoning(n) for n in range(5))
    people = [Annotators(database).add(f"person {n}").id for n in range(6)]
    state, disks = tmp_path / "state", tmp_path / "disks"
    disks.mkdir()
    sync, done, guard = os.fdatasync, list[Path](), threading.Lock()

    def power_cut(file: int) -> None:
        disk = disks / f"{len(done)}"
        disk.mkdir()
        for name in (FILE, f"{FILE}-wal"):
            shutil.copyfile(state / name, disk / name)
        sync(file)
        done.append(disk)

    monkeypatch.setattr(wal.os, "fdatasync", power_cut)
    acknowledged: list[tuple[str, Path]] = []

    def work(person: int) -> None:
        for n, item in enumerate(items):
            Ratings(database).rate(person, item, Rating("good"), token := f"{person}-{n}")
            with guard:
                acknowledged.append((token, done[-1]))

    with ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(work, people))
    assert len(acknowledged) == 30
    kept = {disk: tokens(disk / FILE) for disk in {disk for _, disk in acknowledged}}
    assert [token for token, disk in acknowledged if token not in kept[disk]] == []


def test_those_who_wait_share_a_sync_and_none_takes_one_that_began_before(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go, count = threading.Event(), threading.Event(), list[int]()

    def slow(file: int) -> None:
        count.append(file)
        begun.set()
        if len(count) == 1:
            assert go.wait(10)

    monkeypatch.setattr(wal.os, "fdatasync", slow)
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(log.sync)
        assert begun.wait(10)
        others = [pool.submit(log.sync) for _ in range(19)]
        time.sleep(0.2)
        assert not first.done() and not any(other.done() for other in others)
        go.set()
        for future in (first, *others):
            future.result(10)
    assert len(count) == 2


def test_a_disk_that_fails_is_told_and_the_same_request_again_is_one_rating(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    (item,) = Reasonings(database).add([reasoning()])
    ann, ratings = Annotators(database).add("ann").id, Ratings(database)

    def fail(file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(wal.os, "fdatasync", fail)
        for _ in range(2):
            with pytest.raises(StoreError, match=r"Input/output error.*Send it again \(nothing is saved twice\)"):
                ratings.rate(ann, item, Rating("good"), "one")
    ratings.rate(ann, item, Rating("good"), "one")
    assert len(ratings.history(ann, item)) == 1


def test_all_who_waited_for_a_sync_that_failed_are_told(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go, calls = threading.Event(), threading.Event(), list[int]()

    def fail_second(file: int) -> None:
        calls.append(file)
        begun.set()
        if len(calls) == 1:
            assert go.wait(10)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(wal.os, "fdatasync", fail_second)
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(log.sync)
        assert begun.wait(10)
        others = [pool.submit(log.sync) for _ in range(4)]
        time.sleep(0.2)
        go.set()
        first.result(10)
        assert [other.exception(10).errno for other in others] == [errno.ENOSPC] * 4  # type: ignore[union-attr]
    log.sync()


def test_a_sign_of_life_is_kept_without_a_sync(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, (item,) = Queue(database), Reasonings(database).add([reasoning()])
    ann = Annotators(database).add("ann").id
    queue.add([Entry(item, "generator")])
    syncs = list[int]()
    monkeypatch.setattr(wal.os, "fdatasync", syncs.append)
    assert queue.lease(ann, "t") and queue.keep(ann, "t") and syncs == []
    queue.release(ann, "t")
    Ratings(database).rate(ann, item, Rating("good"), "one")
    assert len(syncs) == 1


def test_the_log_is_folded_beside_the_writers(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal, "FOLD_EVERY", 3)
    for number in range(7):
        Annotators(database).add(f"person {number}")
    file, alone = tmp_path / "state" / FILE, tmp_path / "alone.db"

    def folded() -> bool:
        shutil.copyfile(file, alone)  # without its log
        with closing(sqlite3.connect(alone)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
            count: int = connection.execute("SELECT count(*) FROM annotators").fetchone()[0]
        return count >= 3

    assert eventually(folded)


def test_a_log_that_cannot_be_folded_stops_nobody(
    log: Log, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wal, "FOLD_EVERY", 1)

    def broken() -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(log, "_connect", broken)
    log.sync()
    log.close()
    assert "was not folded" in caplog.text
    log.sync()


def test_turns_go_in_order_and_not_for_ever() -> None:
    turns, order = Turns(), list[int]()
    assert turns.acquire(1)
    assert not turns.acquire(0.05)

    def wait(number: int) -> None:
        assert turns.acquire(10)
        order.append(number)
        turns.release()

    threads = []
    for number in range(8):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        assert eventually(lambda number=number: len(turns._waiting) == number + 1)  # type: ignore[misc]
    turns.release()
    for thread in threads:
        thread.join(10)
    assert order == [*range(8)] and turns.acquire(0)
