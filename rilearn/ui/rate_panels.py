"""What stands around the card of the Rate tab -> escaped HTML, pure functions: sign-in, bar, panels, lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from markdown_it import MarkdownIt

from rilearn.ui import rate_parts as parts
from rilearn.ui.rate_view import ASKED
from rilearn.ui.render import esc

if TYPE_CHECKING:
    from rilearn.store.guidelines import Guideline
    from rilearn.store.options import Options
    from rilearn.store.progress import Counts, Rated

KEYS = (
    ("g / p", "good / poor: saves and goes to the next"),
    ("1 to 5", "overall (or the label, when you guess)"),
    (" / ".join(key for key, _ in ASKED.values()), "the three questions: yes, no, none"),
    ("j / k", "next / previous sentence"),
    ("+ / -", "the sentence is good / bad"),
    ("m", "mark the selected words; without a selection: choose words with the arrows, Shift widens, m marks"),
    ("e", "correct the reasoning"),
    ("c", "comment"),
    ("l", "the label is wrong"),
    ("x", "skip or flag"),
    ("z", "undo the last one, up to ten"),
    ("h", "my ratings"),
    ("i", "guidelines"),
    ("b", "guess first, on or off"),
    ("Esc", "leave a field or a panel"),
    ("?", "this list"),
)
ROLES = {"annotator": "annotator", "admin": "admin"}
SKIPS = (
    ("skip", "I cannot judge it"),
    ("skip", "I cannot understand it"),
    ("harmful", "Flag: harmful"),
    ("private", "Flag: names a private person"),
)
SKIPPED = "It does not come back to you. What you flag goes to nobody else either, until an admin has looked at it."


def signed_out(open_mode: bool, space: bool) -> str:
    """The sign-in form, and the form to join, which rate_page.js shows with an invitation or in open mode."""
    join = "Join" if open_mode else "Take up your invitation"
    optional = " (if you want to come back from elsewhere)" if open_mode else ", 8 characters or more"
    above = '<p class="rl-muted">Or sign in with Hugging Face, with the button above.</p>' if space else ""
    return (
        '<section class="rl-card rl-signin" aria-label="Sign in"><h2>Rate reasonings</h2>'
        "<p>Read a text, a label and a reasoning, and say whether the reasoning is good. Your ratings teach the next "
        f"model.</p>{above}"
        f'<form data-form="join" {"" if open_mode else "hidden"}><h3>{join}</h3>'
        f"{parts.field('name', 'Your name', 'nickname')}"
        f"{parts.field('passphrase', f'Passphrase{optional}', 'new-password', needed=not open_mode)}"
        '<button type="submit" class="rl-main">Join</button></form>'
        '<form data-form="sign-in"><h3>Sign in</h3>'
        f"{parts.field('name', 'Name', 'username')}{parts.field('passphrase', 'Passphrase', 'current-password')}"
        '<button type="submit" class="rl-main">Sign in</button></form>'
        '<p class="rl-alert" role="alert" hidden></p>'
        '<p class="rl-muted">No account? Ask the owner of this project for an invitation link.</p></section>'
    )


def frame(name: str, admin: bool) -> str:
    """The bar, the place for cards, and the panels that need nothing from the server."""
    flagged = '<span class="rl-flagged"></span>'
    project = parts.tool("project", "", "Project", waiting=flagged) if admin else ""
    return (
        '<section class="rl-rating" aria-label="Rate reasonings"><div class="rl-rate-bar">'
        '<div class="rl-rate-progress"></div><div class="rl-rate-menu">'
        '<button type="button" class="rl-plain" data-do="undo"><kbd aria-hidden="true">z</kbd>Undo</button>'
        f"{parts.tool('mine', 'h', 'My ratings')}{parts.tool('guidelines', 'i', 'Guidelines')}"
        '<button type="button" class="rl-plain" data-do="blind" aria-pressed="false"><kbd aria-hidden="true">b</kbd>'
        f"Guess first</button>{parts.tool('keys', '?', 'Keys')}{project}"
        f"{parts.tool('account', '', name, 'rl-who')}"
        '<button type="button" class="rl-plain" data-do="sign-out">Sign out</button></div></div>'
        '<p class="rl-alert" role="alert" hidden></p><p class="rl-told" role="status" hidden></p>'
        '<div class="rl-stage"><p class="rl-muted">The first item is coming …</p></div>'
        f'<dialog class="rl-panel"></dialog><template data-panel="keys">{_keys()}</template>'
        f'<template data-panel="skip">{_skip()}</template><template data-panel="nothing">{_nothing()}</template>'
        "</section>"
    )


def progress(counts: Counts, left: int) -> str:
    return (
        '<p class="rl-counts" aria-label="Progress">'
        f"<b>{counts.today:,}</b> today · <b>{counts.mine:,}</b> yours · <b>{counts.project:,}</b> in the project · "
        f"<b>{left:,}</b> waiting</p>"
    )


def guidelines(guideline: Guideline, admin: bool) -> str:
    """The Markdown as HTML (HTML in it is escaped), and for admins the field to change it."""
    since = f", {guideline.created_at:%Y-%m-%d}" if guideline.created_at else ""
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(guideline.text)
    edit = (
        "<details><summary>Change them</summary>"
        f'<form data-form="save-guidelines"><input type="hidden" name="base" value="{esc(guideline.version)}">'
        f'<label>Markdown<textarea name="text" rows="12">{esc(guideline.text)}</textarea></label>'
        '<button type="submit" class="rl-main">Save as a new version</button></form></details>'
        if admin
        else ""
    )
    note = f'<p class="rl-muted">Version {esc(guideline.version)}{since}</p>'
    return parts.panel("Guidelines", f'<div class="rl-findings">{body}</div>{note}{edit}')


def mine(rated: Sequence[Rated], first: bool) -> str:
    """A page of one's own ratings, each a button that opens it; `first` says whether it is the newest page."""
    rows = "".join(
        f'<li><button type="button" data-do="open" data-id="{one.rating.reasoning_id}">'
        f'<span class="rl-mark is-{"right" if one.rating.rating.verdict == "good" else "wrong"}">'
        f"{esc(one.rating.rating.verdict)}</span> <span>{esc(_short(one.text))}</span> "
        f'<span class="rl-muted">{esc(one.label)}{" · corrected" if one.correction else ""} · '
        f"{one.rating.created_at:%Y-%m-%d %H:%M} UTC</span></button></li>"
        for one in rated
    )
    if not first:
        return rows
    body = rows or '<li class="rl-muted">You have not rated anything yet.</li>'
    more = '<button type="button" class="rl-plain" data-do="more">Show older ones</button>'
    return parts.panel("My ratings", f'<p>Choose one to change it.</p><ul class="rl-mine">{body}</ul>{more}')


