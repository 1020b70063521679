"""Counts and rankings: what holds is counted, under the right name, and surer shares stand first."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import update

from rilearn.records import Rating
from rilearn.statistics import wilson
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.insight import Count, Insight
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.store.schema import RatingRow, now
from tests.store.conftest import reasoning

GOOD, POOR = Rating("good"), Rating("poor")


@pytest.fixture
def insight(database: Database) -> Insight:
    return Insight(database)


def test_an_empty_database_has_nothing_to_say(insight: Insight) -> None:
    found = insight.overview()
    assert (found.ratings, found.reasonings, found.labels, found.days) == (0, 0, (), ())
    assert insight.overview(ranked=5).best == ()


def test_counts_per_label_adapter_day_and_annotator(
    insight: Insight, ratings: Ratings, reasonings: Reasonings, ann: int, bob: int
) -> None:
    ids = reasonings.add([reasoning(i, label="rain" if i else "snow", adapter=f"g{i % 2}") for i in range(3)])
    for i in ids:
        ratings.rate(ann, i, GOOD, f"t{i}")
    ratings.rate(ann, ids[1], POOR, "changed")  # what held before no longer counts
    gone = ratings.rate(bob, ids[1], GOOD, "t")
    ratings.retract(bob, gone.id)
    ratings.rate(bob, ids[2], POOR, "u")
    found = insight.overview()
    assert (found.ratings, found.reasonings) == (4, 3)
    assert found.labels == (Count("snow", 1, 1), Count("rain", 3, 1))
    assert found.adapters == (Count("g0", 3, 2), Count("g1", 1, 0))
    assert found.annotators == (Count("ann", 3, 2), Count("bob", 1, 0))
    assert found.days == (Count(now().date().isoformat(), 4, 2),)
    assert found.labels[1].share == 1 / 3 and found.labels[1].interval == wilson(1, 3)


def test_surer_reasonings_stand_higher_and_the_worst_lower(
    insight: Insight, ratings: Ratings, reasonings: Reasonings, annotators: Annotators
) -> None:
    people = [annotators.add(f"person {i}").id for i in range(4)]
    sure_good, once_good, mixed, once_poor, sure_poor, unrated = reasonings.add([reasoning(i) for i in range(6)])
    verdicts = {sure_good: "gggg", once_good: "g", mixed: "ggpp", once_poor: "p", sure_poor: "pppp"}
    for about, letters in verdicts.items():
        for person, letter in zip(people, letters, strict=False):
            ratings.rate(person, about, GOOD if letter == "g" else POOR, f"t{about}")
    best = insight.overview(ranked=10).best
    assert [r.reasoning.id for r in best] == [sure_good, once_good, mixed, once_poor, sure_poor]
    assert best[0].count == Count("", 4, 4) and best[0].reasoning.reasoning == reasoning(0)
    assert [r.reasoning.id for r in insight.overview(ranked=2).worst] == [sure_poor, once_poor]
    assert [r.reasoning.id for r in insight.overview(ranked=2).best] == [sure_good, once_good]
    assert unrated not in {r.reasoning.id for r in best}


def test_a_wrong_label_never_counts_against_the_reasoning(
    insight: Insight, ratings: Ratings, ann: int, bob: int, item: int
) -> None:
    ratings.rate(ann, item, Rating("poor", label_wrong=True), "t")
    found = insight.overview(ranked=5)
    assert (found.best, found.labels, found.ratings, found.reasonings) == ((), (), 1, 1)
    ratings.rate(bob, item, Rating("good", label_wrong=True), "t")
    assert [r.count for r in insight.overview(ranked=5).best] == [Count("", 1, 1)]


def test_days_without_ratings_stand_between_those_with_some(
    insight: Insight, database: Database, ratings: Ratings, reasonings: Reasonings, ann: int
) -> None:
    moments = ["2026-01-01T00:00:00+00:00", "2026-01-01T23:59:59.999999+00:00", "2026-01-04T12:00:00+00:00"]
    for i, moment in zip(reasonings.add([reasoning(i) for i in range(3)]), moments, strict=True):
        made = ratings.rate(ann, i, GOOD, f"t{i}")
        with database.write() as session:
            session.execute(update(RatingRow).filter_by(id=made.id).values(created_at=datetime.fromisoformat(moment)))
    days = [(count.name, count.ratings) for count in insight.overview().days]
    assert days == [("2026-01-01", 2), ("2026-01-02", 0), ("2026-01-03", 0), ("2026-01-04", 1)]
    assert [count.name for count in insight.overview(days=2).days] == ["2026-01-03", "2026-01-04"]
