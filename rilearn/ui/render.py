"""Values -> escaped HTML, pure functions. All text of users and models passes `esc`; none is read as Markdown."""

from __future__ import annotations

import html
from collections.abc import Mapping

from rilearn.loading import Status
from rilearn.records import Prediction
from rilearn.tasks import LabelDisplay, Task

PITCH = "A classifier that writes down its reasoning before it names the label."
LOGO = (
    '<svg viewBox="0 0 32 32" width="44" height="44" aria-hidden="true"><rect width="32" height="32" rx="8" '
    'fill="#3b5bdb"/><path d="M9 11h14M9 16h14M9 21h8" stroke="white" stroke-width="3" stroke-linecap="round"/></svg>'
)
DASH = "\N{EN DASH}"
HOW = {"direct": "answers at once", "reasoned": "reasons, then answers"}
"""What each kind of adapter does."""
HINT = "Type a sentence and press Enter. The reasoning appears here as the model writes it, then the label."


def esc(text: object) -> str:
    """Text for HTML content and quoted attributes; braces, `$` and backquotes too, which gr.HTML's templates read."""
    escaped = html.escape(str(text), quote=True)
    return escaped.translate({ord(c): f"&#{ord(c)};" for c in "{}$`\\"})


def percent(share: float) -> str:
    """0.912 -> '91 %' with a space that does not break; small but not nothing is '<1 %' (not yet escaped)."""
    return "<1\u00a0%" if 0 < share < 0.005 else f"{share * 100:.0f}\u00a0%"


def header() -> str:
    return f'<header class="rl-header">{LOGO}<div><h1>rilearn</h1><p>{esc(PITCH)}</p></div></header>'


def counter(count: int, limit: int) -> str:
    """The live character count; app.js renders the same while typing."""
    over = " is-over" if count > limit else ""
    return f'<p class="rl-counter{over}">{count:,} / {limit:,} characters</p>'


def examples(texts: tuple[str, ...]) -> str:
    """Example texts as buttons; app.js puts a clicked one into the text box and sends it."""
    chips = "".join(f'<li><button type="button" class="rl-example">{esc(text)}</button></li>' for text in texts)
    return (
        f'<h2 class="rl-title">Examples</h2><ul class="rl-examples" aria-label="Examples">{chips}</ul>' if chips else ""
    )


def banner(status: Status, problems: list[str]) -> str:
    """What stands above the page while the model is not there, and what is wrong with adapters that were left out."""
    parts = []
    if status.state == "loading":
        share = f"{status.share * 100:.0f}"
        parts.append(
            f'<div class="rl-banner" role="status"><p>{esc(status.message)} …</p>'
            f'<div class="rl-progress" role="progressbar" aria-label="Loading the model" aria-valuemin="0" '
            f'aria-valuemax="100" aria-valuenow="{share}"><i style="width:{share}%"></i></div></div>'
        )
    elif status.state != "ready":
        title = "No model yet" if status.state == "empty" else "The model could not be loaded"
        parts.append(
            f'<div class="rl-banner is-bad" role="alert"><p><strong>{title}.</strong> {esc(status.message)}</p></div>'
        )
    parts += [f'<div class="rl-banner is-mild"><p>Left out: {esc(problem)}</p></div>' for problem in problems]
    return "".join(parts)


def empty(task: Task) -> str:
    """Before the first classification."""
    return _card(task, "empty", f'<p class="rl-muted">{esc(HINT)}</p>')


def waiting(task: Task, message: str) -> str:
    """Sent, but the model is not ready."""
    return _card(task, "waiting", f'<p class="rl-muted">Your text is next. {esc(message)} …</p>', said="Waiting")


def error(task: Task, message: str) -> str:
    """A message for the person who typed; the text box keeps the text."""
    return _card(task, "error", f'<p class="rl-alert" role="alert">{esc(message)}</p>')


def stopped(task: Task, prediction: Prediction | None) -> str:
    """Cancelled: what was written so far stays."""
    note = '<p class="rl-note">Stopped. No label was chosen.</p>'
    if prediction is None:
        return _card(task, "stopped", '<p class="rl-note">Stopped before it began.</p>', said="Stopped")
    return _card(task, "stopped", reasoning(prediction.reasoning) + note, prediction, said="Stopped")


def prediction(task: Task, now: Prediction) -> str:
    """A classification while it grows and when it is done."""
    if not now.done:
        return _card(task, "streaming", written(now), now, said="The model is reasoning")
    said = f"{now.label}, {percent(now.probabilities.get(now.label or '', 0.0))}"
    return _card(task, "done", written(now), now, said=said)


def written(now: Prediction) -> str:
    """The reasoning so far with a caret, the whole one, or why there is none."""
    if not now.done:
        return reasoning(now.reasoning, '<span class="rl-caret" aria-hidden="true"></span>')
    body = (
        reasoning(now.reasoning) if now.reasoning else '<p class="rl-muted">This model answers without reasoning.</p>'
    )
    if now.prior and not now.reasoning:
        body = '<p class="rl-muted">The model wrote no reasoning this time.</p>'
    if now.truncated:
        body += '<p class="rl-note">The reasoning reached its length limit and was cut here.</p>'
    return body


