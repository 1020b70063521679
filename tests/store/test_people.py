"""Deleting an annotator takes all they said and nothing else, and marks the models that learnt from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from rilearn.errors import InputError
from rilearn.records import Rating
from rilearn.store.adjudications import Adjudications
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.edits import Edits
from rilearn.store.exchange import Exchange
from rilearn.store.people import Deleted, People
from rilearn.store.queue import Entry, Queue
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.store.schema import Base
from rilearn.store.schema_versions import VersionRatingRow, VersionRow
from tests.store.conftest import reasoning

GOOD, POOR = Rating("good"), Rating("poor")


@pytest.fixture
def people(database: Database) -> People:
    return People(database)


def rows(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


@pytest.fixture
def rated(database: Database, reasonings: Reasonings, ratings: Ratings, edits: Edits, ann: int, bob: int) -> list[int]:
    """Ann rated two reasonings, one twice, corrected one; Bob rated one of them. A model learnt from each."""
    ids = reasonings.add([reasoning(i) for i in range(2)])
    Queue(database).add([Entry(i, "generator", ratings=2) for i in ids])
    ratings.rate(ann, ids[0], POOR, "one")
    mine = ratings.rate(ann, ids[0], GOOD, "two")
    ratings.rate(ann, ids[1], GOOD, "three")
    edits.edit(ann, ids[1], "better", "e")
    his = ratings.rate(bob, ids[0], GOOD, "one")
    with database.write() as session:
        for name, rating in (("hers", mine), ("his", his)):
            version = VersionRow(name=name, kind="reasoned", digest=f"{name}-digest-0123", parents={}, metrics={})
            session.add(version)
            session.flush()
            session.add(VersionRatingRow(version_id=version.id, rating_id=rating.id))
    return ids


def stale(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.scalars(select(VersionRow.name).where(VersionRow.stale_at.is_not(None))))


def test_a_dry_run_says_what_would_go(people: People, database: Database, rated: list[int]) -> None:
    before = rows(database)
    assert people.delete("ann", dry_run=True) == Deleted("ann", 3, 1, ("hers (hers-digest-)",))
    assert rows(database) == before and stale(database) == set()


def test_what_somebody_said_goes_and_the_rest_stays(
    people: People, database: Database, rated: list[int], ratings: Ratings, bob: int, tmp_path: Path
) -> None:
    queue = Queue(database)
    assert queue.left() == 1  # Bob's half of the second
    assert people.delete("ann") == Deleted("ann", 3, 1, ("hers (hers-digest-)",))
    assert stale(database) == {"hers"}
    left = rows(database)
    assert (left["annotators"], left["ratings"], left["edits"], left["version_ratings"]) == (1, 1, 0, 1)
    assert (left["reasonings"], left["versions"]) == (2, 2) and queue.left() == 2
    assert [r.annotator_id for r in ratings.live_ratings()] == [bob]
    assert Exchange(database).export(tmp_path, "jsonl")["ratings"] == 1
    with pytest.raises(InputError, match="no annotator 'ann'"):
        people.delete("ann")


def test_by_pseudonym_and_with_decisions_that_stay(
    people: People, database: Database, annotators: Annotators, rated: list[int]
) -> None:
    root = annotators.add("root", "admin")
    decisions = Adjudications(database)
    decisions.adjudicate(root.id, rated[0], "good", "t")
    assert people.delete(root.pseudonym).name == "root"
    assert [one.admin_id for one in decisions.history(rated[0])] == [None]


def test_everybody_is_listed(people: People, rated: list[int], annotators: Annotators) -> None:
    annotators.add("root", "admin")
    assert [(p.name, p.role, p.ratings) for p in people.all()] == [
        ("ann", "annotator", 2),
        ("bob", "annotator", 1),
        ("root", "admin", 0),
    ]
