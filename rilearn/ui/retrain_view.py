"""Retraining -> escaped HTML, pure functions: what would be learnt, the running job, the jobs before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rilearn.ui.render import DASH, esc

if TYPE_CHECKING:  # these bring SQLAlchemy
    from rilearn.jobs import View
    from rilearn.judgements import LeftOut, TrainingRow
    from rilearn.retraining import Preview
    from rilearn.store.jobs import Job

PAGE = 20
"""Rows shown at once."""
NO_RATINGS = "No ratings yet: rate reasonings in the Rate tab, or choose all ratings above."
NO_JOBS = "Nothing was retrained yet. Press 'Preview' to see what the ratings so far would teach."
STATES = {
    "running": "running",
    "done": "done",
    "failed": "failed",
    "cancelled": "cancelled",
    "interrupted": "interrupted",
}
KINDS = {"pair": "pair", "good": "approved", "poor": "poor"}
RECIPES = {"mixed": "mixed", "dpo": "pairs (DPO)", "kto": "good and poor (KTO)", "sft": "approved (SFT)"}


def error(message: str) -> str:
    """Not an admin, or what was asked cannot be done."""
    return f'<p class="rl-alert" role="alert">{esc(message)}</p>'


def note(message: str) -> str:
    return f'<p class="rl-told" role="status">{esc(message)}</p>'


def preview(made: Preview, summary: str, page: int = 0) -> str:
    """What would be learnt: in words (plain text), per label, each row, and what was left out."""
    found = made.curated
    if not (found.ratings or found.corrections or found.votes):
        return _section("Preview", f'<p class="rl-muted">{esc(NO_RATINGS)}</p>')
    lack = f'<p class="rl-alert" role="status">{esc(made.lack)}</p>' if made.lack else ""
    notes = "".join(f'<p class="rl-note">{esc(one)}</p>' for one in found.notes)
    shown = found.rows[page * PAGE : (page + 1) * PAGE]
    rows = "".join(_row(row, made.said) for row in shown)
    which = f"{page * PAGE + 1:,} to {page * PAGE + len(shown):,} of {len(found.rows):,}" if shown else "none"
    return _section(
        "Preview",
        f"<p>{esc(summary)}</p>{lack}{notes}{_labels(found.labels)}<h3>Rows {DASH} {esc(which)}</h3>"
        f'<div class="rl-rows">{rows}</div>{_left_out(found.left_out, made.said)}',
    )


def pages(made: Preview) -> int:
    """How many pages of rows there are, at least one."""
    return max(1, -(-len(made.curated.rows) // PAGE))


def _labels(labels: Mapping[str, Mapping[str, int]]) -> str:
    if not labels:
        return ""
    rows = (
        (label, f"{n.get('approved', 0):,}", f"{n.get('poor', 0):,}", f"{n.get('pairs', 0):,}")
        for label, n in labels.items()
    )
    return "<h3>Rows per label</h3>" + table(("Label", "Approved", "Poor", "Pairs"), rows)


def _row(row: TrainingRow, said: Mapping[str, str]) -> str:
    kind = KINDS["pair"] if row.kind == "pair" else KINDS["good" if row.desirable else "poor"]
    parts = [f'<p dir="auto"><b>Text:</b> {esc(row.text)}</p>']
    if row.rejected is not None:
        parts += [
            f'<p dir="auto"><b>Better:</b> {esc(row.reasoning)}</p>',
            f'<p dir="auto"><b>Worse:</b> {esc(row.rejected)}</p>',
        ]
    else:
        parts.append(
            f'<p dir="auto"><b>{"Write like" if row.desirable else "Write unlike"}:</b> {esc(row.reasoning)}</p>'
        )
    parts.append(f'<p class="rl-muted">Weight {row.weight:.2f}</p>{_because(row.because, said)}')
    head = f'<span class="rl-mark is-{esc(kind)}">{esc(kind)}</span> <b>{esc(row.label)}</b> {esc(short(row.text))}'
    return f"<details><summary>{head}</summary>{''.join(parts)}</details>"


def _because(refs: Sequence[str], said: Mapping[str, str]) -> str:
    lines = "".join(f'<li dir="auto"><b>{esc(ref.replace(":", " "))}</b> {esc(said.get(ref, ""))}</li>' for ref in refs)
    return f'<ul class="rl-behind" aria-label="Ratings behind it">{lines}</ul>'


def _left_out(left: Sequence[LeftOut], said: Mapping[str, str]) -> str:
    if not left:
        return ""
    parts = []
    for reason, count in Counter(one.reason for one in left).most_common():
        some = [one for one in left if one.reason == reason][:PAGE]
        more = f'<p class="rl-muted">and {count - len(some):,} more</p>' if count > len(some) else ""
        lines = "".join(
            f'<li dir="auto"><b>{esc(one.label)}</b> {esc(short(one.text))}<br>{esc(one.reasoning)}'
            f"{_because(one.because, said)}</li>"
            for one in some
        )
        parts.append(
            f"<details><summary><b>{count:,}</b> {esc(str(reason))}</summary>"
            f'<ul class="rl-left-out">{lines}</ul>{more}</details>'
        )
    return f'<h3>Left out, and why</h3><div class="rl-rows">{"".join(parts)}</div>'


def running(view: View) -> str:
    """The job that runs, with its progress, the time left and the end of its log."""
    job, seen = view.job, view.progress
    share = seen.share * 100 if seen else 0.0
    stage = seen.stage if seen else "starting"
    facts = [f"started {ago(job.started_at)}" + (f" by {job.made_by}" if job.made_by else "")]
    if seen and seen.total > 1:
        facts.insert(0, f"{seen.done:,} of {seen.total:,}")
    if seen and seen.message:
        facts.append(seen.message)
    left = "stopping …" if view.stopping else left_words(seen.seconds_left if seen else None)
    where = f'<p class="rl-muted">It runs on {esc(job.host)}; progress and log are shown there.</p>'
    return (
        f'<section class="rl-job" aria-label="Running job"><h3>Job {job.id} is running {DASH} {esc(what(job))}</h3>'
        f'<p class="rl-stage-line"><b>{esc(stage)}</b><span>{esc(left)}</span></p>'
        f'<div class="rl-progress" role="progressbar" aria-label="{esc(stage)}" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{share:.0f}"><i style="width:{share:.1f}%"></i></div>'
        f'<p class="rl-muted">{esc(" · ".join(facts))}</p>'
        f"{where if view.elsewhere else log(view)}</section>"
    )


def ended(view: View) -> str:
    """The job that ended last: how, and after a bad end the last lines of its log."""
    job = view.job
    bad = job.state in ("failed", "interrupted")
    words = {
        "done": f"Job {job.id} is done. {job.message}",
        "failed": f"Job {job.id} failed. {job.message} Mend it, then resume: it goes on where it stopped.",
        "cancelled": f"Job {job.id} was cancelled. Resume it, and it goes on where it stopped.",
        "interrupted": f"Job {job.id} was interrupted. {job.message} Resume it, and it goes on where it stopped.",
    }
    look, role = ("rl-alert", "alert") if bad else ("rl-told", "status")
    tail = log(view) if bad else ""
    return (
        f'<section class="rl-job" aria-label="Last job"><p class="{look}" role="{role}">{esc(words[job.state])}</p>'
        f"{tail}</section>"
    )


def log(view: View) -> str:
    """The end of a job's log."""
    lines = esc("\n".join(view.log)) if view.log else "The log is empty so far."
    return (
        f'<details class="rl-log" open><summary>Last lines of the log</summary><pre tabindex="0">{lines}</pre>'
        f'<p class="rl-muted">The whole log: {esc(str(view.folder / "log.txt"))}</p></details>'
    )


