"""batch: many rows through several models, counted by hand, written without danger, and out of visitors' way."""

from __future__ import annotations

import csv
import threading
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from rilearn.batch import Outcome, run, safe_name, summary, table, write_csv, write_parquet
from rilearn.cells import defused
from rilearn.compare import Side
from rilearn.records import Prediction
from rilearn.services import Services
from rilearn.statistics import mcnemar_exact, wilson
from rilearn.tables import Problem, Row
from tests.conftest import FakeEngine, eventually

MODELS = ["q-a", "q-ra"]


def rows(count: int) -> list[Row]:
    return [Row(i, f"text {i}", "joy") for i in range(1, count + 1)]


def free(_seconds: float) -> bool:
    return True


def side(model: str, label: str | None, **more: object) -> Side:
    if label is None:
        return Side(model, None, "The engine lost it.")
    shares = {"joy": 0.75, "fear": 0.25} if label == "joy" else {"joy": 0.25, "fear": 0.75}
    return Side(model, Prediction(model, "fake", label=label, probabilities=shares, done=True, **more))  # type: ignore[arg-type]


def outcome(number: int, gold: str | None, first: str | None, second: str | None) -> Outcome:
    return Outcome(Row(number, f"text {number}", gold), (side("q-a", first), side("q-ra", second)))


OUTCOMES = [
    outcome(1, "joy", "joy", "joy"),
    outcome(2, "joy", "fear", "joy"),
    outcome(3, "joy", "fear", "joy"),
    outcome(4, "fear", "fear", "joy"),
    outcome(5, "fear", "joy", "joy"),
    outcome(6, None, "joy", "fear"),
    outcome(7, "joy", "joy", None),
]


def test_every_row_is_answered_and_progress_grows_to_the_end(services: Services) -> None:
    frames = list(run(services.classifiers(MODELS), rows(5), services.give_way))
    assert [len(now.outcomes) for now in frames] == sorted(len(now.outcomes) for now in frames)
    first, last = frames[0], frames[-1]
    assert (first.outcomes, first.seconds_left) == ((), None)
    assert sorted(done.row.number for done in last.outcomes) == [1, 2, 3, 4, 5] and last.seconds_left == 0
    assert all(done.complete and done.agree is False for done in last.outcomes)
    assert [last.outcomes[0].right(i) for i in (0, 1)] == [False, True]


def test_nothing_to_do_ends_at_once(services: Services) -> None:
    assert [now.total for now in run(services.classifiers(MODELS), [], free)] == [0]


def test_few_rows_run_together_and_cancelling_frees_the_engine(services: Services, engine: FakeEngine) -> None:
    engine.pause, engine.reasoning = 0.02, " ".join(["word"] * 20)
    growing = run(services.classifiers(MODELS), rows(30), free)
    while not next(growing).outcomes:
        pass
    began = time.monotonic()
    growing.close()
    assert engine.running == 0 and engine.together == 2 and time.monotonic() - began < 1
    opened = engine.opened
    time.sleep(0.2)
    assert engine.opened == opened < 8


def test_a_visitor_comes_first_and_a_batch_waits_no_longer_than_said(services: Services, engine: FakeEngine) -> None:
    visitor = services.predict("what a day", "q-ra")
    next(visitor)
    waiting = threading.Event()
    done: list[int] = []

    def give_way(seconds: float) -> bool:
        waiting.set()
        return services.give_way(seconds)

    thread = threading.Thread(
        target=lambda: done.extend(len(n.outcomes) for n in run(services.classifiers(MODELS), rows(1), give_way))
    )
    thread.start()
    assert waiting.wait(5)
    time.sleep(0.2)
    assert done == [0] and engine.opened == 0
    visitor.close()  # type: ignore[attr-defined]
    assert eventually(lambda: done == [0, 1], 2)
    thread.join()


