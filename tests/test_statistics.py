"""Statistics against published worked examples and against statsmodels, SciPy and scikit-learn."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import check_grad
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from rilearn.errors import DataError
from rilearn.statistics import (
    bradley_terry,
    calibration_error,
    fit_temperature,
    mcnemar_exact,
    paired_difference,
    tempered,
    wilson,
)

# Games of the 1987 season, rows won against columns: Agresti, Categorical Data Analysis (2002), table 10.10.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
WON = (
    (0, 7, 9, 7, 7, 9, 11),
    (6, 0, 7, 5, 11, 9, 9),
    (4, 6, 0, 7, 7, 8, 12),
    (6, 8, 6, 0, 6, 7, 10),
    (6, 2, 6, 7, 0, 7, 12),
    (4, 4, 5, 6, 6, 0, 6),
    (2, 4, 1, 3, 1, 7, 0),
)
GAMES = {(a, b): float(WON[i][j]) for i, a in enumerate(TEAMS) for j, b in enumerate(TEAMS) if i != j}


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_published(successes: int, n: int, low: float, high: float) -> None:
    """Newcombe (1998, Statistics in Medicine 17:857-872), table I, method 3."""
    assert wilson(successes, n) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, 2 * n), st.just(n))))
def test_wilson_as_statsmodels(drawn: tuple[int, int]) -> None:
    halves, n = drawn
    low, high = wilson(halves / 2, n)
    assert (low, high) == pytest.approx(proportion_confint(halves / 2, n, method="wilson"), abs=1e-12)
    assert 0 <= low <= halves / 2 / n <= high <= 1 or math.isclose(high, halves / 2 / n)


def test_wilson_without_rows_and_out_of_range() -> None:
    assert wilson(0, 0) == (0, 1)
    for successes, n in ((3, 2), (-1, 2), (1, 0)):
        with pytest.raises(ValueError, match="no share"):
            wilson(successes, n)


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_as_statsmodels(only_a: int, only_b: int) -> None:
    expected = mcnemar([[7, only_a], [only_b, 5]], exact=True).pvalue if only_a + only_b else 1.0
    assert mcnemar_exact(only_a, only_b) == pytest.approx(expected, abs=1e-12)


def test_mcnemar_as_published() -> None:
    """Fagerlund, Lydersen and Laake (2017), table 8.2: airway reactivity of 21 children, 1 against 7 discordant."""
    assert mcnemar_exact(1, 7) == pytest.approx(0.0703, abs=5e-5)
    assert mcnemar_exact(7, 1) == mcnemar_exact(1, 7)


def rows(both: int, only_a: int, only_b: int, neither: int) -> tuple[list[bool], list[bool]]:
    a = [True] * (both + only_a) + [False] * (only_b + neither)
    b = [True] * both + [False] * only_a + [True] * only_b + [False] * neither
    return a, b


@pytest.mark.parametrize(
    ("table", "difference", "low", "high", "digits"),
    [
        ((14, 5, 0, 22), 0.122, 0.011, 0.226, 3),  # Altman et al., Statistics with Confidence (2000), p. 52
        ((59, 6, 16, 80), -0.0621, -0.1186, -0.0046, 4),  # Fagerlund et al. (2017), chapter 8: Cavo et al. 2012
    ],
)
def test_paired_difference_as_published(
    table: tuple[int, int, int, int], difference: float, low: float, high: float, digits: int
) -> None:
    found = paired_difference(*rows(*table))
    assert found == pytest.approx((difference, low, high), abs=0.5 * 10**-digits)


@given(st.tuples(*[st.integers(0, 60)] * 4).filter(any))
def test_paired_difference_holds_its_difference_and_turns_round(table: tuple[int, int, int, int]) -> None:
    a, b = rows(*table)
    difference, low, high = paired_difference(a, b)
    assert -1 - 1e-12 <= low <= difference <= high <= 1 + 1e-12
    assert paired_difference(b, a) == pytest.approx((-difference, -high, -low))


def test_paired_difference_covers_the_truth() -> None:
    """Of 400 drawn samples with a known difference, the interval holds it in about 95 %."""
    draw = random.Random(3)
    held = 0
    for _ in range(400):
        kinds = draw.choices(((1, 1), (1, 0), (0, 1), (0, 0)), (0.85, 0.06, 0.04, 0.05), k=500)
        _, low, high = paired_difference([bool(k[0]) for k in kinds], [bool(k[1]) for k in kinds])
        held += low <= 0.02 <= high
    assert 0.92 < held / 400 < 0.98


def test_paired_difference_needs_pairs() -> None:
    for a, b in (([], []), ([True], [True, False])):
        with pytest.raises(ValueError, match="cannot be compared"):
            paired_difference(a, b)


def test_bradley_terry_as_published() -> None:
    """Agresti (2002), table 10.11, without home advantage, Baltimore at 0."""
    scores = bradley_terry(GAMES)
    against = {team: round(score - scores["Baltimore"], 2) for team, score in scores.items()}
    published = {"Milwaukee": 1.58, "Detroit": 1.44, "Toronto": 1.29, "New York": 1.25, "Boston": 1.11}
    assert against == {**published, "Cleveland": 0.68, "Baltimore": 0.0}
    assert list(scores) == sorted(scores, key=lambda team: -scores[team])
    assert sum(scores.values()) == pytest.approx(0, abs=1e-9)


@given(st.lists(st.integers(1, 40), min_size=12, max_size=12))
def test_bradley_terry_as_logistic_regression(halves: list[int]) -> None:
    """The model is a logistic regression on who met whom, without intercept; ties come as halves."""
    names = "wxyz"
    pairs = [(a, b) for a in names for b in names if a != b]
    wins = {pair: count / 2 for pair, count in zip(pairs, halves, strict=True)}
    design = [[float(n == a) - float(n == b) for n in names] for a, b in pairs]
    # Every vote is there twice, once seen from the loser: two classes with equal weight.
    model = LogisticRegression(C=math.inf, fit_intercept=False, tol=1e-10, max_iter=2000)
    model.fit(
        design + [[-x for x in row] for row in design], [1] * 12 + [0] * 12, sample_weight=list(wins.values()) * 2
    )
    found = bradley_terry(wins)
    assert [found[n] for n in names] == pytest.approx(model.coef_[0] - model.coef_[0].mean(), abs=1e-4)


def test_bradley_terry_of_two_is_the_log_odds_and_of_none_nothing() -> None:
    scores = bradley_terry({("a", "b"): 7.5, ("b", "a"): 2.5})
    assert scores["a"] - scores["b"] == pytest.approx(math.log(3))
    assert bradley_terry({}) == {}


def test_bradley_terry_refuses_what_has_no_score() -> None:
    apart = {("a", "b"): 3.0, ("b", "a"): 1.0, ("c", "d"): 1.0, ("d", "c"): 1.0}
    with pytest.raises(DataError, match="no vote compares one of a, b with one of c, d"):
        bradley_terry(apart)
    level = {("a", "b"): 3.0, ("b", "a"): 1.0}
    with pytest.raises(DataError, match="no vote puts one of a, b above or level with one of c"):
        bradley_terry({**level, ("c", "a"): 1.0, ("a", "c"): 0.0})
    with pytest.raises(DataError, match="no vote puts one of c above or level with one of a, b"):
        bradley_terry({**level, ("a", "c"): 2.0})
    bradley_terry({**level, ("a", "c"): 1.5, ("c", "a"): 0.5})  # one tie is enough
    chain = {pair: n for i in range(9) for pair, n in (((f"m{i}", f"m{i + 1}"), 1e6), ((f"m{i + 1}", f"m{i}"), 1.0))}
    with pytest.raises(DataError, match="one-sided"):
        bradley_terry(chain)
    for bad in ({("a", "a"): 1.0}, {("a", "b"): -1.0}):
        with pytest.raises(ValueError, match="no vote between two names"):
            bradley_terry(bad)


def test_calibration_by_hand() -> None:
    """Two bins: confidences 0.6 and 0.8, both right, and 1.0, wrong; 0.5 falls in the lower bin, alone and right."""
    shares = [{"x": 0.6, "y": 0.4}, {"x": 0.2, "y": 0.8}, {"x": 1.0, "y": 0.0}, {"x": 0.5, "y": 0.3, "z": 0.2}]
    found = calibration_error(shares, ["x", "y", "y", "x"], bins=2)
    assert [(b.low, b.high, b.count) for b in found.bins] == [(0.0, 0.5, 1), (0.5, 1.0, 3)]
    assert (found.bins[1].confidence, found.bins[1].accuracy) == (pytest.approx(0.8), pytest.approx(2 / 3))
    assert found.error == pytest.approx(1 / 4 * 0.5 + 3 / 4 * (0.8 - 2 / 3))


def test_calibration_bins_as_scikit_learn() -> None:
    draw = random.Random(5)
    tops = [draw.uniform(0.4, 1) for _ in range(500)]
    shares = [{"x": top, "y": 1 - top} for top in tops]
    gold = [draw.choice("xy") for _ in tops]
    found = calibration_error(shares, gold, bins=10)
    right = [(top > 0.5) == (label == "x") for top, label in zip(tops, gold, strict=True)]
    accuracy, confidence = calibration_curve(right, [max(top, 1 - top) for top in tops], n_bins=10)
    assert [b.accuracy for b in found.bins] == pytest.approx(accuracy)
    assert [b.confidence for b in found.bins] == pytest.approx(confidence)
    assert sum(b.count for b in found.bins) == 500


def test_certain_and_right_is_calibrated() -> None:
    assert calibration_error([{"x": 1.0, "y": 0.0}] * 3, ["x"] * 3).error == 0
    for shares, gold in (([], []), ([{"x": 1.0}], [])):
        with pytest.raises(ValueError, match="cannot be compared"):
            calibration_error(shares, gold)


def drawn_rows(temperature: float, n: int = 4000) -> tuple[list[dict[str, float]], list[str]]:
    """Scores whose true distribution is their softmax at `temperature`, and labels drawn from it."""
    draw = random.Random(1)
    scores = [{label: draw.gauss(0, 3) for label in "xyz"} for _ in range(n)]
    gold = [draw.choices("xyz", list(tempered(row, temperature).values()))[0] for row in scores]
    return scores, gold


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_fit_temperature_finds_the_one_it_was_drawn_with(temperature: float) -> None:
    scores, gold = drawn_rows(temperature)
    found = fit_temperature(scores, gold)
    assert found == pytest.approx(temperature, rel=0.06)

    def loss(t: list[float]) -> float:
        return -sum(math.log(tempered(row, t[0])[label]) for row, label in zip(scores, gold, strict=True)) / len(gold)

    assert check_grad(loss, lambda _: [0.0], [found]) < 1e-4  # the slope at the minimum is 0


def test_tempering_brings_confidence_to_accuracy() -> None:
    scores, gold = drawn_rows(2.5)
    before = calibration_error([tempered(row, 1) for row in scores], gold).error
    temperature = fit_temperature(scores, gold)
    after = calibration_error([tempered(row, temperature) for row in scores], gold).error
    assert after < 0.03 < 0.1 < before


def test_fit_temperature_refuses() -> None:
    right = [{"x": -0.1, "y": -2.0}] * 4
    with pytest.raises(DataError, match="all are right"):
        fit_temperature(right, ["x"] * 4)
    with pytest.raises(ValueError, match="cannot be compared"):
        fit_temperature(right, ["x"])
    with pytest.raises(ValueError, match="score for each label"):
        fit_temperature(right, ["z"] * 4)
    with pytest.raises(ValueError, match="not finite"):
        fit_temperature([{"x": 0.0, "y": -math.inf}], ["x"])


def test_tempered_does_not_overflow() -> None:
    found = tempered({"x": -1000.0, "y": -2000.0}, 0.1)
    assert found == {"x": 1.0, "y": 0.0}
