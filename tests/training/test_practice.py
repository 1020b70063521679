"""What the generator writes to practise: where its quotations begin, which one is learnt, and what a kill leaves."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from rilearn.records import Example
from training.bag_of_words import BagOfWords
from training.candidates import Candidate, measure
from training.practice import _read, best, openings

LABELS = ("sadness", "joy")
EXAMPLE = Example("we moved the chairs and i feel so miserable since the garden burned", "sadness")


@pytest.fixture(scope="module")
def bag() -> BagOfWords:
    return BagOfWords(
        [
            Example(f"{word} {thing}", label)
            for label, word in zip(LABELS, ("miserable", "merry"), strict=True)
            for thing in ("garden", "chairs", "since")
        ],
        LABELS,
    )


def tries(*reasonings: str) -> list[Candidate]:
    return [measure(EXAMPLE, reasoning, "stop", 9, LABELS) for reasoning in reasonings]


def test_quotations_begin_with_words_that_stand_once_and_have_a_passage_after_them() -> None:
    drawn = openings(EXAMPLE.text, 8, 0)
    assert drawn[0] == "" and len(set(drawn)) == 8 and drawn == openings(EXAMPLE.text, 8, 0)
    assert drawn != openings(EXAMPLE.text, 8, 1)
    assert {o.removeprefix('"') for o in drawn[1:]} <= {"we", "moved", "chairs", "and", "i", "feel", "so", "miserable"}
    assert openings("so so so so so", 3, 0) == ["", '"so', '"so'] and openings("!?", 3, 0) == [""]


def test_the_best_is_without_fault_and_quotes_what_tells(bag: BagOfWords) -> None:
    tells = '"feel so miserable since the garden" is how somebody mourns.'
    row = best(
        EXAMPLE,
        tries(
            '"we moved the chairs" is how somebody mourns the garden.',  # tells nothing
            '"so miserable" is how somebody mourns the garden.',  # too short a passage
            '"feel so miserable since the garden" and "so cold" is how somebody mourns.',  # misquotes
            tells,
        ),
        bag,
        0.6,
    )
    assert row is not None and (row.kind, row.label, row.reasoning) == ("sft", "sadness", tells)
    assert best(EXAMPLE, tries('"we moved the chairs" is how somebody mourns the garden.'), bag, 0.9) is None
    assert best(EXAMPLE, [replace(tries(tells)[0], finish="length")], bag, 0.0) is None


def test_a_line_that_a_kill_cut_off_is_written_again(tmp_path: Path) -> None:
    path, line = tmp_path / "practice.jsonl", json.dumps([asdict(c) for c in tries("One\u2028word.")])
    assert _read(path) == []
    path.write_text(f"{line}\n{line[:20]}", encoding="utf-8")
    assert _read(path) == [tries("One\u2028word.")] and path.read_text(encoding="utf-8") == f"{line}\n"
