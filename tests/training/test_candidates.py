"""Candidates: each threshold is a named fault, the best passing one comes first, doubles count once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rilearn.records import Example
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
