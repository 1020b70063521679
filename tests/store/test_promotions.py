"""Promotions on both databases: two at once, and who had made one and is gone."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from rilearn.adapters import load_adapter
from rilearn.errors import RilearnError
from rilearn.promotion import promote, rollback
from rilearn.settings import Settings
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.people import People
from rilearn.store.promotions import Promotions
from tests.candidates import make_candidate, make_shipped
from tests.promoting import overruled

AT_ONCE = 4


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(adapters=make_shipped(tmp_path / "adapters"), state=tmp_path / "state", database_url="")


def test_two_that_roll_back_at_once_go_one_step(database: Database, settings: Settings, tmp_path: Path) -> None:
    admin = Annotators(database).add("ada", "admin").id
    digests = []
    for n in (1, 2, 3):
        folder = make_candidate(tmp_path / f"g{n}", "generator", seed=n)
        digests.append(load_adapter(folder).ref.digest)
        promote(database, settings, "generator", folder, overruled("generator", digests[-1]), admin, f"p{n}", "test")
    together, failed = threading.Barrier(AT_ONCE), list[str]()

    def back(token: str) -> None:
        together.wait(10)
        try:
            rollback(database, settings, "generator", admin, token, digests[-1])
        except RilearnError as error:
            failed.append(str(error))

    threads = [threading.Thread(target=back, args=(f"b{n}",)) for n in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    now = Promotions(database).active("emotion", "generator")
    assert now and (now.digest, now.turn) == (digests[1], 4) and len(failed) == AT_ONCE - 1
    assert all("Another version" in said or "at the same moment" in said for said in failed)


def test_a_promotion_outlives_the_account_of_who_made_it(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    admin = Annotators(database).add("ada", "admin").id
    folder = make_candidate(tmp_path / "g", "generator", seed=1)
    digest = load_adapter(folder).ref.digest
    promote(database, settings, "generator", folder, overruled("generator", digest), admin, "p", "test")
    People(database).delete("ada")
    now = Promotions(database).active("emotion", "generator")
    assert now and (now.digest, now.who, now.reason) == (digest, "", "test")
    assert Promotions(database).active("support", "generator") is None
    assert [p.id for p in Promotions(database).history("emotion")] == [now.id] == [Promotions(database).newest()]
