"""The command: the same rows out of a database and out of its export, the preview, and no file where too little is."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rilearn.corpora import held_out_texts
from rilearn.errors import DataError
from rilearn.records import Rating, Reasoning
from rilearn.store.annotators import Annotators
from rilearn.store.database import open_database
from rilearn.store.edits import Edits
from rilearn.store.exchange import Exchange
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.store.schema import now
from rilearn.tasks import load_task
from tests.tiny import ROOT
from training import curate
from training.feedback import read_rows

DEMO = str(ROOT / "data" / "demo" / "emotion")
TASK = load_task("emotion")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """30 rated reasonings, every third of them poor and corrected; one of an evaluation text, one of another task."""
    folder = tmp_path / "state"
    with closing(open_database(None, folder)) as database:
        ann, bob = (Annotators(database).add(name).id for name in ("ann", "bob"))
        reasonings, ratings, edits = Reasonings(database), Ratings(database), Edits(database)

        def rate(number: int, about: Reasoning) -> None:
            (made,) = reasonings.add([about])
            ratings.rate(ann if number % 2 else bob, made, Rating("poor" if number % 3 else "good"), f"r{number}")
            if number % 3 == 1:
                edits.edit(bob, made, f"a better reason {number}", f"e{number}")

        about = Reasoning(TASK.name, "", TASK.labels[0], "a reason", "visitor")
        for number in range(30):
            rate(number, replace(about, text=f"text {number}", label=TASK.labels[number % 2]))
        rate(30, replace(about, text=min(held_out_texts(TASK, DEMO)).upper()))
        rate(31, replace(about, task="other", text="of another task"))
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def started(*words: str) -> str:
        curate.main([*words, "--task", "emotion", "--dataset", DEMO])
        return capsys.readouterr().out

    return started


def test_a_database_and_its_export_give_the_same_rows(run: Any, state: Path, tmp_path: Path) -> None:
    printed = run("--from-state", str(state), "--out", str(tmp_path / "rows.jsonl"), "--show", "3")
    assert "31 ratings and 10 corrections give 10 approved, 10 poor and 10 pairs." in printed
    assert "1 is left out: 1 (text of an evaluation split)." in printed and "... and 28 more" in printed
    assert f"There is no row for {', '.join(sorted(TASK.labels[2:]))}." in printed
    rows = read_rows(tmp_path / "rows.jsonl")
    assert len(rows) == 30 and {row.text for row in rows} == {f"text {n}" for n in range(30)}
    assert all(ref.split(":")[0] in ("rating", "edit") for row in rows for ref in row.because)
    with closing(open_database(None, state)) as database:
        Exchange(database).export(tmp_path / "export", "csv")
    run("--from-export", str(tmp_path / "export"), "--out", str(tmp_path / "again.jsonl"))
    again = read_rows(tmp_path / "again.jsonl")
    assert [replace(row, because=()) for row in again] == [replace(row, because=()) for row in rows]


def test_too_little_is_shown_and_not_written(run: Any, state: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    words = ("--from-state", str(state), "--recipe", "dpo")
    assert "Not enough to train on. There is too little to learn from: 10 rows" in run(*words)
    with pytest.raises(DataError, match=r"Nothing was written. There is too little"):
        run(*words, "--out", str(out))
    assert not out.exists()
    assert "No ratings give no rows." in run("--from-state", str(state), "--since", now().isoformat())
    run(*words, "--minimum", "10", "--out", str(out))
    assert {row.kind for row in read_rows(out)} == {"pair"}
