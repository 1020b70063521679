"""Versions -> escaped HTML, pure functions: the lineage as a picture, a version's facts, the gate's words, ratings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rilearn.ui.render import DASH, esc
from rilearn.ui.retrain_view import day, short, table

if TYPE_CHECKING:  # these bring SQLAlchemy
    from rilearn.gate import Check, Verdict
    from rilearn.store.impact import Source
    from rilearn.store.promotions import Promotion
    from rilearn.store.version_rows import StoredVersion
    from rilearn.store.versions import Lineage

LANES = ("generator", "reasoned", "direct")
KINDS = {"generator": "generator", "reasoned": "classifier that reasons", "direct": "classifier without reasoning"}
ROW, LANE, RADIUS = 64, 30, 7
"""Pixels: the height of a version's row, the width of a lane, and the radius of its dot."""
NO_VERSIONS = "No versions yet: retrain the generator above, and what it makes appears here with what it came from."
CHECKS = {
    "wins": "Blind comparisons won (lower end of the interval)",
    "classifier": "Accuracy of the classifier, points",
    "parses": "Answers that can be read",
    "length": "Mean length, words",
    "restatement": "Mere restatements",
    "leak": "Labels told from the reasoning alone",
    "grounded": "Reasonings that name something in the text",
}
PLAIN = ("classifier", "length")
"""Checks whose numbers are no shares."""
OUTDATED = (
    "It was measured against another version than the one in use by now, of which this says nothing. Retrain to have "
    "one that is measured against it, or overrule the gate with a written reason."
)


def name(version: StoredVersion) -> str:
    """As people call a version (plain text)."""
    return f"{version.name} v{version.number}"


def lineage(found: Lineage, active: Mapping[str, bool], passed: Mapping[str, bool]) -> str:
    """The picture: one row a version, newest first, a lane a kind, lines from what it was trained with.

    Args:
        active: digest of what is in use -> whether it answers.
        passed: digest -> whether the gate lets it pass by now; nothing where nothing was measured.
    """
    rows = list(reversed(found.versions))
    if not rows:
        return _section("Versions", f'<p class="rl-muted">{esc(NO_VERSIONS)}</p>')
    place = {v.digest: (_lane(v.kind), i) for i, v in enumerate(rows)}
    lines = [_edge(place[e.parent], place[e.child]) for e in found.edges if e.parent in place and e.child in place]
    dots = [_dot(v, *place[v.digest], v.digest in active) for v in rows]
    names = {v.digest: name(v) for v in rows}
    told = "; ".join(f"{names[e.child]} comes from {names[e.parent]}" for e in found.edges if e.parent in names)
    wide, high = LANE * len(LANES), ROW * len(rows)
    picture = (
        f'<svg class="rl-lineage-lines" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" role="img" '
        f'aria-label="{esc(told or "no version comes from another")}">{"".join(lines)}{"".join(dots)}</svg>'
    )
    items = "".join(_item(v, active.get(v.digest), passed.get(v.digest), names) for v in rows)
    key = "".join(f'<span><i class="rl-dot is-{kind}"></i>{esc(KINDS[kind])}</span>' for kind in LANES)
    return _section(
        "Versions",
        f'<p class="rl-key rl-lineage-key">{key}</p>'
        f'<div class="rl-lineage">{picture}<ol class="rl-lineage-names">{items}</ol></div>',
    )


def _lane(kind: str) -> int:
    return LANES.index(kind) if kind in LANES else len(LANES) - 1


def _at(place: tuple[int, int]) -> tuple[float, float]:
    return LANE * (place[0] + 0.5), ROW * (place[1] + 0.5)


def _edge(parent: tuple[int, int], child: tuple[int, int]) -> str:
    (x1, y1), (x2, y2) = _at(child), _at(parent)
    if parent[0] == child[0] and abs(parent[1] - child[1]) > 1:  # beside the dots that lie between them
        bend = x1 + LANE * 0.42
        return f'<path d="M{x1} {y1}C{bend} {y1 + ROW * 0.4} {bend} {y2 - ROW * 0.4} {x2} {y2}"/>'
    middle = ROW * 0.55 if y2 > y1 else -ROW * 0.55
    return f'<path d="M{x1} {y1}C{x1} {y1 + middle} {x2} {y2 - middle} {x2} {y2}"/>'


