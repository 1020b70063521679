"""The app's hold on the database: opened once and late, a failure told and tried again, closed for good."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from rilearn.errors import ConfigError, StoreError
from rilearn.store.database import FILE
from rilearn.store.handle import Store
from rilearn.store.votes import Side, Version


def test_it_opens_once_and_at_its_first_use(tmp_path: Path) -> None:
    store = Store("", tmp_path / "state")
    assert not (tmp_path / "state").exists()
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: store.database, range(8)))) == 1
    assert store.votes().tally() == [] and (tmp_path / "state" / FILE).exists()
    store.close()


def test_a_failure_is_told_and_mended_without_a_restart(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    store = Store("", tmp_path / "state")
    with pytest.raises(StoreError, match="RILEARN_STATE"):
        store.votes()
    (tmp_path / "state").unlink()
    assert store.votes().tally() == []
    store.close()


@pytest.mark.parametrize("lost", [True, False], ids=["gone", "damaged"])
def test_a_copy_in_place_of_a_lost_or_damaged_file_is_taken_up_without_a_restart(tmp_path: Path, lost: bool) -> None:
    store, file, copy = Store("", tmp_path / "state"), tmp_path / "state" / FILE, tmp_path / "copy.db"
    sides = (Side(Version("a", "1" * 64), "one"), Side(Version("b", "2" * 64), "two"))
    pair = store.votes().add_pair("a text", sides, "visitor")
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    store.votes().vote(pair.id, "visitor", "tie", "after the copy")
    if lost:
        file.unlink()
        words = "is gone"
    else:
        store.database.engine.dispose()  # nothing of it is left in memory
        with file.open("r+b") as damaged:
            damaged.seek(4096)
            damaged.write(b"\xa5" * (file.stat().st_size - 4096))
        words = "is damaged"
    for _ in range(2):
        with pytest.raises(StoreError, match=words):
            store.votes().tally()
    if not lost:  # as the message says: the damaged one is kept
        file.rename(tmp_path / "damaged.db")
    copy.rename(file)
    # Not with the lost file's log, in which the vote stands: its pages belong to that file.
    assert store.votes().tally() == [] and store.votes().vote(pair.id, "visitor", "left", "again").choice == "left"
    assert store.votes().tally() != []
    store.close()
    with closing(sqlite3.connect(file)) as kept:
        assert kept.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert kept.execute("SELECT token FROM votes").fetchall() == [("again",)]


def test_a_bad_url_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="RILEARN_DATABASE_URL"):
        Store("mysql://host/name", tmp_path).votes()


def test_after_the_end_nothing_opens(tmp_path: Path) -> None:
    store = Store("", tmp_path / "state")
    store.close()
    store.close()
    with pytest.raises(StoreError, match="shutting down"):
        store.votes()
    assert not (tmp_path / "state").exists()


def test_having_it_loads_no_database_library() -> None:
    code = "import sys, rilearn.store.handle; print([m for m in ('sqlalchemy', 'alembic') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert out.stdout.strip() == "[]"
