"""What was said comes out of the database and out of its export alike, with refs that lead back to the rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import event, insert, select, update

from rilearn.errors import DataError
from rilearn.judgements import Correction, Judged, Opinion
from rilearn.records import Rating
from rilearn.store.adjudications import Adjudications
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.edits import Edits
from rilearn.store.exchange import FORMATS, Exchange
from rilearn.store.judged import judged, judged_from_export
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.store.schema import AnnotatorRow, RatingRow, now
from rilearn.store.schema_annotation import AdjudicationRow, SkipRow
from tests.store.conftest import reasoning
from tests.store.test_ratings import WHOLE


@pytest.fixture
def full(
    database: Database,
    reasonings: Reasonings,
    ratings: Ratings,
    edits: Edits,
    annotators: Annotators,
    ann: int,
    bob: int,
) -> list[int]:
    """Reasonings of which something of each kind was said, and one of which nothing was; their ids."""
    made = [reasoning(0, split="train"), reasoning(1, text="=1+1 <b>"), reasoning(2), reasoning(3)]
    ids = [reasonings.add([one])[0] for one in made]  # in this order
    ratings.rate(ann, ids[0], Rating("poor"), "first")
    ratings.rate(ann, ids[0], WHOLE, "one")
    ratings.rate(bob, ids[0], Rating("good", overall=4), "one")
    ratings.retract(bob, ratings.rate(bob, ids[2], Rating("good"), "two").id)
    edits.edit(bob, ids[1], "worse", "e1")
    edits.edit(bob, ids[1], "better", "one")
    root = annotators.add("root", "admin").id
    Adjudications(database).adjudicate(root, ids[0], "good", "t", right_label="snow")
    return ids


def flag(database: Database, annotator: int, reasoning_id: int, kind: str) -> None:
    with database.write() as session:
        values = {"annotator_id": annotator, "reasoning_id": reasoning_id, "kind": kind}
        session.add(SkipRow(**values, reason="", token=f"{kind} {reasoning_id}"))


def test_what_holds_comes_by_reasoning(database: Database, full: list[int], ratings: Ratings, edits: Edits) -> None:
    first, second = judged(database)[0]
    of_first, (edit,) = ratings.live_ratings(reasoning_id=full[0]), edits.history(full[1])[1:]
    with database.read() as session:
        ann, bob = (session.scalars(select(AnnotatorRow.pseudonym).filter_by(name=n)).one() for n in ("ann", "bob"))
        decision = session.scalars(select(AdjudicationRow.id)).one()
    assert first == Judged(
        reasoning(0, split="train"),
        (
            Opinion(ann, WHOLE, f"rating:{of_first[0].id}"),
            Opinion(bob, Rating("good", overall=4), f"rating:{of_first[1].id}"),
        ),
        (),
        "good",
        "snow",
        False,
        f"adjudication:{decision}",
    )
    assert second == Judged(reasoning(1, text="=1+1 <b>"), corrections=(Correction(bob, "better", f"edit:{edit.id}"),))


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_says_the_same(form: str, database: Database, full: list[int], tmp_path: Path) -> None:
    Exchange(database).export(tmp_path, form)
    there, _ = judged_from_export(tmp_path)
    here, _ = judged(database)

    def bare(items: list[Judged]) -> list[object]:
        return [
            (
                j.reasoning.text,
                j.reasoning.reasoning,
                j.reasoning.split,
                [(o.annotator, o.rating) for o in j.opinions],
                [(c.annotator, c.reasoning) for c in j.corrections],
                j.adjudicated,
                j.right_label,
            )
            for j in items
        ]

    assert bare(there) == bare(here)
    (opinion, _), (correction,) = there[0].opinions, there[1].corrections
    assert opinion.ref == f"rating:{opinion.annotator}/one" and correction.ref == f"edit:{correction.annotator}/one"
    assert there[0].decision.startswith("adjudication:")
    (alone,), _ = judged_from_export(tmp_path / f"corrections.{form}")
    assert alone == there[1]


def test_a_row_that_comes_twice_counts_once(database: Database, full: list[int], tmp_path: Path) -> None:
    Exchange(database).export(tmp_path, "jsonl")
    ratings = tmp_path / "ratings.jsonl"
    before, _ = judged_from_export(ratings)
    ratings.write_text(ratings.read_text() * 2)
    assert judged_from_export(ratings)[0] == before


def test_files_that_are_no_export_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "ratings.jsonl", Path(__file__)):
        with pytest.raises(DataError, match="There are no exported ratings"):
            judged_from_export(path)
    (tmp_path / "corrections.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(DataError, match=r"'corrections.jsonl', row 1: .*missing.*Mend or delete the row"):
        judged_from_export(tmp_path)


def test_flags_are_known_and_a_private_text_is_so_for_all_its_reasonings(
    database: Database, full: list[int], reasonings: Reasonings, ratings: Ratings, ann: int, bob: int
) -> None:
    (other,) = reasonings.add([reasoning(1, text="=1+1 <b>", reasoning="another", source="elsewhere")])
    ratings.rate(ann, other, Rating("good"), "o")
    assert [j.flagged for j in judged(database)[0]] == [False] * 3
    flag(database, ann, full[0], "harmful")
    flag(database, bob, full[1], "private")
    flag(database, bob, other, "skip")
    assert [j.flagged for j in judged(database)[0]] == [True] * 3
    with database.write() as session:
        session.execute(update(SkipRow).values(undone_at=now()))
    assert [j.flagged for j in judged(database)[0]] == [False] * 3


def test_since_a_moment_comes_what_was_spoken_of_with_all_that_was_said(
    database: Database, full: list[int], ratings: Ratings, edits: Edits, ann: int, bob: int
) -> None:
    whole, _ = judged(database)
    moment = now()
    assert judged(database, moment)[0] == []
    edits.edit(ann, full[0], "later", "l")
    (only,), _ = judged(database, moment)
    assert only.opinions == whole[0].opinions and only.adjudicated == "good"
    assert [c.reasoning for c in only.corrections] == ["later"]
    ratings.rate(bob, full[3], Rating("good"), "m")
    assert [j.reasoning.text for j in judged(database, moment)[0]] == [reasoning(0).text, reasoning(3).text]


def test_many_ratings_take_as_many_queries_as_few(
    database: Database, reasonings: Reasonings, annotators: Annotators
) -> None:
    people = [annotators.add(f"a{n}").id for n in range(8)]
    row = {"verdict": "good", "criteria": {}, "thumbs": [], "spans": [], "comment": "", "label_wrong": False}
    row |= {"guideline": "", "seconds": 1.0, "created_at": now()}
    queries: list[str] = []
    asked = []
    for numbers in (range(2), range(2, 300)):
        ids = reasonings.add(reasoning(n) for n in numbers)
        rows = [{**row, "annotator_id": who, "reasoning_id": i, "token": f"t{i}"} for i in ids for who in people]
        with database.write() as session:
            session.execute(insert(RatingRow), rows)
        queries.clear()
        event.listen(database.engine, "before_cursor_execute", note := lambda *given: queries.append(given[2]))
        found, _ = judged(database)
        event.remove(database.engine, "before_cursor_execute", note)
        asked.append(list(queries))
        assert len(found) == numbers.stop and all(len(j.opinions) == 8 for j in found)
    assert asked[0] and asked[0] == asked[1]
