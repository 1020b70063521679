"""What is measured of reasonings without people, and how two generators are compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from rilearn.engines.scripted import ScriptedEngine
from rilearn.prompts import Templates
from rilearn.records import AdapterRef, Example
from rilearn.signals import measured
from rilearn.tasks import load_task
from training.comparison import MARGIN, Measured, measure, summary, wins

TASK = load_task("emotion")


def one(reasoning: str, judged: float, sufficient: bool = True) -> Measured:
    text = "i lost my keys and cried"
    return Measured(
        reasoning, True, measured(text, "sadness", reasoning, TASK.labels), sufficient, sufficient, 2, judged
    )


def test_the_judge_prefers_what_makes_it_surer_and_calls_the_rest_a_tie() -> None:
    new = [one("a", 0.9), one("b", 0.2), one("c", 0.5), one("same", 0.9)]
    old = [one("x", 0.4), one("y", 0.6), one("z", 0.5 + MARGIN / 2), one("same", 0.1)]
    found = wins(new, old)
    assert (found["wins"], found["losses"], found["ties"]) == (1, 1, 2)
    assert found["win_rate"] == 0.5 and found["interval"][0] < 0.5 < found["interval"][1]


def test_rates_are_shares_of_all_reasonings() -> None:
    found = summary([one('"cried" says it', 0.8), one("Sadness is being sad.", 0.4, sufficient=False)])
    assert found["grounded"] == 0.5 and found["restates"] == 0.5 and found["sufficiency"] == 0.5
    assert found["judged"] == pytest.approx(0.6) and found["distinct"] == 1.0


def test_no_named_word_is_no_evidence_whatever_the_reader_would_guess() -> None:
    engine = ScriptedEngine(base="embedded")
    examples = [Example("i lost my keys and cried", label) for label in TASK.labels]
    written = [("Nothing of this stands there.", True)] * len(examples)
    found = measure(engine, AdapterRef(Path("q-a"), "0"), Templates(TASK), examples, written)
    assert not any(m.sufficient or m.of_content for m in found) and all(m.named == 0 for m in found)
    assert all(0 <= m.judged <= 1 for m in found)
