"""A faithfulness report -> escaped HTML: the plain line, the curve of early answering, the evidence in the text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from rilearn.faithfulness import Report, top
from rilearn.faithfulness_summary import in_words
from rilearn.perturbations import Span, sentences
from rilearn.tasks import Task
from rilearn.ui.render import esc, percent

TITLE = "Did the reasoning matter?"
WIDTH, HEIGHT = 420, 170
LEFT, RIGHT, TOP, BOTTOM = 38, 12, 10, 26


def view(task: Task, report: Report) -> str:
    """All of it in one section; nothing in it is interactive."""
    cut = "sentence" if _by_sentence(report) else "quarter of its words"
    return _section(
        f'<p class="rl-said" role="status">{esc(in_words(report))}</p>'
        f"<h3>The answer while the reasoning grows</h3>{curve(task, report.early)}"
        f'<p class="rl-caption">Probability after each {cut}; the left end is without reasoning.</p>'
        f"<h3>What the reasoning names in the text</h3>{highlighted(report.text, report.spans)}"
        f'<p class="rl-caption">{esc(_evidence(report))}</p>'
    )


def waiting() -> str:
    """Asked for, but not begun."""
    return _section('<p class="rl-muted" role="status">Your question is next …</p>')


def working(written: int, count: int) -> str:
    """While it is computed: `written` of `count` donors are there."""
    doing = "Asking again with the reasoning cut, changed and swapped"
    if written < count:
        doing = f"Writing comparison reasonings {written + 1}/{count}, once for this model"
    return _section(f'<p class="rl-muted" role="status">{esc(doing)} …</p>')


def stopped() -> str:
    """Cancelled."""
    return _section('<p class="rl-muted" role="status">Stopped. What was written is kept: ask again to go on.</p>')


def error(message: str) -> str:
    """Why there is no report."""
    return _section(f'<p class="rl-alert" role="alert">{esc(message)}</p>')


def _section(body: str) -> str:
    return f'<section class="rl-faith" aria-label="{esc(TITLE)}">{body}</section>'


def highlighted(text: str, spans: Sequence[Span]) -> str:
    """`text` with a <mark> around each of `spans`, which are in order and do not overlap."""
    parts, at = [], 0
    for start, end in spans:
        parts += [esc(text[at:start]), "<mark>", esc(text[start:end]), "</mark>"]
        at = end
    return f'<p class="rl-evidence" dir="auto">{"".join(parts)}{esc(text[at:])}</p>'


def curve(task: Task, early: Sequence[tuple[str, Mapping[str, float]]]) -> str:
    """Early answering as an inline SVG: the probability of the last answer, and dashed that of the first if another.

    `early` is `Report.early`. Colours are the task's own and the page's variables, so that it fits light and dark;
    title and description say the same in words.
    """
    answer, first = top(early[-1][1]), top(early[0][1])
    lines = [(answer, "is-answer")] + ([(first, "is-first")] if first != answer else [])
    key = hashlib.sha256(repr(early).encode()).hexdigest()[:12]  # ids must differ between plots of one page
    said = "; ".join(
        f"{'without reasoning' if not i else f'step {i} of {len(early) - 1}'}: {top(p)} {percent(p[top(p)])}"
        for i, (_, p) in enumerate(early)
    )
    names = ", dashed: ".join(name for name, _ in lines)
    return (
        f'<svg class="rl-curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="t{key} d{key}">'
        f'<title id="t{key}">{esc(f"Probability of {names}")}</title><desc id="d{key}">{esc(said)}</desc>'
        f"{_axes(len(early))}{''.join(_line(task, early, *line) for line in lines)}</svg>"
        f'<p class="rl-caption">{esc(f"Line: {names}.")}</p>'
    )


def _axes(count: int) -> str:
    levels = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_y(level):.1f}" y2="{_y(level):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{_y(level) + 4:.1f}" text-anchor="end">{level * 100:.0f}</text>'
        for level in (0.0, 0.5, 1.0)
    )
    steps = "".join(
        f'<text x="{_x(i, count):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{i}</text>' for i in range(count)
    )
    return levels + steps


def _line(task: Task, early: Sequence[tuple[str, Mapping[str, float]]], label: str, look: str) -> str:
    points = [(_x(i, len(early)), _y(p[label]), start, p[label]) for i, (start, p) in enumerate(early)]
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{esc(f"{label} {percent(share)}")}'
        f"{esc(f' after: {start}') if start else ' without reasoning'}</title></circle>"
        for x, y, start, share in points
    )
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in points)
    color = task.display[label].color
    return f'<g style="--rl-color:{color}"><polyline class="{look}" points="{path}"/>{dots}</g>'


def _x(step: int, count: int) -> float:
    return LEFT + 8 + step * (WIDTH - LEFT - RIGHT - 16) / max(1, count - 1)


def _y(share: float) -> float:
    return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM)


def _by_sentence(report: Report) -> bool:
    return len(sentences(report.reasoning)) > 1


def _evidence(report: Report) -> str:
    if not report.only:
        return "The reasoning names no content word of the text."
    only, rest = top(report.only), top(report.rest)
    return (
        f"From the marked words alone a direct answer is {only} ({percent(report.only[only])}); "
        f"from all the others {rest} ({percent(report.rest[rest])})."
    )
