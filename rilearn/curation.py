"""From what people say of reasonings to rows to train on: which become rows, which do not, and why. Pure.

    curate(judged, preferences, Rules(recipe="mixed", held_out=texts)).rows

- sft: reasonings that the annotators together approve, and people's corrections.
- kto: these as desirable, reasonings called poor as undesirable.
- dpo: a correction against the reasoning it corrects (if that is approved, the correction is one more approved
  reasoning instead); the best against the worst of the same text and label, and so on inwards; winners of blind votes.
- mixed: pairs as in dpo, what is in none as in kto.

What quotes words that do not stand in the text is nobody's model, though people overlook it; it may still be the worse
one of a pair. Only an admin's decision overrules that. How several people are combined: rilearn.claims and
rilearn.consensus.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from rilearn.claims import ADMIN, Claim, Claims, claims
from rilearn.errors import DataError
from rilearn.judgements import Correction as Correction
from rilearn.judgements import Curated, Judged, Kind, LeftOut, Preference, Rules, TrainingRow, Why
from rilearn.judgements import Opinion as Opinion
from rilearn.judgements import Recipe as Recipe
from rilearn.prompts import clean
from rilearn.signals import misquotes

ALONE = "All rows rest on one person's word, which nobody checks. Let a second person rate some reasonings."
_UNEVEN = 2
"""Times as many rows as another label has before the labels are called uneven."""


@dataclass(frozen=True)
class _Draft:
    row: TrainingRow
    people: frozenset[str]


def curate(judged: Sequence[Judged], preferences: Sequence[Preference], rules: Rules) -> Curated:
    """The rows, if there is enough to learn from.

    Raises:
        DataError: too few rows, kto without good or without poor ones, or dpo without pairs; it says what is missing.
    """
    curated = sort_out(judged, preferences, rules)
    if lack := missing(curated, rules):
        raise DataError(lack)
    return curated


def sort_out(judged: Sequence[Judged], preferences: Sequence[Preference], rules: Rules) -> Curated:
    """What `curate` gives, however little there is."""
    found, left = claims(judged, preferences, rules.held_out)
    kept: list[_Draft] = []
    for of_text in found:
        kept += _drafts(_quoting_rightly(of_text, left), rules.recipe, left)
    kept.sort(key=lambda draft: _drawn(draft.row, rules.seed))
    while surplus := _one_sided(kept, rules.recipe) or _over_cap(kept, rules.cap):
        left += [_left_out(draft.row, surplus[draft]) for draft in kept if draft in surplus]
        kept = [draft for draft in kept if draft not in surplus]
    rows = tuple(draft.row for draft in kept)
    alone = {who for draft in kept for who in draft.people} - {ADMIN}
    notes = [] if len(alone) > 1 or not rows else [ALONE]
    left.sort(key=lambda one: (one.reason, one.label, one.text, one.reasoning, one.because))
    counts = (
        sum(len(one.opinions) for one in judged),
        sum(len(one.corrections) for one in judged),
        len(preferences),
        sum(bool(one.decision) for one in judged),
    )
    return Curated(rules.recipe, rows, tuple(left), *counts, (*notes, *_uneven(rows, rules)))


def missing(curated: Curated, rules: Rules) -> str | None:
    """What has to be there before these rows can be trained on, in words; None: nothing."""
    rows = curated.rows
    pairs = sum(row.kind == "pair" for row in rows)
    good = sum(row.kind != "pair" and row.desirable for row in rows)
    poor = len(rows) - pairs - good
    if rules.recipe == "dpo" and not pairs:
        return (
            "There are no pairs, and dpo learns from nothing else. Correct reasonings that are poor, rate several "
            "reasonings of the same text, or choose the recipe kto."
        )
    if rules.recipe in ("kto", "mixed") and not pairs and rows and not (good and poor):
        have, lack = ("good", "poor") if good else ("poor", "good")
        return f"All {len(rows)} reasonings are {have}, so nothing tells good from poor. Rate some that are {lack}" + (
            ", correct some, or choose the recipe sft." if good else ", or correct some."
        )
    if len(rows) < max(rules.minimum, 1):
        return (
            f"There is too little to learn from: {len(rows)} rows, and at least {max(rules.minimum, 1)} are needed. "
            + ("Rate more reasonings." if not curated.left_out else "Rate more, or see why some were left out.")
        )
    return None


def _quoting_rightly(found: Claims, left: list[LeftOut]) -> Claims:
    """The claims without those that would teach to quote what is not there."""

    def wrong(claim: Claim) -> bool:
        return ADMIN not in claim.people and misquotes(found.text, claim.reasoning) > 0

    praised = [*found.good, *(claim for claim, _ in found.corrections), *found.better]
    left.extend(LeftOut(Why.MISQUOTES, found.text, found.label, c.reasoning, c.because) for c in praised if wrong(c))
    return replace(
        found,
        good=[claim for claim in found.good if not wrong(claim)],
        corrections=[(claim, original) for claim, original in found.corrections if not wrong(claim)],
        better=[claim for claim in found.better if not wrong(claim)],
    )


def _drafts(found: Claims, recipe: str, left: list[LeftOut]) -> list[_Draft]:
    approved = {clean(claim.reasoning) for claim in found.good}
    improved = [claim for claim, original in found.corrections if clean(original) in approved]
    corrected = [(claim, original) for claim, original in found.corrections if clean(original) not in approved]

    def leave(reason: Why, unused: Iterable[Claim]) -> None:
        left.extend(LeftOut(reason, found.text, found.label, c.reasoning, c.because) for c in unused)

    if recipe in ("sft", "kto"):
        leave(Why.VOTES, found.better)
        good = _joined([*found.good, *(claim for claim, _ in found.corrections)])
        if recipe == "sft":
            leave(Why.NOT_FOR_SFT, found.poor)
            return [_draft(found, "sft", claim, True) for claim in good]
        return [
            *(_draft(found, "kto", claim, True) for claim in good),
            *(_draft(found, "kto", claim, False) for claim in found.poor),
        ]
    poor = {clean(claim.reasoning): claim for claim in found.poor}
    pairs = list(found.better)
    for claim, original in corrected:
        against = poor.pop(clean(original), None)
        pairs.append(replace(claim, than=original) if against is None else _over(claim, against, max))
    best = sorted(_joined([*found.good, *improved]), key=lambda c: (-c.weight, -c.grade, c.reasoning))
    worst = sorted(poor.values(), key=lambda c: (-c.weight, c.grade, c.reasoning))
    pairs += [_over(one, other, min) for one, other in zip(best, worst, strict=False)]
    best, worst = best[len(worst) :], worst[len(best) :]
    pairs = _joined(pairs)
    ways = {(clean(pair.reasoning), clean(pair.than)) for pair in pairs}
    leave(Why.CONTRADICTED, [p for p in pairs if (clean(p.than), clean(p.reasoning)) in ways])
    pairs = [p for p in pairs if (clean(p.than), clean(p.reasoning)) not in ways]
    drafts = [_draft(found, "pair", pair, True) for pair in pairs]
    if recipe == "dpo":
        leave(Why.NO_PAIR, [*best, *worst])
        return drafts
    chosen, rejected = {clean(p.reasoning) for p in pairs}, {clean(p.than) for p in pairs}
    for rest, others, desirable in ((best, rejected, True), (worst, chosen, False)):
        leave(Why.OTHER_SIDE, [claim for claim in rest if clean(claim.reasoning) in others])
        drafts += [_draft(found, "kto", c, desirable) for c in rest if clean(c.reasoning) not in others]
    return drafts


def _over(claim: Claim, against: Claim, weight: Callable[[float, float], float]) -> Claim:
    """That one is better than the other, by what was said of both."""
    return replace(
        claim,
        than=against.reasoning,
        because=tuple(sorted({*claim.because, *against.because})),
        people=claim.people | against.people,
        weight=weight(claim.weight, against.weight),
    )


def _joined(found: Iterable[Claim]) -> list[Claim]:
    """Those that claim the same as one."""
    same: dict[tuple[str, str], Claim] = {}
    for claim in found:
        key = clean(claim.reasoning), clean(claim.than)
        if before := same.get(key):
            claim = replace(
                before,
                because=tuple(sorted({*before.because, *claim.because})),
                people=before.people | claim.people,
                weight=max(before.weight, claim.weight),
                grade=max(before.grade, claim.grade),
            )
        same[key] = claim
    return list(same.values())


def _draft(found: Claims, kind: Kind, claim: Claim, desirable: bool) -> _Draft:
    said = (claim.reasoning, claim.than or None, desirable, claim.weight, claim.because)
    return _Draft(TrainingRow(kind, found.text, found.label, *said), claim.people)


def _left_out(row: TrainingRow, reason: Why) -> LeftOut:
    return LeftOut(reason, row.text, row.label, row.reasoning, row.because)


def _drawn(row: TrainingRow, seed: int) -> str:
    """Sorts rows in an order that the seed draws, whatever order they came in."""
    return hashlib.sha256(f"{seed}\0{row.text}\0{row.label}\0{row.reasoning}\0{row.rejected}".encode()).hexdigest()


def _one_sided(drafts: Sequence[_Draft], recipe: Recipe) -> dict[_Draft, Why]:
    """kto rows beside pairs that are all desirable or all not: alone they teach to write more, or less, of anything."""
    single = [draft for draft in drafts if draft.row.kind == "kto"]
    few = recipe == "mixed" and 0 < len(single) < len(drafts) and len({d.row.desirable for d in single}) == 1
    return dict.fromkeys(single, Why.ONE_SIDED) if few else {}


def _over_cap(drafts: Sequence[_Draft], cap: float) -> dict[_Draft, Why]:
    """Of each annotator's own rows those beyond `cap` of all; with few people the cap is an equal share."""
    people = {who for draft in drafts for who in draft.people} - {ADMIN}
    if len(people) < 2:
        return {}
    own: dict[str, list[_Draft]] = defaultdict(list)
    for draft in drafts:
        if len(draft.people) == 1 and ADMIN not in draft.people:
            own[next(iter(draft.people))].append(draft)
    shared, most = len(drafts) - sum(map(len, own.values())), len(drafts)
    share = max(cap, 1 / len(people))
    while (fewer := math.floor(share * (shared + sum(min(len(rows), most) for rows in own.values())) + 1e-9)) < most:
        most = fewer  # fewer rows of one are fewer rows in all, so the share holds for a smaller whole
    return {draft: Why.CAPPED for rows in own.values() for draft in rows[most:]}


def _uneven(rows: Sequence[TrainingRow], rules: Rules) -> list[str]:
    """What to know of the balance of labels and of good and poor."""
    counts = Counter({label: 0 for label in rules.labels})
    counts.update(row.label for row in rows)
    notes = []
    if none := [label for label, n in sorted(counts.items()) if not n]:
        notes.append(f"There is no row for {', '.join(none)}. Rate reasonings with that label.")
    some = sorted(((n, label) for label, n in counts.items() if n), key=lambda one: (-one[0], one[1]))
    if some and some[0][0] > _UNEVEN * some[-1][0]:
        (most, often), (least, seldom) = some[0], some[-1]
        notes.append(f"The labels are uneven: {most} rows for {often}, {least} for {seldom}. Rate more of {seldom}.")
    sides = Counter(row.desirable for row in rows if row.kind == "kto")
    if sides and max(sides.values()) > _UNEVEN * min(sides[True], sides[False]):
        notes.append(f"Good and poor are uneven: {sides[True]} approved, {sides[False]} poor.")
    return notes
