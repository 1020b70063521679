"""The Rate tab's HTML: words and their places in the reasoning, what a correction changed, everything escaped."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rilearn.records import Reasoning
from rilearn.store.guidelines import Guideline
from rilearn.store.reasonings import StoredReasoning
from rilearn.tasks import LabelDisplay
from rilearn.ui import rate_panels as panels
from rilearn.ui import rate_view as view
from rilearn.ui.render import chip
from tests.ui.test_render import Reader

EVIL = """<img src=x onerror=hit()> "'` ${hit} {{hit}}"""


LOOKS = {
    label: LabelDisplay(color="#4a7fc1", emoji=emoji)
    for label, emoji in zip(("rain", "snow", "fog"), "☔❄🌫", strict=True)
}


def stored(text: str = "a text", label: str = "rain", reasoning: str = "It is. It was.") -> StoredReasoning:
    return StoredReasoning(7, Reasoning("weather", text, label, reasoning, "test"), datetime.now(UTC))


@pytest.mark.parametrize(
    "reasoning",
    ["It is. It was.", "  one   word\n\nand 😀 more!  Yes.", "same. same. same.", "no end", "x"],
)
def test_words_stand_where_they_are_said_to(reasoning: str) -> None:
    found = view.pieces(reasoning)
    words = [word for sentence in found for word in sentence]
    assert [word.text for word in words] == reasoning.split()
    assert all(reasoning[word.start : word.end] == word.text for word in words)
    assert [word.start for word in words] == sorted({word.start for word in words})


def test_a_card_offers_every_other_label_and_a_thumb_pair_for_each_sentence() -> None:
    html = view.card(stored(), LOOKS, guess="snow")
    assert 'data-do="right" data-value="snow"' in html and 'data-do="right" data-value="rain"' not in html
    assert html.count('data-do="thumb"') == 4 and "You guessed snow." in html
    assert all(f'data-name="{name}"' in html for name in view.ASKED)
    assert "the same label" in view.card(stored(), {}, guess="rain") and "guessed" not in view.card(stored(), {})


def test_a_label_has_its_colour_and_sign_as_in_the_classify_tab() -> None:
    html = view.card(stored(), LOOKS)
    assert chip("rain", LOOKS["rain"]) in html and "--rl-color:#4a7fc1" in html and "☔" in html
    assert html.count("❄") == 1 and all(look.emoji in view.blind(stored(), LOOKS) for look in LOOKS.values())
    assert "hail" in Reader(view.card(stored(label="hail"), {})).text  # of a task that is not here


def test_a_blind_card_tells_nothing_but_the_reasoning() -> None:
    html = view.blind(stored("secret text", "hail"), LOOKS)
    assert "secret" not in html and "hail" not in html and html.count('data-do="guess"') == 3
    assert "verdict" not in html.replace("rl-verdicts", "")


def test_nothing_of_theirs_becomes_markup() -> None:
    evil, evil_look = stored(EVIL, EVIL, EVIL), LabelDisplay(color="#4a7fc1", emoji=EVIL)
    parts = [
        view.card(evil, {EVIL: evil_look, "other" + EVIL: evil_look}, guess=EVIL),
        view.card(evil, {}),
        view.blind(evil, {EVIL: evil_look, "other": evil_look}),
        view.diff(EVIL, f"{EVIL} more"),
        view.misquotations("a text", f'"{EVIL}"'),
        panels.frame(EVIL, admin=True),
        panels.guidelines(Guideline("1", EVIL, None), admin=True),
    ]
    for html in parts:
        assert "<img" not in html and EVIL.split()[0] in Reader(html).text


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("It is grey.", "It is blue.", "It is <del>grey.</del><ins>blue.</ins>"),
        ("It is.", "It is. And was.", "It is.<ins> And was.</ins>"),
        ("It is grey.", "It is", "It is<del> grey.</del>"),
        ("It is.", " It is. ", "Nothing is changed yet."),
    ],
)
def test_a_diff_shows_words(before: str, after: str, wanted: str) -> None:
    assert wanted in view.diff(before, after)


def test_a_correction_that_quotes_what_the_text_does_not_say_is_told_at_once() -> None:
    told = Reader(view.misquotations("a cold rain fell", 'It says "hail" and "cold rain".')).text
    assert "The text does not say “hail”. Nothing is learnt" in told and told.count("does not say") == 1


def test_feedback_says_what_was_expected() -> None:
    assert view.feedback({"verdict": "good"}, "good")["right"]
    told = view.feedback({"verdict": "poor", "comment": "It fits any text."}, "good")
    assert not told["right"] and "poor" in told["said"] and "fits any text" in told["said"]


def test_keys_name_every_criterion_and_the_admin_sees_more() -> None:
    html = panels.frame("ann", admin=False)
    assert all(key in html for key, _ in view.ASKED.values()) and "Project" not in html
    assert "Change them" not in panels.guidelines(Guideline("0", "*x*", None), admin=False)
    assert "You have not rated anything yet" in panels.mine([], first=True) and panels.mine([], first=False) == ""
