"""Metrics: the numbers are those worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rilearn.metrics import classification, hits

LABELS = ["cat", "dog", "eel", "fox"]


def test_a_worked_example() -> None:
    #        right  right  miss   right  miss   miss
    gold = ["cat", "cat", "cat", "dog", "dog", "eel"]
    found = ["cat", "cat", "dog", "dog", "eel", "cat"]
    result = classification(gold, found, LABELS)
    assert result["accuracy"] == 0.5
    # cat: 2 of 3 predicted right, 2 of 3 found. dog: 1 of 2, 1 of 2. eel: 0 of 1, 0 of 1. fox does not occur.
    expected = {
        "cat": {"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "support": 3},
        "dog": {"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2, "support": 2},
        "eel": {"precision": 0, "recall": 0, "f1": 0, "support": 1},
    }
    assert result["per_class"] == {label: pytest.approx(values) for label, values in expected.items()}
    assert result["macro_f1"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert result["confusion"] == [[2, 1, 0, 0], [0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_a_class_that_is_only_predicted_counts_against_the_mean() -> None:
    result = classification(["cat", "cat"], ["cat", "fox"], LABELS)
    assert set(result["per_class"]) == {"cat", "fox"} and result["per_class"]["fox"]["support"] == 0
    assert result["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)


def test_all_right_and_all_wrong() -> None:
    assert classification(LABELS, LABELS, LABELS)["macro_f1"] == classification(LABELS, LABELS, LABELS)["accuracy"] == 1
    assert classification(LABELS, LABELS[::-1], LABELS)["macro_f1"] == 0


@pytest.mark.parametrize(("gold", "found"), [([], []), (["cat"], []), (["cat"], ["cat", "dog"])])
def test_what_cannot_be_compared_is_refused(gold: list[str], found: list[str]) -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        classification(gold, found, LABELS)


@pytest.mark.parametrize(("gold", "found"), [(["cat"], ["cow"]), (["cow"], ["cat"]), (["cow"], ["cow"])])
def test_a_label_nobody_named_is_refused(gold: list[str], found: list[str]) -> None:
    with pytest.raises(ValueError, match="not among the labels: cow"):
        classification(gold, found, LABELS)


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=40))
def test_the_parts_agree_with_each_other(pairs: list[tuple[str, str]]) -> None:
    gold, found = [g for g, _ in pairs], [p for _, p in pairs]
    result = classification(gold, found, LABELS)
    matrix = result["confusion"]
    assert sum(map(sum, matrix)) == len(pairs)
    assert result["accuracy"] == pytest.approx(sum(matrix[i][i] for i in range(4)) / len(pairs))
    assert 0 <= result["macro_f1"] <= 1
    for label, values in result["per_class"].items():
        assert values["support"] == gold.count(label) == sum(matrix[LABELS.index(label)])


def test_hits_tell_row_by_row() -> None:
    assert hits(["a", "b", "a"], ["a", "a", "a"]) == "101"
    with pytest.raises(ValueError):
        hits(["a"], [])
