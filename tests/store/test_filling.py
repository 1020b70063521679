"""Filling the queue: everything once, counted alike with and without a dry run, the same items for everyone."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from rilearn.errors import InputError
from rilearn.records import Proposal
from rilearn.signals import measured, quality
from rilearn.store import filling
from rilearn.store.database import Database
from rilearn.store.filling import Filled, Plan, fill
from rilearn.store.queue import Queue
from rilearn.store.schema_annotation import ItemRow
from tests.store.conftest import reasoning


def proposals(count: int, **known: object) -> list[Proposal]:
    return [Proposal(reasoning(n), "generator", **known) for n in range(count)]  # type: ignore[arg-type]


def items(database: Database) -> list[ItemRow]:
    with database.read() as session:
        rows = list(session.scalars(select(ItemRow).order_by(ItemRow.id)))
        session.expunge_all()
    return rows


def test_everything_once_and_a_dry_run_counts_the_same(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "AT_ONCE", 4)
    rows = [*proposals(10), *proposals(3), Proposal(reasoning(99, label=" "), "generator")]
    dry = fill(database, rows, Plan(), dry_run=True)
    assert items(database) == [] and dry.added == dry.reasonings == 10
    assert fill(database, rows, Plan()) == dry
    assert (dry.proposals, dry.twice, dry.there, dry.labels) == (14, 3, 0, {"rain": 10})
    (refused,) = dry.refused
    assert "proposal 14" in refused and "label is empty" in refused
    again = fill(database, [*rows, *proposals(12)], Plan(ratings=5))
    assert (again.added, again.there, again.reasonings) == (2, 10, 2)
    assert [item.ratings_left for item in items(database)] == [1] * 10 + [5] * 2  # what was there stays as it was
    assert Queue(database).left() == 12


def test_what_is_known_is_kept(database: Database) -> None:
    signals = measured("grey clouds", "rain", "The grey clouds say rain.", ("rain", "sun"))
    known = Proposal(reasoning(1, signals=signals), "label-noise", 0.25, 0.75)
    answer = Proposal(reasoning(2), "import", expected={"verdict": "poor"})
    filled = fill(database, [known, answer], Plan(ratings=3, everyone=1.0))
    two, one = sorted(items(database), key=lambda item: item.origin)
    assert (one.origin, one.uncertainty, one.disagreement, one.ratings_left) == ("label-noise", 0.25, 0.75, 3)
    assert one.quality == pytest.approx(quality(signals)) and one.everyone and one.expected is None
    assert (two.expected, two.quality, two.everyone) == ({"verdict": "poor"}, None, False)
    assert (filled.everyone, filled.calibration) == (1, 1) and Queue(database).left() == 1


def test_a_share_goes_to_everyone_and_always_the_same(database: Database) -> None:
    dry = fill(database, proposals(400), Plan(everyone=0.25), dry_run=True)
    filled = fill(database, reversed(proposals(400)), Plan(everyone=0.25))
    assert 60 < filled.everyone == dry.everyone < 140
    assert sum(item.everyone for item in items(database)) == filled.everyone


@pytest.mark.parametrize("plan", [Plan(ratings=0), Plan(everyone=1.5), Plan(everyone=-0.1)])
def test_a_plan_that_makes_no_sense(plan: Plan, database: Database) -> None:
    with pytest.raises(InputError):
        fill(database, proposals(1), plan)
    assert fill(database, [], Plan()) == Filled() and items(database) == []
