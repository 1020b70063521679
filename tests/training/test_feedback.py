"""Files of training rows come back as they were, and a damaged one is named."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from rilearn.corpora import held_out_texts
from rilearn.errors import ConfigError, DataError
from rilearn.judgements import TrainingRow
from rilearn.tasks import load_task
from tests.tiny import ROOT
from training.feedback import read_feedback, read_rows, rule_arguments, rules_of, source_arguments, write_rows

DEMO = str(ROOT / "data" / "demo" / "emotion")
ROWS = (
    TrainingRow(
        "pair", 'a "text"\nof two lines', "l", "grün \u2028 \U0001f600", "worse", True, 0.5, ("rating:1", "edit:2")
    ),
    TrainingRow("kto", "b", "l", "r", None, False, 1.0, ("rating:3",)),
)


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    source_arguments(parser)
    rule_arguments(parser)
    return parser.parse_args(words)


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.jsonl"
    write_rows(ROWS, path)
    assert read_rows(path) == ROWS
    assert [p.name for p in path.parent.iterdir()] == ["rows.jsonl"]


@pytest.mark.parametrize("line", ['{"kind": "other"}', "[]", "{"])
def test_a_damaged_row_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(ROWS, path)
    path.write_text(path.read_text(encoding="utf-8") + line, encoding="utf-8")
    with pytest.raises(DataError, match=r"'rows.jsonl', row 3: "):
        read_rows(path)


def test_the_evaluation_texts_are_held_out(tmp_path: Path) -> None:
    task = load_task("emotion")
    held = held_out_texts(task, DEMO)
    rules = rules_of(arguments("--from-state", "x", "--dataset", DEMO, "--recipe", "kto", "--cap", "0.5"), task)
    assert held and rules.held_out == held and (rules.recipe, rules.cap, rules.labels) == ("kto", 0.5, task.labels)
    (tmp_path / "train.jsonl").write_text((Path(DEMO) / "train.jsonl").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(DataError, match="no split validation or test, so no text can be held out"):
        held_out_texts(task, str(tmp_path))


def test_what_cannot_be_asked_for_is_refused(tmp_path: Path) -> None:
    task = load_task("emotion")
    with pytest.raises(DataError, match=r"There is no rilearn.db in"):
        read_feedback(arguments("--from-state", str(tmp_path)), task)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ConfigError, match="--since goes with a database"):
        read_feedback(arguments("--from-export", str(tmp_path), "--since", "2026-05-01"), task)
    with pytest.raises(ConfigError, match=r"--cap 2\.0"):
        rules_of(arguments("--from-state", "x", "--cap", "2"), task)
    for words in ([], ["--from-state", "a", "--from-db", "b"], ["--from-db", "b", "--since", "yesterday"]):
        with pytest.raises(SystemExit):
            arguments(*words)
