"""What the ratings say -> escaped HTML with plots, pure functions: counts, quality, agreement, annotators, disputes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rilearn.ui import charts
from rilearn.ui.render import DASH, chips, esc, percent, reasoning

if TYPE_CHECKING:  # the store's modules bring SQLAlchemy and SciPy, which the page loads at its first use only
    from rilearn.agreement import Estimate
    from rilearn.records import Rating
    from rilearn.store.adjudications import Disagreement
    from rilearn.store.agreements import Agreement
    from rilearn.store.annotator_cards import Card, Kept
    from rilearn.store.insight import Count, Overview, Ranked

NAMES = {
    "verdict": "Verdict",
    "overall": "Overall grade",
    "about_text": "Is it about this text?",
    "leads_to_label": "Does it lead to this label?",
    "true_and_clear": "Is it true and clear?",
    "label_wrong": "Is the dataset's label wrong?",
}
HOLLOW = "Nobody has rated yet."
SHARES = (
    "The share of good with its 95 % interval (Wilson); the dashed line is at 50 %. Ratings that call the dataset's "
    "label wrong count only where they are good."
)
BEYOND = (
    "1 is full agreement, 0 (the dashed line) what chance would give, below 0 less than that. Krippendorff takes "
    "0.80 for reliable and 0.67 for the least from which to draw careful conclusions. The band is the 95 % interval."
)
EACH = (
    "The band is the share of good. Agreement is Cohen's kappa with everybody else. Length is the correlation between "
    "a good verdict and the length of the reasoning: far above 0, long ones please."
)
NO_DISPUTES = "Nothing is disputed: where several people rated, they agree or an admin has decided."

PASSED = "You have passed by all that are disputed. Show the ratings again to begin anew."


@dataclass(frozen=True)
class Findings:
    """All that the view shows; agreement and cards are over the `newest` ratings at most."""

    overview: Overview
    alphas: Sequence[Agreement]
    kappas: Sequence[Agreement]
    cards: Sequence[Card]
    newest: int


def findings(now: Findings) -> str:
    """The whole view."""
    made = now.overview
    if not made.ratings:
        return _section("Ratings", f'<p class="rl-muted">{esc(HOLLOW)}</p>')
    facts = {
        "ratings": f"{made.ratings:,}",
        "reasonings rated": f"{made.reasonings:,}",
        "annotators": f"{len(made.annotators):,}",
    }
    days = [(count.name, count.good, count.ratings - count.good) for count in made.days]
    over = f" Over the newest {now.newest:,} ratings." if made.ratings > now.newest else ""
    return (
        _section("Ratings", chips(facts) + "<h3>Per day</h3>" + charts.stacks(days, "good", "poor"))
        + _section(
            "Quality",
            f"{_list('Per label', [_share(c) for c in made.labels])}"
            f"{_list('Per adapter', [_share(c) for c in made.adapters])}{_note(SHARES)}",
        )
        + _section(
            "Agreement",
            f"{_list('Krippendorff’s alpha', [_agreement(a) for a in now.alphas])}"
            f"{_list('Cohen’s kappa of the verdict, two by two', [_agreement(k) for k in now.kappas])}"
            f"{_note(BEYOND + over)}",
        )
        + _section("Annotators", f"{_list('', [_card(card) for card in now.cards])}{_note(EACH + over)}")
        + _section(
            "Reasonings",
            f"{_list('Rated best', [_ranked(r) for r in made.best])}"
            f"{_list('Rated worst', [_ranked(r) for r in made.worst])}",
        )
    )


def error(message: str) -> str:
    """Not an admin, or the database cannot be read."""
    return f'<section class="rl-standings"><p class="rl-alert" role="alert">{esc(message)}</p></section>'


def dispute(one: Disagreement | None, waiting: int) -> str:
    """The reasoning to decide on, with what was said of it; None: there is none (left)."""
    if one is None:
        return _disputed(f'<p class="rl-muted">{esc(PASSED if waiting else NO_DISPUTES)}</p>')
    about = one.reasoning.reasoning
    said = "".join(f"<li><b>{esc(name)}</b>: {_said(kept.rating)}</li>" for name, kept in one.ratings)
    return _disputed(
        f'<p class="rl-muted">{waiting:,} disputed. This one is by {esc(about.adapter or "no adapter")}.</p>'
        f'<p dir="auto"><b>Text:</b> {esc(about.text)}</p><p><b>Label:</b> {esc(about.label)}</p>'
        f'{reasoning(about.reasoning)}<ul class="rl-sayings" aria-label="Ratings">{said}</ul>'
    )


def decided(message: str) -> str:
    """Said above the next one."""
    return f'<p class="rl-note" role="status">{esc(message)}</p>'


def alert(message: str) -> str:
    """Why nothing was decided."""
    return _disputed(f'<p class="rl-alert" role="alert">{esc(message)}</p>')


def _said(rating: Rating) -> str:
    parts: list[str] = [rating.verdict]
    if rating.overall is not None:
        parts.append(f"{rating.overall} of 5")
    parts += [f"{NAMES[name]} {'yes' if yes else 'no'}" for name, yes in rating.criteria.items() if name in NAMES]
    if rating.label_wrong:
        parts.append(f"the label is wrong, right: {rating.right_label or 'not said'}")
    marked = [span.note for span in rating.spans if span.note]
    return esc(" · ".join([*parts, *marked])) + (f" {DASH} {esc(rating.comment)}" if rating.comment else "")


def _share(count: Count, name: str = "", *facts: str) -> str:
    low, high = count.interval
    counted = f"{count.good:,} of {count.ratings:,} good · {_range(low, high)}"
    return charts.interval(name or count.name or "none", percent(count.share), count.share, low, high, counted, *facts)


def _ranked(one: Ranked) -> str:
    about = one.reasoning.reasoning
    what = f"Text: {about.text[:300]}"
    return _share(one.count, about.reasoning, what, f"{about.label} · {about.adapter or 'no adapter'}")


def _agreement(one: Agreement) -> str:
    name = NAMES.get(one.name, one.name)
    if one.estimate is None:
        why = f'<span class="rl-facts-line">{esc(one.missing)}</span>'
        return f'<li><b>{esc(name)}</b><span class="rl-rate">{DASH}</span>{why}</li>'
    e = one.estimate
    facts = f"95 % interval {_number(e.low)} to {_number(e.high)} · {e.items:,} reasonings"
    return charts.interval(name, _number(e.value), (e.value + 1) / 2, (e.low + 1) / 2, (e.high + 1) / 2, facts)


def _card(card: Card) -> str:
    pace = f"{card.seconds:.1f} s a rating (median) · agreement with others {_estimate(card.with_others)}"
    again = f"asked again, the same verdict {_kept(card.repeats)} · known answers right {_kept(card.known)}"
    return _share(card.count, "", pace, again, f"length {_estimate(card.length)}")


def _estimate(one: Agreement) -> str:
    e: Estimate | None = one.estimate
    return "not known yet" if e is None else f"{_number(e.value)} ({_number(e.low)} to {_number(e.high)})"


def _kept(kept: Kept) -> str:
    return f"{kept.kept:,} of {kept.times:,}" if kept.times else "not known yet"


def _number(value: float) -> str:
    rounded = round(value, 2) + 0.0  # never minus nothing
    return f"{rounded:.2f}".replace("-", "\N{MINUS SIGN}")


def _range(low: float, high: float) -> str:
    return f"95 % interval {low * 100:.0f} to {high * 100:.0f}\u00a0%"


def _list(title: str, rows: Sequence[str]) -> str:
    heading = f"<h3>{esc(title)}</h3>" if title else ""
    body = "".join(rows) or f'<li><span class="rl-facts-line">{esc("Nothing yet.")}</span></li>'
    return f'{heading}<ul class="rl-wins">{body}</ul>'


def _note(text: str) -> str:
    return f'<p class="rl-note">{esc(text)}</p>'


def _section(title: str, body: str) -> str:
    return f'<section class="rl-standings" aria-label="{esc(title)}"><h2>{esc(title)}</h2>{body}</section>'


def _disputed(body: str) -> str:
    return f'<section class="rl-disputed" aria-label="Disputed reasoning">{body}</section>'
