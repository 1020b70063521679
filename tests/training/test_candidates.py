"""Candidates: each threshold is a named fault, the best passing one comes first, doubles count once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rilearn.engines.scripted import ScriptedEngine
from rilearn.errors import AdapterError, ConfigError
from rilearn.records import Example
from tests.tiny import ROOT, build_adapter
from training import sample
from training.candidates import Candidate, fault, measure, quality, ranked
from training.recipes import AugmentRecipe

RECIPE = AugmentRecipe(kind="augment", name="x", min_words=3, max_words=12, min_grounding=1, min_lead=0.3)
EXAMPLE = Example("the parcel never came and the shop shrugged", "anger")
LABELS = ("sadness", "joy", "anger")
GOOD = Candidate("the parcel is late", "stop", 6, 1, 0, 0.0, 4, False, False, False)


def test_measuring_against_hand_counts() -> None:
    found = measure(EXAMPLE, "The parcel never came, so anger is plain", "stop", 9, LABELS)
    assert (found.words, found.tokens, found.finish, found.lead) == (8, 9, "stop", None)
    assert found.grounding == 2  # parcel, came
    assert found.names_label and not found.names_other and not found.restates and found.repetition == 0
    other = measure(EXAMPLE, "sadness is a feeling", "length", 4, LABELS)
    assert other.names_other and not other.names_label and other.restates and other.grounding == 0


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"finish": "length"}, "unfinished"),
        ({"words": 2}, "too_short"),
        ({"words": 13}, "too_long"),
        ({"repetition": 0.31}, "repetitive"),
        ({"names_other": True}, "names_other_label"),
        ({"grounding": 0}, "ungrounded"),
        ({"restates": True}, "restatement"),
        ({"lead": 0.29}, "misleads"),
    ],
)
def test_each_threshold_has_a_name(change: dict[str, object], name: str) -> None:
    assert fault(GOOD, RECIPE) is None
    assert fault(replace(GOOD, **change), RECIPE) == name  # type: ignore[arg-type]


def test_thresholds_are_inclusive_and_can_be_switched_off() -> None:
    edge = replace(GOOD, words=12, repetition=0.3, lead=0.3)
    assert fault(edge, RECIPE) is None
    assert fault(replace(GOOD, restates=True), RECIPE.model_copy(update={"allow_restatement": True})) is None
    assert fault(replace(GOOD, misquotes=1), RECIPE) is None
    assert fault(replace(GOOD, misquotes=1), RECIPE.model_copy(update={"max_misquotes": 0})) == "misquotes"


def test_quality_likes_pointing_over_copying() -> None:
    two, four, nine = (replace(GOOD, grounding=n) for n in (2, 4, 9))
    assert quality(two) < quality(four) == quality(nine)
    assert quality(replace(GOOD, names_label=True)) > quality(GOOD) > quality(replace(GOOD, words=12))


def test_ranking_drops_faults_and_doubles() -> None:
    rows = [
        GOOD,
        replace(GOOD, reasoning="b", grounding=3),
        replace(GOOD, reasoning="c", finish="length", grounding=4),
        replace(GOOD, reasoning="b", grounding=3),
    ]
    assert ranked(rows, RECIPE) == [1, 0]
    assert ranked([], RECIPE) == []


def test_a_sample_measures_what_a_generator_writes(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "load_engine", lambda *_, **__: ScriptedEngine())
    generator = build_adapter(tmp_path / "generator", tiny_base, "generator", None)
    direct = build_adapter(tmp_path / "direct", tiny_base, "direct")
    out = tmp_path / "deep" / "sample.jsonl"
    common = ["--dataset", str(ROOT / "data/demo/emotion"), "--out", str(out)]
    sample.main(["--adapter", str(generator), "--limit", "6", *common])
    head, *rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert head["n"] == len(rows) == 6 and [r["row"] for r in rows] == list(range(6))
    assert head["distinct"] == pytest.approx(len({r["reasoning"] for r in rows}) / 6, abs=1e-4)
    assert head["grounded"] == pytest.approx(sum(r["grounding"] > 0 for r in rows) / 6, abs=1e-4)
    assert head["mean_words"] == pytest.approx(sum(len(r["reasoning"].split()) for r in rows) / 6, abs=1e-2)
    assert not {"text", "lead"} & rows[0].keys()  # the texts are not ours to copy
    for adapter, limit, error in ((direct, "6", AdapterError), (generator, "0", ConfigError)):
        with pytest.raises(error, match=r"is a classifier|--limit"):
            sample.main(["--adapter", str(adapter), "--limit", limit, *common])
