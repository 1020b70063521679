"""Disks that are full or fail under the open database: told in words, nothing half-written, and on again after."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from rilearn.errors import StoreError
from rilearn.records import Rating
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database, open_database
from rilearn.store.queue import Entry, Queue
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from tests.store.conftest import reasoning


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("only root may mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_up(folder: Path) -> Path:
    """A file that takes what is left of the disk."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 65_536) == 65_536:
                pass
            while True:
                file.write(b"x")
        except OSError as error:
            assert error.errno == errno.ENOSPC
    return ballast


def whole(database: Database) -> bool:
    with database.read() as session:
        return session.scalar(text("PRAGMA integrity_check")) == "ok"


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    database = open_database(None, small_disk / "state")
    queue, ratings, ann = Queue(database), Ratings(database), Annotators(database).add("ann").id
    items = Reasonings(database).add(reasoning(n) for n in range(3))
    queue.add([Entry(item, "generator") for item in items])
    lent = queue.lease(ann, "t", "oldest")
    assert lent
    ballast, saved = fill_up(small_disk), 0
    with pytest.raises(StoreError, match=r"is full. Free some space and send it again"):
        for saved in range(10_000):  # the log's last page may have room for some
            ratings.rate(ann, lent.reasoning_id, Rating("good", comment="x" * 1000), f"r{saved}")
    assert len(ratings.history(ann, lent.reasoning_id)) == saved and whole(database)
    with pytest.raises(StoreError, match="is full"):
        Reasonings(database).add(reasoning(n, reasoning="x" * 900) for n in range(10, 3000))
    ballast.unlink()
    made = ratings.rate(ann, lent.reasoning_id, Rating("poor"), f"r{saved}")  # the same request, sent again
    assert ratings.live_ratings(ann) == [made] and queue.left() == 2 and queue.lease(ann, "u") and whole(database)
    database.close()


def test_a_disk_that_is_full_at_the_start(small_disk: Path) -> None:
    ballast = fill_up(small_disk)
    with pytest.raises(StoreError, match=r"full|No space left"):
        open_database(None, small_disk / "state")
    ballast.unlink()
    database = open_database(None, small_disk / "state")
    assert Annotators(database).add("ann").id == 1
    database.close()


def test_pages_that_are_damaged_under_the_open_database(tmp_path: Path) -> None:
    """Whoever reads or writes is told; what was not touched by the damage can still be read."""
    database = open_database(None, tmp_path)
    ann, items = Annotators(database).add("ann").id, Reasonings(database).add(reasoning(n) for n in range(200))
    with sqlite3.connect(tmp_path / "rilearn.db") as folding:
        folding.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with database.read() as session:
        root, size = (
            session.scalar(text(q)) or 0
            for q in ("SELECT rootpage FROM sqlite_master WHERE name = 'reasonings'", "PRAGMA page_size")
        )
    database.engine.dispose()
    file = os.open(tmp_path / "rilearn.db", os.O_RDWR)
    good = os.pread(file, size, (root - 1) * size)
    os.pwrite(file, b"\xa5" * size, (root - 1) * size)
    for use in (
        lambda: Reasonings(database).get(items[7]),
        lambda: Ratings(database).rate(ann, items[7], Rating("good"), "r"),
    ):
        with pytest.raises(StoreError, match="is damaged"):
            use()
    assert Annotators(database).find("ann") and Ratings(database).live_ratings() == []
    database.engine.dispose()
    os.pwrite(file, good, (root - 1) * size)  # mended: it goes on
    os.close(file)
    assert Ratings(database).rate(ann, items[7], Rating("good"), "r").id == 1 and whole(database)


def test_a_lock_of_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rilearn.store.database.WAIT", 0.2)
    database = open_database(None, tmp_path)
    (item,), ann = Reasonings(database).add([reasoning()]), Annotators(database).add("ann").id
    Queue(database).add([Entry(item, "generator")])
    other = sqlite3.connect(tmp_path / "rilearn.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for use in (
        lambda: Queue(database).lease(ann, "t"),
        lambda: Ratings(database).rate(ann, item, Rating("good"), "r"),
    ):
        with pytest.raises(StoreError, match="busy with another write"):
            use()
    assert Queue(database).left() == 1  # reading goes on
    other.execute("ROLLBACK")
    assert Queue(database).lease(ann, "t") and Ratings(database).rate(ann, item, Rating("good"), "r").id == 1
    other.close()
