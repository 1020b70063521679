"""A batch -> escaped HTML, pure functions: how far it is, what it counted, and its rows as a table.

app.js sorts and filters the table in the page: each row says in `data-show` which filters show it, each cell in
`data-key` what it is sorted by.
"""

from __future__ import annotations

from collections.abc import Sequence

from rilearn.batch import Outcome, Pair, Progress, Score, Summary
from rilearn.compare import Side
from rilearn.tables import Problem, Rows
from rilearn.tasks import Task
from rilearn.ui.compare_view import mark
from rilearn.ui.render import esc, percent

HINT = "Choose rows and models. Their accuracy, their disagreements and a table to download appear here."
LISTED = 50
"""Problems shown at most; the downloads have all."""
CHANCE = 0.05


def empty() -> str:
    """Before the first batch."""
    return _section("empty", f'<p class="rl-muted">{esc(HINT)}</p>')


def needs(rows: int, megabytes: int) -> str:
    """What a file must be like."""
    return (
        '<p class="rl-needs">CSV, JSON Lines or Parquet with a column <b>text</b> and, where known, <b>label</b>; '
        f"at most {rows:,} rows and {megabytes} MB.</p>"
    )


def waiting(message: str) -> str:
    return _section("waiting", f'<p class="rl-muted">{esc(message)} …</p>')


def error(message: str) -> str:
    return _section("error", f'<p class="rl-alert" role="alert">{esc(message)}</p>')


def stopped() -> str:
    """Cancelled before any row was done."""
    return _section("stopped", '<p class="rl-note">Stopped before the first row was done.</p>')


def progress(now: Progress) -> str:
    """A bar, the rows done, the time left and how often the models agree so far."""
    done, agreed = len(now.outcomes), sum(bool(outcome.agree) for outcome in now.outcomes)
    share = done / now.total * 100 if now.total else 0
    facts = [
        f"{done} of {now.total} rows",
        *([f"same answer on {agreed}"] if done else []),
        time_left(now.seconds_left),
    ]
    return _section(
        "streaming",
        f'<p class="rl-count">{esc(" · ".join(facts))}</p><div class="rl-progress" role="progressbar" '
        f'aria-label="Rows done" aria-valuemin="0" aria-valuemax="{now.total}" aria-valuenow="{done}">'
        f'<i style="width:{share:.1f}%"></i></div>',
    )


def time_left(seconds: float | None) -> str:
    """Seconds in words."""
    if seconds is None:
        return "time left not known yet"
    return "less than a minute left" if seconds < 50 else f"about {max(1, round(seconds / 60))} min left"


def report(
    task: Task, rows: Rows, outcomes: Sequence[Outcome], models: Sequence[str], counted: Summary, cancelled: bool
) -> str:
    """Everything about a batch that ended, by itself or (`cancelled`) by the visitor."""
    total = len(rows.good)
    ended = f"Stopped after {len(outcomes)} of {_rows(total)}" if cancelled else _rows(len(outcomes))
    notes = f" Only the first {total + len(rows.problems)} rows of the file were read." if rows.more else ""
    agreed = f" All models gave the same answer on {counted.agreed} of {counted.answered}." if counted.answered else ""
    return _section(
        "stopped" if cancelled else "done",
        f'<p class="rl-count" role="status">{esc(f"{ended} of {rows.source}.{agreed}{notes}")}</p>'
        f"{_scores(counted)}{_problems(rows.problems, outcomes)}{_table(task, outcomes, models) if outcomes else ''}",
    )


def interval(low: float, high: float) -> str:
    return f"{low * 100:.1f}\u00a0%–{high * 100:.1f}\u00a0%"


def pair_in_words(pair: Pair) -> str:
    """What McNemar's test and the paired difference say (plain text)."""
    if pair.only_a + pair.only_b == 0:
        return f"{pair.a} and {pair.b} are right on the same rows."
    p = "p < 0.001" if pair.p < 0.001 else f"p = {pair.p:.3f}"
    verdict = "hardly by chance" if pair.p < CHANCE else "which may be chance"
    return (
        f"Only {pair.a} is right on {_rows(pair.only_a)}, only {pair.b} on {pair.only_b}: {verdict} "
        f"(McNemar, exact {p}). {pair.a} minus {pair.b}: {_points(pair.difference)} points, "
        f"95 % interval {_points(pair.low)} to {_points(pair.high)}."
    )


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _points(share: float) -> str:
    return f"{share * 100:+.1f}".replace("-", "−")


def _section(state: str, body: str) -> str:
    busy = "true" if state in ("streaming", "waiting") else "false"
    return f'<section class="rl-report is-{state}" aria-label="Batch" aria-busy="{busy}">{body}</section>'


def _scores(counted: Summary) -> str:
    if not counted.labelled:
        return '<p class="rl-note">Without true labels there is no accuracy to count.</p>' if counted.answered else ""
    tiles = "".join(_score(score, counted.labelled) for score in counted.scores)
    words = "".join(f"<p>{esc(pair_in_words(pair))}</p>" for pair in counted.pairs)
    return f'<ul class="rl-scores" aria-label="Accuracy">{tiles}</ul><div class="rl-words">{words}</div>'


