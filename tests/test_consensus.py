"""Who counts how much: agreement makes a word weigh more, and little data moves nothing far."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rilearn.consensus import ASSUMED, TIE, accuracies, lead

WHO = st.sampled_from("abcdef")
ITEMS = st.lists(
    st.tuples(st.dictionaries(WHO, st.sampled_from(["good", "poor"])), st.sampled_from([None, "good", "poor"])),
    max_size=30,
)


def test_nobody_is_known_by_items_of_their_own() -> None:
    assert accuracies([({"a": "good"}, None)] * 50) == {}


def test_agreement_counts_by_how_much_there_is_of_it() -> None:
    said = {"a": "good", "b": "good", "c": "good", "d": "poor"}
    few, many = accuracies([(said, None)]), accuracies([(said, None)] * 200)
    assert few["a"] == pytest.approx((1 + 8 * ASSUMED) / 9) and few["d"] == pytest.approx(8 * ASSUMED / 9)
    assert many == {"a": 0.95, "b": 0.95, "c": 0.95, "d": 0.65}
    split = accuracies([({"a": "good", "b": "good", "c": "poor"}, None)])
    assert split["a"] == pytest.approx((0.5 + 8 * ASSUMED) / 9)  # the others are one against one


def test_a_known_answer_counts_instead_of_the_others() -> None:
    found = accuracies([({"a": "good", "b": "good", "c": "poor"}, "poor")] * 100)
    assert found["c"] == 0.95 and found["a"] == found["b"] == 0.65


def test_better_raters_are_told_from_worse_ones() -> None:
    """Of seeded raters who are right 9, 8 and 6 times in 10, the estimates keep the order."""
    rng = random.Random(3)
    skill = {"a": 0.9, "b": 0.8, "c": 0.8, "d": 0.6}
    items = []
    for _ in range(400):
        right, wrong = rng.sample(["good", "poor"], 2)
        items.append(({who: right if rng.random() < p else wrong for who, p in skill.items()}, None))
    found = accuracies(items)
    assert found["a"] > max(found["b"], found["c"]) and min(found["b"], found["c"]) > found["d"]


def test_the_lead_is_that_of_the_one_coin_model() -> None:
    assert lead("a", "", {}) == pytest.approx(2 * ASSUMED - 1)
    right, other = 0.9 * 0.4, 0.1 * 0.6  # a (0.9) says one thing, b (0.6) the other
    assert lead("a", "b", {"a": 0.9, "b": 0.6}) == pytest.approx((right - other) / (right + other))


def test_one_against_one_stays_a_tie_after_a_single_mistake() -> None:
    accuracy = accuracies(
        [({"a": "good", "b": "good"}, None), ({"a": "poor"}, "good"), ({"a": "poor", "b": "good"}, None)]
    )
    assert abs(lead("a", "b", accuracy)) < TIE
    apart = accuracies([({"a": "poor"}, "good"), ({"b": "good"}, "good")] * 20)
    assert lead("b", "a", apart) >= TIE


@given(ITEMS, st.sets(WHO), st.sets(WHO), st.randoms())
def test_estimates_are_bounded_and_no_order_shows(items: list, pro: set, contra: set, rng: random.Random) -> None:
    found = accuracies(items)
    assert all(0.65 <= value <= 0.95 for value in found.values())
    again = accuracies(rng.sample(items, len(items)))
    assert again == found
    assert lead(pro, contra, found) == -lead(contra, pro, found) and abs(lead(pro, contra, found)) <= 1
    assert all(lead({who}, (), found) >= TIE for who in "abcdef")
    assert lead(sorted(pro), (), found) == lead(sorted(pro, reverse=True), (), found)
