"""What was acknowledged is there, however the process ended; processes that start together do not trip."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text

from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from tests.store.conftest import reasoning
from tests.store.workers import processes, rate_for_ever, received, start

PREPARED = False  # here databases are made and migrated as they are opened
KILLS, TOGETHER = 20, 2


def test_kill_9_loses_no_acknowledged_rating(
    reopen: Callable[[], Database], url: str | None, tmp_path: Path, ann: int, bob: int
) -> None:
    database, moments, acknowledged = reopen(), random.Random(1), list[str]()
    items = Reasonings(database).add(reasoning(n) for n in range(3))
    database.close()
    for _ in range(KILLS // TOGETHER):
        pairs = [processes.Pipe(duplex=False) for _ in range(TOGETHER)]
        workers = [
            processes.Process(target=rate_for_ever, args=(url, tmp_path / "state", who, items, far_end))
            for who, (_, far_end) in zip((ann, bob) * (TOGETHER // 2), pairs, strict=True)
        ]
        for worker in workers:
            worker.start()
        for worker, (pipe, far_end) in zip(workers, pairs, strict=True):
            far_end.close()
            assert pipe.poll(30), "no rating at all"
            time.sleep(moments.uniform(0, 0.08))
            assert worker.pid
            os.kill(worker.pid, signal.SIGKILL)
            worker.join(10)
            assert worker.exitcode == -signal.SIGKILL
            acknowledged += received(pipe)

    database = reopen()
    kept = [r for who in (ann, bob) for item in items for r in Ratings(database).history(who, item)]
    comments = [r.rating.comment for r in kept]
    assert len(acknowledged) > KILLS and set(acknowledged) <= set(comments)
    assert len(set(comments)) == len(comments) <= len(acknowledged) + KILLS  # a kill may come before the answer
    live = [(r.annotator_id, r.reasoning_id) for r in kept if r.superseded_at is None]
    assert len(set(live)) == len(live)
    if url is None:
        with database.read() as session:
            assert session.scalar(text("PRAGMA integrity_check")) == "ok"


def test_processes_that_start_together_migrate_once(
    reopen: Callable[[], Database], url: str | None, tmp_path: Path
) -> None:
    together = processes.Barrier(4)
    pairs = [processes.Pipe(duplex=False) for _ in range(4)]
    workers = [
        processes.Process(target=start, args=(url, tmp_path / "state", together, far_end)) for _, far_end in pairs
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [received(pipe) for pipe, _ in pairs] == [["opened"]] * 4
    database = reopen()
    assert Annotators(database).add("ann").id == 1
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM alembic_version")) == 1
