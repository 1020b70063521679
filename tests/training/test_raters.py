"""Simulated annotators: what they call good and poor, their biases, their noise; and that it is the same every time."""

from __future__ import annotations

import pytest

from rilearn.records import Example
from training.bag_of_words import BagOfWords
from training.raters import Annotator, Bias, clause, requoted

LABELS = ("sadness", "joy")
EXAMPLE = Example("i feel so miserable since the old garden burned", "sadness")
GOOD = '"i feel so miserable" are the words of somebody who mourns.'
MISQUOTE = '"i feel so miserable" and "so cold" are the words of somebody who mourns.'


@pytest.fixture(scope="module")
def known() -> BagOfWords:
    sad = [
        Example(f"i feel {word} about the {thing}", "sadness") for word in ("miserable", "lost") for thing in "abcdef"
    ]
    glad = [Example(f"i feel {word} about the {thing}", "joy") for word in ("glad", "merry") for thing in "abcdef"]
    return BagOfWords([*sad, *glad], LABELS)


def verdict(known: BagOfWords, reasoning: str, bias: Bias = "none", noise: float = 0.0) -> str:
    return Annotator("a", bias, noise).judge(known, EXAMPLE, [reasoning], LABELS)[0].rating.verdict


def test_a_bag_of_words_is_sure_of_what_it_has_read(known: BagOfWords) -> None:
    sad, glad = known.shares(["miserable", "merry"], ["sadness", "sadness"])
    assert sad > 0.8 > 0.2 > glad


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        (GOOD, "good"),
        (MISQUOTE, "poor"),
        ("Sadness is the feeling of being sad.", "poor"),  # names nothing in the text
        ('"since the old garden burned" tells of a place.', "poor"),  # quotes what tells nothing
        ("Somebody who feels so miserable mourns.", "poor"),  # quotes nothing
        ('"so miserable" are the words of somebody who mourns.', "poor"),  # too few words to see what they say
        ('"i feel so miserable" means joy.', "poor"),  # another label
        ("Miserable is miserable is miserable is miserable is miserable.", "poor"),
    ],
)
def test_good_is_what_quotes_a_telling_passage_rightly(known: BagOfWords, reasoning: str, expected: str) -> None:
    assert verdict(known, reasoning) == expected


def test_each_bias_bends_the_rule_one_way(known: BagOfWords) -> None:
    long = f"{GOOD} {' '.join(letter * 3 for letter in 'abcdefghklmnop')}"
    assert verdict(known, MISQUOTE, "lenient") == "good"
    assert (verdict(known, long), verdict(known, long, "short")) == ("good", "poor")


def test_noise_turns_about_its_share_of_verdicts_round_and_the_same_ones_every_time(known: BagOfWords) -> None:
    many = [f"{GOOD} {i}" for i in range(400)]
    annotator = Annotator("a", noise=0.2)
    first = [j.rating.verdict for j in annotator.judge(known, EXAMPLE, many, LABELS)]
    assert first == [j.rating.verdict for j in annotator.judge(known, EXAMPLE, many, LABELS)]
    assert 50 < first.count("poor") < 110
    other = [j.rating.verdict for j in Annotator("b", noise=0.2).judge(known, EXAMPLE, many, LABELS)]
    assert first != other


def test_the_better_reasoning_is_liked_more(known: BagOfWords) -> None:
    good, poor = Annotator("a").judge(known, EXAMPLE, [GOOD, MISQUOTE], LABELS)
    assert good.liking > poor.liking and (good.rating.overall or 0) > (poor.rating.overall or 0)


def test_a_correction_quotes_the_clause_that_tells_and_keeps_the_rest(known: BagOfWords) -> None:
    assert clause(known, EXAMPLE.text, "sadness") == "feel so miserable since the old garden"
    twice = "i feel fine and you feel fine and i am lost in the garden we had once"
    assert clause(known, twice, "sadness") == "lost in the garden we had once"  # "feel" would leave open which one
    assert clause(known, "so lost", "sadness") == "so lost" and clause(known, "!?", "joy") == "!?"
    assert requoted('"cold" and "dark" are sad.', "so miserable") == '"so miserable" and dark are sad.'
    assert requoted("It is \\1 sad.", "so miserable") is None
