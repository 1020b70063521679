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
from training.bag_of_words import BagOfWords, told_by_others
from training.candidates import Candidate, measure
from training.practice import _read, best, leaks, openings, practise
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
    none = [0.0] * len(made)
    row = best(EXAMPLE, made, none, bag, Practice(sure=0.6))
    assert row is not None and (row.kind, row.label) == ("sft", "sadness") and row.reasoning in (tells, surer)
    row = best(EXAMPLE, made, none, bag, Practice(sure=0.6, opens="feel"))
    assert row is not None and row.reasoning == tells
    assert best(EXAMPLE, made[:1], [0.0], bag, Practice(sure=0.9)) is None
    assert best(EXAMPLE, [replace(made[3], finish="length")], [0.0], bag, Practice(sure=0)) is None
    assert best(EXAMPLE, [], [], bag, Practice(sure=0)) is None


def test_what_gives_the_label_away_is_not_learnt_and_what_speaks_against_it_is_no_better(bag: BagOfWords) -> None:
    one, other = made = tries(*(f'"feel so miserable since the garden" is how {who} talk.' for who in ("many", "some")))
    how = Practice(sure=0)

    def chosen(*leak: float) -> str | None:
        row = best(EXAMPLE, made, leak, bag, how)
        return row and row.reasoning

    assert (chosen(0.7, 0.4), chosen(0.4, 0.7)) == (other.reasoning, one.reasoning)
    assert chosen(0.3, 0.0) == chosen(0.0, 0.3)
    assert chosen(0.8, 0.7) == other.reasoning and chosen(0.8, 0.9) is None


def test_leak_is_what_own_words_tell_a_probe_that_read_other_texts() -> None:
    examples = [Example(f"text number{i}", LABELS[i % 2]) for i in range(20)]
    said = ("sadness is bad news about number{i}", "joy is good news about number{i}")
    written = [[measure(e, said[i % 2].format(i=i), "stop", 9, LABELS)] * 2 for i, e in enumerate(examples)]
    found = leaks(examples, written, LABELS)
    assert [len(some) for some in found] == [2] * 20 and min(min(some) for some in found) > 0.8
    alike = [[measure(e, f"{e.label} is news about number{i}", "stop", 9, LABELS)] for i, e in enumerate(examples)]
    assert max(max(some) for some in leaks(examples, alike, LABELS)) < 0.6  # but for the label and the text all alike
    # Of its own text's tries nothing is learnt: each says a word that no other one does.
    assert (
        max(
            told_by_others(
                [f"word{i // 2}" for i in range(40)],
                [LABELS[i // 2 % 2] for i in range(40)],
                [i // 2 for i in range(40)],
            )
        )
        < 0.6
    )
    assert told_by_others(["bad", "good"], LABELS, [0, 1]) == [0, 0]


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
