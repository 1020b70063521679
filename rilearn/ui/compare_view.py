"""Comparisons -> escaped HTML, pure functions over the pieces of render.py: the answers, and whether they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rilearn.compare import Side, agree
from rilearn.records import Prediction
from rilearn.tasks import Task
from rilearn.ui import render
from rilearn.ui.render import DASH, esc

HINT = "Type a sentence and press Enter: the models answer it side by side."
ALONE = "There is only one model here, and comparing needs two. Train another one: the README says how."


def empty(task: Task, models: Sequence[str], kinds: Mapping[str, str]) -> str:
    """Before the first comparison: one open column for each of the models that would answer."""
    if len(models) < 2:
        return _section("empty", _banner(ALONE))
    return _section("empty", _banner(HINT) + _grid(task, [Side(model) for model in models], kinds, "empty"))


def waiting(message: str) -> str:
    """Sent, but the model is not ready."""
    return _section("waiting", _banner(f"Your text is next. {message} …"), busy=True)


def error(message: str) -> str:
    """A message for the person who typed; the text box keeps the text."""
    return _section("error", f'<p class="rl-alert" role="alert">{esc(message)}</p>')


def stopped() -> str:
    """Cancelled before any model had begun."""
    return _section("stopped", _banner("Stopped before it began."))


def copied() -> str:
    """Where app.js says that the link was copied, or shows it when the browser does not let it copy."""
    return '<p class="rl-copied" role="status"></p>'


def sides(task: Task, now: Sequence[Side], kinds: Mapping[str, str], gold: str | None, cancelled: bool = False) -> str:
    """The columns while they grow, when all are over, and (`cancelled`) when the visitor cancelled.

    `kinds` maps model -> kind of its adapter; `gold` is the true label where the visitor gave one.
    """
    over = all(side.over for side in now)
    state = "done" if over else "stopped" if cancelled else "streaming"
    same = agree(now)
    tone = "" if same is None else "is-agree" if same else "is-differ"
    return _section(
        state,
        _banner(verdict(now, gold, cancelled), tone) + _grid(task, now, kinds, state, gold),
        busy=state == "streaming",
    )


def verdict(now: Sequence[Side], gold: str | None = None, cancelled: bool = False) -> str:
    """Agreement at a glance, in words (plain text)."""
    failed = [side.model for side in now if side.error]
    if not all(side.over for side in now):
        writing = [side.model for side in now if not side.over]
        return f"Stopped before {_all(writing)} had answered." if cancelled else f"Waiting for {_all(writing)} …"
    if failed:
        return f"No answer from {_all(failed)}, so there is nothing to compare."
    named: dict[str, list[str]] = {}
    for side in now:
        named.setdefault(str(side.label), []).append(side.model)
    if len(named) == 1:
        said = f"{'Both' if len(now) == 2 else f'All {len(now)}'} say {now[0].label}."
    elif len(now) == 2:
        said = f"They disagree: {' against '.join(named)}."
    else:
        said = f"They disagree: {' against '.join(f'{label} ({_all(models)})' for label, models in named.items())}."
    return f"{said} {_judged(named, gold, len(now))}".strip() if gold else said


def _judged(named: Mapping[str, Sequence[str]], gold: str, count: int) -> str:
    right = named.get(gold, [])
    if not right:
        return f"{'Neither' if count == 2 else 'None'} is right: the true label is {gold}."
    if len(right) == count:
        return "That is right."
    return f"Only {_all(right)} {'is' if len(right) == 1 else 'are'} right."


def _all(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _section(state: str, body: str, busy: bool = False) -> str:
    return (
        f'<section class="rl-comparison is-{state}" aria-label="Comparison" aria-busy="{"true" if busy else "false"}">'
        f"{body}</section>"
    )


def _banner(text: str, tone: str = "") -> str:
    sign = {"is-agree": "=", "is-differ": "≠"}.get(tone, "")
    mark = f'<span class="rl-sign" aria-hidden="true">{sign}</span>' if sign else ""
    return f'<p class="rl-agreement {tone}" role="status">{mark}<span>{esc(text)}</span></p>'


def _grid(task: Task, now: Sequence[Side], kinds: Mapping[str, str], state: str, gold: str | None = None) -> str:
    columns = "".join(_column(task, side, kinds.get(side.model, ""), state, gold) for side in now)
    return f'<div class="rl-sides" style="--rl-count:{len(now)}">{columns}</div>'


def _column(task: Task, side: Side, kind: str, state: str, gold: str | None) -> str:
    # The same five parts in every state, in rows that the columns share (app.css), so that nothing jumps.
    if side.error:
        state, body = "error", f'<p class="rl-alert">{esc(side.error)}</p>'
    elif side.label:
        state, body = "done", _written(side.now)
    elif state == "stopped":
        body = _written(side.now, growing=False) + '<p class="rl-note">Stopped. No label was chosen.</p>'
    elif state == "empty":
        body = '<p class="rl-muted">No answer yet.</p>'
    else:
        body = _written(side.now)
    return (
        f'<article class="rl-card is-{state}" aria-label="{esc(side.model)}">'
        f'<h3 class="rl-model">{esc(side.model)} <span>{esc(render.HOW.get(kind, ""))}</span></h3>'
        f'<div class="rl-verdict">{render.badge(task, side.now)}{mark(side.label, gold)}</div>'
        f'<div class="rl-body">{body}</div>'
        f"<div>{render.bars(task, side.now)}</div>{_facts(side.now)}</article>"
    )


def _written(now: Prediction | None, growing: bool = True) -> str:
    if now is None:
        return '<p class="rl-muted">Reading the text …</p>' if growing else ""
    return render.written(now) if growing else render.reasoning(now.reasoning)


def mark(label: str | None, gold: str | None) -> str:
    """Right or wrong, in a word and a sign; nothing where the label or the true label is missing."""
    if label is None or gold is None:
        return ""
    return _mark("right", "✓") if label == gold else _mark("wrong", "✗")


def _mark(word: str, sign: str) -> str:
    return f'<span class="rl-mark is-{word}"><span aria-hidden="true">{sign}</span> {word}</span>'


def _facts(now: Prediction | None) -> str:
    return render.chips(
        {
            "time": render.seconds(now.seconds) if now and now.done else DASH,
            "first word": render.seconds(now.first_token_seconds) if now else DASH,
            "tokens": str(now.tokens) if now else DASH,
            "tokens/s": render.rate(now) if now else DASH,
        }
    )
