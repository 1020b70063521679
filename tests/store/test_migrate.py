"""Migrations: they make what the models say, keep a copy first, undo what fails, and refuse what is newer."""

from __future__ import annotations

import logging
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, inspect, text

from rilearn.errors import StoreError
from rilearn.records import Rating
from rilearn.store import migrate
from rilearn.store.database import Database
from rilearn.store.flags import Flags
from rilearn.store.queue import Queue
from rilearn.store.ratings import Ratings
from rilearn.store.schema import Base

PREPARED = False  # here databases are made and migrated as they are opened
HEAD = "0007"
NEXT = '''"""A migration of a later rilearn."""

import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{head}"


def upgrade() -> None:
    with op.batch_alter_table("annotators", recreate="{recreate}") as table:
        table.add_column(sa.Column("colour", sa.Text()))
    {then}
'''


FIRST: dict[str, dict[str, object]] = {
    "annotators": {"name": "ann", "pseudonym": "annotator-1", "role": "annotator"},
    "texts": {"task": "emotion", "text": "a text", "source": "", "split": "", "digest": "d", "key": "k"},
    "reasonings": {
        "text_id": 1,
        "label": "joy",
        "reasoning": "so it is",
        "adapter": "generator",
        "adapter_digest": "d",
        "prompt_version": "2",
        "sampling": "{}",
        "signals": "{}",
        "key": "k",
    },
    "ratings": {
        "annotator_id": 1,
        "reasoning_id": 1,
        "token": "t",
        "verdict": "good",
        "criteria": "{}",
        "thumbs": "[]",
        "spans": "[]",
        "comment": "",
        "label_wrong": False,
        "guideline": "",
        "seconds": 1.5,
    },
}
"""A row of each table that a rating needs, in the columns of the first tables."""


