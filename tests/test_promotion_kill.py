"""A kill at any step of a promotion or a rollback leaves the version before or the one after in use, whole; never
neither."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from rilearn.adapters import load_adapter
from rilearn.kept import KINDS, find, shipped
from rilearn.promotion import promote, rollback
from rilearn.settings import Settings
from rilearn.store.annotators import Annotators
from rilearn.store.database import open_database
from rilearn.store.promotions import Promotion, Promotions, line
from tests.candidates import make_candidate, make_shipped
from tests.migrated import lay
from tests.promoting import BACK, KILLED, STEPS, overruled, run
from tests.store.workers import processes, received

KILLS = 20


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(adapters=make_shipped(tmp_path / "adapters"), state=lay(tmp_path / "state"), database_url="")
    database = open_database(None, made.state_dir)
    assert Annotators(database).add("ada", "admin").id == 1
    database.close()
    return made


def digest(folder: Path) -> str:
    return load_adapter(folder).ref.digest


@contextmanager
def running(settings: Settings, step: str, *folders: Path) -> Iterator[tuple[Any, Connection]]:
    pipe, far_end = processes.Pipe(duplex=False)
    process = processes.Process(target=run, args=(settings, step, list(folders), far_end))
    process.start()
    far_end.close()
    yield process, pipe
    process.join(60)


def turns(settings: Settings) -> list[Promotion]:
    """All promotions and rollbacks, oldest first, after a new start."""
    database = open_database(None, settings.state_dir)
    try:
        return Promotions(database).history(settings.task, "generator")[::-1]
    finally:
        database.close()


def in_use(settings: Settings) -> str:
    """The digest in use after a new start; its files are whole, or this raises."""
    came, _ = shipped(settings)
    if not (past := turns(settings)):
        return next(a.ref.digest for a in came if a.manifest.kind == KINDS["generator"])
    return find(settings, "generator", past[-1].digest, came).ref.digest


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_a_step_leaves_one_of_both_and_the_next_promotion_works(
    step: str, settings: Settings, tmp_path: Path
) -> None:
    first, new = in_use(settings), make_candidate(tmp_path / "generator-2", "generator", seed=1)
    with running(settings, step, new) as (process, _):
        pass
    assert process.exitcode == KILLED
    done = step == "after the commit"
    assert in_use(settings) == (digest(new) if done else first)
    third = make_candidate(tmp_path / "generator-3", "generator", seed=3)
    database = open_database(None, settings.state_dir)
    for folder in (third, new):
        verdict = overruled("generator", digest(folder))
        promote(database, settings, "generator", folder, verdict, 1, folder.name, "a test")
    database.close()
    assert in_use(settings) == digest(new)
    assert {p.name for p in (settings.state_dir / "versions").iterdir()} == {digest(new), digest(third), ".lock"}


@pytest.mark.parametrize("step", BACK)
def test_a_kill_at_a_step_of_a_rollback_leaves_one_of_both_and_the_next_rollback_works(
    step: str, settings: Settings, tmp_path: Path
) -> None:
    first = in_use(settings)
    folders = [make_candidate(tmp_path / f"generator-{n}", "generator", seed=n) for n in (2, 3)]
    second, third = map(digest, folders)
    database = open_database(None, settings.state_dir)
    for folder in folders:
        promote(database, settings, "generator", folder, overruled("generator", digest(folder)), 1, folder.name, "test")
    database.close()
    with running(settings, step, *folders) as (process, _):
        pass
    assert process.exitcode == KILLED
    done = step == "after the commit"
    now = in_use(settings)
    assert now == (second if done else third)
    database = open_database(None, settings.state_dir)
    rollback(database, settings, "generator", 1, "again", now)
    database.close()
    assert in_use(settings) == (first if done else second)
    assert {p.name for p in (settings.state_dir / "versions").iterdir()} == {second, third, ".lock"}


def test_kill_9_at_any_moment(settings: Settings, tmp_path: Path) -> None:
    folders = [make_candidate(tmp_path / f"generator-{n}", "generator", seed=n) for n in (2, 3, 4)]
    ladder, moments = [in_use(settings), *map(digest, folders)], random.Random(1)
    for _ in range(KILLS):
        with running(settings, "", *folders) as (process, pipe):
            assert pipe.poll(60), "no promotion at all"
            time.sleep(moments.uniform(0, 0.1))
            assert process.pid
            os.kill(process.pid, signal.SIGKILL)
        *_, acknowledged = received(pipe)
        now, past = in_use(settings), turns(settings)
        # The last one acknowledged, or the one that was under way when the kill came.
        assert past[-1].turn - int(acknowledged) in (0, 1)
        assert now == past[-1].digest and line(past) == ladder[: len(line(past))]
    assert {one.action for one in past} == {"promote", "rollback"}
