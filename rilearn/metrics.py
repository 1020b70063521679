"""How good predictions are: accuracy, macro-F1, per class, confusion. On scikit-learn; pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.metrics import confusion_matrix, precision_recall_fscore_support


def classification(gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy and macro-F1 in [0, 1], per-class precision, recall, F1 and support, and the confusion matrix.

    `gold` and `predicted` are aligned; the matrix has shape (len(labels), len(labels)), rows gold, columns predicted,
    in the order of `labels`. Classes that do not occur count as F1 0 in the macro mean only if they were predicted.

    Raises:
        ValueError: nothing to measure, lists of different length, or a label that is not among `labels`.
    """
    if not gold or len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold labels and {len(predicted)} predictions cannot be compared")
    if unknown := (set(gold) | set(predicted)) - set(labels):
        raise ValueError(f"not among the labels: {', '.join(sorted(unknown))}")
    present = [label for label in labels if label in set(gold) | set(predicted)]
    precision, recall, f1, support = precision_recall_fscore_support(
        gold, predicted, labels=present, average=None, zero_division=0
    )
    return {
        "accuracy": sum(g == p for g, p in zip(gold, predicted, strict=True)) / len(gold),
        "macro_f1": float(sum(f1) / len(f1)),
        "per_class": {
            label: {
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
                "support": int(support[i]),
            }
            for i, label in enumerate(present)
        },
        "confusion": confusion_matrix(gold, predicted, labels=list(labels)).tolist(),
    }


def hits(gold: Sequence[str], predicted: Sequence[str]) -> str:
    """One character a row, "1" where the prediction is the gold label: what a paired test needs, short in a file."""
    return "".join("1" if g == p else "0" for g, p in zip(gold, predicted, strict=True))
