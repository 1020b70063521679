"""Who was deleted stays away: an old export brings back neither them nor what they said, and nothing names them here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from rilearn.store.adjudications import Adjudications
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.exchange import FORMATS, Exchange, Imported
from rilearn.store.people import People
from rilearn.store.reasonings import Reasonings
from rilearn.store.schema_annotation import TombstoneRow
from tests.store.conftest import reasoning
from tests.store.test_exchange import KINDS, exchange, full, lines  # noqa: F401  fixtures, too


@pytest.mark.parametrize("form", FORMATS)
def test_who_was_deleted_does_not_come_back(
    form: str, exchange: Exchange, full: list[int], annotators: Annotators, database: Database, tmp_path: Path
) -> None:
    exchange.export(tmp_path, form, names=True)
    pseudonym = annotators.called("ann").pseudonym
    for name in ("ann", "root"):
        People(database).delete(name)
    before = len(Reasonings(database).of_text("weather", reasoning(0).text))
    told = {}
    for kind in KINDS:
        path = tmp_path / f"{kind}.{form}"
        told[kind] = exchange.bring(path, dry_run=True)
        assert exchange.bring(path) == told[kind]
    assert told["ratings"] == Imported("ratings", 0, 1, (), deleted=2)
    # Bob's correction and the votes are here, and so is the deleted admin's decision, which stands without name.
    assert [(told[kind].known, told[kind].deleted) for kind in KINDS[1:]] == [(1, 0), (1, 0), (2, 0)]
    assert {person.name for person in People(database).all()} == {"bob"}
    assert len(Reasonings(database).of_text("weather", reasoning(0).text)) == before
    with database.read() as session:
        kept = session.scalars(select(TombstoneRow.digest)).all()
    assert len(kept) == 2 and not [one for one in kept if pseudonym in one or "ann" in one]


def test_a_decision_of_a_deleted_admin_comes_without_name(
    exchange: Exchange, full: list[int], database: Database, tmp_path: Path
) -> None:
    exchange.export(tmp_path, "jsonl")
    path = tmp_path / "adjudications.jsonl"
    People(database).delete("root")
    path.write_text(json.dumps({**lines(path)[0], "token": "another"}), encoding="utf-8")
    assert exchange.bring(path) == Imported("adjudications", 1, 0, ())
    assert {one.admin_id for one in Adjudications(database).history(full[0])} == {None}
    assert [person.name for person in People(database).all()] == ["ann", "bob"]
