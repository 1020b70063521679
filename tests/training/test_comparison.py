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


def one(reasoning: str, read: float, judged: float = 0.5, finished: bool = True) -> Measured:
    text = "i lost my keys and cried"
    found = measured(text, "sadness", reasoning, TASK.labels)
    return Measured(reasoning, finished, found, read > 0.5, read > 0.5, read, 2, judged)


GOOD, ALSO_GOOD = '"cried" says that it hurts', '"lost my keys" says that it hurts'


def test_fewer_faults_win_then_the_reader_decides_and_the_rest_is_a_tie() -> None:
    new = [one(GOOD, 0.1), one(GOOD, 0.2), one(GOOD, 0.5), one("same", 0.9), one(GOOD, 0.9, finished=False)]
    old = [
        one('"wept" says that it hurts', 0.9),  # it does not stand there
        one(ALSO_GOOD, 0.6),
        one(ALSO_GOOD, 0.5 + MARGIN / 2),
        one("same", 0.1),
        one(ALSO_GOOD, 0.1),
    ]
    found = wins(new, old)
    assert (found["wins"], found["losses"], found["ties"]) == (1, 2, 2)
    assert found["win_rate"] == round(1 / 3, 4) and found["interval"][0] < 1 / 3 < found["interval"][1]


def test_the_second_judge_asks_the_base_alone() -> None:
    found = wins([one("no", 0.1, judged=0.9), one("x", 0.9)], [one(GOOD, 0.9, judged=0.4), one("y", 0.1)], "base")
    assert (found["wins"], found["losses"], found["ties"]) == (1, 0, 1)


@pytest.mark.parametrize(
    ("reasoning", "faults"),
    [
        (GOOD, 0),
        ("Feelings are what people feel.", 1),
        ('"wept" and cried', 1),
        ("cried is cried is cried is cried is joy", 2),
        (f"cried {' '.join('abcdefghijklmnopqrstuvwxyz0123456789')}", 1),
    ],
)
def test_what_is_plainly_wrong_is_counted(reasoning: str, faults: int) -> None:
    assert one(reasoning, 0.5).faults == faults


def test_rates_are_shares_of_all_reasonings() -> None:
    found = summary([one('"cried" says it', 0.9, 0.8), one("Sadness is being sad.", 0.1, 0.4)])
    assert found["grounded"] == 0.5 and found["restates"] == 0.5 and found["sufficiency"] == 0.5
    assert found["judged"] == pytest.approx(0.6) and found["distinct"] == 1.0


def test_no_named_word_is_no_evidence_whatever_the_reader_would_guess() -> None:
    engine = ScriptedEngine(base="embedded")
    examples = [Example("i lost my keys and cried", label) for label in TASK.labels]
    written = [("Nothing of this stands there.", True)] * len(examples)
    found = measure(engine, AdapterRef(Path("q-a"), "0"), Templates(TASK), examples, written)
    assert not any(m.sufficient or m.of_content for m in found) and all(m.named == 0 for m in found)
    assert all(0 <= m.judged <= 1 for m in found)
