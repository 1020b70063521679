"""How sure numbers are: intervals, paired tests, scores from votes, calibration. Pure functions, each with its source.

The page imports this module: SciPy and NumPy, slow to load, are imported by the functions that need them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from rilearn.errors import DataError

_Z = NormalDist().inv_cdf(0.975)  # two-sided 95 %
_ROUNDS = 20_000


def wilson(successes: float, n: int) -> tuple[float, float]:
    """95 % score interval of the share `successes / n`, within [0, 1] (Wilson 1927); (0, 1) if n is 0.

    `successes` may hold halves, so that a tie can count as half a win.

    Raises:
        ValueError: `successes` is not between 0 and n.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is no share")
    if n == 0:
        return 0.0, 1.0
    center = successes + _Z**2 / 2
    half = _Z * math.sqrt(successes * (n - successes) / n + _Z**2 / 4)
    # Rounding may leave [0, 1] by the last bit.
    return max(0.0, (center - half) / (n + _Z**2)), min(1.0, (center + half) / (n + _Z**2))


def mcnemar_exact(only_a: int, only_b: int) -> float:
    """Two-sided p of McNemar's exact test: rows only A has right against rows only B has right (1 if there are none).

    The binomial form of McNemar (1947): under equal accuracy each such row falls to either side with chance 1/2.
    """
    from scipy.stats import binomtest

    return float(binomtest(only_a, only_a + only_b, 0.5).pvalue) if only_a + only_b else 1.0


def paired_difference(correct_a: Sequence[bool], correct_b: Sequence[bool]) -> tuple[float, float, float]:
    """Accuracy of A minus accuracy of B over the same rows, in [-1, 1], with the ends of its 95 % interval.

    Method 10 of Newcombe (1998, Statistics in Medicine 17:2635-2650): Wilson's limits of both accuracies, squared and
    added, with the rows' correlation taken into account. Returns (difference, low, high).

    Raises:
        ValueError: no rows, or lists of different length.
    """
    n = len(correct_a)
    if not n or n != len(correct_b):
        raise ValueError(f"{n} rows of A and {len(correct_b)} of B cannot be compared")
    pairs = list(zip(correct_a, correct_b, strict=True))
    both, neither = sum(a and b for a, b in pairs), sum(not a and not b for a, b in pairs)
    right_a, right_b = sum(map(bool, correct_a)), sum(map(bool, correct_b))
    covariance: float = both * neither - (right_a - both) * (right_b - both)
    if covariance > 0:
        covariance = max(covariance - n / 2, 0)  # Newcombe's continuity correction
    margins = right_a * (n - right_a) * right_b * (n - right_b)
    phi = covariance / math.sqrt(margins) if margins else 0.0
    share_a, share_b = right_a / n, right_b / n
    low_a, high_a = wilson(right_a, n)
    low_b, high_b = wilson(right_b, n)
    difference = share_a - share_b
    return (
        difference,
        difference - _hypotenuse(share_a - low_a, high_b - share_b, phi),
        difference + _hypotenuse(high_a - share_a, share_b - low_b, phi),
    )


def _hypotenuse(one: float, other: float, correlation: float) -> float:
    return math.sqrt(max(0.0, one**2 + other**2 - 2 * correlation * one * other))


