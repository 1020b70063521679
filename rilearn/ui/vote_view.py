"""The blind vote -> escaped HTML, pure functions: two answers without names, what the vote revealed, the standings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rilearn.blind import NEEDED, Standing, Standings
from rilearn.ui import charts
from rilearn.ui.render import esc

if TYPE_CHECKING:
    from rilearn.store.votes import Pair, Side, Vote

QUESTION = "Which answer is better explained?"
HINT = "Two models, drawn at random, answer your text. You vote before you learn which is which."
KEPT = (
    "What is kept when you ask for two answers: your text, both answers and your vote, in the database of this app, "
    "without your name. Do not type what others must not read. A cookie with a random number tells visitors apart, so "
    "that each has one vote a pair."
)
BARE = (
    "Only one model here reasons. The other answer is a bare label, so you can tell the two kinds apart: the vote says "
    "whether this reasoning explains more than none."
)
NO_VOTES = "Nobody has voted yet. The Blind vote part of the Compare tab takes votes."
COUNTED = (
    "A tie counts half for each side. The band is the 95 % interval of the rate (Wilson), the dashed line is at 50 %."
)
SCORED = "The score is Bradley-Terry's (natural logarithm, mean 0): it allows for who met whom."


def note(bare: bool) -> str:
    """What stands above the text box, before anything is kept; `bare`: one side cannot explain itself."""
    return f'<div class="rl-kept">{f"<p>{esc(BARE)}</p>" if bare else ""}<p>{esc(KEPT)}</p></div>'


def empty(possible: bool) -> str:
    """Before the first pair."""
    return _section("empty", _said(HINT if possible else NEEDED))


def waiting(message: str = "") -> str:
    """The model loads, or both answers are being written: they come together, since speed tells who is who."""
    said = f"Your text is next. {message} …" if message else "Two models are answering. Both answers appear together …"
    return _section("waiting", _said(said), busy=True)


def error(message: str, pair: Pair | None = None) -> str:
    """Why there is no vote; the `pair` stays so that the vote can be sent again."""
    alert = f'<p class="rl-alert" role="alert">{esc(message)}</p>'
    return _section("error", alert + (_cards(pair) if pair else ""))


def stopped() -> str:
    """Cancelled while the answers were written: none is shown, since one alone cannot be judged."""
    return _section("stopped", _said("Stopped before both answers were there."))


def asked(pair: Pair) -> str:
    """Both answers, without names."""
    return _section("open", _said(QUESTION) + _cards(pair))


def skipped() -> str:
    """No vote; the names stay hidden, since the same pair may come again."""
    return _section("skipped", _said("Skipped: no vote was counted, and the names stay hidden. Try another text."))


def revealed(vote: Vote, again: bool = False) -> str:
    """The names behind the sides. `again`: the vote was there before, and this one did not count."""
    return _section("voted", _said(thanks(vote, again), "is-agree") + _cards(vote.pair, vote))


def thanks(vote: Vote, again: bool = False) -> str:
    """In words, what was counted (plain text)."""
    chose = f"You chose {vote.winner.model}" if vote.winner else "You called it a tie"
    if again:
        return f"You have voted on this pair before, and one vote a visitor counts. {chose}."
    apart = " An answer names a model, so the vote was not blind and is kept apart." if vote.pair.giveaway else ""
    return f"Thank you. {chose}.{apart}"


def standings(now: Standings) -> str:
    """Win rates as bars, with how sure they are."""
    if not now.versions:
        body = f'<p class="rl-muted">{esc(NO_VOTES)}</p>'
    else:
        rows = "".join(_standing(one) for one in now.versions)
        words = f"{COUNTED} {SCORED}" if any(one.score is not None for one in now.versions) else COUNTED
        body = (
            f"<p>{esc(_count(now.votes, 'vote'))}, {esc(_count(now.ties, 'tie'))} among them.</p>"
            f'<ul class="rl-wins" aria-label="Win rates">{rows}</ul><p class="rl-note">{esc(words)}</p>'
        )
    if now.unscored:
        body += f'<p class="rl-note">{esc(now.unscored)}</p>'
    if now.giveaways:
        kept = f"{_count(now.giveaways, 'vote')} kept apart: an answer named a model, so the vote was not blind."
        body += f'<p class="rl-note">{esc(kept)}</p>'
    return _standings(body)


def no_standings(message: str) -> str:
    """The database cannot be read."""
    return _standings(f'<p class="rl-alert">{esc(message)}</p>')


def _standings(body: str) -> str:
    return f'<section class="rl-standings" aria-label="Blind votes"><h2>Blind votes</h2>{body}</section>'


def _standing(one: Standing) -> str:
    score = "" if one.score is None else f" · score {one.score:+.2f}".replace("-", "\N{MINUS SIGN}")
    interval = f"95 % interval {one.low * 100:.0f} to {one.high * 100:.0f}\u00a0%"
    facts = f"{one.wins:g} of {_count(one.votes, 'vote')} · {interval}{score}"
    return charts.interval(one.name, f"{one.share * 100:.0f}\u00a0%", one.share, one.low, one.high, facts)


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def _section(state: str, body: str, busy: bool = False) -> str:
    return (
        f'<section class="rl-comparison rl-blind is-{state}" aria-label="Blind vote" '
        f'aria-busy="{"true" if busy else "false"}">{body}</section>'
    )


def _said(text: str, tone: str = "") -> str:
    return f'<p class="rl-agreement {tone}" role="status"><span>{esc(text)}</span></p>'


def _cards(pair: Pair, vote: Vote | None = None) -> str:
    left = _card("A", pair.left, vote, vote is not None and vote.choice == "left")
    right = _card("B", pair.right, vote, vote is not None and vote.choice == "right")
    return f'<p class="rl-asked" dir="auto">{esc(pair.text)}</p><div class="rl-ab">{left}{right}</div>'


def _card(letter: str, side: Side, vote: Vote | None, chosen: bool) -> str:
    # What is shown comes from the pair as it is kept, so that the record is what was read.
    reasoning, _, label = side.shown.rpartition("\n")
    body = (
        f'<p class="rl-reasoning" dir="auto">{esc(reasoning)}</p>'
        if reasoning
        else '<p class="rl-muted">No reasoning was given.</p>'
    )
    name = f" <span>{esc(side.version.model)}</span>" if vote else ""
    mark = ' <span class="rl-mark is-right">your choice</span>' if chosen else ""
    return (
        f'<article class="rl-card" aria-label="Answer {letter}"><h3 class="rl-model">{letter}{name}{mark}</h3>'
        f'<div class="rl-body">{body}</div><p class="rl-final">{esc(label)}</p></article>'
    )