def _dot(version: StoredVersion, lane: int, row: int, is_active: bool) -> str:
    x, y = _at((lane, row))
    kind = LANES[lane]
    ring = f'<circle class="is-ring is-{kind}" cx="{x}" cy="{y}" r="{RADIUS + 4}"/>' if is_active else ""
    return (
        f'{ring}<circle class="is-{kind}" cx="{x}" cy="{y}" r="{RADIUS}"><title>{esc(name(version))}</title></circle>'
    )


def _item(version: StoredVersion, answers: bool | None, passed: bool | None, names: Mapping[str, str]) -> str:
    marks = "" if answers is None else _passed(answers, "in use", "promoted, but does not answer")
    if passed is not None:
        marks += _passed(passed, "gate: passed", "gate: not passed")
    if version.stale_at:
        marks += '<span class="rl-mark is-poor">a rating in it was deleted</span>'
    parents = [names[digest] for digest in version.parents.values() if digest in names]
    facts = [f"from {', '.join(dict.fromkeys(parents))}"] if parents else []
    facts += [learnt(version)] if version.ratings or version.edits or version.votes else []
    facts += ["came with rilearn"] if version.shipped else [day(version.created_at)]
    return (
        f'<li style="height:{ROW}px"><p><b>{esc(name(version))}</b> {marks}</p>'
        f'<p class="rl-muted">{esc(" · ".join(facts))}</p></li>'
    )


def learnt(version: StoredVersion) -> str:
    """How much it learnt from (plain text)."""
    counts = ((version.ratings, "rating"), (version.edits, "correction"), (version.votes, "blind vote"))
    return ", ".join(f"{n:,} {what}{'' if n == 1 else 's'}" for n, what in counts if n) or "no ratings"


def version(
    one: StoredVersion, verdict: Verdict | None, history: Sequence[Promotion], outdated: bool, elsewhere: str
) -> str:
    """A version's facts, the gate's verdict with its numbers, and when it was in use.

    Args:
        outdated: see `held`.
        elsewhere: see `sources`.
    """
    facts = (
        ("Kind", KINDS.get(one.kind, one.kind)),
        ("Known since", day(one.created_at)),
        ("Learnt from", elsewhere or learnt(one)),
        ("Recipe", str(one.recipe.get("ratings") or one.recipe.get("kind") or DASH)),
        ("Digest of the weights", one.digest[:16]),
    )
    turns = [
        (day(p.created_at), "promoted" if p.action == "promote" else "came back", p.who or DASH, p.reason or DASH)
        for p in history
        if p.digest == one.digest
    ]
    used = f"<h3>In use</h3>{table(('When', 'What', 'By', 'Reason'), turns)}" if turns else ""
    return _section(name(one), f"{table(('Fact', 'Value'), facts)}{_verdict(verdict, outdated)}{used}")


def held(verdict: Verdict | None, outdated: bool) -> str:
    """What the gate says, and whether that holds (plain text).

    Args:
        outdated: it was measured against another version than the one in use.
    """
    if verdict is None:
        return "Nothing was measured for the gate, so it cannot pass."
    words = "The gate lets it pass." if verdict.passed else "The gate does not let it pass."
    return f"{words} {OUTDATED}" if outdated else words


def _verdict(verdict: Verdict | None, outdated: bool) -> str:
    words = held(verdict, outdated)
    if verdict is None:
        return f'<h3>Gate</h3><p class="rl-muted">{esc(words)}</p>'
    rows = [_check(check) for check in verdict.checks]
    said = "".join(f"<li>{esc(check.words)}</li>" for check in verdict.checks)
    return (
        f"<h3>Gate</h3><p>{_passed(verdict.passed, 'passed', 'not passed')} <b>{esc(words)}</b> "
        f"{esc(_compared(verdict))}</p>"
        f"{table(('Question', 'Found', 'Bound', 'Outcome'), rows)}"
        f'<details class="rl-rows"><summary>In words</summary><ul class="rl-behind">{said}</ul></details>'
    )


