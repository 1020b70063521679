"""Signals: worked out by hand on sentences, and bounded on any string."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rilearn.signals import (
    content_words,
    distinct,
    grounding,
    misquotes,
    names_other,
    repetition,
    restates,
    stem,
    words,
)

LABELS = ("sadness", "joy", "anger")


def test_words_are_lower_case_letters_with_apostrophes_inside() -> None:
    assert words("Don't STOP-me now, 2nd 'time' naïve_él") == [
        "don't",
        "stop",
        "me",
        "now",
        "nd",
        "time",
        "naïve",
        "él",
    ]
    assert words("") == words("123 !?") == []


def test_content_words_leave_out_what_says_nothing() -> None:
    assert content_words("I really feel that the parcel and the people were late, ok") == {"parcel", "late"}
    assert content_words("feeling felt message writer emotion") == set()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("stories", "story"),
        ("smashed", "smashing"),
        ("worries", "worried"),
        ("exhausted", "exhaustion"),
        ("thankful", "thanks"),
    ],
)
def test_words_of_a_family_meet(one: str, other: str) -> None:
    assert stem(one) == stem(other)


def test_stemming_is_crude() -> None:
    """A known miss. Mending it would move the groundings that chose the shipped adapters' training rows."""
    assert (stem("humiliated"), stem("humiliation")) == ("humiliat", "humili")


def test_stemming_keeps_four_letters() -> None:
    assert stem("walking") == "walk" and stem("walked") == "walk" and stem("walks") == "walk"
    assert stem("king") == "king" and stem("bed") == "bed" and stem("hurtful") == "hurt"


def test_grounding_counts_shared_content_words_but_the_labels() -> None:
    text = "my angry neighbour smashed the window again"
    assert grounding(text, "A neighbour who smashed a window") == 3
    assert grounding(text, "Neighbours smashing windows") == 3
    assert grounding(text, "An angry person", "angry") == 0 and grounding(text, "An angry person") == 1
    assert grounding(text, "It is about the writer") == 0


def test_repetition_is_the_share_of_trigrams_seen_before() -> None:
    assert repetition("one two three four") == 0
    assert repetition("a b c a b c") == pytest.approx(1 / 4)  # abc bca cab abc
    assert repetition("so so so so so") == pytest.approx(2 / 3)
    assert repetition("") == repetition("two words") == 0


def test_restatement() -> None:
    text = "the train left without me"
    assert restates("sadness is a feeling", "sadness", text)
    assert restates("sorrow fills the heart", "sadness", text)  # says something, but nothing of the text
    assert not restates("the train is gone", "sadness", text)
    assert restates("", "sadness", text)


def test_naming_another_label() -> None:
    assert names_other("this is plain joy", "anger", LABELS)
    assert not names_other("joy, yet mostly anger", "anger", LABELS)
    assert not names_other("nothing of the kind", "anger", LABELS)
    two = ("billing question", "delivery")
    assert not names_other("a question of taste", "delivery", two)
    assert names_other("a billing matter, a question", "delivery", two)


def test_quotes_must_be_in_the_text() -> None:
    text = "I can't believe it's over, again."
    assert misquotes(text, 'the words "its over" and “Again” say so') == 0
    assert misquotes(text, 'the words "all over" say so, "again" too, "" not') == 1
    assert misquotes(text, "no quotes, can't you see") == 0
    assert misquotes(text, '"eve it"') == 1  # parts of words are no quote


@pytest.mark.parametrize("text", ["i cant go on", "I can't go on", "I can’t go on"])
@pytest.mark.parametrize("quote", ["cant go", "can't go", "can’t go"])
def test_any_apostrophe_or_none_quotes_the_same(text: str, quote: str) -> None:
    assert misquotes(text, f'the words "{quote}" say so') == 0
    assert misquotes(text, f'the words "{quote} off" say so') == 1


def test_distinct_is_the_share_of_different_strings() -> None:
    assert distinct(["a", "b", "a", "A"]) == 0.75
    assert distinct([]) == 0.0
    assert distinct(x for x in "aab") == pytest.approx(2 / 3)


@given(st.text(), st.text(), st.sampled_from(LABELS))
def test_signals_are_total_and_bounded(text: str, reasoning: str, label: str) -> None:
    assert 0 <= repetition(reasoning) < 1 and misquotes(text, reasoning) >= 0
    assert 0 <= grounding(text, reasoning, label) <= len(content_words(reasoning))
    assert isinstance(restates(reasoning, label, text), bool)
    assert isinstance(names_other(reasoning, label, LABELS), bool)
    assert all(stem(w) for w in words(text))
