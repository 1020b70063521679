"""Disagreements and decisions: listed, decided by admins alone, once a request, the ratings untouched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from rilearn.errors import InputError
from rilearn.records import Rating
from rilearn.store.adjudications import Adjudications
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from tests.store.conftest import reasoning

GOOD, POOR = Rating("good"), Rating("poor", comment="vague")


@pytest.fixture
def adjudications(database: Database) -> Adjudications:
    return Adjudications(database)


@pytest.fixture
def admin(annotators: Annotators) -> int:
    return annotators.add("root", "admin").id


@pytest.fixture
def disputed(ratings: Ratings, ann: int, bob: int, item: int) -> int:
    ratings.rate(ann, item, GOOD, "t")
    ratings.rate(bob, item, POOR, "t")
    return item


def test_what_is_disputed_is_listed_evenly_split_first(
    adjudications: Adjudications, ratings: Ratings, reasonings: Reasonings, annotators: Annotators
) -> None:
    people = [annotators.add(f"person {i}").id for i in range(4)]
    agreed, leaning, even, settled = reasonings.add([reasoning(i) for i in range(4)])
    for about, letters in {agreed: "gggg", leaning: "gggp", even: "gpgp", settled: "gp"}.items():
        for person, letter in zip(people, letters, strict=False):
            ratings.rate(person, about, GOOD if letter == "g" else POOR, f"t{about}")
    ratings.rate(people[1], settled, GOOD, "changed")  # they agree now
    found, count = adjudications.disagreements(10)
    assert [d.reasoning.id for d in found] == [even, leaning] and count == 2
    assert [(name, r.rating) for name, r in found[1].ratings] == [
        ("person 0", GOOD),
        ("person 1", GOOD),
        ("person 2", GOOD),
        ("person 3", POOR),
    ]
    assert found[0].reasoning.reasoning == reasoning(2)
    for passed, listed in (((), even), ((even,), leaning)):
        (one,), count = adjudications.disagreements(1, passed)
        assert one.reasoning.id == listed and count == 2
    assert adjudications.disagreements(5, (even, leaning)) == ([], 2)


def test_a_decision_leaves_the_list_and_both_ratings_stay(
    adjudications: Adjudications, ratings: Ratings, admin: int, disputed: int
) -> None:
    before = ratings.live_ratings()
    made = adjudications.adjudicate(admin, disputed, "poor", "one", right_label="snow", comment="too vague")
    assert (made.verdict, made.right_label, made.comment, made.admin_id) == ("poor", "snow", "too vague", admin)
    assert adjudications.disagreements(9) == ([], 0)
    assert ratings.live_ratings() == before
    assert adjudications.adjudicate(admin, disputed, "poor", "one", right_label="snow", comment="too vague") == made
    assert adjudications.history(disputed) == [made]


def test_another_decision_supersedes(adjudications: Adjudications, admin: int, disputed: int) -> None:
    adjudications.adjudicate(admin, disputed, "poor", "one")
    last = adjudications.adjudicate(admin, disputed, "good", "two")
    first, second = adjudications.history(disputed)
    assert first.superseded_at and second == last and last.superseded_at is None
    with pytest.raises(InputError, match="sent before"):
        adjudications.adjudicate(admin, disputed, "poor", "two")


def test_only_admins_decide_and_only_what_makes_sense(
    adjudications: Adjudications, admin: int, ann: int, disputed: int
) -> None:
    for stranger in (ann, 10**6):
        with pytest.raises(InputError, match="admin"):
            adjudications.adjudicate(stranger, disputed, "good", "t")
    with pytest.raises(InputError, match="verdict"):
        adjudications.adjudicate(admin, disputed, "so-so", "t")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no reasoning"):
        adjudications.adjudicate(admin, 10**6, "good", "t")
    with pytest.raises(InputError, match="called wrong"):
        adjudications.adjudicate(admin, disputed, "good", "t", right_label="rain")
    assert adjudications.history(disputed) == []


def test_two_admins_at_once_leave_one_decision_that_holds(
    adjudications: Adjudications, annotators: Annotators, admin: int, disputed: int
) -> None:
    admins = [admin, *(annotators.add(f"admin {i}", "admin").id for i in range(3))]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda who: adjudications.adjudicate(who, disputed, "good", "t"), admins))
    made = adjudications.history(disputed)
    assert len(made) == 4 and sum(one.superseded_at is None for one in made) == 1
