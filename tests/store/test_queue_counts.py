"""`ratings_left` is what is wanted less the ratings that hold, whatever people do and in whatever order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from rilearn.records import Rating
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database, open_database
from rilearn.store.people import People
from rilearn.store.queue import Entry, Queue
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.store.schema_annotation import ItemRow
from rilearn.store.submissions import Submissions
from tests.store.conftest import reasoning

WANTED, PEOPLE = (1, 2, 3), ("ann", "bob", "cleo", "dan")
ACTS = ("good", "poor", "retract", "undo", "skip", "delete")
Step = tuple[str, str, int]
steps = st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from(PEOPLE), st.integers(0, 4)), max_size=30)


def left(database: Database) -> dict[int, tuple[int, int]]:
    """Reasoning -> wanted and left."""
    with database.read() as session:
        return {
            i: (w, n) for i, w, n in session.execute(select(ItemRow.reasoning_id, ItemRow.wanted, ItemRow.ratings_left))
        }


def act(database: Database, step: Step, ids: list[int], number: int) -> None:
    what, name, place = step
    who, about, token = Annotators(database).add(name).id, ids[place], f"t{number}"
    ratings, send = Ratings(database), Submissions(database)
    mine = ratings.live_ratings(who, about)
    if what in ("good", "poor"):
        for _ in range(2):  # the second is a retry
            ratings.rate(who, about, Rating(what), token)  # type: ignore[arg-type]
    elif what == "retract":
        for rating in mine * 2:
            ratings.retract(who, rating.id)
    elif what == "undo":
        send.undo(who, token)
    elif what == "skip":
        if lease := Queue(database).lease(who, token, "oldest", calibration=0.5):
            send.skip(who, lease.reasoning_id, "private" if place % 2 else "skip", "", token)
    else:
        People(database).delete(name)


@settings(max_examples=15, deadline=None)
@given(steps)
def test_it_is_exact_after_any_sequence(done: list[Step]) -> None:
    with TemporaryDirectory() as folder:
        _check(open_database(None, Path(folder)), done)


def test_it_is_exact_on_every_database(database: Database) -> None:
    _check(
        database, [(what, name, place) for place in range(5) for name in PEOPLE for what in ("good", "poor", "undo")]
    )


def _check(database: Database, done: list[Step]) -> None:
    """Items that one, two or three people are to rate, one for everyone, and a calibration item."""
    ids = Reasonings(database).add([reasoning(n) for n in range(5)])
    entries = [Entry(i, "generator", ratings=n) for i, n in zip(ids, WANTED, strict=False)]
    entries += [Entry(ids[3], "generator", everyone=True), Entry(ids[4], "import", expected={"verdict": "good"})]
    wanted = dict(zip(ids, (*WANTED, 1, 0), strict=True))
    try:
        Queue(database).add(entries)
        for number, step in enumerate(done):
            act(database, step, ids, number)
            live = [rating.reasoning_id for rating in Ratings(database).live_ratings()]
            assert left(database) == {i: (n, max(0, n - live.count(i))) for i, n in wanted.items()}, step
    finally:
        database.close()


def test_taking_back_one_of_too_many_ratings_reopens_nothing(
    database: Database, ratings: Ratings, item: int, ann: int, bob: int
) -> None:
    queue = Queue(database)
    queue.add([Entry(item, "generator")])
    mine, his = (ratings.rate(who, item, Rating("good"), "t") for who in (ann, bob))
    ratings.retract(ann, mine.id)
    assert queue.left() == 0
    ratings.retract(bob, his.id)
    assert left(database) == {item: (1, 1)}


def test_what_was_rated_before_it_was_queued_counts(database: Database, ratings: Ratings, item: int, ann: int) -> None:
    ratings.rate(ann, item, Rating("good"), "t")
    Queue(database).add([Entry(item, "generator", ratings=3)])
    assert left(database) == {item: (3, 2)}


@pytest.mark.parametrize("wanted", [3, 20])
def test_ratings_at_the_same_moment_each_count(
    wanted: int, database: Database, annotators: Annotators, item: int
) -> None:
    Queue(database).add([Entry(item, "generator", ratings=wanted)])
    people = [annotators.add(f"person {n}").id for n in range(8)]

    def work(who: int) -> None:
        for number in range(6):
            made = Ratings(database).rate(who, item, Rating("good"), f"t{number}")
            if number % 2:
                Ratings(database).retract(who, made.id)
        Ratings(database).rate(who, item, Rating("poor"), "last")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, people))
    assert left(database) == {item: (wanted, max(0, wanted - 8))}
