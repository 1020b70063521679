"""Votes on two stored reasonings leave and come back as such: they teach from the files, and count where they came."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from rilearn.gate import Duel
from rilearn.judgements import Preference
from rilearn.records import Reasoning
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.duels import Duels
from rilearn.store.exchange import FORMATS, Exchange, Imported
from rilearn.store.judged import judged, judged_from_export
from rilearn.store.people import People
from rilearn.store.queue import Entry, Queue
from rilearn.store.reasonings import Reasonings
from rilearn.store.schema import AnnotatorRow, PairRow
from rilearn.store.submissions import Submissions
from rilearn.store.votes import Side, Version, Votes
from tests.store.conftest import lines, reasoning
from tests.store.test_duels import NEW, OLD, choice

SPLITS = ("train", "validation", "", "")
COMPARED = ("task", "label", "split")


def by(digest: str, number: int, **changed: object) -> Reasoning:
    about = {"text": f"=text {number}", "split": SPLITS[number], "adapter": "g", "adapter_digest": digest}
    return reasoning(number, **{**about, "reasoning": f"{digest} says {number}", **changed})


WRITTEN = [by(digest, n) for n in range(4) for digest in (NEW, OLD)]


@pytest.fixture
def ids(database: Database, reasonings: Reasonings, votes: Votes, ann: int, bob: int) -> list[int]:
    """A vote for the new version, one for the old, two that contradict each other, a tie, and a visitor's on models;
    the ids of the reasonings."""
    ids, duels = [reasonings.add([one])[0] for one in WRITTEN], Duels(database)
    said = [(ann, 0, NEW), (ann, 1, OLD), (ann, 2, NEW), (bob, 2, OLD), (bob, 3, "")]
    for who, n, best in said:
        pair = duels.pair(who, ids[2 * n + 1], ids[2 * n])
        duels.vote(who, pair.pair_id, choice(pair, best) if best else "tie", f"t{n}")
    sides = [Side(Version(name, "dd"), f"{name} says so") for name in ("m-a", "m-b")]
    votes.vote(votes.add_pair("=text 0", sides, "v1").id, "v1", "left", "t")
    return ids


def told(found: list[Preference]) -> list[tuple[str, ...]]:
    return [(one.task, one.text, one.label, one.chosen, one.rejected, one.split) for one in found]


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def without_columns(path: Path, *names: str) -> None:
    """As it was written before these columns were there."""
    if path.suffix == ".parquet":
        pq.write_table(pq.read_table(path).drop_columns(list(names)), path)
    elif path.suffix == ".jsonl":
        write(path, [{name: cell for name, cell in row.items() if name not in names} for row in lines(path)])
    else:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
        kept = [n for n, name in enumerate(rows[0]) if name not in names]
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows([row[n] for n in kept] for row in rows)


def links(database: Database) -> list[tuple[int | None, int | None]]:
    with database.read() as session:
        query = select(PairRow.left_reasoning_id, PairRow.right_reasoning_id).order_by(PairRow.id)
        return list(session.execute(query).tuples())


def test_a_pair_says_what_was_compared_only_if_both_are_stored_reasonings(
    database: Database, ids: list[int], tmp_path: Path
) -> None:
    Exchange(database).export(tmp_path, "jsonl")
    about = [tuple(row[name] for name in COMPARED) for row in lines(tmp_path / "pairs.jsonl")]
    assert about == [("weather", "rain", SPLITS[n]) for n in (0, 1, 2, 2, 3)] + [("", "", "")]


@pytest.mark.parametrize("form", FORMATS)
def test_votes_teach_the_same_out_of_the_export(form: str, database: Database, ids: list[int], tmp_path: Path) -> None:
    Exchange(database).export(tmp_path, form)
    (_, here), (_, there) = judged(database), judged_from_export(tmp_path)
    assert told(there) == told(here) and len(there) == 4
    assert told(there)[0] == ("weather", "=text 0", "rain", f"{NEW} says 0", f"{OLD} says 0", "train")
    assert [one.ref for one in there] == [f"vote:{one.voter}/t{n}" for one, n in zip(there, (0, 1, 2, 2), strict=True)]
    assert len({one.voter for one in there}) == 2 and not {one.voter for one in there} & {one.voter for one in here}
    assert judged_from_export(tmp_path / f"pairs.{form}") == ([], there)


def test_a_vote_that_comes_twice_counts_once(database: Database, ids: list[int], tmp_path: Path) -> None:
    Exchange(database).export(tmp_path, "jsonl")
    _, before = judged_from_export(tmp_path)
    write(tmp_path / "pairs.jsonl", lines(tmp_path / "pairs.jsonl") * 2)
    assert judged_from_export(tmp_path)[1] == before


@pytest.mark.parametrize("kind", ["private", "harmful"])
def test_no_vote_on_a_flagged_text_is_in_the_export(
    kind: Literal["private", "harmful"], database: Database, ids: list[int], ann: int, tmp_path: Path
) -> None:
    queue = Queue(database)
    queue.add([Entry(ids[0], "import", ratings=9)])
    assert queue.lease(ann, "lease")
    Submissions(database).skip(ann, ids[0], kind, "", "flagged")
    Exchange(database).export(tmp_path, "jsonl")
    (_, here), (_, there) = judged(database), judged_from_export(tmp_path)
    assert told(there) == told(here) and len(there) == 3


@pytest.mark.parametrize("form", FORMATS)
def test_files_from_before_there_were_labels_are_read(
    form: str, database: Database, ids: list[int], other: Database, tmp_path: Path
) -> None:
    Exchange(database).export(tmp_path, form)
    path = tmp_path / f"pairs.{form}"
    without_columns(path, *COMPARED)
    Reasonings(other).add(WRITTEN)
    assert judged_from_export(path) == ([], [])
    assert Exchange(other).bring(path) == Imported("pairs", 6, 0, ())
    assert links(other) == [(None, None)] * 6
    without_columns(path, "key")
    problems = Exchange(other).bring(path).problems
    assert {one.reason for one in problems} == {"The column 'key' is missing."} and len(problems) == 6


@pytest.mark.parametrize("form", FORMATS)
def test_imported_votes_count_if_their_reasonings_are_stored(
    form: str, database: Database, ids: list[int], other: Database, tmp_path: Path
) -> None:
    Exchange(database).export(tmp_path / "out", form)
    path = tmp_path / "out" / f"pairs.{form}"
    Reasonings(other).add([reasoning(9), *reversed(WRITTEN)])  # with other ids
    there = Exchange(other)
    assert there.bring(path, dry_run=True) == Imported("pairs", 6, 0, ()) and links(other) == []
    assert there.bring(path) == Imported("pairs", 6, 0, ())
    whole = links(other)
    assert Duels(other).counts(NEW, OLD) == Duels(database).counts(NEW, OLD) == Duel(wins=2, losses=2, ties=1)
    assert told(judged(other)[1]) == told(judged(database)[1])
    there.export(tmp_path / "again", form)
    assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()
    assert there.bring(path) == Imported("pairs", 0, 6, ()) and links(other) == whole
    mine = links(database)
    assert Exchange(database).bring(path) == Imported("pairs", 0, 6, ()) and links(database) == mine


def test_votes_of_who_was_deleted_go_and_come_back_by_no_export(
    database: Database, ids: list[int], other: Database, tmp_path: Path
) -> None:
    Exchange(database).export(tmp_path / "out", "jsonl")
    path, pseudonym = tmp_path / "out" / "pairs.jsonl", Annotators(database).called("ann").pseudonym
    People(database).delete(pseudonym)
    (mine,) = [one for one in told(judged(database)[1])]
    assert Exchange(database).bring(path).new == 0 and told(judged(database)[1]) == [mine]
    Reasonings(other).add(WRITTEN)
    Exchange(other).bring(path)
    with other.write() as session:  # the same person, known there by the same pseudonym
        session.add(AnnotatorRow(name="somebody", pseudonym=pseudonym, role="annotator"))
    People(other).delete(pseudonym)
    assert told(judged(other)[1]) == [mine]


def test_votes_come_without_their_reasonings_and_are_linked_by_an_import_after_these(
    database: Database, ids: list[int], other: Database, tmp_path: Path
) -> None:
    Exchange(database).export(tmp_path, "jsonl")
    path, there = tmp_path / "pairs.jsonl", Exchange(other)
    Reasonings(other).add(one for one in WRITTEN if one.adapter_digest == OLD)
    assert there.bring(path) == Imported("pairs", 6, 0, ())
    assert links(other) == [(None, None)] * 6 and judged(other)[1] == []
    Reasonings(other).add(WRITTEN)
    assert judged(other)[1] == []
    assert there.bring(path) == Imported("pairs", 0, 6, ())
    assert told(judged(other)[1]) == told(judged(database)[1])


@pytest.mark.parametrize(
    "changed",
    [
        {"task": "another"},
        {"text": "another"},
        {"label": "sun"},
        {"reasoning": "other words"},
        {"adapter_digest": "another"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_pair_is_linked_to_no_other_reasonings(
    changed: dict[str, str], database: Database, ids: list[int], other: Database, tmp_path: Path
) -> None:
    Exchange(database).export(tmp_path, "jsonl")
    write(tmp_path / "pairs.jsonl", lines(tmp_path / "pairs.jsonl")[:1])
    Reasonings(other).add([by(OLD, 0), by(NEW, 0, **changed)])
    assert Exchange(other).bring(tmp_path / "pairs.jsonl").new == 1 and links(other) == [(None, None)]


def test_a_pair_is_linked_to_the_reasonings_of_its_split_if_there_are_several(
    database: Database, ids: list[int], other: Database, tmp_path: Path
) -> None:
    Exchange(database).export(tmp_path, "jsonl")
    write(tmp_path / "pairs.jsonl", lines(tmp_path / "pairs.jsonl")[:1])
    add = Reasonings(other).add
    elsewhere = add([by(OLD, 0, split="test", source="elsewhere")])
    right = add([by(OLD, 0)]) + add([by(NEW, 0, split="", source="elsewhere")])
    add([by(OLD, 0, prompt_version="later")])
    Exchange(other).bring(tmp_path / "pairs.jsonl")
    assert {*links(other)[0]} == {*right} and elsewhere[0] not in links(other)[0]


def test_a_pair_of_another_database_that_has_a_key_of_here_is_refused(
    database: Database, ids: list[int], tmp_path: Path
) -> None:
    Exchange(database).export(tmp_path, "jsonl")
    first, *_ = lines(tmp_path / "pairs.jsonl")
    before = links(database), judged(database)[1]
    write(tmp_path / "pairs.jsonl", [{**first, "left_shown": "another", "token": "new", "visitor": "visitor-2"}])
    (problem,) = Exchange(database).bring(tmp_path / "pairs.jsonl").problems
    assert problem.reason == "This pair is here already, with other answers."
    assert (links(database), judged(database)[1]) == before


def test_a_label_without_a_task_is_refused(database: Database, ids: list[int], other: Database, tmp_path: Path) -> None:
    Exchange(database).export(tmp_path, "jsonl")
    first, *_ = lines(tmp_path / "pairs.jsonl")
    write(tmp_path / "pairs.jsonl", [{**first, "task": ""}])
    (problem,) = Exchange(other).bring(tmp_path / "pairs.jsonl").problems
    assert problem.reason == "The task is empty."


def test_a_vote_against_what_a_person_wrote_comes_back(
    database: Database, reasonings: Reasonings, other: Database, ann: int, tmp_path: Path
) -> None:
    by_hand = by("", 0, adapter="", reasoning="Said by hand.")
    (old,), (new,) = reasonings.add([by_hand]), reasonings.add([by(NEW, 0)])
    pair = Duels(database).pair(ann, old, new)
    Duels(database).vote(ann, pair.pair_id, choice(pair, NEW), "t")
    Exchange(database).export(tmp_path, "jsonl")
    assert told(judged_from_export(tmp_path)[1]) == told(judged(database)[1]) != []
    Reasonings(other).add([by_hand, by(NEW, 0)])
    assert Exchange(other).bring(tmp_path / "pairs.jsonl") == Imported("pairs", 1, 0, ())
    assert told(judged(other)[1]) == told(judged(database)[1])
