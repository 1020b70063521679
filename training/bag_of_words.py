"""A bag of words that tells labels: TF-IDF with logistic regression, learnt from training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rilearn.records import Example


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
