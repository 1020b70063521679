"""agreement: published worked examples, the libraries' own values, and what too little data says."""

from __future__ import annotations

from collections import Counter

import krippendorff
import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from rilearn import agreement
from rilearn.agreement import Estimate, alpha, correlation, kappa
from rilearn.errors import DataError

NONE = float("nan")
# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section C: four observers, twelve units.
OBSERVED = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
    [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
]
ITEMS = Counter(tuple(column.count(v) for v in range(1, 6)) for column in zip(*OBSERVED, strict=True))
# Fleiss, Levin & Paik (2003), "Statistical Methods for Rates and Proportions", table 18.1: kappa .676.
DIAGNOSES = [[75, 1, 4], [5, 4, 1], [0, 0, 10]]
TABLE = {("pno"[i], "pno"[j]): n for i, row in enumerate(DIAGNOSES) for j, n in enumerate(row)}


def test_alpha_of_krippendorffs_own_example() -> None:
    nominal, ordinal = alpha(ITEMS), alpha(ITEMS, "ordinal")
    assert round(nominal.value, 3) == 0.743 and round(ordinal.value, 3) == 0.815
    assert nominal.items == 11  # the twelfth has one rating: nothing to compare it with
    for found in (nominal, ordinal):
        assert 0 < found.low < found.value < found.high <= 1


def test_kappa_of_a_textbook_example() -> None:
    found = kappa(TABLE)
    assert round(found.value, 3) == 0.676 and found.items == 100
    # The textbook's large-sample standard error is .087.
    assert (found.high - found.low) / 2 / 1.96 == pytest.approx(0.087, abs=0.01)


@pytest.mark.parametrize("level", ["nominal", "ordinal"])
def test_a_resample_is_what_the_library_says_of_it(level: agreement.Level) -> None:
    counts = np.array(sorted(p for p in ITEMS if sum(p) > 1))
    draws = agreement._resampled(np.array([ITEMS[tuple(row)] for row in counts.tolist()]), seed=3)[:50]
    ours = agreement._alphas(counts, draws, level)
    theirs = [
        krippendorff.alpha(value_counts=np.repeat(counts, draw, axis=0), level_of_measurement=level) for draw in draws
    ]
    assert ours == pytest.approx(theirs)
    one, other = zip(*TABLE, strict=True)
    draws = agreement._resampled(np.array(list(TABLE.values())), seed=3)[:50]
    assert agreement._kappas(one, other, draws) == pytest.approx(
        [cohen_kappa_score(one, other, sample_weight=draw) for draw in draws]
    )


def test_the_same_seed_gives_the_same_interval() -> None:
    assert alpha(ITEMS, seed=1) == alpha(ITEMS, seed=1) != alpha(ITEMS, seed=2)
    assert kappa(TABLE, seed=1) == kappa(TABLE, seed=1) != kappa(TABLE, seed=2)


def test_full_agreement_and_full_disagreement() -> None:
    assert alpha({(2, 0): 50, (0, 2): 50}) == Estimate(1, 1, 1, 100)
    assert kappa({("a", "a"): 50, ("b", "b"): 50}) == Estimate(1, 1, 1, 100)
    assert alpha({(1, 1): 100}).value < 0 and kappa({("a", "b"): 50, ("b", "a"): 50}).value == -1


@pytest.mark.parametrize("items", [{}, {(1, 0): 99, (0, 1): 99}, {(1, 1): 3}])
def test_too_few_items_are_told(items: dict[tuple[int, ...], int]) -> None:
    with pytest.raises(DataError, match="At least 5 items"):
        alpha(items)
    with pytest.raises(DataError, match="At least 5 items"):
        kappa({("a", "b"): 4})


def test_one_answer_alone_says_nothing_of_chance() -> None:
    with pytest.raises(DataError, match="the same"):
        alpha({(2, 0): 50, (3, 0): 5, (0, 1): 9})
    with pytest.raises(DataError, match="the same"):
        kappa({("a", "a"): 50})


def test_correlation_from_sums_is_scipys() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=200)
    y = 0.5 * x + draw.normal(size=200)
    wanted = stats.pearsonr(x, y)
    found = correlation(200, x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum())
    assert (found.value, found.low, found.high) == pytest.approx((wanted.statistic, *wanted.confidence_interval()))
    assert correlation(5, 15, 15, 55, 55, 55) == Estimate(1, 1, 1, 5)
    with pytest.raises(DataError, match="always the same"):
        correlation(5, 5, 15, 5, 55, 15)
    with pytest.raises(DataError, match="At least 5"):
        correlation(4, 10, 10, 30, 30, 30)
