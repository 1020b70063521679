"""The desk: drafts bring their items back, a submission is one thing, the last ten can be undone, nothing is lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from rilearn.errors import InputError
from rilearn.records import Rating, Span
from rilearn.store.database import Database
from rilearn.store.desk import Desk
from rilearn.store.edits import Edits
from rilearn.store.guidelines import Guidelines
from rilearn.store.options import Choices, Options
from rilearn.store.progress import Progress
from rilearn.store.queue import Entry, Queue
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.store.schema import now
from rilearn.store.schema_annotation import DraftRow, OptionRow, SkipRow
from rilearn.store.submissions import LAST, Submissions, entered
from tests.store.conftest import reasoning

GOOD = Rating("good")
FULL = Rating(
    "poor",
    overall=2,
    criteria={"about_text": True},
    thumbs=(1,),
    spans=(Span(0, 6, "no"),),
    comment="hm",
    label_wrong=True,
    right_label="snow",
)


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database)


@pytest.fixture
def ids(reasonings: Reasonings, queue: Queue) -> list[int]:
    found = sorted(reasonings.add([reasoning(i) for i in range(14)]))
    queue.add([Entry(i, "generator") for i in found])
    return found


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def send(database: Database) -> Submissions:
    return Submissions(database)


def given(desk: Desk, person: int, token: str) -> int:
    lease = desk.next(person, token, "oldest")
    assert lease
    return lease.reasoning_id


def test_a_draft_brings_its_item_back_first(desk: Desk, queue: Queue, ids: list[int], ann: int) -> None:
    first, second = given(desk, ann, "1"), given(desk, ann, "2")
    desk.save_draft(ann, second, {"comment": "so far"})
    desk.save_draft(ann, second, {"comment": "farther"})
    for token in ("1", "2"):
        queue.release(ann, token)
    assert given(desk, ann, "3") == second and desk.draft(ann, second) == {"comment": "farther"}
    lease = desk.next(ann, "4", "oldest", have=[second])
    assert lease and lease.reasoning_id == first and desk.draft(ann, first) == {}


def test_after_a_reload_ones_own_lease_is_taken_again(desk: Desk, ids: list[int], ann: int) -> None:
    mine = given(desk, ann, "1")
    desk.save_draft(ann, mine, {"comment": "so far"})
    again = desk.next(ann, "2", "oldest")
    assert again and (again.reasoning_id, again.token) == (mine, "1")


def test_what_another_holds_does_not_come_back(desk: Desk, queue: Queue, ids: list[int], ann: int, bob: int) -> None:
    mine = given(desk, ann, "1")
    desk.save_draft(ann, mine, {"comment": "so far"})
    queue.release(ann, "1")
    assert given(desk, bob, "2") == mine
    assert given(desk, ann, "3") != mine
    queue.release(bob, "2")
    assert given(desk, ann, "4") == mine


def test_a_rating_takes_its_correction_along_and_its_draft_away(
    desk: Desk, send: Submissions, edits: Edits, ratings: Ratings, ids: list[int], ann: int, database: Database
) -> None:
    item = given(desk, ann, "1")
    desk.save_draft(ann, item, {"comment": "so far"})
    for _ in range(2):  # the second is a retry
        made = send.rate(ann, item, FULL, "r", "Clouds bring rain.", guideline="3", seconds=4)
        assert made.rating == FULL and made.guideline == "3"
    assert desk.draft(ann, item) == {} and [e.reasoning for e in edits.history(item)] == ["Clouds bring rain."]
    assert given(desk, ann, "2") != item
    send.rate(ann, item, GOOD, "s")  # a change of mind, without the correction
    assert [e.superseded_at is None for e in edits.history(item)] == [False]
    assert len(ratings.history(ann, item)) == 2
    with pytest.raises(InputError, match="another content"):
        send.rate(ann, item, Rating("poor"), "s")


def test_a_mistake_saves_neither_rating_nor_correction(
    desk: Desk, send: Submissions, edits: Edits, ratings: Ratings, ids: list[int], ann: int
) -> None:
    item = given(desk, ann, "1")
    desk.save_draft(ann, item, {"comment": "so far"})
    for rating, correction in ((GOOD, " "), (GOOD, "x" * 30_000), (Rating("good", overall=9), "Better.")):
        with pytest.raises(InputError):
            send.rate(ann, item, rating, "r", correction)
    assert ratings.live_ratings() == [] and edits.history(item) == [] and desk.draft(ann, item)


def test_nobody_says_anything_of_what_they_were_not_given(
    desk: Desk, send: Submissions, ratings: Ratings, ids: list[int], ann: int, bob: int, database: Database
) -> None:
    item = given(desk, ann, "1")
    for attempt in (
        lambda: send.rate(bob, item, GOOD, "r"),
        lambda: send.skip(bob, item, "skip", "", "s"),
        lambda: send.guess(bob, item, "snow"),
        lambda: desk.save_draft(bob, item, {}),
        lambda: desk.given(bob, item),
        lambda: send.skip(ann, item, "boring", "", "s"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputError):
            attempt()
    assert send.undo(bob, "u") is None
    with database.read() as session:
        assert [session.scalar(select(func.count(t.id))) for t in (SkipRow, DraftRow)] == [0, 0]
    assert ratings.live_ratings() == []


def test_the_first_guess_stays_and_goes_into_the_rating(
    desk: Desk, send: Submissions, ids: list[int], ann: int
) -> None:
    item = given(desk, ann, "1")
    assert send.guess(ann, item, "snow") == "snow" and send.guess(ann, item, "rain") == "snow"
    desk.save_draft(ann, item, {"comment": "so far"})
    assert desk.draft(ann, item) == {"comment": "so far", "guess": "snow"}
    for _ in range(2):
        assert send.rate(ann, item, Rating("good", guess="rain"), "r").rating.guess == "snow"
    assert send.rate(ann, item, Rating("poor"), "s").rating.guess == "snow"
    other = given(desk, ann, "2")
    assert send.rate(ann, other, Rating("good", guess="rain"), "t").rating.guess is None
    with pytest.raises(InputError, match="any more"):
        send.guess(ann, other, "rain")


def test_a_skip_passes_the_item_on_and_comes_once(
    desk: Desk, send: Submissions, queue: Queue, ids: list[int], ann: int, bob: int, database: Database
) -> None:
    item = given(desk, ann, "1")
    for _ in range(2):
        send.skip(ann, item, "skip", "cannot tell", "s")
    assert given(desk, bob, "2") == item and given(desk, ann, "3") != item and queue.left() == len(ids)
    with database.read() as session:
        (row,) = session.scalars(select(SkipRow))
        assert (row.kind, row.reason) == ("skip", "cannot tell")


def test_undo_brings_the_item_back_with_all_that_was_entered(
    desk: Desk, send: Submissions, ratings: Ratings, edits: Edits, queue: Queue, ids: list[int], ann: int, bob: int
) -> None:
    item = given(desk, ann, "1")
    send.guess(ann, item, "snow")
    send.rate(ann, item, FULL, "r", "Clouds bring rain.")
    assert queue.left() == len(ids) - 1
    for _ in range(2):  # the second is a retry
        undone = send.undo(ann, "u")
        assert undone and (undone.reasoning_id, undone.token) == (item, "u")
    assert ratings.live_ratings() == [] and queue.left() == len(ids) and edits.history(item)[0].superseded_at
    content = desk.draft(ann, item)
    assert content["edit"] == "Clouds bring rain." and content["guess"] == "snow" and content["overall"] == 2
    assert content["spans"] == [{"start": 0, "end": 6, "note": "no"}] and "verdict" not in content
    assert given(desk, bob, "2") != item  # ann holds it again
    assert send.rate(ann, item, FULL, "r2", "Clouds bring rain.").rating.guess == "snow"
    assert queue.left() == len(ids) - 1
    assert entered(FULL)["edit"] is None


def test_undo_goes_back_through_ratings_and_skips_and_no_farther_than_ten(
    desk: Desk, send: Submissions, ratings: Ratings, ids: list[int], ann: int
) -> None:
    done = []
    for number in range(LAST + 2):
        done.append(given(desk, ann, f"n{number}"))
        if number % 3:
            send.rate(ann, done[-1], GOOD, f"r{number}")
        else:
            send.skip(ann, done[-1], "skip", "", f"s{number}")
    back = [send.undo(ann, f"u{number}") for number in range(LAST)]
    assert [one.reasoning_id for one in back if one] == done[:1:-1]
    assert send.undo(ann, "one more") is None
    assert [rating.reasoning_id for rating in ratings.live_ratings(ann)] == [done[1]]


def test_undo_of_what_another_holds_meanwhile_says_so(
    desk: Desk, send: Submissions, queue: Queue, reasonings: Reasonings, ann: int, bob: int
) -> None:
    (item,) = reasonings.add([reasoning()])
    queue.add([Entry(item, "generator", ratings=2)])
    given(desk, ann, "1")
    send.rate(ann, item, GOOD, "r")
    assert given(desk, bob, "2") == item
    undone = send.undo(ann, "u")
    assert undone and (undone.reasoning_id, undone.token) == (item, "")
    send.rate(ann, item, Rating("poor"), "r2")
    send.rate(bob, item, GOOD, "r")
    assert queue.left() == 0


def test_progress_and_ones_own_ratings(
    desk: Desk, send: Submissions, database: Database, ids: list[int], ann: int, bob: int
) -> None:
    progress = Progress(database)
    for person, count in ((ann, 3), (bob, 1)):
        for number in range(count):
            send.rate(
                person, given(desk, person, f"{person}-{number}"), GOOD, f"r{number}", "Better." if number else None
            )
    assert progress.counts(ann, now() - timedelta(hours=1)) == progress.counts(ann, now() - timedelta(days=1))
    counts = progress.counts(ann, now() + timedelta(hours=1))
    assert (counts.today, counts.mine, counts.project) == (0, 3, 4)
    assert progress.counts(ann, now() - timedelta(hours=1)).today == 3
    page = progress.rated(ann, most=2)
    assert [one.correction for one in page] == ["Better.", "Better."] and page[0].label == "rain"
    (last,) = progress.rated(ann, before=page[-1].rating.id)
    assert last.correction is None and progress.one(ann, last.rating.reasoning_id) == last
    with pytest.raises(InputError):
        progress.one(bob, last.rating.reasoning_id)


def test_calibration_items_are_known_by_their_answer(
    desk: Desk, queue: Queue, reasonings: Reasonings, ids: list[int]
) -> None:
    (known,) = reasonings.add([reasoning(99)])
    queue.add([Entry(known, "import", expected={"verdict": "good"})])
    assert desk.expected(known) == {"verdict": "good"} and desk.expected(ids[0]) is None


def test_options_keep_their_history(database: Database, ann: int) -> None:
    choices = Choices(database)
    assert choices.now() == Options()
    wanted = Options(blind=True, calibration=0.1, feedback=True, order="oldest")
    for _ in range(2):
        choices.choose(ann, wanted)
    choices.choose(ann, Options(blind=True))
    assert choices.now() == Options(blind=True)
    with database.read() as session:
        assert session.scalar(select(func.count(OptionRow.id))) == 7
    for wrong in (Options(order="loudest"), Options(calibration=1.5), Options(calibration=float("nan"))):  # type: ignore[arg-type]
        with pytest.raises(InputError):
            choices.choose(ann, wrong)


def test_guidelines_have_versions_and_no_save_is_lost(database: Database, ann: int, bob: int) -> None:
    guidelines = Guidelines(database)
    assert guidelines.latest().version == "0" and "reasoning" in guidelines.latest().text
    assert guidelines.save(ann, "# One", "0").version == "1"
    assert guidelines.save(ann, "# One", "0").version == "1"  # a retry
    with pytest.raises(InputError, match="meanwhile"):
        guidelines.save(bob, "# Another", "0")
    assert guidelines.save(bob, "# Two", "1").version == "2" and guidelines.latest().text == "# Two"
    with pytest.raises(InputError, match="empty"):
        guidelines.save(ann, " ", "2")
