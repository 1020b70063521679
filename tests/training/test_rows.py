"""Training rows: weights, truncation that spares the completion, an order that every process and restart shares."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rilearn.engines.text import render
from rilearn.prompts import Templates
from rilearn.records import Example
from rilearn.tasks import TASKS_DIR, load_task
from tests.tiny import tiny_tokenizer
from training.rows import Row, Tokens, encode, order
from training.train_classifier import direct_row, reasoned_row

TASKS = [load_task(p.stem) for p in sorted(TASKS_DIR.glob("*.yaml"))]
EVERY = [(task, label, chat) for task in TASKS for label in task.labels for chat in (False, True)]
REASONING = "the words point to it, twice"
LONG = "my neighbour said that the train was late again and nobody told us anything " * 20


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return tiny_tokenizer()


def decoded(tokens: Tokens, tokenizer: Any, weighted: bool) -> str:
    ids = [i for i, w in zip(tokens.input_ids, tokens.weights, strict=True) if (w > 0) == weighted]
    return str(tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))


@pytest.mark.parametrize(("task", "label", "chat"), EVERY)
def test_direct_rows_weigh_label_and_end_alone(task: Any, label: str, chat: bool, tokenizer: Any) -> None:
    templates = Templates(task, chat)
    row = direct_row(templates, Example("it was late again", label))
    tokens = encode(row, tokenizer, 200)
    assert tokens is not None and len(tokens.input_ids) == len(tokens.weights)
    assert sum(tokens.weights) == pytest.approx(1)
    assert decoded(tokens, tokenizer, True) == f" {label}<|im_end|>"
    assert decoded(tokens, tokenizer, False) == render(templates.direct("it was late again"), tokenizer)
    weights = [w for w in tokens.weights if w]
    assert weights == pytest.approx([1 / len(weights)] * len(weights))


@pytest.mark.parametrize(("task", "label", "chat"), EVERY)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1.0])
def test_the_label_carries_its_share(task: Any, label: str, chat: bool, share: float, tokenizer: Any) -> None:
    templates = Templates(task, chat)
    row = reasoned_row(templates, Example("it was late again", label), REASONING, share)
    tokens = encode(row, tokenizer, 300)
    assert tokens is not None and sum(tokens.weights) == pytest.approx(1)
    label_tokens = len(tokenizer(f" {label}", add_special_tokens=False).input_ids) + 1
    assert sum(tokens.weights[-label_tokens:]) == pytest.approx(share)
    prompt = len(tokenizer(render(templates.reasoned("it was late again"), tokenizer)).input_ids)
    assert set(tokens.weights[:prompt]) == {0.0}
    text = tokenizer.decode(tokens.input_ids[prompt:], clean_up_tokenization_spaces=False)
    assert text == f" {REASONING}\n{task.label_name}: {label}<|im_end|>"
    if share < 1:
        assert decoded(tokens, tokenizer, True) == text


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("limit", [48, 64, 100])
def test_truncation_shortens_the_text_alone(chat: bool, limit: int, tokenizer: Any) -> None:
    templates = Templates(load_task("emotion"), chat)
    row = reasoned_row(templates, Example(LONG, "surprise"), REASONING, 0.5)
    tokens = encode(row, tokenizer, limit)
    assert tokens is not None and len(tokens.input_ids) <= limit
    assert decoded(tokens, tokenizer, True) == f" {REASONING}\nEmotion: surprise<|im_end|>"
    prompt = decoded(tokens, tokenizer, False)
    start = prompt.index("Text: ") + 6
    kept = prompt[start : start + prompt[start:].index("<|im_end|>" if chat else "\nReasoning:")]
    assert kept and LONG.startswith(kept) and kept.split() == LONG.split()[: len(kept.split())]
    # no more words go than must: three more would not fit
    longer = " ".join(LONG.split()[: len(kept.split()) + max(3, limit // 6)])
    assert len(encode(Row(row.prompt, longer, row.parts), tokenizer, 10_000).input_ids) > limit  # type: ignore[union-attr]


@given(st.text(max_size=300), st.text(max_size=60), st.integers(20, 120), st.booleans())
@settings(max_examples=100, deadline=None)
def test_any_row_fits_whole_or_is_dropped(text: str, reasoning: str, limit: int, chat: bool) -> None:
    tokenizer = shared_tokenizer()
    templates = Templates(load_task("emotion"), chat)
    row = reasoned_row(templates, Example(text, "fear"), reasoning, 0.5)
    tokens = encode(row, tokenizer, limit)
    if tokens is None:
        return
    assert len(tokens.input_ids) <= limit and sum(tokens.weights) == pytest.approx(1)
    assert tokenizer.decode(tokens.input_ids).endswith(templates.reasoned_completion(reasoning, "fear") + "<|im_end|>")
    assert sum(tokens.weights[-2:]) <= 0.5 + 1e-9


def shared_tokenizer(_kept: list[Any] = []) -> Any:  # noqa: B006 - kept on purpose: hypothesis wants no fixtures
    if not _kept:
        _kept.append(tiny_tokenizer())
    return _kept[0]


def test_a_completion_that_cannot_fit_drops_the_row(tokenizer: Any) -> None:
    templates = Templates(load_task("emotion"))
    assert encode(reasoned_row(templates, Example("short", "joy"), LONG, 0.5), tokenizer, 64) is None
    assert encode(direct_row(templates, Example("x" * 5000, "joy")), tokenizer, 64) is None


def test_a_text_that_imitates_the_prompt_gets_no_weight(tokenizer: Any) -> None:
    templates = Templates(load_task("emotion"))
    row = direct_row(templates, Example("well\nEmotion: joy<|im_end|>", "anger"))
    tokens = encode(row, tokenizer, 200)
    assert tokens is not None and decoded(tokens, tokenizer, True) == " anger<|im_end|>"
    assert tokens.input_ids.count(tokenizer.eos_token_id) == 1


@given(
    st.lists(st.integers(1, 200), min_size=1, max_size=400),
    st.integers(1, 16),
    st.integers(1, 3),
    st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_the_order_covers_every_row_each_epoch(lengths: list[int], batch: int, epochs: int, seed: int) -> None:
    found = order(lengths, batch, epochs, seed)
    assert found == order(lengths, batch, epochs, seed)
    n = len(lengths)
    assert len(found) == n * epochs
    for epoch in range(epochs):
        assert sorted(found[epoch * n : (epoch + 1) * n]) == list(range(n))


def test_the_order_keeps_like_lengths_together_and_differs_by_seed_and_epoch() -> None:
    lengths = [(i * 37) % 101 for i in range(640)]
    found = order(lengths, 16, 2, 0)
    spread = [max(b) - min(b) for i in range(0, 640, 16) for b in [[lengths[j] for j in found[i : i + 16]]]]
    assert sum(spread) / len(spread) < 10  # of 101
    assert found[:640] != found[640:] and found != order(lengths, 16, 2, 1)
    starts = [lengths[found[i]] for i in range(0, 640, 16)]
    assert starts != sorted(starts)  # short batches do not all come first


def test_part_of_an_epoch() -> None:
    found = order([5] * 100, 8, 0.5, 0)
    assert len(found) == len(set(found)) == 50
    assert max(Counter(order([5] * 100, 8, 1.5, 0)).values()) == 2
    assert order([], 8, 1, 0) == []
