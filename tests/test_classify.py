"""Classifier: how predictions grow, what the probabilities are, and that closing frees the engine."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from rilearn.adapters import load_adapter
from rilearn.classify import Classifier, check_text, softmax
from rilearn.errors import EngineError, InputError
from rilearn.prompts import Templates
from rilearn.tasks import load_task
from tests.conftest import REASONING, FakeEngine


@pytest.fixture
def reasoned(engine: FakeEngine, adapters: Path) -> Classifier:
    return Classifier(engine, Templates(load_task("emotion")), load_adapter(adapters / "q-ra"))


def test_prior_then_growing_reasoning_then_label(reasoned: Classifier) -> None:
    seen = list(reasoned.predict("what a day"))
    first, last = seen[0], seen[-1]
    assert first.prior and not first.reasoning and not first.probabilities and not first.done
    lengths = [len(p.reasoning) for p in seen]
    assert lengths == sorted(lengths) and len(set(lengths)) > 10
    assert last.done and last.reasoning == REASONING and last.tokens == len(REASONING.split())
    assert sum(p.done for p in seen) == 1
    labels = load_task("emotion").labels
    assert max(last.prior, key=last.prior.__getitem__) == labels[0]
    assert last.label == labels[1] == max(last.probabilities, key=last.probabilities.__getitem__)
    for distribution in (last.prior, last.probabilities):
        assert tuple(distribution) == labels and math.isclose(sum(distribution.values()), 1)
    assert last.first_token_seconds is not None and 0 < last.first_token_seconds <= last.seconds
    assert (last.model, last.engine, last.truncated) == ("q-ra", "fake", False)


def test_label_is_scored_given_text_and_reasoning(reasoned: Classifier, engine: FakeEngine) -> None:
    reasoned.final("what a day")
    assert engine.prompts == [
        "Text: what a day\nEmotion:",
        "Text: what a day\nReasoning:",
        f"Text: what a day\nReasoning: {REASONING}\nEmotion:",
    ]


def test_direct_is_one_scored_prediction(engine: FakeEngine, adapters: Path) -> None:
    classifier = Classifier(engine, Templates(load_task("emotion")), load_adapter(adapters / "q-a"))
    (only,) = classifier.predict("what a day")
    assert only.done and only.label == "sadness" and not only.reasoning and not only.prior
    assert engine.opened == 0


def test_closing_closes_the_engine_stream_at_once(reasoned: Classifier, engine: FakeEngine) -> None:
    growing = reasoned.predict("what a day")
    next(growing), next(growing), next(growing)
    assert engine.running == 1
    growing.close()  # type: ignore[attr-defined]
    assert (engine.running, engine.closed, engine.finished) == (0, 1, 0)


def test_cut_reasoning_still_gets_a_label(engine: FakeEngine, adapters: Path) -> None:
    classifier = Classifier(engine, Templates(load_task("emotion")), load_adapter(adapters / "q-ra"), max_tokens=4)
    last = classifier.final("what a day")
    assert last.truncated and last.done and last.label == "joy" and last.tokens == 4


def test_an_engine_error_passes_and_frees(adapters: Path) -> None:
    engine = FakeEngine(error=EngineError("lost"))
    classifier = Classifier(engine, Templates(load_task("emotion")), load_adapter(adapters / "q-ra"))
    with pytest.raises(EngineError, match="lost"):
        classifier.final("what a day")
    assert engine.running == 0


@pytest.mark.parametrize("text", ["", "   ", "\n\t\u00a0\u3000"])
def test_no_text_says_what_to_do(text: str) -> None:
    with pytest.raises(InputError, match="Type a sentence"):
        check_text(text, 100)


@pytest.mark.parametrize(
    "text", ["\u200b\u200d", "\x00\x07\x1b", "\u202e\u2066", "\ufe0f\u0301", "\u3164\u2800", "\ud800"]
)
def test_only_invisible_characters(text: str) -> None:
    with pytest.raises(InputError, match="invisible"):
        check_text(text, 100)


def test_too_long_gives_the_count() -> None:
    with pytest.raises(InputError, match=r"1,234 characters, 234 more than the limit of 1,000"):
        check_text("x" * 1234, 1000)


@pytest.mark.parametrize("text", ["a", "!!!", "😭", "مرحبا", "5", " x ", "<script>", "👨‍👩‍👧"])
def test_anything_visible_passes_unchanged(text: str) -> None:
    assert check_text(text, 100) == text


def test_softmax() -> None:
    assert softmax([math.log(1), math.log(3)]) == pytest.approx([0.25, 0.75])
    assert softmax([-2000.0, -2000.0]) == [0.5, 0.5]
    for bad in (math.nan, -math.inf):
        with pytest.raises(EngineError):
            softmax([bad, bad])