@pytest.fixture
def second(tmp_path: Path, url: str | None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes this rilearn one with a further migration, which rebuilds a table that others refer to."""

    def add(then: str = "pass") -> None:
        folder = tmp_path / "with 100% more" / "migrations"
        shutil.copytree(migrate.MIGRATIONS, folder)
        code = NEXT.format(head=HEAD, then=then, recreate="auto" if url else "always")
        (folder / "versions" / "r9001_next.py").write_text(code)
        monkeypatch.setattr(migrate, "MIGRATIONS", folder)

    return add


def revision(database: Database) -> str | None:
    with database.read() as session:
        return session.scalar(text("SELECT version_num FROM alembic_version"))


def copies(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "state").glob("*.before-*"))


def test_the_migrations_make_what_the_models_say(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_checks_and_conditions_are_those_of_the_models(database: Database) -> None:
    """What compare_metadata leaves out: check constraints, the condition of partial indexes, ids used once."""
    made = inspect(database.engine)
    for table in Base.metadata.sorted_tables:
        checks = {c.name for c in table.constraints if isinstance(c, CheckConstraint)}
        assert {c["name"] for c in made.get_check_constraints(table.name)} == checks
        for index in table.indexes:
            (found,) = (i for i in made.get_indexes(table.name) if i["name"] == index.name)
            name = database.engine.dialect.name
            partial = found.get("dialect_options", {}).get(f"{name}_where")
            wanted = index.dialect_options[name]["where"]
            assert re.sub("[()]", "", str(partial)) == str(wanted), index.name
    if database.engine.dialect.name == "sqlite":
        with database.read() as session:
            statements = session.scalars(text("SELECT sql FROM sqlite_master WHERE name IN ('ratings', 'pairs')")).all()
        assert len(statements) == 2 and all("AUTOINCREMENT" in s for s in statements)


def test_a_second_start_changes_nothing(reopen: Callable[[], Database], tmp_path: Path) -> None:
    assert revision(reopen()) == revision(reopen()) == HEAD
    assert not copies(tmp_path)


def test_a_migration_keeps_a_copy_and_every_rating(
    database: Database,
    reopen: Callable[[], Database],
    second: Callable[..., None],
    url: str | None,
    tmp_path: Path,
    ann: int,
    item: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    Ratings(database).rate(ann, item, Rating("good"), "one")
    second()
    with caplog.at_level(logging.INFO):
        newer = reopen()
    assert revision(newer) == "9001" and len(Ratings(newer).live_ratings(ann, item)) == 1
    with newer.read() as session:
        assert session.execute(text("SELECT name, colour FROM annotators")).all() == [("ann", None)]
    if url is None:
        (copy,) = copies(tmp_path)
        assert str(copy) in caplog.text and copy.stat().st_mode & 0o777 == 0o600
        with sqlite3.connect(copy) as old:  # whole, though the original's log was never folded into it
            assert old.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
            assert old.execute("SELECT count(*) FROM ratings").fetchall() == [(1,)]
        reopen()
        assert len(copies(tmp_path)) == 1


def test_a_migration_that_fails_leaves_all_as_it_was(
    database: Database,
    reopen: Callable[[], Database],
    second: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    ann: int,
    item: int,
) -> None:
    Ratings(database).rate(ann, item, Rating("good"), "one")
    with monkeypatch.context():
        second("op.execute('SELECT nothing FROM nowhere')")
        with pytest.raises(StoreError):
            reopen()
    monkeypatch.undo()
    same = reopen()
    assert revision(same) == HEAD and len(Ratings(same).live_ratings()) == 1
    assert "colour" not in {c["name"] for c in inspect(same.engine).get_columns("annotators")}


def test_a_migration_that_leaves_rows_astray_is_undone(
    database: Database, reopen: Callable[[], Database], second: Callable[..., None], ann: int, item: int
) -> None:
    Ratings(database).rate(ann, item, Rating("good"), "one")
    second("op.execute('DELETE FROM reasonings')")
    with pytest.raises(StoreError):
        reopen()
    assert revision(database) == HEAD and len(Ratings(database).live_ratings()) == 1


def test_a_newer_database_is_refused(reopen: Callable[[], Database], tmp_path: Path) -> None:
    database = reopen()
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=rf"newer rilearn \(tables 9999; this one knows up to {HEAD}\).*Update"):
        reopen()
    assert revision(database) == "9999" and not copies(tmp_path)


def test_the_first_tables_come_along_with_their_ratings(
    reopen: Callable[[], Database], url: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "first"
    shutil.copytree(migrate.MIGRATIONS, folder, ignore=shutil.ignore_patterns("r000[2-9]*", "__pycache__"))
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "MIGRATIONS", folder)
        old = reopen()
    with old.write() as session:
        for table, values in FIRST.items():
            names = ", ".join(["id", "created_at", *values])
            marks = ", ".join(f":{name}" for name in values)
            session.execute(text(f"INSERT INTO {table} ({names}) VALUES (1, '2026-11-23 10:00', {marks})"), values)
    assert revision(old) == "0001"
    new = reopen()
    assert revision(new) == HEAD and len(copies(tmp_path)) == (url is None)
    (kept,) = Ratings(new).live_ratings()
    assert (kept.annotator_id, kept.reasoning_id, kept.rating, kept.seconds) == (1, 1, Rating("good"), 1.5)


def test_the_queue_comes_along_with_what_it_waits_for(
    reopen: Callable[[], Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was wanted is guessed so that nothing is asked for anew; calibration items wait for nobody any more."""
    folder = tmp_path / "before"
    shutil.copytree(migrate.MIGRATIONS, folder, ignore=shutil.ignore_patterns("r000[4-9]*", "__pycache__"))
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "MIGRATIONS", folder)
        old = reopen()
    when = "2026-11-23 10:00"
    item = {"origin": "import", "label": "joy", "adapter": "", "shuffle": 0.5, "everyone": False, "expected": None}
    skip = {"annotator_id": 1, "reason": ""}
    rows: list[tuple[str, dict[str, object]]] = [
        ("annotators", FIRST["annotators"]),
        ("annotators", {**FIRST["annotators"], "name": "bob", "pseudonym": "annotator-2"}),
        ("texts", FIRST["texts"]),
        *(("reasonings", {**FIRST["reasonings"], "key": f"k{n}"}) for n in range(1, 7)),
        *(("ratings", {**FIRST["ratings"], "reasoning_id": n, "token": f"t{n}"}) for n in (1, 2, 4)),
        ("ratings", {**FIRST["ratings"], "annotator_id": 2, "reasoning_id": 4}),
        ("ratings", {**FIRST["ratings"], "reasoning_id": 5, "superseded_at": when}),
        *(("items", {**item, "reasoning_id": n + 1, "ratings_left": left}) for n, left in enumerate((2, 0, 3, 0, 0))),
        ("items", {**item, "reasoning_id": 6, "ratings_left": 2, "everyone": True, "expected": '{"verdict": "good"}'}),
        ("skips", {**skip, "reasoning_id": 2, "kind": "private", "token": "a"}),
        ("skips", {**skip, "reasoning_id": 3, "kind": "skip", "token": "b"}),
        ("skips", {**skip, "reasoning_id": 4, "kind": "harmful", "token": "c", "undone_at": when}),
    ]
    with old.write() as session:
        for table, values in rows:
            values = {"created_at": when, **values}
            names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
            session.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)
    new = reopen()
    with new.read() as session:
        query = text("SELECT reasoning_id, wanted, ratings_left, everyone, held FROM items ORDER BY reasoning_id")
        found = [tuple(row) for row in session.execute(query)]
    assert found == [
        (1, 3, 2, False, None),
        (2, 1, 0, False, "flagged"),
        (3, 3, 3, False, None),
        (4, 2, 0, False, None),
        (5, 1, 1, False, None),  # its one rating was taken back
        (6, 0, 0, False, None),
    ]
    assert [one.reasoning.id for one in Flags(new).waiting()] == [2] and Queue(new).left() == 3
