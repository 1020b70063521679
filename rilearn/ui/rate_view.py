"""The card of the Rate tab -> escaped HTML, pure functions: text, label, reasoning by sentence, all that can be said of
it. What is entered is painted by rate_paint.js from the card's content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, NamedTuple

from rilearn.perturbations import sentences
from rilearn.records import CRITERIA
from rilearn.signals import misquoted
from rilearn.tasks import LabelDisplay
from rilearn.ui.render import chip, esc, sign

if TYPE_CHECKING:
    from rilearn.store.reasonings import StoredReasoning

ASKED = {
    "about_text": ("a", "Is it about this text?"),
    "leads_to_label": ("s", "Does it lead to this label?"),
    "true_and_clear": ("d", "Is it true and clear?"),
}
"""Criterion -> its key and its question."""
assert set(ASKED) == set(CRITERIA)


class Word(NamedTuple):
    """A word and where it stands in the reasoning, in characters."""

    text: str
    start: int
    end: int


def pieces(reasoning: str) -> list[list[Word]]:
    """The words of each sentence."""
    found, at = [], 0
    for sentence in sentences(reasoning):
        start = reasoning.index(sentence, at)
        at = start + len(sentence)
        found.append([Word(m[0], start + m.start(), start + m.end()) for m in re.finditer(r"\S+", sentence)])
    return found


Looks = Mapping[str, LabelDisplay]
"""How the labels of a task look, in the task's order; empty: the task is not here."""


def card(stored: StoredReasoning, looks: Looks, guess: str | None = None) -> str:
    """The whole card; `guess` is what the annotator guessed before they saw it."""
    about = stored.reasoning
    return _card(
        stored.id,
        f'<div class="rl-rate-left">{_about(about.text, about.label, looks)}{_guessed(guess, about.label)}'
        f"{_reasoning(about.reasoning, marks=True)}{_edit()}</div>"
        f'<div class="rl-rate-right">{_criteria()}{_overall()}{_comment()}</div>{_verdicts()}',
    )


def blind(stored: StoredReasoning, looks: Looks) -> str:
    """The reasoning alone, and the labels to guess from."""
    buttons = "".join(
        f'<button type="button" class="rl-choice" data-do="guess" data-value="{esc(label)}">'
        f"{_key(number) if number <= 9 else ''}{sign(look)} {esc(label)}</button>"
        for number, (label, look) in enumerate(looks.items(), 1)
    )
    return _card(
        stored.id,
        f'<div class="rl-rate-left">{_reasoning(stored.reasoning.reasoning, marks=False)}</div>'
        '<div class="rl-rate-right"><h3 class="rl-title">Guess the label first</h3>'
        '<p class="rl-muted">You see text and label after your guess. Judge by the reasoning alone.</p>'
        f'<div class="rl-guesses" role="group" aria-label="Your guess">{buttons}</div>'
        '</div><div class="rl-verdicts"><button type="button" class="rl-plain" data-do="reveal">Show it without a guess'
        f"</button>{_skip()}</div>",
        "is-blind",
    )


def diff(before: str, after: str) -> str:
    """What a correction takes out and puts in, word by word."""
    old, new = (re.findall(r"\s+|\S+", text) for text in (before, after.strip()))
    parts = []
    for step, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, come = esc("".join(old[a:b])), esc("".join(new[c:d]))
        if step == "equal":
            parts.append(gone)
        else:
            parts.append((f"<del>{gone}</del>" if gone else "") + (f"<ins>{come}</ins>" if come else ""))
    changed = any(part.startswith(("<del>", "<ins>")) for part in parts)
    said = "".join(parts) if changed else "Nothing is changed yet."
    return f'<p class="rl-diff" dir="auto">{said}</p>'


def misquotations(text: str, correction: str) -> str:
    """What a correction quotes that does not stand in the text, told while it is written."""
    quotes = " or ".join(f"“{esc(quote)}”" for quote in misquoted(text, correction))
    return quotes and (
        f'<p class="rl-misquoted" dir="auto">The text does not say {quotes}. Nothing is learnt from a correction that '
        "quotes other words than the text's own.</p>"
    )


def feedback(expected: Mapping[str, Any], verdict: str) -> dict[str, Any]:
    """What to tell after an item with a known answer (plain text)."""
    wanted = str(expected.get("verdict", ""))
    if not wanted or wanted == verdict:
        return {"right": True, "said": "This one had a known answer, and you gave it."}
    why = f" {expected['comment']}" if expected.get("comment") else ""
    return {"right": False, "said": f"This one had a known answer: {wanted}. You said {verdict}.{why}"}


def _card(reasoning_id: int, body: str, look: str = "") -> str:
    return (
        f'<article class="rl-card rl-rate-card {look}" data-id="{reasoning_id}" tabindex="-1" '
        f'aria-label="Reasoning to rate">{body}</article>'
    )


