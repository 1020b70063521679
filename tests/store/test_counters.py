"""The counters are what a recount of the ratings gives: after any sequence of what people do, at once too."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text, update

from rilearn.errors import InputError, StoreError
from rilearn.records import Rating
from rilearn.store.adjudications import Adjudications
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.exchange import Exchange
from rilearn.store.insight import Insight
from rilearn.store.migrations.versions import r0004_counters
from rilearn.store.people import People
from rilearn.store.progress import Progress
from rilearn.store.queue import Entry, Queue
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.store.schema import RatingRow, ReasoningRow
from rilearn.store.schema_annotation import ItemRow
from rilearn.store.schema_counters import DayCount, GroupCount, Tally
from rilearn.store.submissions import Submissions
from tests.store.conftest import reasoning

Counts = tuple[dict[Any, Counter[str]], ...]
TABLES = [model.__tablename__ for model in (DayCount, GroupCount, Tally)]
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


def recounted(database: Database) -> Counts:
    """By annotator and day, by annotator, label and adapter, by reasoning: one rating after the other."""
    days: dict[Any, Counter[str]] = {}
    groups: dict[Any, Counter[str]] = {}
    tallies: dict[Any, Counter[str]] = {}
    query = select(RatingRow, ReasoningRow).join(ReasoningRow, ReasoningRow.id == RatingRow.reasoning_id)
    with database.read() as session:
        for rating, about in session.execute(query.where(RatingRow.superseded_at.is_(None))).tuples():
            good = int(rating.verdict == "good")
            fair = int(good or not rating.label_wrong)
            day = (rating.annotator_id, rating.created_at.astimezone(UTC).date().isoformat())
            days.setdefault(day, Counter()).update(ratings=1, good=good)
            if fair:
                group = (rating.annotator_id, about.label, about.adapter)
                groups.setdefault(group, Counter()).update(fair=1, good=good)
            tallies.setdefault(about.id, Counter()).update(ratings=1, fair=fair, good=good)
    return days, groups, tallies


def kept(database: Database) -> Counts:
    with database.read() as session:
        days, groups, tallies = (session.scalars(select(model)).all() for model in (DayCount, GroupCount, Tally))
        return (
            {(row.annotator_id, row.day): Counter(ratings=row.ratings, good=row.good) for row in days},
            {(row.annotator_id, row.label, row.adapter): Counter(fair=row.fair, good=row.good) for row in groups},
            {row.reasoning_id: Counter(ratings=row.ratings, fair=row.fair, good=row.good) for row in tallies},
        )


def check(database: Database) -> None:
    """The counters, and what is read out of them, against plain counting."""
    wanted = recounted(database)
    assert kept(database) == wanted
    days, groups, tallies = wanted
    overview = Insight(database).overview(ranked=3)
    assert (
        overview.ratings == sum(c["ratings"] for c in days.values()) == Progress(database).counts(1, MIDNIGHT).project
    )
    assert overview.reasonings == len(tallies)
    assert sum(c.ratings for c in overview.labels) == sum(c["fair"] for c in groups.values())
    assert sum(c.good for c in overview.adapters) == sum(c["good"] for c in tallies.values())
    for listed in (overview.best, overview.worst):
        assert len(listed) == min(3, sum(1 for c in tallies.values() if c["fair"]))
        for one in listed:
            assert (one.count.ratings, one.count.good) == (
                tallies[one.reasoning.id]["fair"],
                tallies[one.reasoning.id]["good"],
            )
    split = {i: c for i, c in tallies.items() if 0 < c["good"] < c["ratings"]}
    decisions = Adjudications(database)
    decided = {i for i in split if any(one.superseded_at is None for one in decisions.history(i))}
    found, disputed = decisions.disagreements(100)
    assert disputed == len(found) and {d.reasoning.id for d in found} == set(split) - decided
    evenness = [abs(2 * split[d.reasoning.id]["good"] - split[d.reasoning.id]["ratings"]) for d in found]
    assert evenness == sorted(evenness)
    with database.read() as session:
        items = session.scalars(select(ItemRow)).all()
        assert Queue(database).left() == sum(1 for item in items if item.ratings_left and item.expected is None)


class Project:
    """Does one thing after the other at random, as people would."""

    def __init__(self, database: Database, folder: Path, seed: int):
        self.database, self.folder, self.draw, self.tokens = database, folder, random.Random(seed), count()
        self.people = [self.join() for _ in range(4)]
        self.root = Annotators(database).add("root", "admin").id
        made = [reasoning(i, label=f"l{i % 2}", adapter=f"a{i % 3}") for i in range(8)]
        self.items = Reasonings(database).add(made)
        known = {0: {"expected": {"verdict": "good"}}}
        Queue(database).add([Entry(i, "generator", 2, **known.get(n, {})) for n, i in enumerate(self.items)])

    def token(self) -> str:
        return f"token-{next(self.tokens)}"

    def join(self) -> str:
        return Annotators(self.database).add(f"person {next(self.tokens)}").name

    def who(self) -> int:
        return Annotators(self.database).add(self.draw.choice(self.people)).id

    def rate(self) -> None:
        verdict, wrong = self.draw.choice(("good", "poor")), self.draw.random() < 0.4
        said = Rating(verdict, label_wrong=wrong)  # type: ignore[arg-type]
        who, about, token = self.who(), self.draw.choice(self.items), self.token()
        for _ in range(self.draw.choice((1, 1, 2))):  # twice: the same request again
            Ratings(self.database).rate(who, about, said, token)

    def undo(self) -> None:
        Submissions(self.database).undo(self.who(), self.token())

    def retract(self) -> None:
        who = self.who()
        if mine := Ratings(self.database).live_ratings(who):
            Ratings(self.database).retract(who, self.draw.choice(mine).id)

    def delete(self) -> None:
        People(self.database).delete(self.people.pop(self.draw.randrange(len(self.people))))
        self.people.append(self.join())

    def travel(self) -> None:
        """A rating turns out to be of another day, as those of an import are."""
        if made := Ratings(self.database).live_ratings():
            moment = MIDNIGHT + timedelta(seconds=self.draw.choice((-1, 0, 86_399, 86_400)))
            with self.database.write() as session:
                one = update(RatingRow).filter_by(id=self.draw.choice(made).id)
                session.execute(one.values(created_at=moment))

    def decide(self) -> None:
        verdict = self.draw.choice(("good", "poor"))
        Adjudications(self.database).adjudicate(self.root, self.draw.choice(self.items), verdict, self.token())  # type: ignore[arg-type]

    def carry(self) -> None:
        """Export; somebody goes, others change their minds; import, which brings much of it back."""
        folder = self.folder / self.token()
        exchange = Exchange(self.database)
        exchange.export(folder, "jsonl")
        self.draw.choice((self.delete, self.rate, self.retract))()
        for kind in ("ratings", "adjudications"):
            exchange.bring(folder / f"{kind}.jsonl")


@pytest.mark.parametrize("seed", range(3))
def test_counters_are_exact_after_whatever_people_do(database: Database, tmp_path: Path, seed: int) -> None:
    project = Project(database, tmp_path, seed)
    often = [project.rate] * 12 + [project.undo, project.retract, project.travel, project.decide] * 2
    for step in range(60):
        project.draw.choice([*often, project.delete, project.carry])()
        if step % 5 == 4:
            check(database)


def test_many_at_once_lose_no_count(database: Database, reasonings: Reasonings, annotators: Annotators) -> None:
    items = reasonings.add(reasoning(i) for i in range(3))
    people = [annotators.add(f"person {i}").id for i in range(8)]
    Queue(database).add([Entry(i, "generator", 8) for i in items])

    def work(who: int) -> None:
        draw, ratings = random.Random(who), Ratings(database)
        for n in range(12):
            made = ratings.rate(who, draw.choice(items), Rating(draw.choice(("good", "poor"))), f"t{n}")  # type: ignore[arg-type]
            if n % 4 == 0:
                ratings.retract(who, made.id)

    with ThreadPoolExecutor(len(people) + 1) as pool:
        done = [pool.submit(work, who) for who in people]
        gone = pool.submit(People(database).delete, "person 0")
        gone.result()
        for who, one in zip(people, done, strict=True):
            if who == people[0]:
                assert isinstance(one.exception(), InputError | StoreError | None)
            else:
                one.result()
    check(database)


def test_ratings_from_before_the_counters_are_counted(database: Database, tmp_path: Path) -> None:
    project = Project(database, tmp_path, 0)
    for step in (*[project.rate] * 30, project.retract, project.travel, project.decide):
        step()
    triggers = [f"count_ratings_{name} " for name in ("added", "begun", "ended", "deleted")]
    if database.engine.dialect.name != "sqlite":
        triggers = ["count_ratings ON ratings"]
    with database.write() as session:
        for thing in (*(f"TRIGGER {name}" for name in triggers), *(f"TABLE {table}" for table in TABLES)):
            session.execute(text(f"DROP {thing}"))
        if database.engine.dialect.name != "sqlite":
            session.execute(text("DROP FUNCTION count_ratings"))
        with Operations.context(MigrationContext.configure(session.connection())):
            r0004_counters.upgrade()
    assert len(recounted(database)[2]) > 3
    check(database)
    Ratings(database).rate(project.who(), project.items[0], Rating("good"), "after")
    check(database)


def test_the_database_itself_counts(database: Database, ratings: Ratings, ann: int, item: int) -> None:
    """Whoever writes past the store's functions, too; and a transaction that is undone was not counted."""
    ratings.rate(ann, item, Rating("good"), "t")
    with pytest.raises(RuntimeError), database.write() as session:
        session.execute(text("UPDATE ratings SET verdict = 'poor'"))
        raise RuntimeError
    check(database)
    assert kept(database)[2] == {item: Counter(ratings=1, fair=1, good=1)}
    with database.write() as session:
        session.execute(text("UPDATE ratings SET verdict = 'poor', label_wrong = true"))
    check(database)
    assert kept(database)[1:] == ({}, {item: Counter(ratings=1, fair=0, good=0)})
    with database.write() as session:
        session.execute(text("DELETE FROM ratings"))
    assert kept(database) == ({}, {}, {})
