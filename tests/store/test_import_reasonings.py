"""Reasonings from elsewhere: what can be used comes in once, what cannot is told by row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rilearn.errors import InputError
from rilearn.row_files import Problem
from rilearn.store.database import Database
from rilearn.store.exchange import Imported
from rilearn.store.import_reasonings import import_reasonings
from rilearn.store.queue import Queue
from rilearn.store.reasonings import Reasonings
from rilearn.tasks import load_task

TASK = load_task("emotion")
FIRST, SECOND = TASK.labels[:2]
ROWS: list[dict[str, object]] = [
    {"text": "what a day", "label": FIRST.upper(), "reasoning": "It sounds so.", "more": 1},
    {"text": "what a day", "label": FIRST, "reasoning": "It sounds so."},
    {"text": "what a day", "label": SECOND, "reasoning": "=so", "source": "book", "split": "test", "adapter": "g"},
    {"text": "what a day", "label": "boredom", "reasoning": "It sounds so."},
    {"text": "what a day", "label": FIRST},
    {"text": " ", "label": FIRST, "reasoning": "It sounds so."},
    {"text": 7, "label": FIRST, "reasoning": "It sounds so."},
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "novel.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS) + "[]\n", encoding="utf-8")
    return path


def test_good_rows_come_in_once_and_the_others_are_told(database: Database, reasonings: Reasonings, file: Path) -> None:
    dry = import_reasonings(database, file, TASK, dry_run=True, ratings=2)
    assert reasonings.of_text(TASK.name, "what a day") == []
    done = import_reasonings(database, file, TASK)
    assert dry == done and (done.new, done.known) == (2, 1)
    words = ["'boredom' is not one of", "'reasoning' is missing", "text is empty", "'text' holds no text", "object"]
    assert [p.number for p in done.problems] == [4, 5, 6, 7, 8]
    assert all(said in p.reason for said, p in zip(words, done.problems, strict=True))
    found = {r.reasoning.label: r.reasoning for r in reasonings.of_text(TASK.name, "what a day")}
    assert found[FIRST].source == "novel" and found[SECOND].reasoning == "=so"
    assert (found[SECOND].source, found[SECOND].split, found[SECOND].adapter) == ("book", "test", "g")
    again = import_reasonings(database, file, TASK)
    assert again == Imported("reasonings", 0, 3, done.problems)
    assert Queue(database).left() == 0


def test_into_the_queue_if_asked(database: Database, file: Path) -> None:
    for _ in range(2):
        import_reasonings(database, file, TASK, source="elsewhere", ratings=2)
        assert Queue(database).left() == 2
    with pytest.raises(InputError, match="Fewer"):
        import_reasonings(database, file, TASK, ratings=-1)


def test_a_file_without_the_columns(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("words,label\nhello,joy\n")
    assert import_reasonings(database, path, TASK).problems == (Problem(1, "The column 'text' is missing."),)
