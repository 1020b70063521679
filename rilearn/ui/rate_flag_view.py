"""Flagged items on the Rate tab -> escaped HTML, pure functions: those that wait for an admin, and those removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rilearn.ui import rate_parts as parts
from rilearn.ui.render import esc

if TYPE_CHECKING:
    from rilearn.store.flags import Decided, Decision, Flag, Flagged

KINDS = {"harmful": "harmful", "private": "names a private person"}
INTRO = (
    "Nobody gets these until you decide. Put back: annotators get it again, but not who flagged it. Remove: nobody "
    "gets it and no export holds it; you can put it back later."
)
EMPTY = (
    "Nothing waits for you. What annotators flag as harmful or private is listed here, and goes to nobody meanwhile."
)
UNKNOWN = "Who flagged it was deleted, and the reason with them."
BY_COMMAND = "the command line, or an admin who was deleted"
DECIDED = {
    "put back": "Item {number} is back: annotators get it again.",
    "removed": "Item {number} is removed: nobody gets it, and no export holds it.",
}


def lists(waiting: Sequence[Flagged], removed: Sequence[Flagged], waits: int, gone: int) -> str:
    """The panel; `waits` and `gone` count all, of which the lists may hold the first."""
    items = "".join(_item(one, _button("put back", "Put back") + _button("removed", "Remove")) for one in waiting)
    shown = f'<p class="rl-muted">{INTRO}</p><ul class="rl-flags">{items}</ul>{_more(len(waiting), waits)}'
    return parts.panel(
        "Flagged items",
        f'<div class="rl-ways">{parts.BACK}</div>'
        f"{shown if waiting else f'<p>{EMPTY}</p>'}{_removed(removed, gone) if removed else ''}",
    )


def decided(number: int, decision: Decided) -> str:
    return DECIDED[decision].format(number=number)


def _removed(removed: Sequence[Flagged], gone: int) -> str:
    items = "".join(_item(one, _button("put back", "Put back")) for one in removed)
    return (
        f'<details class="rl-removed"><summary>Removed: {gone:,}</summary><ul class="rl-flags">{items}</ul>'
        f"{_more(len(removed), gone)}</details>"
    )


def _item(one: Flagged, buttons: str) -> str:
    about = one.reasoning.reasoning
    flags = "".join(map(_flag, one.flags)) or f'<li class="rl-muted">{UNKNOWN}</li>'
    facts = "".join(
        f'<dt class="rl-title">{name}</dt><dd dir="auto">{esc(said)}</dd>'
        for name, said in (("Text", about.text), ("Label", about.label), ("Reasoning", about.reasoning))
    )
    return (
        f'<li><h3>Item {one.reasoning.id}</h3><ul class="rl-flag-said">{flags}{"".join(map(_decision, one.decisions))}'
        f'</ul><dl class="rl-flag-item">{facts}</dl>'
        f'<form data-form="decide-flag" data-once aria-label="Item {one.reasoning.id}">'
        f'<input type="hidden" name="reasoning_id" value="{one.reasoning.id}" data-number>'
        '<label>Comment, for the history (optional)<textarea name="comment" rows="1" maxlength="1000" dir="auto">'
        f'</textarea></label><div class="rl-ways">{buttons}</div></form></li>'
    )


def _flag(flag: Flag) -> str:
    before = "" if flag.open else " · decided on before"
    reason = f'<q dir="auto">{esc(flag.reason)}</q>' if flag.reason else ""
    return (
        f'<li><span class="rl-mark{" is-wrong" if flag.open else ""}">{esc(KINDS.get(flag.kind, flag.kind))}</span> '
        f'{reason} <span class="rl-muted">{esc(flag.pseudonym)} · {flag.created_at:%Y-%m-%d}{before}</span></li>'
    )


def _decision(made: Decision) -> str:
    comment = f'<q dir="auto">{esc(made.comment)}</q>' if made.comment else ""
    return (
        f'<li><span class="rl-mark">{esc(made.decision)}</span> {comment} '
        f'<span class="rl-muted">{esc(made.admin or BY_COMMAND)} · {made.created_at:%Y-%m-%d}</span></li>'
    )


def _button(decision: Decided, said: str) -> str:
    return f'<button type="submit" class="rl-plain" name="decision" value="{decision}">{said}</button>'


def _more(shown: int, count: int) -> str:
    return f'<p class="rl-muted">The oldest {shown:,} of {count:,}.</p>' if count > shown else ""
