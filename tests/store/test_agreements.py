"""Agreement out of the database: the same numbers as from the ratings themselves, or the reason why there are none."""

from __future__ import annotations

import random
from collections import Counter

import krippendorff
import pytest
from sklearn.metrics import cohen_kappa_score

from rilearn.records import CRITERIA, Rating
from rilearn.store.agreements import Agreements
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from tests.store.conftest import reasoning


@pytest.fixture
def agreements(database: Database) -> Agreements:
    return Agreements(database)


def test_too_little_is_told(agreements: Agreements, ratings: Ratings, ann: int, bob: int, item: int) -> None:
    assert agreements.kappas(9) == []
    ratings.rate(ann, item, Rating("good"), "t")
    ratings.rate(bob, item, Rating("poor"), "t")
    for found in (*agreements.alphas(), *agreements.kappas(9)):
        assert found.estimate is None and "At least 5 items" in found.missing
    assert [a.name for a in agreements.alphas()] == ["verdict", "overall", *CRITERIA, "label_wrong"]
    assert [k.name for k in agreements.kappas(9)] == ["ann and bob"]


def test_the_numbers_are_those_of_the_ratings(
    agreements: Agreements, ratings: Ratings, reasonings: Reasonings, annotators: Annotators
) -> None:
    draw = random.Random(5)
    people = [annotators.add(f"person {i}").id for i in range(3)]
    ids = reasonings.add([reasoning(i) for i in range(30)])
    given: dict[int, dict[int, Rating]] = {i: {} for i in ids}
    for i in ids:
        truth = draw.random() < 0.5
        for person in draw.sample(people, draw.choice([1, 2, 3])):
            said = truth if draw.random() < 0.8 else not truth
            one = Rating(
                "good" if said else "poor",
                overall=draw.choice([None, 4, 5] if said else [1, 2, 3]),
                criteria={CRITERIA[0]: said} if draw.random() < 0.9 else {},
            )
            ratings.rate(person, i, Rating("poor" if said else "good", overall=1), f"first {i}")
            ratings.rate(person, i, one, f"second {i}")  # the one that holds
            given[i][person] = one
    found = {a.name: a.estimate for a in agreements.alphas()}

    def wanted(answers: list[object], of: object, level: str) -> float:
        counts = [[[of(r) for r in one.values()].count(a) for a in answers] for one in given.values()]  # type: ignore[operator]
        return float(krippendorff.alpha(value_counts=counts, level_of_measurement=level))

    assert found["verdict"] and found["overall"] and found["about_text"]
    assert found["verdict"].value == pytest.approx(wanted(["good", "poor"], lambda r: r.verdict, "nominal"))
    assert found["overall"].value == pytest.approx(wanted([1, 2, 3, 4, 5], lambda r: r.overall, "ordinal"))
    about = wanted([True, False], lambda r: r.criteria.get(CRITERIA[0]), "nominal")
    assert found["about_text"].value == pytest.approx(about)
    assert found["leads_to_label"] is None and found["label_wrong"] is None  # nobody answered; all said no

    kappas = {k.name: k.estimate for k in agreements.kappas(9)}
    both = [one for one in given.values() if people[0] in one and people[1] in one]
    assert (two := kappas["person 0 and person 1"]) and two.items == len(both)
    mine, theirs = ([one[p].verdict for one in both] for p in people[:2])
    assert two.value == pytest.approx(cohen_kappa_score(mine, theirs))
    assert len(agreements.kappas(1)) == 1


def test_only_the_newest_ratings_where_asked(
    agreements: Agreements, ratings: Ratings, reasonings: Reasonings, ann: int, bob: int
) -> None:
    ids = reasonings.add([reasoning(i) for i in range(20)])
    verdicts = Counter[str]()
    for n, i in enumerate(ids):
        for person in (ann, bob):  # first they differ, later they agree
            said = "good" if (n % 2) ^ (person == bob and n < 10) else "poor"
            ratings.rate(person, i, Rating(said), f"t{i}")  # type: ignore[arg-type]
            verdicts[said] += 1
    everything, recent = (agreements.alphas(last)[0].estimate for last in (None, 20))
    assert everything and recent and everything.value < 0.5 and recent.value == 1 and recent.items == 10
    assert (pair := agreements.kappas(1, last=20)[0].estimate) and pair.value == 1