def bradley_terry(wins: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Scores from pairwise votes: `wins[a, b]` votes for a over b; a tie counts half in `[a, b]` and half in `[b, a]`.

    No votes give no scores. Natural-log abilities with mean 0, best first: the chance of a over b is
    1 / (1 + exp(score[b] - score[a])). Maximum likelihood by the MM algorithm of Hunter (2004, Annals of Statistics
    32:384-406).

    Raises:
        DataError: no scores exist, since some names were never compared with the others, or never lost to them or
            never won; the message names them.
        ValueError: a negative count, or a name compared with itself.
    """
    import numpy as np

    if bad := [pair for pair, count in wins.items() if count < 0 or pair[0] == pair[1]]:
        raise ValueError(f"no vote between two names: {bad[0]}")
    names = sorted({name for pair in wins for name in pair})
    if not names:
        return {}
    _check_connected(names, {pair for pair, count in wins.items() if count})
    won = np.zeros((len(names), len(names)))
    for (winner, loser), count in wins.items():
        won[names.index(winner), names.index(loser)] += count
    met, total = won + won.T, won.sum(1)
    scores = np.zeros(len(names))
    for _ in range(_ROUNDS):
        ability = np.exp(scores)
        new = np.log(total / (met / (ability[:, None] + ability[None, :])).sum(1))
        new -= new.mean()
        moved, scores = float(abs(new - scores).max()), new
        if moved < 1e-10:
            break
    else:
        raise DataError("The votes are too one-sided for Bradley-Terry scores. Collect more votes, and ask again.")
    return dict(sorted(((n, float(s)) for n, s in zip(names, scores, strict=True)), key=lambda item: -item[1]))


def _check_connected(names: Sequence[str], beats: set[tuple[str, str]]) -> None:
    """Hunter's assumption 1: however the names are parted in two groups, each group has won against the other once."""
    for name in names:
        # Everybody `name` beats, straight or through others, and everybody who beats `name` so.
        for lower, edges in ((False, beats), (True, {(b, a) for a, b in beats})):
            group = _reached(name, edges)
            rest = set(names) - group
            if not rest:
                continue
            winners, losers = (rest, group) if lower else (group, rest)
            said = (
                "puts one of {} above or level with one of {}"
                if _met(group, beats)
                else "compares one of {} with one of {}"
            )
            said = said.format(", ".join(sorted(winners)), ", ".join(sorted(losers)))
            raise DataError(f"No Bradley-Terry scores yet: no vote {said}. Collect votes on these pairs.")


def _met(group: set[str], beats: set[tuple[str, str]]) -> bool:
    return any((a in group) != (b in group) for a, b in beats)


def _reached(start: str, edges: set[tuple[str, str]]) -> set[str]:
    found, open_ = {start}, [start]
    while open_:
        here = open_.pop()
        new = {b for a, b in edges if a == here} - found
        found |= new
        open_ += new
    return found


@dataclass(frozen=True)
class Bin:
    """Rows whose confidence is above `low` and at most `high`: how many, their mean confidence and their accuracy."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """Expected calibration error in [0, 1] and the bins behind it that hold rows (a reliability diagram)."""

    error: float
    bins: tuple[Bin, ...]


def calibration_error(probabilities: Sequence[Mapping[str, float]], gold: Sequence[str], bins: int = 15) -> Calibration:
    """How far confidence is from accuracy: `probabilities` map label -> probability, one mapping a row beside `gold`.

    Expected calibration error over `bins` bins of equal width (Guo et al. 2017, section 2): the confidence is the
    largest probability of a row, the row is right if its label is the gold one.

    Raises:
        ValueError: no rows, or lists of different length.
    """
    import numpy as np

    if not gold or len(gold) != len(probabilities):
        raise ValueError(f"{len(probabilities)} distributions and {len(gold)} gold labels cannot be compared")
    guesses = [max(p, key=p.__getitem__) for p in probabilities]
    confidence = np.array([p[guess] for p, guess in zip(probabilities, guesses, strict=True)])
    right = np.array([guess == label for guess, label in zip(guesses, gold, strict=True)], dtype=float)
    edges = np.linspace(0, 1, bins + 1)
    place = np.digitize(confidence, edges[1:-1], right=True)
    filled = tuple(
        Bin(
            float(edges[i]),
            float(edges[i + 1]),
            int(here.sum()),
            float(confidence[here].mean()),
            float(right[here].mean()),
        )
        for i in range(bins)
        if (here := place == i).any()
    )
    error = sum(b.count / len(gold) * abs(b.accuracy - b.confidence) for b in filled)
    return Calibration(error, filled)


def tempered(log_probabilities: Mapping[str, float], temperature: float) -> dict[str, float]:
    """The distribution softmax(log_probabilities / temperature): above 1 flatter, below 1 sharper, same order."""
    top = max(log_probabilities.values())
    weights = {label: math.exp((score - top) / temperature) for label, score in log_probabilities.items()}
    total = sum(weights.values())
    return {label: weight / total for label, weight in weights.items()}


def fit_temperature(log_probabilities: Sequence[Mapping[str, float]], gold: Sequence[str]) -> float:
    """The one temperature for `tempered` with the least negative log-likelihood of `gold` (Guo et al. 2017, 4.2).

    `log_probabilities` map label -> finite natural log, one mapping a row, up to a constant a row. Fit it on rows the
    model was not trained on, and not on those it is then measured on.

    Raises:
        DataError: no temperature between 1/50 and 50 is best, as when every row is right.
        ValueError: no rows, lists of different length, a gold label without a score, or a score that is not finite.
    """
    import numpy as np
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    if not gold or len(gold) != len(log_probabilities):
        raise ValueError(f"{len(log_probabilities)} distributions and {len(gold)} gold labels cannot be compared")
    labels = list(log_probabilities[0])
    if any(set(row) != set(labels) for row in log_probabilities) or set(gold) - set(labels):
        raise ValueError("every row needs a score for each label, the gold one too")
    scores = np.array([[row[label] for label in labels] for row in log_probabilities])
    if not np.isfinite(scores).all():
        raise ValueError("a score is not finite")
    own = scores[np.arange(len(gold)), [labels.index(label) for label in gold]]

    def loss(log_temperature: float) -> float:
        sharpness = math.exp(-log_temperature)
        return float((logsumexp(scores * sharpness, axis=1) - own * sharpness).mean())

    limit = math.log(50)
    found = minimize_scalar(loss, bounds=(-limit, limit), method="bounded", options={"xatol": 1e-9})
    if min(loss(-limit), loss(limit)) < found.fun + 1e-9:
        raise DataError("These rows set no temperature: all are right, or no better than chance. Use more rows.")
    return math.exp(float(found.x))