def _score(score: Score, of: int) -> str:
    left, width = score.low * 100, (score.high - score.low) * 100
    return (
        f"<li><span>{esc(score.model)}</span><b>{score.accuracy * 100:.1f}\u00a0%</b>"
        f'<span class="rl-interval" aria-hidden="true"><i style="left:{left:.1f}%;width:{width:.1f}%"></i>'
        f'<em style="left:{score.accuracy * 100:.1f}%"></em></span>'
        f"<span>{score.right} of {of} right · 95 % interval {interval(score.low, score.high)}</span></li>"
    )


def _problems(left_out: Sequence[Problem], outcomes: Sequence[Outcome]) -> str:
    failed = [Problem(o.row.number, f"{side.model}: {side.error}") for o in outcomes for side in o.sides if side.error]
    every = sorted([*left_out, *failed], key=lambda problem: problem.number)
    if not every:
        return ""
    items = "".join(f"<li><b>Row {problem.number}</b> {esc(problem.reason)}</li>" for problem in every[:LISTED])
    if len(every) > LISTED:
        items += f"<li>and {len(every) - LISTED} more: the downloads name all.</li>"
    what = "1 problem" if len(every) == 1 else f"{len(every)} problems"
    return (
        f'<details class="rl-problems" open><summary>{what}, the other rows went on</summary><ul>{items}</ul></details>'
    )


def _table(task: Task, outcomes: Sequence[Outcome], models: Sequence[str]) -> str:
    rows = sorted(outcomes, key=lambda outcome: outcome.row.number)
    gold = any(outcome.row.label for outcome in rows)
    heads = ["Row", "Text", *(["True label"] if gold else []), *models]
    head = "".join(
        f'<th scope="col" aria-sort="{"ascending" if i == 0 else "none"}">'
        f'<button type="button" class="rl-sort">{esc(name)}</button></th>'
        for i, name in enumerate(heads)
    )
    body = "".join(_row(task, outcome, models, gold) for outcome in rows)
    return (
        f'<div class="rl-many">{_filters(rows, models, gold)}'
        '<div class="rl-scroll" tabindex="0" role="region" aria-label="Rows"><table class="rl-table">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )


def _filters(outcomes: Sequence[Outcome], models: Sequence[str], gold: bool) -> str:
    names = {"all": "All", "disagree": "Disagree"}
    if gold:
        names |= {f"only-{i}": f"Only {model} right" for i, model in enumerate(models)}
    tags = [_tags(outcome) for outcome in outcomes]
    options = "".join(
        f'<label><input type="radio" name="rl-show" class="rl-show" value="{key}"{" checked" if key == "all" else ""}>'
        f"<span>{esc(name)} <b>{sum(key in tag for tag in tags)}</b></span></label>"
        for key, name in names.items()
    )
    return f'<fieldset class="rl-filter"><legend class="rl-sr">Rows to show</legend>{options}</fieldset>'


def _tags(outcome: Outcome) -> list[str]:
    """The filters that show the row."""
    tags = ["all"] + (["disagree"] if outcome.agree is False else [])
    right = [outcome.right(i) for i in range(len(outcome.sides))]
    return tags + ([f"only-{right.index(True)}"] if right.count(True) == 1 and None not in right else [])


def _row(task: Task, outcome: Outcome, models: Sequence[str], gold: bool) -> str:
    row = outcome.row
    cells = _cell("Row", row.number, esc(row.number))
    cells += _cell("Text", row.text, f'<span class="rl-text" dir="auto">{esc(row.text)}</span>')
    if gold:
        cells += _cell("True label", row.label or "", _label(task, row.label) if row.label else "")
    for side in outcome.sides:
        key = f"{side.label} {side.now.probabilities[side.label]:.6f}" if side.now and side.label else ""
        cells += _cell(side.model, key, _answer(task, side, row.label))
    return f'<tr data-show="{" ".join(_tags(outcome))}">{cells}</tr>'


def _cell(name: str, key: object, content: str) -> str:
    return f'<td data-name="{esc(name)}" data-key="{esc(key)}"><div>{content}</div></td>'


def _answer(task: Task, side: Side, gold: str | None) -> str:
    if side.error or side.now is None or side.label is None:
        return '<span class="rl-muted">no answer</span>'
    share = f'<span class="rl-share">{esc(percent(side.now.probabilities[side.label]))}</span>'
    why = side.now.reasoning
    more = f'<details><summary>reasoning</summary><p dir="auto">{esc(why)}</p></details>' if why else ""
    return f"{_label(task, side.label)} {share} {mark(side.label, gold)}{more}"


def _label(task: Task, label: str) -> str:
    look = task.display[label]
    return f'<span class="rl-tag" style="--rl-color:{look.color}"><i aria-hidden="true"></i>{esc(label)}</span>'
