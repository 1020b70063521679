"""A database of its own for each test: SQLite always, PostgreSQL where RILEARN_TEST_POSTGRES names a server."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url

from rilearn.records import Reasoning
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database, open_database
from rilearn.store.edits import Edits
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.store.votes import Votes
from tests.migrated import lay

SERVER = "RILEARN_TEST_POSTGRES"
EMPTY = "template1"
"""The template of PostgreSQL's own."""


@contextmanager
def _postgres(template: str) -> Iterator[tuple[str, str]]:
    """Name and url of a PostgreSQL database like the `template`."""
    server = make_url(os.environ[SERVER]).set(drivername="postgresql")
    name = f"rilearn_{uuid4().hex}"
    with psycopg.connect(server.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")  # the names are ours: letters and digits
        yield name, server.set(database=name).render_as_string(hide_password=False)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def template() -> Iterator[str]:
    """The name of an empty PostgreSQL database that is migrated."""
    with _postgres(EMPTY) as (name, url):
        open_database(url, Path()).close()
        yield name


@pytest.fixture
def prepared(request: pytest.FixtureRequest) -> bool:
    """Whether databases are migrated before they are opened; not for a file that says PREPARED = False."""
    return getattr(request.module, "PREPARED", True)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, prepared: bool) -> Iterator[str | None]:
    """None for SQLite, or the url of an empty PostgreSQL database."""
    if request.param == "sqlite":
        yield None
        return
    if not os.environ.get(SERVER):
        pytest.skip(f"{SERVER} names no PostgreSQL server (.ci/run starts one and sets it)")
    with _postgres(request.getfixturevalue("template") if prepared else EMPTY) as (_, made):
        yield made


@pytest.fixture
def reopen(url: str | None, tmp_path: Path, prepared: bool) -> Iterator[Callable[[], Database]]:
    """Opens the test's database, as often as wanted."""
    opened: list[Database] = []
    if url is None and prepared:
        lay(tmp_path / "state")

    def reopen() -> Database:
        opened.append(open_database(url, tmp_path / "state"))
        return opened[-1]

    yield reopen
    for database in opened:
        database.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Database]:
    """An empty database elsewhere."""
    made = open_database(None, lay(tmp_path / "elsewhere"))
    yield made
    made.close()


@pytest.fixture
def database(reopen: Callable[[], Database]) -> Database:
    return reopen()


@pytest.fixture
def reasonings(database: Database) -> Reasonings:
    return Reasonings(database)


@pytest.fixture
def ratings(database: Database) -> Ratings:
    return Ratings(database)


@pytest.fixture
def edits(database: Database) -> Edits:
    return Edits(database)


@pytest.fixture
def votes(database: Database) -> Votes:
    return Votes(database)


@pytest.fixture
def annotators(database: Database) -> Annotators:
    return Annotators(database)


@pytest.fixture
def ann(annotators: Annotators) -> int:
    return annotators.add("ann").id


@pytest.fixture
def bob(annotators: Annotators) -> int:
    return annotators.add("bob").id


def reasoning(number: int = 0, **changed: object) -> Reasoning:
    fields = {"task": "weather", "text": f"grey clouds, number {number}", "label": "rain", "source": "almanac"}
    return Reasoning(**{**fields, "reasoning": "Clouds that are grey bring rain.", **changed})  # type: ignore[arg-type]


@pytest.fixture
def item(reasonings: Reasonings) -> int:
    """The id of a stored reasoning."""
    return reasonings.add([reasoning()])[0]


def lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
