"""Rows of ratings in TRL's columns, their order, and the weights of good and poor."""

from __future__ import annotations

import pytest

from rilearn.judgements import Kind, TrainingRow
from rilearn.prompts import Templates
from rilearn.records import Prompt
from rilearn.tasks import load_task
from tests.tiny import tiny_tokenizer
from training.preference import phases, plain, sequence, together

TEMPLATES = Templates(load_task("emotion"))


def row(kind: Kind, reasoning: str, rejected: str | None = None, desirable: bool = True) -> TrainingRow:
    return TrainingRow(kind, "i lost my keys", "sadness", reasoning, rejected, desirable, 1.0, ("rating:1",))


def test_each_kind_of_row_becomes_the_columns_of_its_trainer() -> None:
    rows = [row("sft", "good one"), row("pair", "better", "worse"), row("kto", "fine"), row("kto", "bad", None, False)]
    found = phases(rows, TEMPLATES, tiny_tokenizer())
    assert list(found) == ["kto", "dpo", "sft"]
    assert found["kto"]["label"] == [True, False] and found["kto"]["completion"] == [" fine", " bad"]
    assert found["dpo"]["chosen"] == [" better"] and found["dpo"]["rejected"] == [" worse"]
    assert found["sft"]["completion"] == [" good one"]
    assert found["sft"]["prompt"] == [TEMPLATES.task_rationale("i lost my keys", "sadness").text]


def test_the_start_token_of_a_chat_template_is_left_to_the_tokenizer() -> None:
    tokenizer = tiny_tokenizer()
    prompt = Prompt("Why?", "Reasoning:", chat=True)
    assert not plain(prompt, tokenizer).startswith(tokenizer.bos_token)
    assert plain(prompt, tokenizer).endswith("assistant\nReasoning:")


def test_general_rows_stand_behind_the_approved_ones_or_alone() -> None:
    assert together(None, ["q"], [" r"]) == {"prompt": ["q"], "completion": [" r"]}
    assert together({"prompt": ["a"], "completion": [" b"]}, ["q"], [" r"])["prompt"] == ["a", "q"]


@pytest.mark.parametrize("epochs", [1, 2, 1.5])
def test_each_row_has_as_many_turns_as_there_are_epochs_and_batches_are_of_like_length(epochs: float) -> None:
    columns = {"prompt": ["p" * n for n in range(1, 21)], "completion": [f" {n}" for n in range(1, 21)]}
    found = sequence(columns, 4, epochs, 0)
    assert len(found) == 20 * epochs and set(found) == set(range(20))
    assert all(max(found[i : i + 4]) - min(found[i : i + 4]) < 8 for i in range(0, 20, 4))
    assert found == sequence(columns, 4, epochs, 0) != sequence(columns, 4, epochs, 1)
