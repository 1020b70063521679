"""Pieces of the Rate tab's panels -> escaped HTML, pure functions: the dialog's frame, buttons and fields of forms."""

from __future__ import annotations

from collections.abc import Mapping

from rilearn.ui.render import esc


def panel(title: str, body: str) -> str:
    """A dialog's content: its head, places for an error and for what was done, the body."""
    return (
        f'<div class="rl-panel-head"><h2>{esc(title)}</h2><button type="button" class="rl-plain" data-do="close" '
        f'aria-label="Close">✕</button></div><p class="rl-alert" role="alert" hidden></p>'
        f'<p class="rl-told" role="status" hidden></p>{body}'
    )


def tool(name: str, key: str, said: str, look: str = "", waiting: str = "") -> str:
    """A button that opens a panel, with its key; `waiting` is HTML, see `waits`."""
    sign = f'<kbd aria-hidden="true">{esc(key)}</kbd>' if key else ""
    return (
        f'<button type="button" class="rl-plain{look and f" {look}"}" data-do="panel" data-value="{name}">{sign}'
        f"{esc(said)}{waiting}</button>"
    )


def waits(flagged: int) -> str:
    """What a button shows when flagged items wait for an admin; empty: none does."""
    return f' <b class="rl-waits">{flagged:,}<span class="rl-sr"> flagged</span></b>' if flagged else ""


def field(name: str, said: str, fills: str, needed: bool = True) -> str:
    """A line of text or, for names that hold a passphrase, a hidden one; `fills` is what browsers may fill in."""
    kind = "password" if fills.endswith("password") else "text"
    return (
        f'<label>{esc(said)}<input name="{name}" type="{kind}" autocomplete="{fills}" maxlength="200"'
        f"{' required' if needed else ''}></label>"
    )


def number(name: str, said: str, value: float, low: float, high: float, step: float = 1) -> str:
    return (
        f'<label>{esc(said)}<input name="{name}" type="number" min="{low:g}" max="{high:g}" step="{step:g}" '
        f'value="{value:g}" required></label>'
    )


def check(name: str, said: str, on: bool) -> str:
    return f'<label class="rl-check"><input type="checkbox" name="{name}"{" checked" if on else ""}>{esc(said)}</label>'


def choice(name: str, said: str, options: Mapping[str, str], chosen: str = "") -> str:
    """A list to choose from: value -> what is shown."""
    shown = "".join(
        f'<option value="{esc(value)}"{" selected" if value == chosen else ""}>{esc(words)}</option>'
        for value, words in options.items()
    )
    return f'<label>{esc(said)}<select name="{name}">{shown}</select></label>'


BACK = tool("project", "", "\N{LEFTWARDS ARROW} Project")
"""For panels that were opened out of the project's."""
