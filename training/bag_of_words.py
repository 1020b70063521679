"""Bags of words that tell labels: TF-IDF with logistic regression, learnt from training rows or from the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rilearn.leak import FOLDS, guesses
from rilearn.records import Example


def told_by_others(texts: Sequence[str], labels: Sequence[str], groups: Sequence[int]) -> list[float]:
    """How sure the probe of `rilearn.leak` is of each text's label that has learnt from the others, in [0, 1].

    Five-fold; texts of one group are never learnt from for each other. Fewer than five groups: 0 for all.
    """
    import numpy as np
    from sklearn.model_selection import GroupKFold

    if len(set(groups)) < FOLDS or len(set(labels)) < 2:
        return [0.0] * len(texts)
    how = {"groups": list(groups), "cv": GroupKFold(FOLDS), "method": "predict_proba"}
    found = guesses(texts, labels, balanced=True, **how)
    return [float(row[at]) for row, at in zip(found, np.unique(labels, return_inverse=True)[1], strict=True)]


class BagOfWords:
    """How sure a bag of words is of a label."""

    def __init__(self, examples: Sequence[Example], labels: Sequence[str]):
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        self._pipeline: Any = make_pipeline(
            TfidfVectorizer(min_df=2, sublinear_tf=True),
            LogisticRegression(C=20, class_weight="balanced", max_iter=500),
        )
        self._pipeline.fit([e.text for e in examples], [e.label for e in examples])
        self._columns = {label: list(self._pipeline.classes_).index(label) for label in labels}

    def shares(self, texts: Sequence[str], labels: Sequence[str]) -> list[float]:
        """The probability of each text's label, in [0, 1]."""
        found = self._pipeline.predict_proba(list(texts))
        return [float(row[self._columns[label]]) for row, label in zip(found, labels, strict=True)]