def _compared(verdict: Verdict) -> str:
    """Who compared the reasonings, and how many; the number of texts is of what was measured, not of people's votes."""
    votes = verdict.evidence.votes
    if verdict.judged_by == "people" and votes is not None:
        return f"Reasonings compared by people in {votes.decided + votes.ties:,} blind votes on held-out texts."
    if verdict.judged_by == "judge":
        return f"Reasonings compared by the automatic judge on {verdict.evidence.texts:,} held-out texts."
    return "Nobody compared its reasonings."


def _check(check: Check) -> tuple[str, str, str, str]:
    what = CHECKS.get(check.name, check.name)
    found = "not measured" if check.value is None else _number(check.name, check.value)
    bound = DASH if check.bound is None else _number(check.name, check.bound)
    outcome = "for information" if check.bound is None else "passed" if check.passed else "not passed"
    return what, found, bound, outcome


def _number(check: str, value: float) -> str:
    if check in PLAIN:
        return f"{value:+.1f}".replace("-", "\N{MINUS SIGN}") if check == "classifier" else f"{value:.1f}"
    return f"{value * 100:.1f}\u00a0%"


def sources(found: Sequence[Source], total: int, elsewhere: str) -> str:
    """The ratings a version was trained on; `elsewhere`: what it learnt from that is not of this database."""
    if not found:
        words = "No ratings are behind this version."
        if elsewhere:
            words = f"{elsewhere} are behind this version; which ones is not known here."
        return _section("Its ratings", f'<p class="rl-muted">{esc(words)}</p>')
    rows = (
        (f"{s.rating_id}", s.annotator, s.verdict, s.label, short(s.text, 140), short(s.reasoning, 200), s.comment)
        for s in found
    )
    shown = f'<p class="rl-muted">{len(found):,} of {total:,}, from number {found[0].rating_id}.</p>'
    names = ("Rating", "By", "Verdict", "Label", "Text", "Reasoning", "Comment")
    return _section("Its ratings", shown + table(names, rows))


def of_rating(number: int, found: Sequence[StoredVersion]) -> str:
    """The versions that learnt from a rating."""
    if not found:
        return f'<p class="rl-muted">{esc(f"No version has learnt from rating {number}.")}</p>'
    return f"<p>Rating {number} is in:</p>{_dated((name(one), one) for one in found)}"


def onward(found: Sequence[tuple[StoredVersion, StoredVersion]]) -> str:
    """The versions that go on from others, each with the one it goes on from."""
    lines = _dated((f"{name(one)}, from {name(first)}", one) for one, first in found)
    return f"<p>These go on from there, so it is in them too:</p>{lines}" if found else ""


def _dated(found: Iterable[tuple[str, StoredVersion]]) -> str:
    lines = (f"<li>{esc(said)} <span class='rl-muted'>{esc(day(v.created_at))}</span></li>" for said, v in found)
    return f'<ul class="rl-behind">{"".join(lines)}</ul>'


def question(action: str, one: StoredVersion, now: StoredVersion | None, held: str) -> str:
    """What is about to be done with a version, to be confirmed; `now` is the one in use, `held` as `held` says."""
    instead = f" in place of {name(now)}" if now else ""
    words, caution = f"Put {name(one)} in use{instead}?", "Answers after this come from it; 'Roll back' undoes it."
    if action == "rollback":
        words, caution = f"Take {name(one)} out of use and bring back what was there before?", ""
    if action == "overrule":
        caution = f"{held} {caution} Your reason is kept and shown."
    return (
        f'<section class="rl-confirm" aria-label="Confirm"><p><b>{esc(words)}</b></p>'
        f'<p class="rl-note">{esc(caution)}</p></section>'
    )


def _passed(passed: bool, yes: str, no: str) -> str:
    return f'<span class="rl-mark is-{"approved" if passed else "poor"}">{esc(yes if passed else no)}</span>'


def _section(title: str, body: str) -> str:
    return f'<section class="rl-retrain" aria-label="{esc(title)}"><h2>{esc(title)}</h2>{body}</section>'
