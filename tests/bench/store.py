"""Benchmark of the annotation store: a big SQLite database beside a nearly empty one, in one run, written as JSON.

python -m tests.bench.store --out data/results/bench-store.json
python -m tests.bench.store --out runs/smoke.json --reasonings 2000 --ratings 10000 --rounds 4        (in seconds)

Wants the machine and a disk to itself. "paced": every writer rates once a second on average, ten times as fast as
people do; "flat_out": without a pause, where each waits for all the others by definition. What a save must wait for is
the disk: "fdatasync" is measured beside it. Times in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select

from rilearn.records import Rating
from rilearn.store.adjudications import Adjudications
from rilearn.store.agreements import Agreements
from rilearn.store.annotator_cards import Cards
from rilearn.store.annotators import Annotators
from rilearn.store.database import FILE, Database, open_database
from rilearn.store.insight import Insight
from rilearn.store.progress import Progress
from rilearn.store.queue import Queue
from rilearn.store.ratings import Ratings
from rilearn.store.schema import RatingRow, ReasoningRow
from rilearn.ui.insight_part import DAYS, NEWEST, PAIRS, RANKED, Docket, Handlers
from tests.bench.classify import quantiles
from tests.bench.store_rows import AHEAD, BEGUN, fill
from tests.bench.store_rows import DAYS as LASTING
from training.stage import command, today

WRITERS, SMALL = 16, 2_000
TARGETS = {"next_item_p95": 20.0, "save_p95": 20.0, "after_save_p95": 20.0, "admin_view": 1000.0}


class Times:
    """Milliseconds of the two things an annotator waits for."""

    def __init__(self) -> None:
        self.next: list[float] = []
        self.save: list[float] = []

    def result(self) -> dict[str, Any]:
        return {"n": len(self.save), "next_item": quantiles(self.next), "save": quantiles(self.save)}


def timed(to: list[float], call: Callable[..., Any], *arguments: Any) -> Any:
    start = time.perf_counter()
    result = call(*arguments)
    to.append((time.perf_counter() - start) * 1000)
    return result


def rate(queue: Queue, ratings: Ratings, who: int, rounds: int, pause: float, draw: random.Random) -> Times:
    """Take an item and rate it, `rounds` times, with `pause` seconds between two on average."""
    times = Times()
    for _ in range(rounds):
        token = uuid4().hex
        time.sleep(draw.uniform(0, 2 * pause))
        lease = timed(times.next, queue.lease, who, token)
        if lease is None:
            raise SystemExit("The queue is empty: give the benchmark more --reasonings or fewer --rounds.")
        time.sleep(draw.uniform(0, 2 * pause))
        verdict = Rating(draw.choice(("good", "poor")), draw.randint(1, 5))
        timed(times.save, ratings.rate, who, lease.reasoning_id, verdict, token)
    return times


def together(database: Database, people: range, rounds: int, pause: float, seed: int) -> dict[str, Any]:
    """All these people at once; each begins with a round that does not count, which fills caches and connections."""
    queue, ratings, times = Queue(database), Ratings(database), Times()
    ready = threading.Barrier(len(people), timeout=120)

    def work(who: int) -> Times:
        draw = random.Random(seed * 1000 + who)
        rate(queue, ratings, who, 1, 0.0, draw)
        ready.wait()
        return rate(queue, ratings, who, rounds, pause, draw)

    start = time.perf_counter()
    with ThreadPoolExecutor(len(people)) as pool:
        for mine in pool.map(work, people):
            times.next += mine.next
            times.save += mine.save
    seconds = time.perf_counter() - start
    return {"writers": len(people), **times.result(), "ratings_per_second": round(len(times.save) / seconds, 1)}


def after_save(database: Database) -> dict[str, Any]:
    """What the Rate tab asks after each save, of somebody who has rated all the last day."""
    progress, queue, day = Progress(database), Queue(database), BEGUN + timedelta(days=LASTING - 1)
    asked: dict[str, Callable[[], Any]] = {"counts": partial(progress.counts, AHEAD + 1, day), "left": queue.left}
    taken: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(50):
        for name, call in asked.items():
            timed(taken[name], call)
    return {name: quantiles(times) for name, times in taken.items()}


def counts(database: Database) -> dict[str, float]:
    """Milliseconds of what the Insight tab asks, one by one, and of the whole tab (the slowest of three)."""
    agreements = Agreements(database)
    root = Annotators(database).add("root", "admin")
    # All that the handlers ask of the services is the database.
    page = Handlers(SimpleNamespace(store=SimpleNamespace(database=database)), lambda _: root)  # type: ignore[arg-type]
    calls: dict[str, Callable[[], Any]] = {
        "overview": partial(Insight(database).overview, RANKED, DAYS),
        "disputes": partial(Adjudications(database).disagreements, 1),
        "alphas": partial(agreements.alphas, NEWEST),
        "kappas": partial(agreements.kappas, PAIRS, NEWEST),
        "cards": partial(Cards(database).all, NEWEST),
        "together": partial(page.show, Docket(), None),  # type: ignore[arg-type]
    }
    worst: dict[str, float] = {}
    for name, call in calls.items():
        taken: list[float] = []
        for _ in range(3):
            timed(taken, call)
        worst[name] = round(max(taken), 1)
    return worst


def fdatasync(folder: Path, times: int = 100) -> dict[str, float]:
    """What the disk takes to keep 4 KB."""
    taken: list[float] = []
    file = os.open(folder / "sync", os.O_CREAT | os.O_RDWR)
    for i in range(times):
        os.pwrite(file, os.urandom(4096), i * 4096)
        timed(taken, os.fdatasync, file)
    os.close(file)
    return quantiles(taken)


def measure(database: Database, people: range, rounds: int, seed: int) -> dict[str, Any]:
    with database.write() as session:
        facts = {
            "ratings": session.scalar(select(func.count(RatingRow.id))),
            "reasonings": session.scalar(select(func.count(ReasoningRow.id))),
        }
    return {
        **facts,
        "one": together(database, people[:1], rounds * 5, 0.0, seed),
        "far_ahead": together(database, range(AHEAD, AHEAD + 1), rounds, 0.0, seed + 1),
        "paced": together(database, people[:WRITERS], rounds, 0.5, seed + 2),
        "flat_out": together(database, people[:WRITERS], rounds, 0.0, seed + 3),
        "after_save": after_save(database),
        "admin_view": counts(database),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--reasonings", type=int, default=200_000)
    arguments.add_argument("--ratings", type=int, default=1_000_000)
    arguments.add_argument("--annotators", type=int, default=32, help=f"at least {WRITERS + 1}")
    arguments.add_argument("--rounds", type=int, default=20, help="ratings a writer")
    arguments.add_argument("--folder", type=Path, help="where the databases lie, kept; a temporary folder if left out")
    given = arguments.parse_args()
    people = range(AHEAD + 1, AHEAD + given.annotators)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        result: dict[str, Any] = {
            "cores": len(os.sched_getaffinity(0)),
            "processor": platform.machine(),
            "sqlite": sqlite3.sqlite_version,
            "load_before": round(os.getloadavg()[0], 2),
            "niceness": os.nice(0),
            "seed": 0,
            "date": today(),
            "command": command(),
            "targets": TARGETS,
        }
        sizes = {"empty": (min(SMALL, given.reasonings), 0), "full": (given.reasonings, given.ratings)}
        for name, (reasonings, ratings) in sizes.items():
            new = not (folder / name / FILE).exists()
            database = open_database(None, folder / name)
            if new:
                fill(database, reasonings, ratings, given.annotators)
            result[name] = {"fdatasync": fdatasync(folder), **measure(database, people, given.rounds, seed=0)}
            database.close()
            print(name, json.dumps(result[name]), flush=True)
        result["load_after"] = round(os.getloadavg()[0], 2)
    full = result["full"]
    result["met"] = {
        "next_item_p95": full["paced"]["next_item"]["p95"] < TARGETS["next_item_p95"],
        "save_p95": full["paced"]["save"]["p95"] < TARGETS["save_p95"],
        "after_save_p95": sum(asked["p95"] for asked in full["after_save"].values()) < TARGETS["after_save_p95"],
        "admin_view": full["admin_view"]["together"] < TARGETS["admin_view"],
    }
    print(json.dumps(result["met"]))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
