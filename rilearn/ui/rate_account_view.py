"""Accounts on the Rate tab -> escaped HTML, pure functions: one's own, and everybody's for admins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rilearn.ui import rate_parts as parts
from rilearn.ui.render import esc

if TYPE_CHECKING:
    from rilearn.store.accounts import Account

NONE_YET = "You have none yet. With one you can sign in by your name from elsewhere."
EVERYWHERE = "Ends your sign-ins in all browsers, this one too."


def own(name: str, passphrase: bool, owner: str) -> str:
    """One's own account; `owner` says, where it is the owner's, where their passphrase is."""
    old = parts.field("old", "Your passphrase now", "current-password")
    first = f'<input type="hidden" name="old" value="">{_muted(NONE_YET)}'
    form = (
        f'<form data-form="change-passphrase"><h3>{"Change" if passphrase else "Set"} your passphrase</h3>'
        f"{old if passphrase else first}"
        f"{parts.field('new', 'New passphrase, 8 characters or more', 'new-password')}"
        f"{parts.field('again', 'The new one again', 'new-password')}"
        '<button type="submit" class="rl-main">Save</button></form>'
    )
    return parts.panel(
        f"Your account: {name}",
        f"{_muted(owner) if owner else form}<h3>Sign out everywhere</h3>"
        f"{_muted(EVERYWHERE)}"
        '<button type="button" class="rl-plain" data-do="sign-out-everywhere">Sign out everywhere</button>',
    )


def people(accounts: Sequence[Account], me: int, owner: str) -> str:
    """Everybody; `me` and the one called `owner` cannot be changed here."""
    rows = "".join(_person(account, account.id == me, account.name == owner) for account in accounts)
    active = sum(account.active for account in accounts)
    return parts.panel(
        "People",
        f'<div class="rl-ways">{parts.BACK}</div><p class="rl-muted">{active} of {len(accounts)} may sign in. What '
        f'somebody rated stays when they are deactivated.</p><ul class="rl-people">{rows}</ul>',
    )


def _person(account: Account, me: bool, owner: bool) -> str:
    seen = f"last seen {account.seen_at:%Y-%m-%d}" if account.seen_at else "never seen"
    marks = f'<span class="rl-mark">{esc(account.role)}{", you" if me else ""}</span>'
    marks += "" if account.active else '<span class="rl-mark is-wrong">deactivated</span>'
    ratings = f"{account.ratings:,} rating{'' if account.ratings == 1 else 's'}"
    return (
        f'<li><div class="rl-person"><b>{esc(account.name)}</b>{marks}'
        f'<span class="rl-muted">{ratings} · {seen}</span></div>{"" if me or owner else _changes(account)}</li>'
    )


def _changes(account: Account) -> str:
    hidden = f'<input type="hidden" name="annotator_id" value="{account.id}" data-number>'
    said, on = ("Deactivate", "") if account.active else ("Reactivate", "true")
    return (
        f'<form data-form="set-active">{hidden}<input type="hidden" name="active" value="{on}" '
        f'data-flag><button type="submit" class="rl-plain" aria-label="{said} {esc(account.name)}">{said}</button>'
        f"</form><details><summary>New passphrase</summary>"
        f'<form data-form="reset-passphrase">{hidden}'
        f"{parts.field('passphrase', f'For {account.name}, 8 characters or more', 'new-password')}"
        '<button type="submit" class="rl-plain">Set it</button></form></details>'
    )


def _muted(said: str) -> str:
    return f'<p class="rl-muted">{esc(said)}</p>'
