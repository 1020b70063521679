"""The blind vote apart from its page: who meets whom, what a voter reads, win rates, intervals and scores."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from rilearn import blind
from rilearn.adapters import Adapter, Manifest
from rilearn.compare import Side
from rilearn.errors import EngineError, InputError
from rilearn.records import AdapterRef, Prediction
from rilearn.statistics import wilson
from rilearn.store.votes import Tally, Version

A, B, C, OLD = Version("a", "1" * 64), Version("b", "2" * 64), Version("c", "3" * 64), Version("a", "9" * 64)
SAID = Prediction(
    "a",
    "fake",
    reasoning="Grey clouds.",
    label="rain",
    probabilities={"rain": 0.901},
    done=True,
    adapter_digest="digest of a",
)


def adapters(**kinds: str) -> dict[str, Adapter]:
    return {
        name: Adapter(
            Manifest.model_validate({"name": name, "kind": kind, "base": "b", "prompt_version": "1"}),
            AdapterRef(Path(name), f"digest of {name}"),
        )
        for name, kind in kinds.items()
    }


def test_two_that_reason_are_drawn_at_random() -> None:
    here = adapters(a="reasoned", b="direct", c="reasoned", d="reasoned")
    drawn = Counter(tuple(sorted(blind.draw(here))) for _ in range(300))
    assert set(drawn) == {("a", "c"), ("a", "d"), ("c", "d")} and min(drawn.values()) > 40  # fails once in 10 million


def test_the_only_one_that_reasons_meets_those_that_do_not() -> None:
    here = adapters(a="direct", b="reasoned", c="direct")
    assert {tuple(blind.draw(here)) for _ in range(100)} == {("b", "a"), ("b", "c")}


@pytest.mark.parametrize("kinds", [{}, {"a": "reasoned"}, {"a": "direct", "b": "direct"}])
def test_too_few_models_are_told(kinds: dict[str, str]) -> None:
    with pytest.raises(InputError, match="Train another one"):
        blind.draw(adapters(**kinds))


def test_a_voter_reads_reasoning_label_and_probability_and_nothing_else() -> None:
    assert blind.in_full(replace(SAID, tokens=17, seconds=3.5)) == "Grey clouds.\nrain (90 %)"
    assert blind.in_full(replace(SAID, truncated=True)) == "Grey clouds. …\nrain (90 %)"
    assert blind.in_full(replace(SAID, reasoning="")) == "rain (90 %)"


def test_sides_carry_the_versions_and_an_error_ends_the_vote() -> None:
    other = replace(SAID, reasoning="", adapter_digest="digest of b")
    first, second = blind.sides([Side("a", SAID), Side("b", other)])
    assert (first.version, first.shown) == (Version("a", "digest of a"), "Grey clouds.\nrain (90 %)")
    assert second.version == Version("b", "digest of b")
    with pytest.raises(EngineError, match=r"nothing to vote on\. The engine lost it\."):
        blind.sides([Side("a", SAID), Side("b", None, "The engine lost it.")])


def test_win_rates_count_ties_half_and_giveaways_not_at_all() -> None:
    now = blind.standings([Tally(A, B, 6, 2, 4, 3)])
    first, second = now.versions
    assert (now.votes, now.ties, now.giveaways, now.unscored) == (12, 4, 3, "")
    assert (first.name, first.wins, first.votes, first.score) == ("a", 8.0, 12, None)
    assert first.share == pytest.approx(2 / 3) and (first.low, first.high) == wilson(8, 12)
    assert (second.name, second.wins, second.share) == ("b", 4.0, pytest.approx(1 / 3))


def test_three_versions_have_scores_and_stand_by_them() -> None:
    now = blind.standings([Tally(A, B, 1, 3, 0, 0), Tally(A, C, 1, 3, 0, 0), Tally(B, C, 2, 2, 0, 0)])
    scores = {one.name: one.score for one in now.versions}
    assert [one.name for one in now.versions] == ["b", "c", "a"] and now.votes == 12
    assert scores["b"] == pytest.approx(math.log(3) / 3, abs=1e-6) == scores["c"]
    assert scores["a"] == pytest.approx(-2 * math.log(3) / 3, abs=1e-6)


def test_scores_that_do_not_exist_are_told_in_words() -> None:
    now = blind.standings([Tally(A, B, 3, 0, 0, 0), Tally(B, C, 1, 1, 0, 0)])
    assert "No Bradley-Terry scores yet" in now.unscored and {one.score for one in now.versions} == {None}


def test_versions_of_one_model_are_told_apart() -> None:
    assert [one.name for one in blind.standings([Tally(A, OLD, 1, 0, 0, 0)]).versions] == [
        "a (11111111)",
        "a (99999999)",
    ]


def test_without_a_blind_vote_nobody_stands() -> None:
    assert blind.standings([]) == blind.Standings()
    assert blind.standings([Tally(A, B, 0, 0, 0, 2)]) == blind.Standings(giveaways=2)
