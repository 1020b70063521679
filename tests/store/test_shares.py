"""What visitors share: kept and queued once, so many a day, again without a second item."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from rilearn.errors import InputError
from rilearn.records import Proposal
from rilearn.store import shares as module
from rilearn.store.database import Database
from rilearn.store.filling import Plan
from rilearn.store.queue import Queue
from rilearn.store.schema import now
from rilearn.store.schema_annotation import ItemRow, ShareRow
from rilearn.store.shares import Shares
from tests.store.conftest import reasoning


def proposal(number: int, **changed: object) -> Proposal:
    return Proposal(reasoning(number, source="visitor", **changed), "visitor", 0.25, 0.5)


@pytest.fixture
def shares(database: Database) -> Shares:
    return Shares(database)


def test_shared_once_whoever_shares_it(shares: Shares, database: Database) -> None:
    assert shares.share("one", proposal(1), Plan(ratings=2))
    assert not shares.share("one", proposal(1), Plan(ratings=2))
    assert shares.share("two", proposal(1), Plan(ratings=9)) and Queue(database).left() == 1
    with database.read() as session:
        (item,) = session.scalars(select(ItemRow))
        assert (item.origin, item.uncertainty, item.disagreement, item.ratings_left) == ("visitor", 0.25, 0.5, 2)


def test_so_many_a_day(shares: Shares, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "A_DAY", 3)
    for number in range(3):
        assert shares.share("one", proposal(number), Plan())
    for _ in range(2):
        with pytest.raises(InputError, match="shared 3 answers since yesterday"):
            shares.share("one", proposal(3), Plan())
    assert not shares.share("one", proposal(0), Plan()) and Queue(database).left() == 3
    assert shares.share("two", proposal(4), Plan())
    with database.write() as session:
        session.execute(update(ShareRow).where(ShareRow.visitor == "one").values(created_at=now() - timedelta(days=2)))
    assert shares.share("one", proposal(3), Plan())


@pytest.mark.parametrize("changed", [{"text": "x" * 20_001}, {"reasoning": " "}])
def test_what_cannot_be_kept_is_told(changed: dict[str, str], shares: Shares, database: Database) -> None:
    with pytest.raises(InputError):
        shares.share("one", proposal(1, **changed), Plan())
    with pytest.raises(InputError, match="visitor is empty"):
        shares.share("", proposal(1), Plan())
    assert Queue(database).left() == 0
