"""The queue: one person at a time, never twice to the same one, nothing lost when people leave, no deadlock."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, get_args
from uuid import uuid4

import pytest
from sqlalchemy import event, select

from rilearn.errors import InputError
from rilearn.records import Rating
from rilearn.store import queue as module
from rilearn.store import queue_order
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.queue import Entry, Order, Queue
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.store.schema import LeaseRow, now
from rilearn.store.schema_annotation import ItemRow
from tests.store.conftest import reasoning

CROWD, ITEMS = 32, 40


@pytest.fixture
def ids(reasonings: Reasonings) -> list[int]:
    return sorted(reasonings.add([reasoning(i) for i in range(4)]))


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database)


def fill(queue: Queue, ids: list[int], **values: int | bool) -> None:
    queue.add([Entry(i, "generator", **values) for i in ids])  # type: ignore[arg-type]


def test_filling_twice_adds_nothing_and_a_mistake_adds_nothing_at_all(queue: Queue, ids: list[int]) -> None:
    assert queue.add([Entry(i, "generator") for i in ids[:2]]) == 2
    assert queue.add([Entry(i, "visitor", ratings=9) for i in ids[:3]]) == 1
    assert queue.left() == 3
    for wrong in (Entry(10**6, "generator"), Entry(ids[3], "generator", ratings=0), Entry(ids[3], "nowhere")):  # type: ignore[arg-type]
        with pytest.raises(InputError):
            queue.add([Entry(ids[3], "generator"), wrong])
    assert queue.left() == 3


def test_an_item_is_lent_to_one_and_a_retry_gets_the_same(queue: Queue, ids: list[int], ann: int, bob: int) -> None:
    fill(queue, ids[:1])
    lent = queue.lease(ann, "t")
    assert lent and lent.reasoning_id == ids[0] and lent.reason in get_args(Order)
    assert queue.lease(ann, "t") == lent
    assert queue.lease(bob, "u") is None and queue.lease(ann, "second") is None
    with pytest.raises(InputError, match="lease is over"):
        queue.lease(bob, "t")
    queue.release(bob, "t")  # not his to give back
    assert queue.lease(bob, "u") is None
    queue.release(ann, "t")
    found = queue.lease(bob, "u")
    assert found and found.reasoning_id == ids[0]
    with pytest.raises(InputError, match="lease is over"):
        queue.lease(ann, "t")


def test_a_lease_left_alone_expires_and_a_sign_of_life_keeps_it(
    database: Database, queue: Queue, ids: list[int], ann: int, bob: int
) -> None:
    fill(queue, ids[:1])
    gone = Queue(database, seconds=-1)
    assert gone.lease(ann, "t")
    assert not queue.keep(ann, "t")  # too late
    assert queue.lease(bob, "u")
    assert queue.keep(bob, "u") and not queue.keep(ann, "u")
    assert queue.lease(ann, "v") is None


def test_a_rating_ends_the_lease_and_the_item_goes_to_others_as_often_as_wanted(
    queue: Queue, ratings: Ratings, ids: list[int], ann: int, bob: int
) -> None:
    fill(queue, ids[:1], ratings=2)
    assert queue.lease(ann, "t")
    made = ratings.rate(ann, ids[0], Rating("good"), "r")
    ratings.rate(ann, ids[0], Rating("good"), "r")  # a retry
    ratings.rate(ann, ids[0], Rating("poor"), "s")  # a change of mind
    assert queue.left() == 1 and queue.lease(ann, "again") is None
    assert queue.lease(bob, "u")
    ratings.rate(bob, ids[0], Rating("good"), "r")
    assert queue.left() == 0
    ratings.retract(ann, made.id)  # superseded already: nothing changes
    assert queue.left() == 0
    (live,) = ratings.live_ratings(ann)
    ratings.retract(ann, live.id)
    assert queue.left() == 1 and queue.lease(bob, "w") is None and queue.lease(ann, "x")


def test_items_for_everyone_come_first_and_to_everyone(
    queue: Queue, ratings: Ratings, ids: list[int], ann: int, bob: int
) -> None:
    fill(queue, ids[:2])
    fill(queue, ids[2:3], everyone=True)
    for person in (ann, bob):
        lent = queue.lease(person, f"t{person}")
        assert lent and lent.reasoning_id == ids[2]
        ratings.rate(person, ids[2], Rating("good"), "r")
        assert (found := queue.lease(person, f"u{person}")) and found.reasoning_id != ids[2]


@pytest.mark.parametrize(("order", "first"), [("oldest", 0), ("uncertain", 1), ("disagree", 2), ("quality", 3)])
def test_each_order_begins_where_it_says(order: Order, first: int, queue: Queue, ids: list[int], ann: int) -> None:
    entries = [Entry(i, "generator", uncertainty=0.1, disagreement=0.1, quality=0.9) for i in ids]
    entries[0] = Entry(ids[0], "generator")  # of which nothing is known
    entries[1] = replace(entries[1], uncertainty=0.8)
    entries[2] = replace(entries[2], disagreement=0.8)
    entries[3] = replace(entries[3], quality=0.2)
    queue.add(entries)
    lent = queue.lease(ann, "t", order)
    assert lent and (lent.reasoning_id, lent.reason) == (ids[first], order)


def test_the_spread_takes_labels_and_adapters_by_turns(
    queue: Queue, ratings: Ratings, reasonings: Reasonings, ann: int
) -> None:
    kinds = [("rain", "one"), ("rain", "two"), ("sun", "one")]
    made = [reasoning(n, label=label, adapter=adapter) for n, (label, adapter) in enumerate(kinds[:1] * 20 + kinds * 2)]
    fill(queue, reasonings.add(made[:20]))
    fill(queue, reasonings.add(made[20:]))
    seen = []
    for turn in range(6):
        lent = queue.lease(ann, f"t{turn}", "spread")
        assert lent
        found = reasonings.get(lent.reasoning_id).reasoning
        seen.append((found.label, found.adapter))
        ratings.rate(ann, lent.reasoning_id, Rating("good"), f"r{turn}")
    assert sorted(seen[:3]) == sorted(seen[3:]) == sorted(kinds)


def test_calibration_items_are_mixed_in_at_the_rate_and_wait_for_nobody(
    queue: Queue, ratings: Ratings, ids: list[int], ann: int, bob: int
) -> None:
    queue.add([Entry(ids[0], "import", expected={"verdict": "good"}), Entry(ids[1], "generator")])
    assert queue.left() == 1
    for person in (ann, bob):  # each rates it once, however often others did
        lent = queue.lease(person, f"c{person}", calibration=1.0)
        assert lent and (lent.reasoning_id, lent.reason) == (ids[0], "calibration")
        ratings.rate(person, ids[0], Rating("poor"), "r")
    lent = queue.lease(ann, "other", calibration=1.0)  # none is left to them: an ordinary one
    assert lent and lent.reasoning_id == ids[1] and lent.reason in get_args(Order)
    assert queue.lease(bob, "none") is None and queue.left() == 1


def test_calibration_items_never_come_without_a_rate(queue: Queue, ids: list[int], ann: int) -> None:
    queue.add([Entry(i, "import", expected={"verdict": "good"}, everyone=True) for i in ids])
    assert queue.lease(ann, "t") is None and queue.left() == 0
    lent = queue.lease(ann, "u", calibration=1.0)
    assert lent and queue.lease(ann, "u") == lent  # sent again


def test_calibration_items_are_never_for_everyone_and_no_overlap(
    queue: Queue, ratings: Ratings, ids: list[int], ann: int, bob: int, database: Database
) -> None:
    queue.add([Entry(ids[0], "import", ratings=5, everyone=True, expected={"verdict": "good"})])
    fill(queue, ids[1:2], everyone=True)
    with database.read() as session:
        rows = session.execute(select(ItemRow.wanted, ItemRow.ratings_left, ItemRow.everyone).order_by(ItemRow.id))
        assert rows.tuples().all() == [(0, 0, False), (1, 1, True)]
    for person in (ann, bob):
        lent = queue.lease(person, f"e{person}", calibration=0.0)
        assert lent and (lent.reasoning_id, lent.reason) == (ids[1], "everyone")
        ratings.rate(person, ids[1], Rating("good"), "e")
        assert queue.lease(person, f"n{person}", calibration=0.0) is None  # once each, and the other one never
    assert queue.left() == 0


def test_each_calibration_item_comes_once_to_each_annotator(
    queue: Queue, ratings: Ratings, reasonings: Reasonings, ann: int, bob: int
) -> None:
    known, others = (reasonings.add([reasoning(n) for n in numbers]) for numbers in (range(3), range(9, 15)))
    queue.add([Entry(i, "import", expected={"verdict": "good"}) for i in known])
    fill(queue, others, ratings=2)
    for person in (ann, bob):
        seen = Counter[bool]()
        while lent := queue.lease(person, uuid4().hex, "oldest", calibration=0.5):
            assert (lent.reason == "calibration") == (lent.reasoning_id in known)
            seen[lent.reason == "calibration"] += 1
            ratings.rate(person, lent.reasoning_id, Rating("good"), lent.token)
        assert seen[False] == len(others) and seen[True] <= len(known)
    rated = {(one.annotator_id, one.reasoning_id) for one in ratings.live_ratings()}
    assert queue.left() == 0 and all(len(ratings.history(*one)) == 1 for one in rated)


def test_to_whom_nothing_else_is_left_no_calibration_item_comes(
    queue: Queue, ratings: Ratings, ids: list[int], ann: int, bob: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would show what it is; but where all is to be calibration they come alone."""
    queue.add([Entry(ids[0], "import", expected={"verdict": "good"})])
    fill(queue, ids[1:2])
    monkeypatch.setattr(module.random, "random", lambda: 0.0)  # always drawn
    assert (held := queue.lease(bob, "b", "oldest")) and held.reasoning_id == ids[1]
    assert queue.lease(ann, "1", "oldest", calibration=0.5) is None  # Bob holds the only other one
    queue.release(bob, "b")
    assert (lent := queue.lease(ann, "2", "oldest", calibration=0.5)) and lent.reason == "calibration"
    queue.release(ann, "2")
    assert (lent := queue.lease(ann, "3", "oldest")) and lent.reason == "oldest"
    ratings.rate(ann, ids[1], Rating("good"), "r")
    assert queue.lease(ann, "4", "oldest", calibration=0.5) is None
    assert (lent := queue.lease(ann, "5", "oldest", calibration=1.0)) and lent.reasoning_id == ids[0]


