"""Flags: one holds the item back from everybody at once, an admin decides, nothing of it is forgotten."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from rilearn.errors import InputError
from rilearn.records import Rating
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.desk import Desk
from rilearn.store.flags import Decided, Flagged, Flags
from rilearn.store.people import People
from rilearn.store.queue import Entry, Queue
from rilearn.store.ratings import Ratings
from rilearn.store.submissions import Submissions

GOOD = Rating("good")


@pytest.fixture
def queue(database: Database, item: int) -> Queue:
    made = Queue(database)
    made.add([Entry(item, "generator", ratings=3)])
    return made


@pytest.fixture
def send(database: Database) -> Submissions:
    return Submissions(database)


@pytest.fixture
def flags(database: Database) -> Flags:
    return Flags(database)


@pytest.fixture
def root(annotators: Annotators) -> int:
    return annotators.add("root", "admin").id


def kinds(found: Flagged) -> list[tuple[str, str, str, bool]]:
    return [(flag.kind, flag.reason, flag.annotator, flag.open) for flag in found.flags]


def decisions(found: Flagged) -> list[tuple[str, str, str | None]]:
    return [(made.decision, made.comment, made.admin) for made in found.decisions]


@pytest.mark.parametrize("kind", ["harmful", "private"])
def test_one_flag_takes_the_item_out_for_everybody(
    kind: str, queue: Queue, send: Submissions, flags: Flags, item: int, ann: int, bob: int
) -> None:
    assert queue.lease(ann, "1")
    send.skip(ann, item, kind, "it says so", "s")  # type: ignore[arg-type]
    send.skip(ann, item, kind, "it says so", "s")  # type: ignore[arg-type]  # a retry
    assert queue.lease(bob, "2") is None and queue.left() == 0 and flags.is_held(item)
    (found,) = flags.waiting()
    assert found.reasoning.id == item and kinds(found) == [(kind, "it says so", "ann", True)]
    assert found.decisions == () and flags.removed() == []
    assert (flags.count("flagged"), flags.count("removed")) == (1, 0)
    assert found.flags[0].pseudonym not in ("", "ann")


def test_passing_by_is_no_flag(queue: Queue, send: Submissions, flags: Flags, item: int, ann: int, bob: int) -> None:
    assert queue.lease(ann, "1")
    send.skip(ann, item, "skip", "cannot tell", "s")
    assert flags.waiting() == [] and flags.history(item).flags == () and queue.lease(bob, "2")


@pytest.mark.parametrize("everyone", [True, False])
def test_calibration_items_and_those_for_everyone_are_held_back_as_well(
    everyone: bool, database: Database, send: Submissions, item: int, ann: int, bob: int
) -> None:
    queue, expected = Queue(database), None if everyone else {"verdict": "good"}
    queue.add([Entry(item, "generator", everyone=everyone, expected=expected)])
    assert queue.lease(ann, "1", calibration=1.0)
    send.skip(ann, item, "harmful", "", "s")
    assert queue.lease(bob, "2", calibration=1.0) is None


def test_undoing_the_last_open_flag_puts_the_item_back(
    database: Database, queue: Queue, send: Submissions, flags: Flags, item: int, ann: int, bob: int
) -> None:
    gone = Queue(database, seconds=-1)  # both were given it, one after the other
    assert gone.lease(ann, "1") and gone.lease(bob, "2")
    send.skip(ann, item, "harmful", "", "s")
    send.skip(bob, item, "private", "a name", "s")
    undone = send.undo(ann, "u")
    assert undone and undone.token == "" and flags.is_held(item)  # Bob's flag holds
    assert [kinds(found) for found in flags.waiting()] == [[("private", "a name", "bob", True)]]
    undone = send.undo(bob, "u")
    assert undone and undone.token == "u" and not flags.is_held(item) and flags.waiting() == []
    queue.release(bob, "u")
    assert queue.lease(ann, "3")


def test_a_draft_or_an_undone_rating_does_not_bring_a_flagged_item_back(
    database: Database, send: Submissions, flags: Flags, queue: Queue, item: int, ann: int, bob: int
) -> None:
    desk = Desk(database, queue)
    assert desk.next(ann, "1")
    send.rate(ann, item, GOOD, "r")
    assert desk.next(bob, "2")
    desk.save_draft(bob, item, {"comment": "so far"})
    queue.release(bob, "2")
    send.skip(bob, item, "private", "", "s")
    undone = send.undo(ann, "u")
    assert undone and (undone.reasoning_id, undone.token) == (item, "")
    assert desk.draft(ann, item) and desk.next(ann, "3") is None
    flags.decide(None, item, "put back", "t")
    again = desk.next(ann, "4")
    assert again and again.reasoning_id == item


def test_whoever_holds_a_flagged_item_holds_it_no_more_and_loses_no_rating(
    database: Database, send: Submissions, queue: Queue, ratings: Ratings, item: int, ann: int, bob: int
) -> None:
    assert Queue(database, seconds=-1).lease(ann, "1") and queue.lease(bob, "2")
    send.skip(ann, item, "harmful", "", "s")
    assert not queue.keep(bob, "2")
    with pytest.raises(InputError, match="lease is over"):
        queue.lease(bob, "2")
    send.rate(bob, item, GOOD, "r")
    assert [rating.annotator_id for rating in ratings.live_ratings()] == [bob]


def test_an_admin_puts_it_back_and_a_new_flag_takes_it_out_again(
    queue: Queue, send: Submissions, flags: Flags, item: int, ann: int, bob: int, root: int
) -> None:
    assert queue.lease(ann, "1")
    send.skip(ann, item, "harmful", "rude", "s")
    for _ in range(2):  # the second is a retry
        made = flags.decide(root, item, "put back", "t", "a quotation")
    assert (made.decision, made.admin) == ("put back", "root")
    assert flags.waiting() == [] and queue.lease(ann, "2") is None  # who flagged it does not get it again
    assert queue.lease(bob, "3")
    send.skip(bob, item, "private", "", "s")
    (found,) = flags.waiting()
    assert kinds(found) == [("harmful", "rude", "ann", False), ("private", "", "bob", True)]
    assert decisions(found) == [("put back", "a quotation", "root")]
    send.undo(ann, "u")  # decided on long since
    assert flags.is_held(item)
    flags.decide(root, item, "removed", "u")
    assert flags.waiting() == [] and decisions(flags.history(item))[-1] == ("removed", "", "root")


def test_what_is_removed_stays_away_until_an_admin_decides_anew(
    queue: Queue, send: Submissions, flags: Flags, item: int, ann: int, bob: int, root: int
) -> None:
    assert queue.lease(ann, "1")
    send.skip(ann, item, "harmful", "", "s")
    flags.decide(root, item, "removed", "t")
    send.undo(ann, "u")
    assert queue.lease(bob, "2") is None and queue.add([Entry(item, "import")]) == 0 and queue.left() == 0
    assert [found.reasoning.id for found in flags.removed()] == [item] and flags.waiting() == []
    assert (flags.count("flagged"), flags.count("removed")) == (0, 1)
    flags.decide(None, item, "put back", "t")
    assert queue.lease(bob, "3") and flags.removed() == []
    assert decisions(flags.history(item)) == [("removed", "", "root"), ("put back", "", None)]


def test_only_an_admin_decides_and_only_on_what_is_held_back(
    queue: Queue, send: Submissions, flags: Flags, database: Database, item: int, ann: int, root: int
) -> None:
    with pytest.raises(InputError, match="not held back"):
        flags.decide(root, item, "removed", "t")
    assert queue.lease(ann, "1")
    send.skip(ann, item, "harmful", "", "s")
    for who in (ann, 10**6):
        with pytest.raises(InputError, match="Only an admin"):
            flags.decide(who, item, "put back", "t")
    with pytest.raises(InputError, match="no decision"):
        flags.decide(root, item, "burnt", "t")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no reasoning"):
        flags.history(10**6)
    flags.decide(root, item, "removed", "t")
    with pytest.raises(InputError, match="another decision"):
        flags.decide(root, item, "put back", "t")
    People(database).deactivate("root")
    with pytest.raises(InputError, match="Only an admin"):
        flags.decide(root, item, "put back", "u")
    assert len(flags.history(item).decisions) == 1 and flags.is_held(item)


def test_it_stays_held_back_without_those_who_flagged_and_decided(
    queue: Queue, send: Submissions, flags: Flags, database: Database, item: int, ann: int, bob: int, root: int
) -> None:
    assert queue.lease(ann, "1")
    send.skip(ann, item, "private", "", "s")
    People(database).delete("ann")
    (found,) = flags.waiting()
    assert found.flags == () and queue.lease(bob, "2") is None
    flags.decide(root, item, "removed", "t")
    People(database).delete("root")
    assert decisions(flags.removed()[0]) == [("removed", "", None)]


def test_two_decisions_at_the_same_moment_take_turns(
    queue: Queue, send: Submissions, flags: Flags, item: int, ann: int, root: int
) -> None:
    assert queue.lease(ann, "1")
    send.skip(ann, item, "harmful", "", "s")
    wishes: list[Decided] = ["put back", "removed"] * 4

    def decide(number: int) -> bool:
        try:
            flags.decide(root, item, wishes[number], f"t{number}")
        except InputError:  # put back before
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert any(pool.map(decide, range(8)))
    found = flags.history(item)
    assert flags.is_held(item) == (found.decisions[-1].decision == "removed")
    backs = [made.decision for made in found.decisions].count("put back")
    assert backs <= 1  # what is in the queue cannot be decided on