def jobs(made: Sequence[Job]) -> str:
    """The jobs before, newest first."""
    if not made:
        return _section("Jobs", f'<p class="rl-muted">{esc(NO_JOBS)}</p>')
    rows = (
        (f"{job.id}", day(job.started_at), job.made_by or DASH, what(job), STATES[job.state], took(job), job.message)
        for job in made
    )
    return _section("Jobs", table(("Job", "Started", "By", "What", "State", "Took", "Outcome"), rows))


def what(job: Job) -> str:
    """What a job learns from, in words (plain text)."""
    given = job.arguments
    since = f"ratings since {day(datetime.fromisoformat(given['since']))}" if given.get("since") else "all ratings"
    then = ", with practice" if given.get("practice") else ""
    then += ", then the classifier" if given.get("classifier") else ""
    return f"{RECIPES.get(str(given.get('recipe')), 'unknown recipe')}, {since}{then}"


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A plain table of texts; on a phone the rows of a wide one stand as lines with these names."""
    head = "".join(f'<th scope="col">{esc(name)}</th>' for name in names)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-name="{esc(n)}" dir="auto">{esc(cell) or DASH}</td>' for n, cell in zip(names, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    wide = " is-wide" if len(names) > 4 else ""
    return (
        f'<div class="rl-plain-table{wide}" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>'
        "</table></div>"
    )


def left_words(seconds: float | None) -> str:
    """Time left of a stage in words (plain text): of those that follow nothing is known."""
    if seconds is None:
        return ""
    if seconds < 60:
        return "less than a minute left of this stage"
    minutes = round(seconds / 60)
    return (
        f"about {minutes} min left of this stage" if minutes < 90 else f"about {minutes / 60:.1f} h left of this stage"
    )


def took(job: Job) -> str:
    if job.finished_at is None:
        return DASH
    return span((job.finished_at - job.started_at).total_seconds())


def span(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} min"
        if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )


def ago(moment: datetime) -> str:
    return f"{span(max(0.0, (datetime.now(UTC) - moment).total_seconds()))} ago"


def day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def short(text: str, most: int = 90) -> str:
    """The beginning of a text on one line (plain text)."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _section(title: str, body: str) -> str:
    return f'<section class="rl-retrain" aria-label="{esc(title)}"><h2>{esc(title)}</h2>{body}</section>'
