"""Doubtful labels: both models sure, agreed, and against the dataset; nothing else is listed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rilearn.errors import AdapterError, ConfigError
from tests.tiny import ROOT, build_adapter
from training import label_noise

LABELS = ["red", "green"]


def test_only_what_both_doubt_surely_is_listed_surest_first() -> None:
    gold = ["red", "red", "red", "red", "green"]
    one = np.array([[0.05, 0.95], [0.01, 0.99], [0.05, 0.95], [0.3, 0.7], [0.05, 0.95]])
    two = np.array([[0.08, 0.92], [0.02, 0.98], [0.95, 0.05], [0.05, 0.95], [0.02, 0.98]])
    found = label_noise.doubtful(gold, LABELS, [one, two], 0.9)
    assert [(r["row"], r["label"], r["models_say"]) for r in found] == [(1, "red", "green"), (0, "red", "green")]
    assert found[1]["least_sure"] == 0.92 and found[1]["own"] == [0.05, 0.08]


def test_the_list_holds_numbers_and_no_texts(tiny_base: Path, tmp_path: Path) -> None:
    direct = str(build_adapter(tmp_path / "q-a", tiny_base, "direct"))
    reasoned = str(build_adapter(tmp_path / "q-ra", tiny_base, "reasoned"))
    dataset = ROOT / "data" / "demo" / "emotion"
    words = ["--direct", direct, "--reasoned", reasoned, "--dataset", str(dataset), "--limit", "10"]
    label_noise.main([*words, "--threshold", "0.5", "--out", str(tmp_path / "list.json")])
    text = (tmp_path / "list.json").read_text()
    found = json.loads(text)
    assert found["n"] == 10 and found["doubtful"] == len(found["rows"]) == sum(found["pairs"].values())
    for line in (dataset / "validation.jsonl").read_text().splitlines()[:10]:
        assert json.loads(line)["text"] not in text
    with pytest.raises(AdapterError, match="at once"):
        label_noise.main(["--direct", reasoned, "--reasoned", reasoned, "--out", str(tmp_path / "x")])
    with pytest.raises(ConfigError, match="between"):
        label_noise.main([*words, "--threshold", "0.2", "--out", str(tmp_path / "x")])
