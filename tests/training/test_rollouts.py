"""Rollouts: the classifier writes its own reasonings unseen of the label, and learns to answer after all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rilearn.adapters import load_adapter
from rilearn.errors import ConfigError
from rilearn.prompts import Templates
from rilearn.records import AdapterRef, Example, Generation, Prompt, Sampling
from rilearn.tasks import load_task
from tests.tiny import build_adapter
from training.augment import Writer, mislabelled, table
from training.data import read_reasonings
from training.recipes import AugmentRecipe, ClassifierRecipe
from training.rows import Row
from training.train_classifier import build_rows

TASK = load_task("emotion")
EXAMPLES = [Example("the train left without us", "sadness"), Example("what a lovely cake", "joy")]


class Fake:
    """Points at the text's last word; remembers what it was asked."""

    name = base = "fake"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, adapter: AdapterRef | None = None, progress: Any = None
    ) -> list[Generation]:
        self.asked += [p.text for p in prompts]
        return [
            Generation(f" It says {p.text.splitlines()[0].split()[-1]} in so many words", 8, "stop") for p in prompts
        ]

    def score(
        self, prompts: Sequence[Prompt], choices: Sequence[str], adapter: AdapterRef | None = None
    ) -> list[list[float]]:
        return [[0.0 if c.strip() == "joy" else -5.0 for c in choices] for _ in prompts]


@pytest.fixture(scope="module")
def reasoned(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_adapter(tmp_path_factory.mktemp("r") / "q-ra", tiny_base, "reasoned", "emotion")


def recipe(tiny_base: Path, **values: Any) -> AugmentRecipe:
    return AugmentRecipe(kind="augment", name="own", base=str(tiny_base), min_lead=0.5, **values)


def test_the_label_is_not_shown_and_what_misleads_is_not_kept(reasoned: Path, tiny_base: Path) -> None:
    engine = Fake()
    writer = Writer(recipe(tiny_base), engine, engine, load_adapter(reasoned, str(tiny_base)))  # type: ignore[arg-type]
    found = writer.candidates(EXAMPLES, [0, 1])
    assert engine.asked == [Templates(TASK, False).reasoned(e.text).text for e in EXAMPLES for _ in range(2)]
    assert writer.choose(EXAMPLES, found) == [None, 0]  # the judge says joy whatever it reads


def test_openings_are_refused(reasoned: Path, tiny_base: Path) -> None:
    engine: Any = Fake()
    with pytest.raises(ConfigError, match="openings are for generators"):
        Writer(recipe(tiny_base, openings=("The words",)), engine, engine, load_adapter(reasoned, str(tiny_base)))


def targets(row: Row) -> str:
    """What of the completion carries loss."""
    return "".join(text for text, share in row.parts if share > 0)


def test_after_a_rollout_the_label_alone_is_learnt(tmp_path: Path) -> None:
    kept = [{"candidate": 1, "kept": True, "reasoning": "It says cake", "text": "what a lovely cake", "label": "joy"}]
    first = [{**kept[0], "candidate": 0, "kept": False, "reasoning": "It says train"}]
    astray = [{**first[0], "text": "the train left without us", "label": "sadness", "reasoning": "It is fun"}]
    table([*first, *kept, *astray], tmp_path / "own.parquet")
    both = {"reasonings": str(tmp_path / "own.parquet"), "rollouts": str(tmp_path / "own.parquet")}
    rows, counts = build_rows(
        ClassifierRecipe(kind="reasoned", name="q-ra", direct_rows=1, **both), Templates(TASK), EXAMPLES
    )
    assert counts == {"reasoned": 1, "rollouts": 2, "direct": 1}
    assert [targets(r).split("\n") for r in rows] == [
        [" It says cake", "Emotion: joy"],
        [" sadness"],
        [" joy"],
        [" sadness"],
    ]
    assert ["".join(text for text, _ in r.parts) for r in rows[1:3]] == [
        " It is fun\nEmotion: sadness",
        " It says train\nEmotion: joy",
    ]
    assert read_reasonings(tmp_path / "own.parquet") == {("what a lovely cake", "joy"): ["It says cake"]}


def test_after_a_counterfactual_its_own_label_is_learnt(tmp_path: Path) -> None:
    kept = {"candidate": 0, "kept": True, "reasoning": "It says cake", "text": "what a lovely cake", "label": "joy"}
    against = {**kept, "label": "fear", "reasoning": "It says lovely"}
    table([kept], tmp_path / "kept.parquet")
    table([against, {**against, "text": "no training text"}, {**against, "kept": False}], tmp_path / "other.parquet")
    paths = {"reasonings": str(tmp_path / "kept.parquet"), "counterfactuals": str(tmp_path / "other.parquet")}
    rows, counts = build_rows(ClassifierRecipe(kind="reasoned", name="q-ra", **paths), Templates(TASK), EXAMPLES)
    assert counts == {"reasoned": 1, "direct": 0, "counterfactuals": 1}
    assert "".join(text for text, _ in rows[1].parts) == " It says lovely\nEmotion: fear"
    assert targets(rows[1]) == " fear"


def test_another_label_is_drawn_for_every_row() -> None:
    rows = EXAMPLES * 50
    drawn = mislabelled(rows, TASK.labels, seed=0)
    assert [e.text for e in drawn] == [e.text for e in rows]
    assert all(new.label in TASK.labels and new.label != old.label for new, old in zip(drawn, rows, strict=True))
    assert len({e.label for e in drawn}) == len(TASK.labels)
    assert mislabelled(rows, TASK.labels, seed=0) == drawn != mislabelled(rows, TASK.labels, seed=1)