def _about(text: str, label: str, looks: Looks) -> str:
    others = "".join(
        f'<button type="button" class="rl-choice" data-do="right" data-value="{esc(other)}" aria-pressed="false">'
        f"{sign(look)} {esc(other)}</button>"
        for other, look in looks.items()
        if other != label
    )
    return (
        f'<h3 class="rl-title">Text</h3><p class="rl-rate-text" dir="auto">{esc(text)}</p>'
        f'<div class="rl-rate-label"><span class="rl-title">Label</span> {chip(label, looks.get(label))}'
        f'<button type="button" class="rl-plain" data-do="wrong" aria-pressed="false">{_key("l")}The label is wrong'
        '</button></div><div class="rl-rate-others" role="group" aria-label="The right label" hidden>'
        f'<p class="rl-muted">This does not count against the reasoning. Which label is right, if you can tell?</p>'
        f"{others}</div>"
    )


def _guessed(guess: str | None, label: str) -> str:
    if guess is None:
        return ""
    said = f"You guessed {guess}: the same label." if guess == label else f"You guessed {guess}."
    return f'<p class="rl-guessed">{esc(said)}</p>'


def _reasoning(reasoning: str, marks: bool) -> str:
    items = []
    for number, words in enumerate(pieces(reasoning)):
        spans = " ".join(
            f'<span class="rl-w" data-start="{word.start}" data-end="{word.end}">{esc(word.text)}</span>'
            for word in words
        )
        thumbs = _thumbs(number) if marks else ""
        items.append(f'<li class="rl-sentence" data-n="{number}"><p dir="auto">{spans}</p>{thumbs}</li>')
    tools = (
        '<div class="rl-rate-tools">'
        f'<button type="button" class="rl-plain" data-do="mark">{_key("m")}Mark wrong words</button>'
        f'<button type="button" class="rl-plain" data-do="edit" aria-pressed="false">{_key("e")}Correct it</button>'
        '<span class="rl-hint" role="status"></span></div><ul class="rl-marks" aria-label="Marked words"></ul>'
        if marks
        else ""
    )
    return f'<h3 class="rl-title">Reasoning</h3><ol class="rl-sentences">{"".join(items)}</ol>{tools}'


def _thumbs(number: int) -> str:
    buttons = "".join(
        f'<button type="button" data-do="thumb" data-n="{number}" data-value="{value}" aria-pressed="false" '
        f'aria-label="Sentence {number + 1} is {said}">{sign}</button>'
        for value, said, sign in ((1, "good", "+"), (-1, "bad", "\N{MINUS SIGN}"))
    )
    return f'<span class="rl-thumbs">{buttons}</span>'


def _edit() -> str:
    return (
        '<div class="rl-edit" hidden><label>Your correction<textarea data-field="edit" rows="4" dir="auto"></textarea>'
        '</label><div class="rl-diff-box" aria-live="polite"></div></div>'
    )


def _criteria() -> str:
    rows = []
    for name, (key, question) in ASKED.items():
        buttons = "".join(
            f'<button type="button" class="rl-choice" data-do="criterion" data-name="{name}" data-value="{value}" '
            f'aria-pressed="false">{said}</button>'
            for value, said in (("true", "yes"), ("false", "no"))
        )
        rows.append(
            f'<li role="group" aria-label="{esc(question)}"><span>{_key(key)}{esc(question)}</span>'
            f'<span class="rl-pair">{buttons}</span></li>'
        )
    return f'<ul class="rl-criteria">{"".join(rows)}</ul>'


def _overall() -> str:
    grades = "".join(
        f'<button type="button" class="rl-choice" data-do="overall" data-value="{grade}" aria-pressed="false" '
        f'aria-label="{grade} of 5">{grade}</button>'
        for grade in range(1, 6)
    )
    return (
        f'<div class="rl-overall" role="group" aria-label="Overall, 1 worst to 5 best"><span>{_key("1–5")}Overall'
        f'</span><span class="rl-grades">{grades}</span></div>'
    )


def _comment() -> str:
    return (
        f'<label class="rl-comment"><span>{_key("c")}Comment</span>'
        '<textarea data-field="comment" rows="2" dir="auto"></textarea></label>'
    )


def _verdicts() -> str:
    return (
        '<div class="rl-verdicts">'
        f'<button type="button" class="rl-good" data-do="verdict" data-value="good">{_key("g")}Good</button>'
        f'<button type="button" class="rl-poor" data-do="verdict" data-value="poor">{_key("p")}Poor</button>'
        f"{_skip()}</div>"
    )


def _skip() -> str:
    return f'<button type="button" class="rl-plain" data-do="panel" data-value="skip">{_key("x")}Skip or flag</button>'


def _key(name: object) -> str:
    return f'<kbd aria-hidden="true">{esc(name)}</kbd>'
