"""A kill at any step of a promotion leaves the old version or the new one in use, whole; never neither."""

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
from rilearn.promotion import promote
from rilearn.settings import Settings
from rilearn.store.annotators import Annotators
from rilearn.store.database import open_database
from rilearn.store.promotions import Promotions
from tests.candidates import make_candidate, make_shipped
from tests.migrated import lay
from tests.promoting import KILLED, STEPS, overruled, run
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


def in_use(settings: Settings) -> str:
    """The digest in use after a new start; its files are whole, or this raises."""
    database = open_database(None, settings.state_dir)
    try:
        promoted = Promotions(database).active(settings.task, "generator")
    finally:
        database.close()
    came, _ = shipped(settings)
    if promoted is None:
        return next(a.ref.digest for a in came if a.manifest.kind == KINDS["generator"])
    return find(settings, "generator", promoted.digest, came).ref.digest


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


def test_kill_9_at_any_moment(settings: Settings, tmp_path: Path) -> None:
    folders = [make_candidate(tmp_path / f"generator-{n}", "generator", seed=n) for n in (2, 3, 4)]
    order, moments = [digest(folder) for folder in folders], random.Random(1)
    for _ in range(KILLS):
        with running(settings, "", *folders) as (process, pipe):
            assert pipe.poll(60), "no promotion at all"
            time.sleep(moments.uniform(0, 0.1))
            assert process.pid
            os.kill(process.pid, signal.SIGKILL)
        *_, acknowledged = received(pipe)
        # The last one acknowledged, or the one that was under way when the kill came.
        last = order.index(acknowledged)
        assert in_use(settings) in (order[last], order[(last + 1) % len(order)])