def test_a_busy_day_does_not_starve_a_batch(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rilearn.batch.PATIENCE", 0.05)
    *_, last = run(services.classifiers(MODELS), rows(2), lambda seconds: bool(time.sleep(0.01)))
    assert len(last.outcomes) == 2


def test_an_engine_error_on_one_row_leaves_the_others(services: Services, engine: FakeEngine) -> None:
    score = engine.score

    def moody(prompts, choices, adapter=None):  # type: ignore[no-untyped-def]
        if "text 2" in prompts[0].text:
            raise ValueError("odd")
        return score(prompts, choices, adapter)

    engine.score = moody  # type: ignore[method-assign]
    *_, last = run(services.classifiers(MODELS), rows(3), free)
    ended = {done.row.number: done.complete for done in last.outcomes}
    assert ended == {1: True, 2: False, 3: True}


def test_counts_are_those_made_by_hand() -> None:
    counted = summary(OUTCOMES, MODELS)
    assert (counted.answered, counted.agreed, counted.labelled) == (6, 2, 5)
    first, second = counted.scores
    assert (first.model, first.right, first.accuracy) == ("q-a", 2, 0.4)
    assert (second.model, second.right, second.accuracy) == ("q-ra", 3, 0.6)
    assert (first.low, first.high) == wilson(2, 5)
    (pair,) = counted.pairs
    assert (pair.a, pair.b, pair.only_a, pair.only_b) == ("q-a", "q-ra", 1, 2)
    assert pair.p == mcnemar_exact(1, 2) == 1.0
    assert pair.difference == pytest.approx(-0.2) and pair.low < -0.2 < pair.high


def test_without_true_labels_nothing_is_scored() -> None:
    counted = summary([OUTCOMES[5]], MODELS)
    assert (counted.answered, counted.labelled, counted.scores, counted.pairs) == (1, 0, (), ())
    assert summary([], MODELS).answered == 0


def test_the_table_holds_every_row_and_every_problem_by_number() -> None:
    cells = table(OUTCOMES, [Problem(9, "The text is empty."), Problem(0, "odd")], MODELS)
    assert [row["row"] for row in cells] == [0, 1, 2, 3, 4, 5, 6, 7, 9]
    assert len({tuple(row) for row in cells}) == 1
    assert cells[2]["q-a_label"] == "fear" and cells[2]["q-a_correct"] is False and cells[2]["q-ra_correct"] is True
    assert cells[2]["q-a_probability"] == 0.75 and cells[2]["agree"] is False and cells[1]["agree"] is True
    assert cells[7]["q-ra_error"] == "The engine lost it." and cells[7]["q-ra_label"] is None
    assert cells[8]["problem"] == "The text is empty." and cells[8]["text"] is None


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_cells_that_open_like_a_formula_are_defused(tmp_path: Path, sign: str) -> None:
    evil = f"{sign}1+cmd|' /C calc'!A0"
    said = Outcome(Row(1, evil), (side(f"{sign}model", "joy", reasoning=evil),))
    path = write_csv(table([said], [Problem(2, evil)], [f"{sign}model"]), tmp_path, "a")
    with path.open(encoding="utf-8-sig", newline="") as file:
        records = list(csv.reader(file))
    assert len(records) == 3
    assert not [cell for record in records for cell in record if cell.startswith(sign)]
    first = dict(zip(*records[:2], strict=True))
    assert first["text"] == f"'{evil}" and first[f"'{sign}model_reasoning"] == f"'{evil}"
    assert defused(-1.5) == -1.5 and defused("a=b") == "a=b" and defused(None) is None


def test_parquet_keeps_cells_as_they_are_and_types_each_column(tmp_path: Path) -> None:
    cells = table([Outcome(Row(1, "=1+1"), OUTCOMES[0].sides)], [Problem(2, "empty")], MODELS)
    found = pq.read_table(write_parquet(cells, tmp_path, "a"))
    assert found.to_pylist() == cells and found["text"].to_pylist() == ["=1+1", None]
    kinds = {name: str(kind) for name, kind in zip(found.column_names, found.schema.types, strict=True)}
    assert (kinds["row"], kinds["agree"], kinds["q-a_probability"], kinds["q-ra_error"]) == (
        "int64",
        "bool",
        "double",
        "string",
    )


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("rilearn-emotion-q-a", "rilearn-emotion-q-a"),
        ("../../etc/passwd", "etc-passwd"),
        ("…", "rows"),
        ("a" * 99, "a" * 80),
    ],
)
def test_file_names_are_safe(tmp_path: Path, name: str, safe: str) -> None:
    assert safe_name(name) == safe
    assert write_csv([{"a": 1}], tmp_path, name).parent == tmp_path
