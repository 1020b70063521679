"""What a training run would learn from, before it runs: in sentences, by label, and row by row with the refs behind it.

Plain text for a terminal or a page; whoever shows it on a page escapes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from rilearn.curation import missing
from rilearn.judgements import Curated, Rules
from rilearn.prompts import clean


class Line(NamedTuple):
    """One row to train on, or one thing that was left out (`weight` ""); `instead_of`: what a pair rejects."""

    outcome: str
    label: str
    text: str
    reasoning: str
    instead_of: str
    weight: str
    because: str


HEADER = Line("outcome", "label", "text", "reasoning", "instead of", "weight", "because")


def summary(curated: Curated) -> str:
    """Such as "37 ratings give 21 approved and 9 pairs. 7 ratings are left out: 3 (outvoted), 4 (...)."."""
    came = [
        _counted(curated.ratings, "rating"),
        _counted(curated.corrections, "correction"),
        _counted(curated.votes, "blind vote"),
        _counted(curated.decisions, "decision of an admin", "decisions of an admin"),
    ]
    given: Counter[str] = Counter()
    for counts in curated.labels.values():
        given.update(counts)
    gives = _outcomes(given) or "no rows"
    sentence = f"{_listed([words for words in came if words]) or 'No ratings'} give {gives}."
    left: Counter[str] = Counter()
    for one in curated.left_out:
        left[one.reason] += len(one.because)
    if left:
        reasons = sorted(left.items(), key=lambda item: (-item[1], item[0]))
        which = ", ".join(f"{n} ({reason})" for reason, n in reasons)
        sentence += f" {left.total()} {'is' if left.total() == 1 else 'are'} left out: {which}."
    return sentence


def by_label(curated: Curated) -> list[tuple[str, str]]:
    """Label -> what there is for it, such as "5 approved, 2 poor and 1 pair"."""
    return [(label, _outcomes(counts)) for label, counts in curated.labels.items()]


def lines(curated: Curated) -> list[Line]:
    """Everything row by row, by label and text; rows to train on before what was left out. Cells are one line each."""
    found = []
    for row in curated.rows:
        outcome = "pair" if row.kind == "pair" else "approved" if row.desirable else "poor"
        rest = (clean(row.rejected or ""), f"{row.weight:.2f}", ", ".join(row.because))
        found.append(Line(outcome, row.label, clean(row.text), clean(row.reasoning), *rest))
    out = [
        Line(f"left out: {o.reason}", o.label, clean(o.text), clean(o.reasoning), "", "", ", ".join(o.because))
        for o in curated.left_out
    ]
    return [*sorted(found, key=_place), *sorted(out, key=_place)]


def told(curated: Curated, rules: Rules, most: int = 20) -> str:
    """The whole preview as text, with the first `most` lines."""
    parts = [summary(curated), *(f"  {label}: {what}" for label, what in by_label(curated)), *curated.notes]
    if lack := missing(curated, rules):
        parts.append(f"Not enough to train on. {lack}")
    found = lines(curated)
    for line in found[:most]:
        instead = f" instead of: {line.instead_of}" if line.instead_of else ""
        weight = f" (weight {line.weight})" if line.weight else ""
        parts += ["", f"{line.outcome}{weight}, because of {line.because}", f"  {line.text} -> {line.label}"]
        parts.append(f"  {line.reasoning}{instead}")
    if len(found) > most:
        parts += ["", f"... and {len(found) - most} more"]
    return "\n".join(parts)


def _place(line: Line) -> tuple[str, ...]:
    return (line.label, line.text, line.outcome, line.reasoning, line.instead_of, line.because)


def _outcomes(counts: Mapping[str, int]) -> str:
    """Without those that are 0."""
    named = [(counts["approved"], "approved"), (counts["poor"], "poor")]
    return _listed([*(f"{n} {name}" for n, name in named if n), *filter(None, [_counted(counts["pairs"], "pair")])])


def _counted(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}" if n else ""


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
