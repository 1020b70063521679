"""What an annotator's ratings changed -> escaped HTML, pure functions: counts, old against new, a blind comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rilearn.ui.rate_view import diff
from rilearn.ui.render import esc

if TYPE_CHECKING:  # these bring SQLAlchemy
    from rilearn.store.duels import BlindPair
    from rilearn.store.mattered import Mattered

TITLE = "What your ratings changed"
NONE_YET = (
    "No generator has learnt from ratings yet. Rate reasonings in the Rate tab: once an admin has retrained one and put"
    " it in use, you see here what became of yours."
)
CHOSEN = {
    "old": "You preferred the old one, not knowing which it was.",
    "new": "You preferred the new one, not knowing which it was.",
    "tie": "You saw no difference, not knowing which was which.",
}
WAITING = "{n} of yours wait above: compare old and new blind, then see here what {name} writes now."


def nothing(message: str) -> str:
    """Not signed in, or nothing has changed yet."""
    return _section(f'<p class="rl-muted">{esc(message)}</p>')


def counted(name: str, parts: Sequence[tuple[str, int, int]]) -> str:
    """How much of an annotator's is in the generator in use.

    Args:
        name: of the version in use, such as "generator v3".
        parts: name of a version (this one, or one that it goes on from), the ratings and the corrections in it.
    """
    if not parts:
        return nothing(f"{name} is in use, and none of your ratings is in it. The next one can learn from them.")
    said = [] if parts[0][0] == name else [f"{name} is in use."]
    for where, ratings, corrections in parts:
        counts = [f"{ratings:,} rating{'s' * (ratings != 1)}"] * bool(ratings)
        counts += [f"{corrections:,} correction{'s' * (corrections != 1)}"] * bool(corrections)
        verb = "is" if ratings + corrections == 1 else "are"
        how = "which is in use" if where == name else f"from which {name} goes on"
        said.append(f"{' and '.join(counts)} of yours {verb} in {where}, {how}.")
    return _section(f"<p>{esc(' '.join(said))}</p>")


def changes(name: str, found: Sequence[Mattered]) -> str:
    """Old against new, but for those that are to be compared blind first: their cards would tell which is which."""
    cards = "".join(_one(one, name) for one in found if not waits(one))
    waiting = sum(map(waits, found))
    note = f'<p class="rl-note">{esc(WAITING.format(n=waiting, name=name))}</p>' if waiting else ""
    return f'<div class="rl-retrain">{note}{cards}</div>' if note or cards else ""


def _one(one: Mattered, name: str) -> str:
    about = one.old.reasoning
    parts = [f'<p dir="auto"><b>Text:</b> {esc(about.text)} <span class="rl-mark">{esc(about.label)}</span></p>']
    if one.correction:
        parts.append(f'<p class="rl-muted">Your correction</p>{diff(about.reasoning, one.correction)}')
    else:
        parts.append(f'<p class="rl-muted">You rated</p><p dir="auto">{esc(about.reasoning)}</p>')
    if one.new is not None:
        parts.append(f'<p class="rl-muted">{esc(name)} writes now</p>')
        parts.append(f'<p class="rl-now" dir="auto">{esc(one.new.reasoning.reasoning)}</p>')
        parts.append(f'<p class="rl-note">{esc(CHOSEN[one.chosen])}</p>' if one.chosen else "")
    return f'<article class="rl-changed">{"".join(parts)}</article>'


def waits(one: Mattered) -> bool:
    """Whether old and new are to be compared blind before they are shown by name."""
    return one.new is not None and not one.chosen and one.new.reasoning.reasoning != one.old.reasoning.reasoning


def pair(shown: BlindPair) -> str:
    """Two reasonings side by side, and nothing of who wrote which."""
    sides = "".join(
        f'<div class="rl-side"><h4>{name}</h4><p dir="auto">{esc(text)}</p></div>'
        for name, text in (("A", shown.left), ("B", shown.right))
    )
    return (
        '<section class="rl-retrain rl-duel" aria-label="Blind comparison"><h3>Which explains it better?</h3>'
        '<p class="rl-muted">One is by an older generator, one by a newer. Which is which is told after your vote.</p>'
        f'<p dir="auto"><b>Text:</b> {esc(shown.text)} <span class="rl-mark">{esc(shown.label)}</span></p>'
        f'<div class="rl-duel-sides">{sides}</div></section>'
    )


def told(winner: str, new: str) -> str:
    """After a vote, what was chosen (names of versions, plain text; `winner` is empty in a tie)."""
    if not winner:
        return f"Counted: no difference. One of them was by {new}."
    return f"Counted: you chose the one by {winner}" + (", the newer one." if winner == new else ", the older one.")


def _section(body: str) -> str:
    return f'<section class="rl-retrain" aria-label="{TITLE}"><h2>{TITLE}</h2>{body}</section>'
