"""The app's hold on the database: opened once and late, a failure told and tried again, closed for good."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rilearn.errors import ConfigError, StoreError
from rilearn.store.database import FILE
from rilearn.store.handle import Store


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