def test_the_rate_is_the_share(queue: Queue, ids: list[int], ann: int, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.add([Entry(ids[0], "import", expected={"verdict": "good"}), Entry(ids[1], "generator")])
    drawn = random.Random(3)
    monkeypatch.setattr(module.random, "random", drawn.random)
    reasons = Counter[str]()
    for number in range(60):
        lent = queue.lease(ann, f"t{number}", "oldest", calibration=0.25)
        assert lent
        reasons[lent.reason] += 1
        queue.release(ann, lent.token)
    assert 5 <= reasons["calibration"] <= 25 and reasons["calibration"] + reasons["oldest"] == 60


def test_the_reason_is_stored(queue: Queue, ids: list[int], ann: int, database: Database) -> None:
    fill(queue, ids[:1], everyone=True)
    fill(queue, ids[1:2])
    for token in ("t", "u"):
        assert queue.lease(ann, token, "quality")
    with database.read() as session:
        assert session.scalars(select(LeaseRow.reason).order_by(LeaseRow.id)).all() == ["everyone", "quality"]


def test_the_shortlist_is_a_hint_alone(queue: Queue, ratings: Ratings, ids: list[int], ann: int, bob: int) -> None:
    """What others rated, skipped or hold since it was made is not lent, and what they gave back is."""
    fill(queue, ids)
    assert (lent := queue.lease(ann, "a", "oldest")) and lent.reasoning_id == ids[0]
    ratings.rate(bob, ids[1], Rating("good"), "r")
    assert (held := queue.lease(bob, "b", "oldest")) and held.reasoning_id == ids[2]
    assert (lent := queue.lease(ann, "c", "oldest")) and lent.reasoning_id == ids[3]
    queue.release(bob, "b")
    assert (lent := queue.lease(ann, "d", "oldest")) and lent.reasoning_id == ids[2]
    assert queue.lease(ann, "e", "oldest") is None
    fill(queue, ids[1:2])  # there already: nothing new
    assert queue.lease(ann, "f", "oldest") is None
    (mine,) = ratings.live_ratings(bob)
    ratings.retract(bob, mine.id)
    assert (lent := queue.lease(ann, "g", "oldest")) and lent.reasoning_id == ids[1]


def test_more_items_than_a_shortlist_holds(
    queue: Queue, ratings: Ratings, reasonings: Reasonings, ann: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_order, "SHORTLIST", 3)
    ids = reasonings.add([reasoning(n) for n in range(10)])
    fill(queue, ids)
    seen = []
    while lent := queue.lease(ann, uuid4().hex, "oldest"):
        seen.append(lent.reasoning_id)
        ratings.rate(ann, lent.reasoning_id, Rating("good"), lent.token)
    assert seen == sorted(ids)


def test_every_order_of_a_big_queue_reads_an_index(database: Database) -> None:
    """The plan of each walk in SQLite: no sorting of all that waits, no reading of all ratings or leases."""
    if database.engine.dialect.name != "sqlite":
        pytest.skip("the plans of SQLite")
    statements: list[tuple[str, Any]] = []
    event.listen(
        database.engine, "before_cursor_execute", lambda c, cur, sql, values, *_: statements.append((sql, values))
    )
    for order in (*queue_order.ORDERS, "calibration"):
        with database.read() as session:
            connection = session.connection()
            statements.clear()
            queue_order.walk(connection, 1, order, now())
            raw = connection.connection.driver_connection
            assert raw is not None
            for place, (sql, values) in enumerate(statements):
                plan = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
                assert [step for step in plan if "INDEX" in step and "items" in step], plan
                assert all("INDEX" in step for step in plan if step.startswith(("SCAN", "SEARCH"))), plan
                if place == len(statements) - 1:  # items for everyone are few, and may be sorted
                    assert "USE TEMP B-TREE FOR ORDER BY" not in plan, plan


def test_strangers_and_unknown_orders_are_refused(queue: Queue, ids: list[int], ann: int) -> None:
    fill(queue, ids)
    with pytest.raises(InputError, match="Sign in"):
        queue.lease(10**6, "t")
    with pytest.raises(InputError, match="no order"):
        queue.lease(ann, "t", "loudest")  # type: ignore[arg-type]


@pytest.mark.parametrize("order", ["mixed", "uncertain"])
def test_a_crowd_gets_no_duplicates_and_no_deadlock(
    order: Order, queue: Queue, ratings: Ratings, reasonings: Reasonings, annotators: Annotators, database: Database
) -> None:
    """32 people rate 40 items, each wanted twice: every item gets two ratings, of two people."""
    ids = reasonings.add([reasoning(i) for i in range(ITEMS)])
    fill(queue, ids, ratings=2)
    people = [annotators.add(f"person {i}").id for i in range(CROWD)]
    held: set[int] = set()
    watch, twice = threading.Lock(), []

    def work(person: int) -> None:
        while lent := queue.lease(person, uuid4().hex, order):
            with watch:
                if lent.reasoning_id in held:
                    twice.append(lent.reasoning_id)
                held.add(lent.reasoning_id)
            time.sleep(0.002)  # the moment in which another one could get it as well
            with watch:
                held.discard(lent.reasoning_id)
            ratings.rate(person, lent.reasoning_id, Rating("good"), lent.token)

    with ThreadPoolExecutor(CROWD) as pool:
        list(pool.map(work, people))
    # Somebody may have seen nothing free while others held the last ones: they look again.
    for person in people:
        work(person)
    assert not twice and queue.left() == 0
    made = Counter(rating.reasoning_id for rating in ratings.live_ratings())
    assert made == dict.fromkeys(ids, 2)


def test_leases_outlive_the_program(
    queue: Queue, ids: list[int], ann: int, bob: int, reopen: Callable[[], Database]
) -> None:
    fill(queue, ids[:1])
    lent = queue.lease(ann, "t")
    later = Queue(reopen())
    assert later.lease(bob, "u") is None and later.lease(ann, "t") == lent
