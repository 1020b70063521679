"""`flagged` lists what waits for a decision, and decides; a dry run changes nothing."""

from __future__ import annotations

import pytest

from rilearn.errors import InputError
from rilearn.store.database import Database
from rilearn.store.flags import Flags
from rilearn.store.queue import Entry, Queue
from rilearn.store.submissions import Submissions
from tests.store.test_main import _here, said  # noqa: F401  the commands find the test's database


@pytest.fixture
def flagged(database: Database, item: int, ann: int) -> int:
    queue = Queue(database)
    queue.add([Entry(item, "generator")])
    assert queue.lease(ann, "1")
    Submissions(database).skip(ann, item, "private", "\x1b[31mnames a person", "s")
    return item


def test_what_waits_is_listed_and_decided(
    flagged: int, database: Database, bob: int, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = said(capsys, "flagged", "list")
    assert listed.startswith(f"{flagged}\train\tgrey clouds") and "\tprivate\tann\t" in listed
    assert "names a person" in listed and "\x1b" not in listed
    number = str(flagged)
    assert said(capsys, "flagged", "remove", number, "--dry-run") == f"would be: removed: {number}\n"
    assert Flags(database).removed() == []
    assert said(capsys, "flagged", "remove", number, "--comment", "a name") == f"removed: {number}\n"
    assert said(capsys, "flagged", "list") == ""
    listed = said(capsys, "flagged", "list", "--removed")
    assert (
        "\tprivate, decided on before\tann" in listed and "\tremoved\tby command, or a deleted admin\ta name" in listed
    )
    assert said(capsys, "flagged", "put-back", number) == f"put back: {number}\n"
    assert said(capsys, "flagged", "list", "--removed") == "" and Queue(database).lease(bob, "2")


@pytest.mark.parametrize("extra", [(), ("--dry-run",)])
@pytest.mark.parametrize("what", ["remove", "put-back"])
def test_what_is_not_held_back_is_not_decided(
    what: str, extra: tuple[str, ...], item: int, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (str(item), "999"):
        with pytest.raises(InputError, match="not held back"):
            said(capsys, "flagged", what, number, *extra)