def project(options: Options, open_mode: bool, flagged: int) -> str:
    """What admins set, and the ways to their other panels; `flagged` items wait for a decision."""
    from rilearn.store.queue import Order

    mode = "on: anybody may join (RILEARN_OPEN)" if open_mode else "off (switch it on with RILEARN_OPEN=1)"
    known = "Share of items with a known answer, 0 to 1"
    told = "Tell annotators how an item with a known answer should be rated"
    return parts.panel(
        "Project",
        f'<div class="rl-ways">{parts.tool("fill", "", "Fill the queue")}{parts.tool("people", "", "People")}'
        f"{parts.tool('flags', '', 'Flagged items', waiting=parts.waits(flagged))}</div>"
        '<form data-form="save-options"><h3>Rating</h3>'
        f"{parts.check('blind', 'Annotators guess the label first, unless they choose otherwise', options.blind)}"
        f"{parts.check('feedback', told, options.feedback)}"
        f"{parts.number('calibration', known, options.calibration, 0, 1, 0.01)}"
        f"{parts.choice('order', 'Order of the queue', {order: order for order in get_args(Order)}, options.order)}"
        f'<p class="rl-muted">Open mode is {esc(mode)}.</p><button type="submit" class="rl-main">Save</button></form>'
        f'<h3>Invite</h3><form data-form="invite">{parts.choice("role", "Role", ROLES)}'
        f"{parts.number('uses', 'For how many people', 1, 1, 1000)}{parts.number('days', 'Days it holds', 7, 1, 365)}"
        '<button type="submit" class="rl-main">Make a link</button></form><p class="rl-link" hidden></p>',
    )


def _keys() -> str:
    rows = "".join(f"<dt><kbd>{esc(key)}</kbd></dt><dd>{esc(said)}</dd>" for key, said in KEYS)
    return parts.panel("Keys", f'<dl class="rl-keys">{rows}</dl>')


def _skip() -> str:
    buttons = "".join(
        f'<button type="button" class="rl-choice" data-do="skip" data-value="{kind}" '
        f'data-reason="{esc(said) if kind == "skip" else ""}">'
        f'<kbd aria-hidden="true">{number}</kbd>{esc(said)}</button>'
        for number, (kind, said) in enumerate(SKIPS, 1)
    )
    return parts.panel(
        "Skip or flag",
        f'<p>{SKIPPED}</p><label>Why, in your words (optional)<textarea class="rl-why" rows="2" '
        f'maxlength="900"></textarea></label><div class="rl-skips">{buttons}</div>',
    )


def _nothing() -> str:
    return (
        '<div class="rl-card rl-done"><h3>Nothing is waiting for you</h3><p>You have rated all that is there, or '
        'others are at it. Thank you.</p><button type="button" class="rl-main" data-do="look">Look again</button></div>'
    )


def _short(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:119]}…"
