"""From single ratings, corrections and votes to what all annotators together claim of each text and label.

What cannot be used is left out here with its reason; which claims become which rows is for rilearn.curation. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import chain

from rilearn.consensus import TIE, accuracies, lead
from rilearn.judgements import EVALUATION_SPLITS, Correction, Judged, LeftOut, Opinion, Preference, Why
from rilearn.prompts import clean, text_key
from rilearn.records import Verdict

ADMIN = ""
"""Stands among the people behind a claim for whoever decided it."""


@dataclass(frozen=True)
class Claim:
    """A reasoning is good, or poor, or a correction; or with `than` better than another one.

    `weight` is the lead of the `people` behind it over the others (see `consensus.lead`), `grade` their mean overall
    grade (0: none given).
    """

    reasoning: str
    because: tuple[str, ...]
    people: frozenset[str]
    weight: float
    grade: float = 0.0
    than: str = ""


@dataclass
class Claims:
    """All that is claimed of one text and label. Corrections come with the reasoning they correct."""

    text: str
    label: str
    good: list[Claim] = field(default_factory=list)
    poor: list[Claim] = field(default_factory=list)
    corrections: list[tuple[Claim, str]] = field(default_factory=list)
    better: list[Claim] = field(default_factory=list)


Key = tuple[str, str, str]
"""Task, `text_key` of the text, label."""


def claims(
    judged: Iterable[Judged], preferences: Iterable[Preference], held_out: Iterable[str]
) -> tuple[list[Claims], list[LeftOut]]:
    """The claims by text and label, in order, and what was left out.

    Reasonings for the same text and label in the same words (see `clean`) are one, whoever wrote them. A person who
    says two things of it has said neither. An admin's decision overrides the ratings.

    A label is wrong if a decision names another, or if most annotators of this reasoning, or of all reasonings for
    this text and label, say so: then nothing said there is used, neither for nor against a reasoning. Where they are
    outvoted, a rating that says "the label is wrong" is left out, so that it does not count against the reasoning.
    """
    key, words = cache(text_key), cache(clean)  # most texts come several times
    items: dict[Key, dict[str, list[Judged]]] = defaultdict(lambda: defaultdict(list))
    votes: dict[Key, list[Preference]] = defaultdict(list)
    held = {text_key(text) for text in held_out}
    for one in judged:
        about = one.reasoning
        items[about.task, key(about.text), about.label][words(about.reasoning)].append(one)
        if about.split in EVALUATION_SPLITS:
            held.add(key(about.text))
    for vote in preferences:
        votes[vote.task, key(vote.text), vote.label].append(vote)
        if vote.split in EVALUATION_SPLITS:
            held.add(key(vote.text))
    accuracy = accuracies(
        ({who: verdict for who, (verdict, *more) in _verdicts(same).items() if not more}, _decided(same))
        for of_text in items.values()
        for same in of_text.values()
    )
    found, left = [], list[LeftOut]()
    for about_key in sorted({*items, *votes}):
        made = _Making(items.get(about_key, {}), votes.get(about_key, []), about_key[1] in held, accuracy, words)
        found.append(made.claims)
        left += made.left
    return found, left


def _verdicts(same: Iterable[Judged]) -> dict[str, list[Verdict]]:
    """Annotator -> their different verdicts, of ratings that do not call the label wrong."""
    said: dict[str, set[Verdict]] = defaultdict(set)
    for opinion in _opinions(same):
        if not opinion.rating.label_wrong:
            said[opinion.annotator].add(opinion.rating.verdict)
    return {who: sorted(verdicts) for who, verdicts in said.items()}


def _opinions(same: Iterable[Judged]) -> list[Opinion]:
    return [opinion for one in same for opinion in one.opinions]


def _decided(same: Iterable[Judged]) -> Verdict | None:
    decisions = {one.adjudicated for one in same if one.adjudicated}
    return decisions.pop() if len(decisions) == 1 else None


class _Making:
    """The claims of one text and label, made from `items` (words -> reasonings in these words) and votes."""

    def __init__(
        self,
        items: Mapping[str, list[Judged]],
        votes: list[Preference],
        held: bool,
        accuracy: Mapping[str, float],
        words: Callable[[str], str],
    ):
        everything = list(chain.from_iterable(items.values()))
        first = min(((j.reasoning.text, j.reasoning.label) for j in everything), default=None)
        self.claims = Claims(*(first or min((v.text, v.label) for v in votes)))
        self.left: list[LeftOut] = []
        self._accuracy, self._words = accuracy, words
        self._rights = {one.right_label for one in everything if one.right_label}
        label = self._label(everything)
        unusable = Why.HELD_OUT if held else label
        flagged = {said for said, same in items.items() if any(one.flagged for one in same)}
        corrections: list[tuple[list[Judged], str]] = []
        for said, same in sorted(items.items()):
            reason = Why.FLAGGED if said in flagged else unusable or self._label(same, Why.WRONG_LABEL)
            if reason:
                self._leave(reason, min(one.reasoning.reasoning for one in same), _refs(same))
            else:
                self._verdict(same)
                corrections.append((same, said))
        poor = {words(claim.reasoning) for claim in self.claims.poor}
        for same, said in corrections:
            self._corrections(same, said, flagged, poor)
        self._votes(votes, flagged, unusable)

    def _leave(self, reason: Why, reasoning: str, refs: Iterable[str]) -> None:
        if because := tuple(sorted(refs)):
            self.left.append(LeftOut(reason, self.claims.text, self.claims.label, reasoning, because))

    def _label(self, same: Iterable[Judged], only: Why | None = None) -> Why | None:
        """Why the label cannot be relied on; None: it can. With `only`, no other reason than this."""
        if self._rights:
            return Why.WRONG_LABEL if self._rights != {self.claims.label} else None
        opinions = _opinions(same)
        wrong = {o.annotator for o in opinions if o.rating.label_wrong}
        ahead = lead(wrong, {o.annotator for o in opinions} - wrong, self._accuracy) if wrong else -1.0
        reason = None if ahead <= -TIE else Why.WRONG_LABEL if ahead >= TIE else Why.UNSURE_LABEL
        return reason if reason == only or not only else None

    def _verdict(self, same: list[Judged]) -> None:
        """What the annotators together say of a reasoning becomes a claim."""
        reasoning = min(one.reasoning.reasoning for one in same)
        decided, decisions = _decided(same), {one.decision for one in same if one.decision}
        counting = [o for o in _opinions(same) if not o.rating.label_wrong]
        self._leave(Why.NOT_THE_REASONING, reasoning, {o.ref for o in _opinions(same) if o.rating.label_wrong})
        if decided is None and any(one.adjudicated for one in same):
            self._leave(Why.DECISIONS, reasoning, decisions | {o.ref for o in counting})
            return
        said = _verdicts(same)
        if decided is None:
            self._leave(Why.BOTH, reasoning, {o.ref for o in counting if len(said[o.annotator]) > 1})
            counting = [o for o in counting if len(said[o.annotator]) == 1]
        sides: dict[Verdict, list[Opinion]] = {"good": [], "poor": []}
        for opinion in counting:
            sides[opinion.rating.verdict].append(opinion)
        good, poor = ({o.annotator for o in sides[verdict]} for verdict in ("good", "poor"))
        ahead = lead(good, poor, self._accuracy)
        if decided is None and abs(ahead) < TIE:
            self._leave(Why.TIED, reasoning, decisions | {o.ref for o in counting})
            return
        winner: Verdict = decided or ("good" if ahead > 0 else "poor")
        loser: Verdict = "poor" if winner == "good" else "good"
        self._leave(Why.OVERRULED if decided else Why.OUTVOTED, reasoning, {o.ref for o in sides[loser]})
        grades = sorted(o.rating.overall for o in sides[winner] if o.rating.overall is not None)
        claim = Claim(
            reasoning,
            tuple(sorted({o.ref for o in sides[winner]} | decisions)),
            frozenset({o.annotator for o in sides[winner]} | ({ADMIN} if decided else set())),
            1.0 if decided else abs(ahead),
            sum(grades) / len(grades) if grades else 0.0,
        )
        (self.claims.good if winner == "good" else self.claims.poor).append(claim)

    def _corrections(self, same: list[Judged], said: str, flagged: set[str], poor: set[str]) -> None:
        by_words: dict[str, list[Correction]] = defaultdict(list)
        for correction in (c for one in same for c in one.corrections):
            by_words[self._words(correction.reasoning)].append(correction)
        original = min(one.reasoning.reasoning for one in same)
        for new, corrections in sorted(by_words.items()):
            reasoning, refs = min(c.reasoning for c in corrections), {c.ref for c in corrections}
            if new in ("", said):
                self._leave(Why.SAME, reasoning, refs)
            elif new in flagged or new in poor:
                self._leave(Why.FLAGGED if new in flagged else Why.CALLED_POOR, reasoning, refs)
            else:
                people = frozenset(c.annotator for c in corrections)
                claim = Claim(reasoning, tuple(sorted(refs)), people, lead(people, (), self._accuracy))
                self.claims.corrections.append((claim, original))

    def _votes(self, votes: list[Preference], flagged: set[str], unusable: Why | None) -> None:
        """Votes on the same two reasonings are combined as ratings are."""
        by_sides: dict[tuple[str, str], list[Preference]] = defaultdict(list)
        for vote in votes:
            one, other = sorted((self._words(vote.chosen), self._words(vote.rejected)))
            by_sides[one, other].append(vote)
        for (one, other), cast in sorted(by_sides.items()):
            shown = min(v.chosen for v in cast)
            reason = Why.FLAGGED if flagged & {one, other} else Why.SAME if one == other else unusable
            if reason:
                self._leave(reason, shown, {v.ref for v in cast})
                continue
            pro = {v.voter for v in cast if self._words(v.chosen) == one}
            contra = {v.voter for v in cast if self._words(v.chosen) == other}
            both = pro & contra
            self._leave(Why.BOTH, shown, {v.ref for v in cast if v.voter in both})
            cast = [v for v in cast if v.voter not in both]
            ahead = lead(pro - both, contra - both, self._accuracy)
            if abs(ahead) < TIE:
                self._leave(Why.TIED, shown, {v.ref for v in cast})
                continue
            won = [v for v in cast if (self._words(v.chosen) == one) == (ahead > 0)]
            self._leave(Why.OUTVOTED, shown, {v.ref for v in cast} - {v.ref for v in won})
            chosen, rejected = min(v.chosen for v in won), min(v.rejected for v in won)
            refs, people = tuple(sorted(v.ref for v in won)), frozenset(v.voter for v in won)
            self.claims.better.append(Claim(chosen, refs, people, abs(ahead), than=rejected))


def _refs(same: Iterable[Judged]) -> set[str]:
    """Of all that was said of these reasonings."""
    found = [{one.decision, *(o.ref for o in one.opinions), *(c.ref for c in one.corrections)} for one in same]
    return set().union(*found) - {""}
