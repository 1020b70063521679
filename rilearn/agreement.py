"""How far raters agree beyond chance: Krippendorff's alpha and Cohen's kappa with intervals; length bias. Pure.

The values are the libraries' (krippendorff, scikit-learn). They know no weights, so a resample of 200,000 items takes
them a second; here items with the same answers are counted together, and 1,000 resamples take milliseconds. Tests
compare the two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import krippendorff
import numpy as np

from rilearn.errors import DataError

FEWEST = 5
"""Items below which an interval says nothing."""
_ROUNDS = 1000
Level = Literal["nominal", "ordinal"]


@dataclass(frozen=True)
class Estimate:
    """A coefficient (1: perfect agreement or order, 0: chance) with its 95 % interval, over `items`."""

    value: float
    low: float
    high: float
    items: int


def alpha(items: Mapping[tuple[int, ...], int], level: Level = "nominal", seed: int = 0) -> Estimate:
    """Krippendorff's alpha (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability").

    Args:
        items: how many raters gave each of the V values (in order, for `level` "ordinal") -> how many items have
            these counts. Items with one rating or none count for nothing.

    Returns:
        With the percentile interval of 1,000 resamples of the items (Zapf et al. 2016, BMC Medical Research
        Methodology 16:93).

    Raises:
        DataError: fewer than `FEWEST` items with two ratings, or all ratings are the same: chance cannot be told.
    """
    pairable = {counts: n for counts, n in items.items() if sum(counts) > 1 and n}
    total = sum(pairable.values())
    _check_enough(total)
    counts = np.array(sorted(pairable))
    times = np.array([pairable[tuple(row)] for row in counts.tolist()])
    if (counts.sum(axis=0) > 0).sum() < 2:
        raise DataError("Every rating is the same, so nothing can be said of agreement beyond chance.")
    value = krippendorff.alpha(value_counts=np.repeat(counts, times, axis=0), level_of_measurement=level)
    return _estimate(float(value), _alphas(counts, _resampled(times, seed), level), total)


def kappa(table: Mapping[tuple[str, str], int], seed: int = 0) -> Estimate:
    """Cohen's kappa (1960) of two raters: (answer of one, answer of the other) -> items. Interval as in `alpha`.

    Raises:
        DataError: fewer than `FEWEST` items, or both always gave one and the same answer.
    """
    cells = {pair: n for pair, n in table.items() if n}
    total = sum(cells.values())
    _check_enough(total)
    if len({answer for pair in cells for answer in pair}) < 2:
        raise DataError("Both always gave the same answer, so nothing can be said of agreement beyond chance.")
    one, other = zip(*cells, strict=True)
    times = np.array(list(cells.values()))
    from sklearn.metrics import cohen_kappa_score  # seconds to import, and most commands of the store need none of it

    value = cohen_kappa_score(one, other, sample_weight=times)
    return _estimate(float(value), _kappas(one, other, _resampled(times, seed)), total)


def correlation(n: int, x: float, y: float, xx: float, yy: float, xy: float) -> Estimate:
    """Pearson's r from the sums of x, y, x², y² and xy over `n` pairs, with Fisher's (1921) 95 % interval.

    Raises:
        DataError: fewer than `FEWEST` pairs, or x or y is always the same.
    """
    _check_enough(n)
    spread = (n * xx - x * x) * (n * yy - y * y)
    if spread <= 0:
        raise DataError("One of the two is always the same, so they cannot go together.")
    r = max(-1.0, min(1.0, (n * xy - x * y) / math.sqrt(spread)))
    if abs(r) == 1:
        return Estimate(r, r, r, n)
    half = NormalDist().inv_cdf(0.975) / math.sqrt(n - 3)
    return Estimate(r, math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half), n)


def _check_enough(items: int) -> None:
    if items < FEWEST:
        raise DataError(f"At least {FEWEST} items that two people rated are needed; so far there are {items}.")


def _resampled(times: Any, seed: int) -> Any:
    """Shape (rounds, kinds): how often each kind of item is drawn when as many as there are are drawn anew."""
    return np.random.default_rng(seed).multinomial(times.sum(), times / times.sum(), size=_ROUNDS)


def _alphas(counts: Any, draws: Any, level: Level) -> Any:
    """Alpha of each draw; `counts` has shape (kinds, V)."""
    together = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(counts.shape[1])
    observed = np.tensordot(draws, together / (counts.sum(axis=1) - 1)[:, None, None], axes=1)
    given = observed.sum(axis=2)
    expected = given[:, :, None] * given[:, None, :] - given[:, :, None] * np.eye(counts.shape[1])
    expected /= (given.sum(axis=1) - 1)[:, None, None]
    place = np.cumsum(given, axis=1) - given / 2
    far = place[:, :, None] - place[:, None, :] if level == "ordinal" else 1 - np.eye(counts.shape[1])
    with np.errstate(invalid="ignore"):  # a draw whose ratings are all the same has no alpha
        return 1 - (observed * far**2).sum(axis=(1, 2)) / (expected * far**2).sum(axis=(1, 2))


def _kappas(one: tuple[str, ...], other: tuple[str, ...], draws: Any) -> Any:
    """Kappa of each draw; the answers stand beside the columns of `draws`."""
    answers = sorted({*one, *other})
    first = np.array([[answer == a for a in answers] for answer in one], dtype=float)
    second = np.array([[answer == a for a in answers] for answer in other], dtype=float)
    n = draws.sum(axis=1)
    agreed = draws @ (first * second).sum(axis=1) / n
    chance = (draws @ first * (draws @ second)).sum(axis=1) / n**2
    with np.errstate(invalid="ignore"):
        return (agreed - chance) / (1 - chance)


def _estimate(value: float, resampled: Any, items: int) -> Estimate:
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    return Estimate(value, float(low), float(high), items)
