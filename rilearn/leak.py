"""Leak: whether a reasoning alone gives the label away to a bag of words, and whether it does without label words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rilearn.errors import DataError
from rilearn.perturbations import masked
from rilearn.statistics import wilson

FOLDS = 5


@dataclass(frozen=True)
class Probe:
    """Cross-validated accuracies in [0, 1] of telling the label from the reasoning, with 95 % Wilson intervals.

    `full` reads the whole reasoning, `without_labels` the reasoning with label words masked; `majority` is the share
    of the most frequent label: what a probe reaches that reads nothing.
    """

    n: int
    folds: int
    majority: float
    full: float
    full_interval: tuple[float, float]
    without_labels: float
    without_labels_interval: tuple[float, float]


def leak_probe(reasonings: Sequence[str], labels: Sequence[str]) -> Probe:
    """Train TF-IDF (words and pairs) with logistic regression to tell `labels` from `reasonings`, 5-fold, stratified.

    After the leakage probes of Hase et al. (2020, Leakage-Adjusted Simulatability): an accuracy near 1 says that the
    label stands in the reasoning already, so that the answer after it needs no text.

    Raises:
        DataError: fewer than two labels, or fewer rows of a label than folds.
        ValueError: lists of different length.
    """
    if len(reasonings) != len(labels):
        raise ValueError(f"{len(reasonings)} reasonings and {len(labels)} labels do not match")
    counts = Counter(labels)
    if few := [f"{label} ({n})" for label, n in sorted(counts.items()) if n < FOLDS]:
        raise DataError(
            f"Too few reasonings for the leak probe: it needs {FOLDS} of each label. Too few of: {', '.join(few)}."
        )
    if len(counts) < 2:
        raise DataError(f"The leak probe needs reasonings for two labels at least, and got {len(counts)}.")
    full = _right(reasonings, labels)
    bare = _right([masked(reasoning, counts) for reasoning in reasonings], labels)
    n = len(labels)
    return Probe(n, FOLDS, max(counts.values()) / n, full / n, wilson(full, n), bare / n, wilson(bare, n))


def guesses(reasonings: Sequence[str], labels: Sequence[str], balanced: bool = False, **how: Any) -> Any:
    """What the probe guesses of each reasoning after learning from the other folds, as scikit-learn returns it.

    Args:
        balanced: rare labels count as much as frequent ones.
        how: the folds and what is asked for, see scikit-learn's `cross_val_predict`.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline

    probe = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        LogisticRegression(C=10.0, max_iter=1000, class_weight="balanced" if balanced else None),
    )
    # A word that all share tells nothing, but lets reasonings be probed of which the masking left no word.
    texts = [f"reasoning {reasoning}" for reasoning in reasonings]
    return cross_val_predict(probe, texts, list(labels), **how)


def _right(reasonings: Sequence[str], labels: Sequence[str]) -> int:
    from sklearn.model_selection import StratifiedKFold

    predicted = guesses(reasonings, labels, cv=StratifiedKFold(FOLDS, shuffle=True, random_state=0))
    return sum(str(guess) == label for guess, label in zip(predicted, labels, strict=True))
