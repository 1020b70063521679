"""What the generator writes to practise: where its quotations begin, which one is learnt, and what a kill leaves."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from rilearn.prompts import Templates
from rilearn.records import Example
from rilearn.tasks import load_task
from training import practice
from training.bag_of_words import BagOfWords
from training.candidates import Candidate, measure
from training.practice import _read, best, openings, practise
from training.retrain_recipe import Practice, RetrainRecipe
from training.watch import Watch

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
    drawn = openings(EXAMPLE.text, Practice(tries=8), 0)
    assert drawn[0] == "" and len(set(drawn)) == 8 and drawn == openings(EXAMPLE.text, Practice(tries=8), 0)
    assert drawn != openings(EXAMPLE.text, Practice(tries=8), 1)
    assert {o.removeprefix('"') for o in drawn[1:]} <= {
        "we",
        "moved",
        "chairs",
        "and",
        "i",
        "feel",
        "so",
        "miserable",
        "since",
    }
    assert openings("so so so so so", Practice(tries=3), 0) == ["", '"so', '"so']
    assert openings("!?", Practice(tries=3), 0) == [""]


@pytest.mark.parametrize("seed", range(5))
def test_the_word_that_the_recipe_names_is_tried_first(seed: int) -> None:
    assert openings(EXAMPLE.text, Practice(tries=3, opens="feel"), seed)[:2] == ["", '"feel']
    twice = "i feel fine and you feel fine and i am lost in the garden"
    assert '"feel' not in openings(twice, Practice(tries=4, opens="feel"), seed)


def test_the_best_is_without_fault_and_quotes_what_tells(bag: BagOfWords) -> None:
    tells, surer = (
        f'"{said}" is how somebody mourns.' for said in ("feel so miserable since the", "so miserable since the garden")
    )
    made = tries(
        '"we moved the chairs" is how somebody mourns the garden.',  # tells nothing
        '"so miserable" is how somebody mourns the garden.',  # too short a passage
        '"feel so miserable since the garden" and "so cold" is how somebody mourns.',  # misquotes
        tells,
        surer,
    )
    row = best(EXAMPLE, made, bag, Practice(sure=0.6))
    assert row is not None and (row.kind, row.label) == ("sft", "sadness") and row.reasoning in (tells, surer)
    row = best(EXAMPLE, made, bag, Practice(sure=0.6, opens="feel"))
    assert row is not None and row.reasoning == tells
    assert best(EXAMPLE, made[:1], bag, Practice(sure=0.9)) is None
    assert best(EXAMPLE, [replace(made[3], finish="length")], bag, Practice(sure=0)) is None


def test_of_two_that_quote_alike_the_one_whose_own_words_tell_less_is_the_better(bag: BagOfWords) -> None:
    text = Example("we feel so low since the garden burned", "sadness")
    plain, leaky = (f'"feel so low since the garden" is how {word} people talk.' for word in ("many", "miserable"))
    made = [measure(text, r, "stop", 9, LABELS) for r in (plain, leaky)]
    row = best(text, made, bag, Practice(sure=0))
    assert row is not None and row.reasoning == plain
    assert bag.shares(["miserable"], ["sadness"])[0] > bag.shares(["many"], ["sadness"])[0]


@pytest.mark.parametrize(("joy", "sadness"), [(30, 30), (200, 0)])
def test_a_dataset_too_small_for_both_is_not_practised_on(
    joy: int, sadness: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [Example("i feel glad today", "joy")] * joy + [Example("i feel low today", "sadness")] * sadness
    monkeypatch.setattr(practice, "task_rows", lambda *_: (rows, {}))
    templates = Templates(load_task("emotion").model_copy(update={"labels": LABELS}))
    recipe = RetrainRecipe(kind="retrain", name="generator")
    made, counts = practise(None, recipe, Practice(), 1, templates, (), tmp_path, Watch(tmp_path))  # type: ignore[arg-type]
    assert made == [] and counts["written"] == 0 and "too few" in counts["left_out"]


def test_a_line_that_a_kill_cut_off_is_written_again(tmp_path: Path) -> None:
    path, asked = tmp_path / "practice.jsonl", [(EXAMPLE, ["", '"feel']), (Example("another", "joy"), [""])]
    assert _read(path, asked) == []
    found = tries("One\u2028word.", "Two.")
    about = {"text": EXAMPLE.text, "label": "sadness", "openings": ["", '"feel'], "tries": [asdict(c) for c in found]}
    line = json.dumps(about)
    path.write_text(f"{line}\n{line[:20]}", encoding="utf-8")
    assert _read(path, asked) == [found] and path.read_text(encoding="utf-8") == f"{line}\n"
    path.write_text(f"{line}\n{line}\n", encoding="utf-8")  # of another text than is asked now
    assert _read(path, asked) == [found] and path.read_text(encoding="utf-8") == f"{line}\n"
    assert _read(path, [(EXAMPLE, ["", '"moved'])]) == [] and path.read_bytes() == b""