def lean(now: Prediction) -> str:
    """In plain words, what the reasoning changed (plain text)."""
    if not now.prior:
        return ""
    before, share = _top(now.prior)
    if not now.probabilities:
        return f"Before reasoning the model leans to {before} ({percent(share)})."
    after, now_share = _top(now.probabilities)
    then = f"after, still {after}" if after == before else f"after: {after}"
    return f"Before reasoning the model leaned to {before} ({percent(share)}); {then} ({percent(now_share)})."


def _card(task: Task, state: str, body: str, now: Prediction | None = None, said: str = "") -> str:
    # Every state has the same parts in the same places, so that nothing jumps when they fill.
    busy = "true" if state in ("streaming", "waiting") else "false"
    return (
        f'<section class="rl-card is-{state}" aria-label="Result" aria-busy="{busy}">'
        f'<h2 class="rl-title">Reasoning</h2><div class="rl-body">{body}</div>'
        f'<div class="rl-verdict">{badge(task, now)}<p class="rl-lean">{esc(lean(now)) if now else ""}</p></div>'
        f"{bars(task, now)}{_facts(now)}"
        f'<p class="rl-sr" role="status">{esc(said)}</p></section>'
    )


def reasoning(text: str, caret: str = "") -> str:
    return f'<p class="rl-reasoning" dir="auto">{esc(text)}{caret}</p>'


def badge(task: Task, now: Prediction | None) -> str:
    if now is None or now.label is None:
        return '<p class="rl-badge is-open"><span aria-hidden="true">?</span> no label yet</p>'
    return chip(now.label, task.display[now.label])


def chip(label: str, look: LabelDisplay | None) -> str:
    """A label in its colour and with its sign; None: it is of a task that is not here."""
    if look is None:
        return f'<p class="rl-badge is-plain"><b class="rl-label">{esc(label)}</b></p>'
    return f'<p class="rl-badge" style="--rl-color:{look.color}">{sign(look)} <b class="rl-label">{esc(label)}</b></p>'


def sign(look: LabelDisplay) -> str:
    """A label's emoji; screen readers leave it out, since the label stands beside it."""
    return f'<span aria-hidden="true">{esc(look.emoji)}</span>'


def bars(task: Task, now: Prediction | None) -> str:
    after: Mapping[str, float] = now.probabilities if now else {}
    before: Mapping[str, float] = now.prior if now else {}
    rows = "".join(_bar(task, label, after.get(label), before.get(label)) for label in task.labels)
    key = '<p class="rl-key"><i class="is-after"></i>now <i class="is-before"></i>before reasoning</p>'
    hidden = "" if before else " is-off"
    return f'<ul class="rl-bars" aria-label="Probabilities">{rows}</ul><div class="rl-legend{hidden}">{key}</div>'


def _bar(task: Task, label: str, after: float | None, before: float | None) -> str:
    look = task.display[label]
    first = "" if before is None else f'<span class="rl-sr"> (before reasoning {esc(percent(before))})</span>'
    return (
        f'<li style="--rl-color:{look.color}"><span class="rl-name">{sign(look)} '
        f'{esc(label)}</span><span class="rl-track" aria-hidden="true">'
        f'<i class="is-after" style="width:{(after or 0) * 100:.1f}%"></i>'
        f'<i class="is-before" style="width:{(before or 0) * 100:.1f}%"></i></span>'
        f'<span class="rl-share">{DASH if after is None else esc(percent(after))}{first}</span></li>'
    )


def _facts(now: Prediction | None) -> str:
    facts = {
        "first word": seconds(now.first_token_seconds) if now else DASH,
        "total": seconds(now.seconds) if now and now.done else DASH,
        "tokens/s": rate(now) if now else DASH,
        "adapter": now.model if now else DASH,
        "engine": now.engine if now else DASH,
    }
    return chips(facts)


def chips(facts: Mapping[str, str]) -> str:
    """Measurements: what was measured -> its value."""
    items = "".join(f"<li><span>{esc(name)}</span> <b>{esc(value)}</b></li>" for name, value in facts.items())
    return f'<ul class="rl-facts" aria-label="Measurements">{items}</ul>'


def seconds(value: float | None) -> str:
    return DASH if value is None else f"{value:.2f} s"


def rate(now: Prediction) -> str:
    """Tokens a second while the reasoning was written: from the first to the last piece seen."""
    first, last = now.first_token_seconds, now.written_seconds
    if first is None or last is None or now.tokens < 2 or last <= first:
        return DASH
    return f"{(now.tokens - 1) / (last - first):.0f}"


def _top(shares: Mapping[str, float]) -> tuple[str, float]:
    return max(shares.items(), key=lambda item: item[1])
