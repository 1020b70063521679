"""Export and import: nothing is lost on the way there and back, and what came twice is there once."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from rilearn.errors import DataError, InputError
from rilearn.records import Rating, Sampling
from rilearn.row_files import Problem
from rilearn.store.adjudications import Adjudications
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.edits import Edits
from rilearn.store.exchange import FORMATS, Exchange, Imported
from rilearn.store.flags import Flags
from rilearn.store.people import People
from rilearn.store.queue import Entry, Queue
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.store.schema import RatingRow
from rilearn.store.schema_annotation import ItemRow, TombstoneRow
from rilearn.store.submissions import Submissions
from rilearn.store.votes import Side, Version, Votes
from tests.store.conftest import lines, reasoning
from tests.store.test_ratings import WHOLE

EVIL = "=cmd|' /C calc'!A0"
MADE = Sampling(temperature=0.7, seed=2**40, stop=("\n\n", "end"))
KINDS = ("ratings", "corrections", "adjudications", "pairs")


@pytest.fixture
def exchange(database: Database) -> Exchange:
    return Exchange(database)


@pytest.fixture
def full(
    database: Database,
    reasonings: Reasonings,
    ratings: Ratings,
    edits: Edits,
    votes: Votes,
    annotators: Annotators,
    ann: int,
    bob: int,
) -> list[int]:
    """A database with something of each kind; the ids of its reasonings."""
    ids = reasonings.add(
        [
            reasoning(
                0, adapter="g", adapter_digest="d", prompt_version="2", sampling=MADE, signals={"grounding": 0.1}
            ),
            reasoning(1, text=EVIL, reasoning='\'=quoted, "twice"\r\nand <b>\u00fcber</b> \U0001f600', split="train"),
            reasoning(2),
        ]
    )
    ratings.rate(ann, ids[0], WHOLE, "one", guideline="v3", seconds=0.1 + 0.2)
    ratings.rate(ann, ids[1], Rating("poor", comment="-1"), "two")
    ratings.rate(ann, ids[1], Rating("good", overall=5), "three")
    ratings.rate(bob, ids[0], Rating("good"), "one")
    edits.edit(bob, ids[1], "@better", "e")
    root = annotators.add("root", "admin").id
    Adjudications(database).adjudicate(root, ids[0], "good", "t", right_label="snow", comment="clear")
    sides = [Side(Version(name, "dd"), f"+{name} says so\njoy (90 %)") for name in ("m-a", "m-b")]
    for visitor, choice in (("v1", "left"), ("v2", "tie")):
        votes.vote(votes.add_pair(EVIL, sides, visitor).id, visitor, choice, "t")  # type: ignore[arg-type]
    votes.add_pair("nobody voted on this", sides, "v1")
    return ids


def contents(folder: Path, form: str) -> dict[str, bytes]:
    return {kind: (folder / f"{kind}.{form}").read_bytes() for kind in KINDS}


@pytest.mark.parametrize("form", FORMATS)
def test_a_round_trip_into_an_empty_database(
    form: str, exchange: Exchange, full: list[int], other: Database, tmp_path: Path
) -> None:
    counts = {"ratings": 3, "corrections": 1, "adjudications": 1, "pairs": 2}
    assert exchange.export(tmp_path / "out", form) == exchange.count() == counts
    there = Exchange(other)
    for kind in KINDS:
        path = tmp_path / "out" / f"{kind}.{form}"
        assert there.bring(path, dry_run=True) == Imported(kind, counts[kind], 0, ())
        assert there.count()[kind] == 0
        assert there.bring(path) == Imported(kind, counts[kind], 0, ())
        assert there.bring(path) == Imported(kind, 0, counts[kind], ())
        assert exchange.bring(path) == Imported(kind, 0, counts[kind], ())  # where it came from
    there.export(tmp_path / "again", form)
    assert contents(tmp_path / "again", form) == contents(tmp_path / "out", form)
    exchange.export(tmp_path / "still", form)
    assert contents(tmp_path / "still", form) == contents(tmp_path / "out", form)
    mine = [one.rating for one in Ratings(other).live_ratings()]
    assert mine == [WHOLE, Rating("good", overall=5), Rating("good")]
    (about,) = Reasonings(other).of_text("weather", reasoning(0).text)
    assert about.reasoning.sampling == MADE and about.reasoning.signals == {"grounding": 0.1}


@pytest.mark.parametrize("form", FORMATS)
def test_names_of_people_stay_here_unless_asked_for(
    form: str, exchange: Exchange, full: list[int], annotators: Annotators, tmp_path: Path, other: Database
) -> None:
    exchange.export(tmp_path, form)
    shown = b"".join(contents(tmp_path, form).values())
    assert b"root" not in shown and b'"ann"' not in shown and b",ann," not in shown and b"annotator-" in shown
    assert b"v1" not in shown and b"visitor-" in shown
    exchange.export(tmp_path / "named", form, names=True)
    Exchange(other).bring(tmp_path / "named" / f"ratings.{form}")
    found = Annotators(other).find("bob")
    assert found and (known := annotators.find("bob")) and found.pseudonym == known.pseudonym
    assert found.role == "annotator" and Annotators(other).find(found.pseudonym) is None


def test_cells_of_a_spreadsheet_are_no_formulas(exchange: Exchange, full: list[int], tmp_path: Path) -> None:
    exchange.export(tmp_path, "csv")
    for kind in KINDS:
        with (tmp_path / f"{kind}.csv").open(encoding="utf-8-sig", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
        assert f"'{EVIL}" in cells or kind == "adjudications"


def test_parquet_has_types(exchange: Exchange, full: list[int], tmp_path: Path) -> None:
    exchange.export(tmp_path, "parquet")
    table = pq.read_table(tmp_path / "ratings.parquet")
    (first, *_) = table.to_pylist()
    assert first["overall"] == 1 and first["about_text"] is True and first["leads_to_label"] is None
    assert json.loads(first["spans"])[0]["note"] == "too vague" and first["created_at"].tzinfo is not None


def test_what_is_held_back_because_of_a_flag_stays_here(
    exchange: Exchange, database: Database, full: list[int], annotators: Annotators, tmp_path: Path
) -> None:
    whole = {"ratings": 3, "corrections": 1, "adjudications": 1, "pairs": 2}
    queue, send = Queue(database), Submissions(database)
    queue.add([Entry(full[1], "import", ratings=9)])
    eve = annotators.add("eve").id
    assert queue.lease(eve, "lease")
    send.skip(eve, full[1], "skip", "", "passed by")
    assert exchange.count() == whole
    send.skip(eve, full[1], "private", "", "flagged")
    assert exchange.export(tmp_path, "jsonl") == {"ratings": 2, "corrections": 0, "adjudications": 1, "pairs": 0}
    assert b"twice" not in b"".join(contents(tmp_path, "jsonl").values())
    People(database).delete("eve")  # their flag goes with them, and what it said still holds
    assert exchange.count()["ratings"] == 2
    Flags(database).decide(None, full[1], "removed", "r")
    assert exchange.count()["ratings"] == 2
    Flags(database).decide(None, full[1], "put back", "p")
    assert exchange.count() == whole


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
    # Two names each: who rated, and who voted.
    assert len(kept) == 4 and not [one for one in kept if pseudonym in one or "ann" in one]


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


def test_who_comes_by_import_is_nobody_who_is_here(
    exchange: Exchange, full: list[int], other: Database, tmp_path: Path
) -> None:
    """Neither by name nor by pseudonym, in whatever case, nor the owner."""
    exchange.export(tmp_path, "jsonl", names=True)
    path = tmp_path / "ratings.jsonl"
    first = lines(path)[0]
    here = Annotators(other)
    mine = [here.add(name).id for name in ("Ann", "p-2")]
    rows = [("p-1", "ANN"), ("p-2", "Ann"), ("p-3", "Admin"), ("p-4", "zoe")]
    path.write_text(
        "".join(
            json.dumps({**first, "annotator": pseudonym, "annotator_name": name, "token": pseudonym}) + "\n"
            for pseudonym, name in rows
        )
    )
    assert Exchange(other).bring(path).new == 4
    assert Ratings(other).live_ratings(mine[0]) == Ratings(other).live_ratings(mine[1]) == []
    names = {person.pseudonym: person.name for person in People(other).all()}
    assert [names[pseudonym] for pseudonym, _ in rows] == ["p-1", "p-2 2", "p-3", "zoe"]


def test_rows_that_make_no_sense_are_told_by_number_and_the_others_kept(
    exchange: Exchange, full: list[int], other: Database, tmp_path: Path
) -> None:
    exchange.export(tmp_path, "jsonl")
    good, *_ = lines(tmp_path / "ratings.jsonl")
    wrong: list[tuple[dict[str, object], str]] = [
        ({"verdict": "so-so"}, "Choose a verdict"),
        ({"overall": 9}, "from 1 to 5"),
        ({"overall": 2.5}, "'overall' holds '2.5', which is no int"),
        ({"spans": [{"start": 0, "end": 999}]}, "outside the reasoning"),
        ({"spans": "nonsense"}, "'spans' holds"),
        ({"thumbs": {"a": 1}}, "'thumbs' does not hold"),
        ({"sampling": {"temperature": float("nan")}}, "'sampling' does not hold"),
        ({"right_label": "rain"}, "marked as wrong"),
        ({"created_at": "yesterday"}, "'created_at'"),
        ({"created_at": "2026-01-01T00:00:00"}, "no time"),
        ({"annotator": ""}, "'annotator' is empty"),
        ({"text": ""}, "text is empty"),
        ({"signals": None}, "cannot be read"),
        ({"seconds": -1}, "cannot take"),
        ({"label_wrong": "perhaps"}, "no bool"),
    ]
    text = "".join(json.dumps({**good, "token": f"t{i}", **change}) + "\n" for i, (change, _) in enumerate(wrong))
    bare = json.dumps({"text": "a"})
    (tmp_path / "ratings.jsonl").write_text(f"{text}not JSON\n{bare}\n{json.dumps(good)}\n", encoding="utf-8")
    done = Exchange(other).bring(tmp_path / "ratings.jsonl")
    assert (done.new, done.known) == (1, 0) and [p.number for p in done.problems] == list(range(1, len(wrong) + 3))
    for problem, (_, words) in zip(done.problems, wrong, strict=False):
        assert words in problem.reason, problem
    assert "not valid JSON" in done.problems[-2].reason and "is missing" in done.problems[-1].reason
    assert Exchange(other).count()["ratings"] == 1


def test_a_token_that_comes_with_another_content_is_refused(
    exchange: Exchange, full: list[int], ratings: Ratings, tmp_path: Path
) -> None:
    exchange.export(tmp_path, "jsonl")
    before = ratings.live_ratings()
    changes = {"ratings": {"comment": "changed"}, "corrections": {"corrected": "changed"}, "pairs": {"choice": "right"}}
    for kind, change in changes.items():
        path = tmp_path / f"{kind}.jsonl"
        first = lines(path)[0]
        change = {"choice": "left"} if first.get("choice") == "right" else change
        path.write_text(json.dumps({**first, **change}) + "\n", encoding="utf-8")
        done = exchange.bring(path)
        assert (done.new, done.known) == (0, 0) and done.problems[0].number == 1, kind
    assert ratings.live_ratings() == before


def test_an_older_rating_never_takes_the_place_of_a_newer(
    exchange: Exchange, full: list[int], ratings: Ratings, ann: int, tmp_path: Path
) -> None:
    exchange.export(tmp_path, "jsonl")
    path = tmp_path / "ratings.jsonl"
    first, *_ = lines(path)
    (live,) = ratings.live_ratings(ann, full[0])
    for token, moved in (("older", -1), ("newer", 1)):
        when = (live.created_at + timedelta(days=moved)).isoformat()
        path.write_text(json.dumps({**first, "token": token, "comment": token, "created_at": when}), encoding="utf-8")
        assert exchange.bring(path).new == 1 and exchange.bring(path).known == 1
    history = ratings.history(ann, full[0])
    assert [(one.rating.comment, one.superseded_at is None) for one in history] == [
        (WHOLE.comment, False),
        ("older", False),
        ("newer", True),
    ]


def test_an_imported_rating_is_one_that_the_queue_no_longer_waits_for(
    exchange: Exchange, full: list[int], other: Database, tmp_path: Path
) -> None:
    exchange.export(tmp_path, "jsonl")
    ids = Reasonings(other).add([reasoning(2)])
    first = {**lines(tmp_path / "ratings.jsonl")[1], "reasoning": reasoning(2).reasoning}
    (tmp_path / "ratings.jsonl").write_text(json.dumps({**first, "text": reasoning(2).text, "split": ""}))
    queue = Queue(other)
    queue.add([Entry(ids[0], "import", ratings=2)])
    for _ in range(2):
        Exchange(other).bring(tmp_path / "ratings.jsonl")
        with other.read() as session:
            assert session.query(RatingRow).count() == 1
        assert queue.left() == 1
    with other.read() as session:
        assert session.query(ItemRow.ratings_left).scalar() == 1


def test_files_of_no_kind_and_no_form_are_refused(exchange: Exchange, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="names no kind"):
        exchange.bring(tmp_path / "people.jsonl")
    with pytest.raises(DataError, match="cannot be read"):
        exchange.bring(tmp_path / "ratings.jsonl")
    with pytest.raises(DataError, match=r"is not a \.csv"):
        exchange.bring(tmp_path / "ratings.xlsx")
    with pytest.raises(InputError, match="no format"):
        exchange.export(tmp_path, "xlsx")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        exchange.export(tmp_path / "file", "csv")


def test_an_empty_database_gives_empty_files(exchange: Exchange, other: Database, tmp_path: Path) -> None:
    for form in FORMATS:
        assert set(exchange.export(tmp_path, form).values()) == {0}
        for kind in KINDS:
            assert Exchange(other).bring(tmp_path / f"{kind}.{form}") == Imported(kind, 0, 0, ())


def test_an_import_without_the_admin_of_a_decision(
    exchange: Exchange, full: list[int], other: Database, reopen: Callable[[], Database], tmp_path: Path
) -> None:
    exchange.export(tmp_path, "jsonl")
    path = tmp_path / "adjudications.jsonl"
    path.write_text(json.dumps({**lines(path)[0], "annotator": ""}), encoding="utf-8")
    there = Exchange(other)
    assert there.bring(path) == Imported("adjudications", 1, 0, ())
    assert there.bring(path) == Imported("adjudications", 0, 1, ())
    path.write_text(json.dumps({**lines(path)[0], "verdict": "so-so"}), encoding="utf-8")
    assert there.bring(path).problems == (Problem(1, "The verdict is neither good nor poor."),)
