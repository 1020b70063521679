"""The card of an annotator: each number against one counted by hand."""

from __future__ import annotations

import pytest

from rilearn.records import Rating
from rilearn.store.annotator_cards import Card, Cards, Kept
from rilearn.store.database import Database
from rilearn.store.insight import Count
from rilearn.store.queue import Entry, Queue
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from tests.store.conftest import reasoning

GOOD, POOR = Rating("good"), Rating("poor")


@pytest.fixture
def cards(database: Database) -> Cards:
    return Cards(database)


def card(cards: Cards, name: str) -> Card:
    (found,) = (c for c in cards.all() if c.name == name)
    return found


def test_nobody_rated_no_cards(cards: Cards, ann: int) -> None:
    assert cards.all() == []


def test_count_median_and_order(cards: Cards, ratings: Ratings, reasonings: Reasonings, ann: int, bob: int) -> None:
    ids = reasonings.add([reasoning(i) for i in range(4)])
    for i, seconds in zip(ids, (1, 100, 3, 5), strict=True):
        ratings.rate(ann, i, GOOD if i == ids[0] else POOR, f"t{i}", seconds=seconds)
    ratings.rate(bob, ids[0], GOOD, "t", seconds=7)
    assert [c.name for c in cards.all()] == ["ann", "bob"]
    mine = card(cards, "ann")
    assert mine.count == Count("ann", 4, 1) and mine.seconds == 4 and card(cards, "bob").seconds == 7
    ratings.retract(ann, ratings.history(ann, ids[1])[0].id)
    assert card(cards, "ann").seconds == 3
    assert [c.name for c in cards.all(last=1)] == ["bob"]


def test_agreement_with_all_others(cards: Cards, ratings: Ratings, reasonings: Reasonings, ann: int, bob: int) -> None:
    ids = reasonings.add([reasoning(i) for i in range(8)])
    for n, i in enumerate(ids):
        said = GOOD if n % 2 else POOR
        ratings.rate(ann, i, said, f"t{i}")
        ratings.rate(bob, i, said if n else GOOD, f"t{i}")
    mine = card(cards, "ann").with_others.estimate
    assert mine and mine.items == 8 and mine.value == pytest.approx(0.75)
    assert card(cards, "bob").with_others.estimate == mine
    ratings.rate(ann, ids[0], GOOD, "again")
    changed = card(cards, "ann").with_others.estimate
    assert changed and changed.value == 1


def test_rated_again_and_known_answers(
    cards: Cards, database: Database, ratings: Ratings, reasonings: Reasonings, ann: int, bob: int
) -> None:
    ids = reasonings.add([reasoning(i) for i in range(3)])
    queue = Queue(database)
    queue.add([Entry(ids[0], "import", expected={"verdict": "good"}), Entry(ids[1], "import")])
    queue.add([Entry(ids[2], "import", expected={"verdict": "poor"})])
    for token, (about, rating) in enumerate(
        [(ids[0], GOOD), (ids[0], Rating("good", overall=4)), (ids[0], POOR), (ids[1], POOR), (ids[2], POOR)]
    ):
        ratings.rate(ann, about, rating, str(token))
    ratings.rate(bob, ids[0], GOOD, "t")
    assert card(cards, "ann").repeats == Kept(1, 2) and card(cards, "ann").known == Kept(1, 2)
    assert card(cards, "bob").repeats == Kept(0, 0) and card(cards, "bob").known == Kept(1, 1)


def test_length_bias(cards: Cards, ratings: Ratings, reasonings: Reasonings, ann: int, bob: int) -> None:
    ids = reasonings.add([reasoning(i, reasoning="so " * (i + 1)) for i in range(6)])
    for n, i in enumerate(ids):
        ratings.rate(ann, i, GOOD if n > 2 else POOR, f"t{i}")
        ratings.rate(bob, i, GOOD, f"t{i}")
    mine, his = card(cards, "ann").length, card(cards, "bob").length
    assert mine.estimate and mine.estimate.value == pytest.approx(0.878, abs=0.001) and mine.estimate.items == 6
    assert his.estimate is None and "always the same" in his.missing
