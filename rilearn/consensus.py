"""What several annotators say together: each counts by how often they agree with the others. Pure.

The one-coin model of Dawid & Skene (1979, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM
Algorithm"; Raykar et al. 2010, "Learning From Crowds"): an annotator is right with a probability of their own, so
verdicts add up as log-odds. In place of EM, which few shared items mislead, the probability is the annotator's rate of
agreement with most of the others, shrunk towards a common value. It is a careful estimate: the others err, too.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeVar

ASSUMED = 0.75
"""How often an annotator is right of whom nothing is known."""
_STRENGTH = 8
"""Shared items after which one's own rate counts as much as ASSUMED (a beta prior)."""
_LEAST, _MOST = 0.65, 0.95
"""Nobody's word counts for nothing or against them, and nobody's outweighs everybody's."""
TIE = 0.25
"""A lead below this is a tie: one against one stays so until their rates are well apart. Nobody alone is below it."""

Answer = TypeVar("Answer")


def accuracies(items: Iterable[tuple[Mapping[str, Answer], Answer | None]]) -> dict[str, float]:
    """How often each annotator is right, from 0.65 to 0.95, by (answers by annotator, the known answer) of each item.

    Where the answer is not known (None), it is what most of the others said (half right where these are split).
    """
    shares: dict[str, list[float]] = defaultdict(list)
    for said, known in items:
        counts = Counter(said.values())
        for who, answer in said.items():
            if known is not None:
                shares[who].append(float(answer == known))
            elif len(said) > 1:
                same, others = counts[answer] - 1, len(said) - 1
                shares[who].append(0.5 if 2 * same == others else float(2 * same > others))
    return {who: _shrunk(rates) for who, rates in shares.items()}


def lead(pro: Iterable[str], contra: Iterable[str], accuracy: Mapping[str, float]) -> float:
    """How much likelier it is that `pro` are right than `contra`: the difference of the two probabilities, -1 to 1."""
    # fsum, because the order of the annotators must not show in the last digit
    odds = math.fsum([*(_log_odds(who, accuracy) for who in pro), *(-_log_odds(who, accuracy) for who in contra)])
    return math.tanh(odds / 2)


def _shrunk(rates: list[float]) -> float:
    rate = (math.fsum(rates) + _STRENGTH * ASSUMED) / (len(rates) + _STRENGTH)
    return min(max(rate, _LEAST), _MOST)


def _log_odds(who: str, accuracy: Mapping[str, float]) -> float:
    right = accuracy.get(who, ASSUMED)
    return math.log(right / (1 - right))
