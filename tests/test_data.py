"""The demo sets written for this project: enough of them, balanced, without doubles, and out of no other dataset."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from rilearn.prompts import clean
from rilearn.tasks import TASKS_DIR, load_task
from tests.tiny import ROOT

DEMO = ROOT / "data" / "demo"
SHARED = ROOT.parent / "shared" / "data"


def rows(name: str, split: str | None = None) -> list[dict[str, str]]:
    paths = sorted((DEMO / name).glob(f"{split or '*'}.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def keys(name: str, column: str) -> list[str]:
    return [clean(row[column]).casefold() for row in rows(name)]


def near(text: str) -> str:
    """What two texts share that differ in signs and capitals only."""
    return "".join(c for c in text.casefold() if c.isalnum())


def test_emotion_texts_are_enough_and_spread_over_all_labels() -> None:
    found, task = rows("emotion"), load_task("emotion")
    assert len(found) >= 240 and {frozenset(r) for r in found} == {frozenset({"text", "label"})}
    for split in ("train", "validation"):
        counts = Counter(r["label"] for r in rows("emotion", split))
        assert set(counts) == set(task.labels) and min(counts.values()) >= 0.5 * max(counts.values())
    lengths = [len(r["text"].split()) for r in found]
    assert min(lengths) <= 8 and max(lengths) >= 25


def test_reasoning_triples_are_enough_and_whole() -> None:
    found = rows("reasoning")
    assert len(found) >= 240 and {frozenset(r) for r in found} == {frozenset({"question", "answer", "reasoning"})}
    assert all(clean(value) for r in found for value in r.values())
    assert len({near(r["reasoning"]) for r in found}) == len(found)
    assert all(4 <= len(r["reasoning"].split()) <= 60 for r in found)  # the recipe's filters keep them all


def test_support_messages_are_balanced() -> None:
    labels = load_task("support").labels
    for split, each in (("train", 10), ("validation", 4)):
        assert Counter(r["topic"] for r in rows("support", split)) == dict.fromkeys(labels, each)


@pytest.mark.parametrize(("name", "column"), [("emotion", "text"), ("reasoning", "question"), ("support", "message")])
def test_no_text_occurs_twice(name: str, column: str) -> None:
    found = [near(text) for text in keys(name, column)]
    assert not [text for text, n in Counter(found).items() if n > 1]


@pytest.mark.parametrize(("name", "column"), [("emotion", "text"), ("reasoning", "question"), ("support", "message")])
def test_no_two_texts_are_of_one_template(name: str, column: str) -> None:
    """No opening of five words serves more than twice."""
    openings = Counter(" ".join(text.split()[:5]) for text in keys(name, column) if len(text.split()) > 7)
    assert not {opening for opening, n in openings.items() if n > 2}


def test_the_examples_of_the_page_are_in_no_demo_set() -> None:
    known = {near(t) for n, c in (("emotion", "text"), ("support", "message")) for t in keys(n, c)}
    for path in TASKS_DIR.glob("*.yaml"):
        assert not [text for text in load_task(path.stem).examples if near(text) in known]


def shared(folder: str) -> list[dict[str, str]]:
    import pyarrow.parquet

    found = sorted((SHARED / folder).rglob("*.parquet"))
    if not found:
        pytest.skip(f"{SHARED / folder} is not on this machine")
    return [row for path in found for row in pyarrow.parquet.read_table(path).to_pylist()]


def test_nothing_was_taken_from_the_emotion_dataset() -> None:
    theirs = {near(row["text"]) for row in shared("emotion")}
    examples = [text for path in TASKS_DIR.glob("*.yaml") for text in load_task(path.stem).examples]
    mine = [*keys("emotion", "text"), *keys("support", "message"), *examples]
    assert len(theirs) > 15_000 and not [text for text in mine if near(text) in theirs]


def test_nothing_was_taken_from_the_reasoning_dataset() -> None:
    theirs = shared("reasoning")
    for column in ("question", "reasoning"):
        known = {near(str(row[column])) for row in theirs}
        assert not [row[column] for row in rows("reasoning") if near(row[column]) in known]


def test_the_folder_says_where_each_set_is_from() -> None:
    said = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert not [p.name for p in DEMO.iterdir() if f"demo/{p.name}" not in said]
    assert f"{len(rows('emotion'))} texts" in said and f"{len(rows('reasoning'))} question" in said
    assert Path(ROOT / "data" / "adapters").is_dir()
