"""Ways of answering with a reasoning model: the arithmetic on small distributions, and a run over a scripted engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rilearn.engines.scripted import ScriptedEngine
from rilearn.errors import AdapterError, ConfigError
from rilearn.prompts import Templates
from rilearn.records import AdapterRef
from rilearn.tasks import load_task
from training import answering
from training.reader import Reader

TASK = load_task("emotion")
REF = AdapterRef(Path("nowhere"), "d")


def test_the_product_is_sharper_than_its_experts_and_follows_the_surer() -> None:
    one, two = np.array([[0.6, 0.4], [0.9, 0.1]]), np.array([[0.6, 0.4], [0.4, 0.6]])
    made = answering.product(one, two)
    assert made.sum(1) == pytest.approx([1, 1])
    assert made[0, 0] == pytest.approx(0.36 / 0.52) and made[1, 0] == pytest.approx(0.36 / 0.42)
    assert np.isfinite(answering.product(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))).all()


def test_stopping_early_takes_the_first_step_that_did_not_move() -> None:
    """Row 0 stands still from the first part on, row 1 only at the end, row 2 moves little but to another label."""
    steps = [
        np.array([[0.9, 0.1], [0.9, 0.1], [0.51, 0.49]]),
        np.array([[0.9, 0.1], [0.2, 0.8], [0.49, 0.51]]),
        np.array([[0.1, 0.9], [0.21, 0.79], [0.1, 0.9]]),
    ]
    chosen, share = answering.early_stop(steps)
    assert share.tolist() == [0.5, 1.0, 1.0]
    assert chosen.tolist() == [[0.9, 0.1], [0.21, 0.79], [0.1, 0.9]]


def test_a_reasoning_in_four_parts_ends_whole() -> None:
    text = "one two three four five six"
    parts = [answering.beginning(text, i) for i in range(1, 5)]
    assert parts == ["one two", "one two three", "one two three four five", text]
    assert answering.beginning("", 2) == ""


def test_the_ways_share_one_set_of_reasonings() -> None:
    texts = ["a good day", "a bad night", "what"]
    prompts = {f"Text: {t}\nReasoning:": f" Since {t} is said here.\nEmotion: joy" for t in texts}
    reader = Reader(ScriptedEngine(completions=prompts), REF, Templates(TASK), texts)
    ways = answering.compare(reader, 3)
    assert {"direct", "one reasoning", "early stop", "mean of 1 sampled", "mean of 3 sampled x direct"} <= set(ways)
    shares, tokens, count = ways["mean of 3 sampled"]
    assert shares.shape == (3, len(TASK.labels)) and shares.sum(1) == pytest.approx([1, 1, 1])
    assert count == 3 and tokens == pytest.approx(3 * ways["one reasoning"][1])
    # The scripted reasonings are the same at any temperature, so their mean is each of them.
    assert shares == pytest.approx(ways["one reasoning"][0])
    assert ways["direct"][1] == 0 < ways["early stop"][1] <= ways["one reasoning"][1]


def test_a_direct_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="does not reason"):
        answering.main(["--adapter", "q-a", "--out", str(tmp_path / "x.json")])


def test_another_direct_model_stands_beside_and_multiplies() -> None:
    own, other = np.array([[0.7, 0.3]]), np.array([[0.2, 0.8]])
    ways = answering.basic(own, own, ("q-a", other))
    assert ways["q-a"] is other and list(ways) == [
        "direct",
        "one reasoning",
        "one reasoning x direct",
        "q-a",
        "one reasoning x q-a",
    ]
    assert ways["one reasoning x q-a"].argmax() == 1
    assert ways["one reasoning x q-a"] == pytest.approx(answering.product(own, other))


def test_a_temperature_is_fitted_on_one_set_and_measured_on_another() -> None:
    """A model that is right in six of ten rows and says 0.95 each time is cooled to about 0.6 on new rows."""
    shares = np.array([[0.95, 0.05]] * 10)
    gold = ["a"] * 6 + ["b"] * 4
    found = answering.temper(shares, gold, shares, gold, ["a", "b"])
    assert found["accuracy_there"] == pytest.approx(0.6) and found["temperature"] > 3
    assert found["before"] == pytest.approx(0.35) and found["after"] < 0.01


def test_temperatures_need_other_rows_than_those_measured(tmp_path: Path) -> None:
    words = ["--adapter", "q-ra", "--split", "train", "--fit-rows", "5", "--out", str(tmp_path / "x.json")]
    with pytest.raises(ConfigError, match="cannot be fitted on the rows they are measured on"):
        answering.main(words)
    with pytest.raises(AdapterError, match="does not answer at once"):
        answering.main([*words[:2], "--direct", "q-ra", "--out", str(tmp_path / "x.json")])
