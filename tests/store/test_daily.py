"""Ratings by annotator and day: the same as counting them one by one, at midnight and after a change of mind too."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from rilearn.records import Rating
from rilearn.store.daily import by_annotator_and_day
from rilearn.store.database import Database
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.store.schema import RatingRow
from tests.store.conftest import reasoning

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
MOMENTS = (-1, 0, 1, 24 * 3600 - 1, 24 * 3600, 40 * 24 * 3600)
"""Seconds from midnight."""


def test_counts_are_those_of_the_ratings(
    database: Database, reasonings: Reasonings, ratings: Ratings, ann: int, bob: int
) -> None:
    with database.read() as session:
        assert by_annotator_and_day(session) == []
    wanted: Counter[tuple[int, str]] = Counter()
    good: Counter[tuple[int, str]] = Counter()
    items = reasonings.add(reasoning(n) for n in range(len(MOMENTS)))
    for who, share in ((ann, 1), (bob, 2)):
        for place, (item, seconds) in enumerate(zip(items, MOMENTS, strict=True)):
            verdict = "good" if place % share == 0 else "poor"
            if place == 2:
                ratings.rate(who, item, Rating("good"), f"before {place}")  # superseded by the next: does not count
            made = ratings.rate(who, item, Rating(verdict), f"{place}")
            moment = MIDNIGHT + timedelta(seconds=seconds)
            with database.write() as session:
                session.execute(
                    update(RatingRow)
                    .where(RatingRow.id <= made.id, RatingRow.created_at > datetime(2026, 5, 1, tzinfo=UTC))
                    .values(created_at=moment)
                )
            wanted[who, moment.date().isoformat()] += 1
            good[who, moment.date().isoformat()] += verdict == "good"
    with database.read() as session:
        found = by_annotator_and_day(session)
    assert found == sorted((who, day, n, good[who, day]) for (who, day), n in wanted.items())
    assert [day for who, day, *_ in found if who == ann] == ["2026-02-28", "2026-03-01", "2026-03-02", "2026-04-10"]
