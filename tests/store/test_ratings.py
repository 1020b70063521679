"""Ratings and corrections: each request once, one live row per annotator and reasoning, the history kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from rilearn.errors import InputError
from rilearn.records import Rating, Span
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.edits import Edits
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.store.schema import RatingRow, now
from tests.store.conftest import reasoning

GOOD, POOR = Rating("good"), Rating("poor", overall=2)
WHOLE = Rating(
    verdict="poor",
    overall=1,
    criteria={"about_text": True, "true_and_clear": False},
    thumbs=(1, 0, -1),
    spans=(Span(0, 6, "too vague"), Span(7, 9)),
    comment="=cmd|' /C calc'!A0 <script> 'ä' \U0001f600",
    label_wrong=True,
    right_label="snow",
    guess="snow",
)


def together(*calls: Callable[[], object]) -> list[object]:
    """Run the calls at the same moment; their results, errors among them."""
    barrier, results = threading.Barrier(len(calls)), list[object]()

    def run(call: Callable[[], object]) -> None:
        barrier.wait(10)
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_it_comes_back_as_it_was_given(ratings: Ratings, ann: int, item: int) -> None:
    saved = ratings.rate(ann, item, WHOLE, "one", guideline="v3", seconds=4.25)
    assert ratings.live_ratings() == [saved] and saved.rating == WHOLE
    assert (saved.annotator_id, saved.reasoning_id, saved.guideline, saved.seconds) == (ann, item, "v3", 4.25)
    assert saved.superseded_at is None and abs((now() - saved.created_at).total_seconds()) < 60


def test_a_retried_request_makes_one_rating(ratings: Ratings, ann: int, item: int) -> None:
    first = ratings.rate(ann, item, WHOLE, "one", seconds=4)
    assert ratings.rate(ann, item, WHOLE, "one", seconds=9) == first
    assert ratings.history(ann, item) == [first]


def test_a_double_click_makes_one_rating(reopen: Callable[[], Database], ann: int, item: int) -> None:
    """From two pages, each with its own connections, and from one."""
    stores = [Ratings(reopen()) for _ in range(3)]
    saved = together(*[lambda own=own: own.rate(ann, item, GOOD, "one") for own in stores * 3])
    assert len(saved) == 9 and all(s == stores[0].live_ratings()[0] for s in saved)
    assert len(stores[0].history(ann, item)) == 1


def test_a_change_supersedes_and_the_history_stays(ratings: Ratings, ann: int, item: int) -> None:
    first = ratings.rate(ann, item, GOOD, "one")
    second = ratings.rate(ann, item, POOR, "two")
    third = ratings.rate(ann, item, GOOD, "three")
    assert ratings.live_ratings() == [third]
    history = ratings.history(ann, item)
    assert [r.id for r in history] == [first.id, second.id, third.id]
    assert [r.rating for r in history] == [GOOD, POOR, GOOD]
    ended = [r.superseded_at for r in history]
    assert ended[0] and ended[1] and ended[2] is None and first.created_at <= ended[0] <= ended[1]


def test_a_late_retry_does_not_undo_a_change(ratings: Ratings, ann: int, item: int) -> None:
    ratings.rate(ann, item, GOOD, "one")
    newer = ratings.rate(ann, item, POOR, "two")
    assert ratings.rate(ann, item, GOOD, "one").superseded_at
    assert ratings.live_ratings() == [newer]


def test_a_token_is_for_one_content(ratings: Ratings, reasonings: Reasonings, ann: int, item: int) -> None:
    ratings.rate(ann, item, GOOD, "one")
    (other,) = reasonings.add([reasoning(1)])
    for reasoning_id, rating in ((item, POOR), (other, GOOD), (item, replace(GOOD, comment="more"))):
        with pytest.raises(InputError, match="another content"):
            ratings.rate(ann, reasoning_id, rating, "one")
    assert [r.rating for r in ratings.live_ratings()] == [GOOD]


def test_the_same_token_of_another_annotator_is_another_request(
    ratings: Ratings, ann: int, bob: int, item: int
) -> None:
    mine, theirs = ratings.rate(ann, item, GOOD, "one"), ratings.rate(bob, item, POOR, "one")
    assert ratings.live_ratings(reasoning_id=item) == [mine, theirs]
    assert ratings.live_ratings(annotator_id=bob) == [theirs] == ratings.live_ratings(bob, item)
    assert ratings.history(ann, item) == [mine]


def test_annotators_at_once_do_not_step_on_each_other(
    reopen: Callable[[], Database], reasonings: Reasonings, ann: int, bob: int
) -> None:
    items, own, other = reasonings.add(reasoning(n) for n in range(5)), Ratings(reopen()), Ratings(reopen())

    def all_of(store: Ratings, who: int, run: int) -> None:
        for item in items:
            store.rate(who, item, Rating("good", comment=str(run)), f"{run}-{item}")

    works = [(own, ann, 1), (own, bob, 1), (other, ann, 2), (other, bob, 2)]
    done = together(*[lambda work=work: all_of(*work) for work in works])
    assert done == [None] * 4
    live = own.live_ratings()
    assert sorted((r.annotator_id, r.reasoning_id) for r in live) == sorted((w, i) for w in (ann, bob) for i in items)
    assert all(len(own.history(who, i)) == 2 for who in (ann, bob) for i in items)


def test_taking_back(ratings: Ratings, ann: int, bob: int, item: int) -> None:
    saved = ratings.rate(ann, item, GOOD, "one")
    with pytest.raises(InputError, match=f"no rating {saved.id}"):
        ratings.retract(bob, saved.id)
    assert ratings.live_ratings() == [saved]
    ratings.retract(ann, saved.id)
    ended = ratings.history(ann, item)[0].superseded_at
    assert ratings.live_ratings() == [] and ended
    newer = ratings.rate(ann, item, POOR, "two")
    ratings.retract(ann, saved.id)  # sent again, late: neither the newer rating nor the date changes
    assert ratings.live_ratings() == [newer] and ratings.history(ann, item)[0].superseded_at == ended


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"verdict": "fine"}, "good or poor"),
        ({"overall": 0}, "from 1 to 5, not 0"),
        ({"overall": 6}, "from 1 to 5"),
        ({"criteria": {"beauty": True}}, "no criterion 'beauty': about_text"),
        ({"thumbs": (2,)}, "thumb"),
        ({"spans": (Span(0, 33),)}, "0-33 lies outside"),
        ({"spans": (Span(5, 5),)}, "5-5 lies outside"),
        ({"spans": (Span(-1, 5),)}, "lies outside"),
        ({"comment": "x" * 20_001}, "comment has 20001"),
        ({"right_label": "snow"}, "not marked as wrong"),
        ({"right_label": "rain", "label_wrong": True}, "'rain' is the label that was marked"),
        ({"right_label": "", "label_wrong": True}, "right label is empty"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_told_and_saves_nothing(
    ratings: Ratings, ann: int, item: int, bad: dict[str, object], words: str
) -> None:
    kept = ratings.rate(ann, item, GOOD, "one")
    with pytest.raises(InputError, match=words):
        ratings.rate(ann, item, replace(GOOD, **bad), "two")  # type: ignore[arg-type]
    assert ratings.history(ann, item) == [kept]
    assert ratings.rate(ann, item, replace(GOOD, spans=(Span(0, 32),)), "two")  # the token is still free


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_time_goes_forward(ratings: Ratings, ann: int, item: int, seconds: float) -> None:
    with pytest.raises(InputError, match="seconds"):
        ratings.rate(ann, item, GOOD, "one", seconds=seconds)


def test_nobody_and_nothing(ratings: Ratings, ann: int, item: int) -> None:
    with pytest.raises(InputError, match="Sign in"):
        ratings.rate(ann + 1, item, GOOD, "one")
    with pytest.raises(InputError, match="no reasoning"):
        ratings.rate(ann, item + 1, GOOD, "one")
    with pytest.raises(InputError, match="token is empty"):
        ratings.rate(ann, item, GOOD, "")


def row(ann: int, item: int, token: str, **changed: object) -> RatingRow:
    lists = {"criteria": {}, "thumbs": [], "spans": []}
    fields = {"verdict": "good", "comment": "", "label_wrong": False, "guideline": "", "seconds": 0.0, **lists}
    return RatingRow(**{**fields, "annotator_id": ann, "reasoning_id": item, "token": token, **changed})


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"token": "one", "superseded_at": datetime(2026, 1, 2, tzinfo=UTC)},
        {"verdict": "x"},
        {"overall": 9},
        {"reasoning_id": 99},
    ],
    ids=str,
)
def test_the_database_itself_keeps_the_rules(
    database: Database, ratings: Ratings, ann: int, item: int, changed: dict[str, object]
) -> None:
    """One live row, a token once, known values, references: whatever code writes."""
    ratings.rate(ann, item, GOOD, "one")
    ended = {} if changed == {} else {"superseded_at": now()}
    with database.write() as session:
        session.add(row(ann, item, **{"token": "two", **ended, **changed}))  # type: ignore[arg-type]
        with pytest.raises(IntegrityError):
            session.flush()
        session.rollback()
    assert len(ratings.history(ann, item)) == 1


def test_who_is_deleted_leaves_no_ratings_and_no_id(
    database: Database, ratings: Ratings, edits: Edits, ann: int, bob: int, item: int
) -> None:
    theirs = ratings.rate(ann, item, GOOD, "one")
    mine = ratings.rate(bob, item, GOOD, "one")
    edits.edit(bob, item, "Mine.", "one")
    with database.write() as session:
        session.execute(text("DELETE FROM annotators WHERE id = :id"), {"id": bob})
    assert ratings.live_ratings() == [theirs] and edits.history(item) == []
    assert Annotators(database).add("eve").id > bob and ratings.rate(ann, item, POOR, "two").id > mine.id


def test_a_correction_is_counted_once_and_superseded(edits: Edits, ann: int, bob: int, item: int) -> None:
    first = edits.edit(ann, item, "Grey clouds carry rain.", "one")
    assert edits.edit(ann, item, "Grey clouds carry rain.", "one") == first
    second = edits.edit(ann, item, "The clouds are grey: rain.", "two")
    theirs = edits.edit(bob, item, "It is grey.", "one")
    found = edits.history(item)
    assert [e.id for e in found] == [first.id, second.id, theirs.id]
    assert [e.superseded_at is None for e in found] == [False, True, True]
    assert found[0].reasoning == "Grey clouds carry rain."
    with pytest.raises(InputError, match="another content"):
        edits.edit(ann, item, "Something else.", "two")
    with pytest.raises(InputError, match="corrected reasoning is empty"):
        edits.edit(ann, item, " ", "three")
