"""Filling the queue on the Rate tab -> escaped HTML, pure functions: the forms, what was added, how far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rilearn.rationale import Chosen, Written
from rilearn.ui import rate_parts as parts
from rilearn.ui.render import esc

if TYPE_CHECKING:
    from rilearn.store.filling import Filled

SHOWN = 20
"""Reasons listed at most."""
FILE = "JSON Lines or CSV with text, label and reasoning."
BY_GENERATOR = "Reasonings that the generator writes"
WRITING = (
    "For training rows with their labels, never for texts of an evaluation split. Visitors come first, so it may take "
    "a while; you can close this panel meanwhile."
)
KNOWN = esc('`expected`, such as {"verdict": "good"},')
TRY, NO_GENERATOR = "Show what it would add", "There is no generator here: train one, or add a file."


def forms(generators: Sequence[str], sources: Mapping[str, str], most_mb: int, most_rows: int, now: Written) -> str:
    """The panel; `sources` are the sets of rows that the generator may write for, value -> what is shown."""
    file = (
        f'<form data-form="fill-file"><h3>Reasonings in a file</h3><p class="rl-muted">{FILE} A row with {KNOWN} '
        "becomes an item with a known answer.</p>"
        f'<label>File, up to {most_mb} MB<input name="file" type="file" accept=".jsonl,.csv" '
        f'data-most="{most_mb}" required></label>{_plan()}{_buttons("Add to the queue")}</form>'
    )
    write = (
        f'<form data-form="fill-write"><h3>{BY_GENERATOR}</h3><p class="rl-muted">{WRITING}</p>'
        f"{parts.choice('generator', 'Generator', {name: name for name in generators})}"
        f"{parts.choice('source', 'Rows', sources)}"
        f"{parts.number('count', 'How many', min(50, most_rows), 1, most_rows)}{_plan()}"
        f"{_buttons('Write and add')}</form>"
        if generators
        else f'<h3>{BY_GENERATOR}</h3><p class="rl-muted">{NO_GENERATOR}</p>'
    )
    return parts.panel(
        "Fill the queue",
        f'<div class="rl-ways">{parts.BACK}</div><div class="rl-fill-state">{state(now)}</div>{write}{file}',
    )


def _plan() -> str:
    return (
        f'<div class="rl-plan">{parts.number("ratings", "People who rate each", 1, 1, 1000)}'
        f"{parts.number('everyone', 'Share that everybody rates, 0 to 1', 0, 0, 1, 0.01)}</div>"
    )


def _buttons(said: str) -> str:
    return (
        f'<div class="rl-ways"><button type="submit" class="rl-plain" data-dry>{TRY}</button>'
        f'<button type="submit" class="rl-main">{esc(said)}</button></div><div class="rl-result" role="status"></div>'
    )


def added(filled: Filled, problems: Sequence[str], dry_run: bool) -> str:
    """What became of a file's rows, and why some cannot be used."""
    reasons = [*problems, *filled.refused]
    labels = ", ".join(f"{label} {count:,}" for label, count in sorted(filled.labels.items()))
    facts = [
        f"{'would be new' if dry_run else 'new'}: {filled.added:,}{f' ({labels})' if labels else ''}",
        f"of these for everybody: {filled.everyone:,}" if filled.everyone else "",
        f"of these with a known answer: {filled.calibration:,}" if filled.calibration else "",
        f"in the queue already: {filled.there:,}" if filled.there else "",
        f"twice in the file: {filled.twice:,}" if filled.twice else "",
        f"not usable: {len(reasons):,}" if reasons else "",
    ]
    return f"{_facts(f'{filled.proposals + len(problems):,} rows', facts)}{_reasons(reasons)}"


def chosen(rows: Chosen, generator: str) -> str:
    """What the generator would write for."""
    facts = [
        f"would be written for: {len(rows.examples):,}",
        f"in an evaluation split too, or there twice: {rows.kept_out:,}" if rows.kept_out else "",
        f"written for by {generator} before: {rows.before:,}" if rows.before else "",
        f"left for another time: {rows.left:,}",
    ]
    return _facts(f"{rows.rows:,} rows of {rows.source}", facts)


def state(now: Written) -> str:
    """How far the writing is, with a button to cancel while it runs; empty: nothing was begun."""
    if now.state == "none":
        return ""
    facts = f"{now.added:,} added"
    facts += f", {now.there:,} there before" if now.there else ""
    facts += f", {now.empty:,} without a reasoning" if now.empty else ""
    if now.state == "running":
        left = "" if now.seconds_left is None else f" About {_minutes(now.seconds_left)} left."
        return (
            f'<p>Writing: {now.done:,} of {now.total:,} rows, {facts}.{left}</p><div class="rl-progress" '
            f'role="progressbar" aria-label="Writing reasonings" aria-valuemin="0" aria-valuemax="{now.total}" '
            f'aria-valuenow="{now.done}"><i style="width:{now.done / now.total * 100:.0f}%"></i></div>'
            '<button type="button" class="rl-plain" data-do="fill-cancel">Cancel</button>'
        )
    said = {"done": "Written", "cancelled": "Cancelled", "failed": "Stopped by an error"}[now.state]
    error = f'<p class="rl-alert" role="alert">{esc(now.error)}</p>' if now.error else ""
    return f"<p>{said}: {now.done:,} of {now.total:,} rows, {facts}.</p>{error}"


def _facts(title: str, facts: Sequence[str]) -> str:
    listed = "".join(f"<li>{esc(fact)}</li>" for fact in facts if fact)
    return f'<p><b>{esc(title)}</b></p><ul class="rl-facts-list">{listed}</ul>'


def _reasons(reasons: Sequence[str]) -> str:
    if not reasons:
        return ""
    more = f"<li>and {len(reasons) - SHOWN:,} more</li>" if len(reasons) > SHOWN else ""
    listed = "".join(f"<li>{esc(reason)}</li>" for reason in reasons[:SHOWN])
    return f'<details class="rl-problems"><summary>Why not</summary><ul>{listed}{more}</ul></details>'


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
