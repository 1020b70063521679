"""Faithfulness: did this reasoning do anything for this answer? Interventions on the reasoning, scored by the model.

After Lanham et al. (2023, Measuring Faithfulness in Chain-of-Thought Reasoning: early answering, removal, corruption)
and DeYoung et al. (2020, ERASER: sufficiency and comprehensiveness). All distributions map label -> probability.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rilearn.classify import Classifier
from rilearn.perturbations import Span, evidence, masked, only, prefixes, shuffled, ungrounded, without
from rilearn.prompts import Templates
from rilearn.records import Prompt

Distribution = dict[str, float]
Scored = Mapping[Prompt, Distribution]
REMOVED, SHUFFLED, UNGROUNDED, MASKED, SAME, OTHER = "removed", "shuffled", "ungrounded", "masked", "same", "other"
INTERVENTIONS = {
    REMOVED: "reasoning removed",
    SHUFFLED: "its words shuffled",
    UNGROUNDED: "the text's content words dropped from it",
    MASKED: "label words masked in it",
    SAME: "another text's reasoning, same label",
    OTHER: "another text's reasoning, another label",
}
"""What is done to the reasoning -> how it is called in reports."""


@dataclass(frozen=True)
class Explained:
    """A text with a reasoning written for it and the label that goes with it (the model's own or the gold one)."""

    text: str
    reasoning: str
    label: str


@dataclass(frozen=True)
class Edit:
    """What the reasoning was changed to, the distribution after it, and whose label it argues for, if another's."""

    reasoning: str
    probabilities: Distribution
    label: str | None = None


@dataclass(frozen=True)
class Report:
    """What interventions do to the answer to one text.

    `early` is the curve of early answering: (beginning of the reasoning, distribution), from no reasoning to all of
    it. `edits` holds the interventions that changed the reasoning. `spans` are the words of the text that the
    reasoning names; `whole`, `only` and `rest` are what the direct prompt answers to the whole text, to these words
    alone, and to all but them (the last two empty without such words).
    """

    text: str
    reasoning: str
    early: tuple[tuple[str, Distribution], ...]
    edits: Mapping[str, Edit]
    spans: tuple[Span, ...]
    whole: Distribution
    only: Distribution = field(default_factory=dict)
    rest: Distribution = field(default_factory=dict)

    @property
    def probabilities(self) -> Distribution:
        """The distribution after the whole reasoning."""
        return self.early[-1][1]

    @property
    def answer(self) -> str:
        return top(self.probabilities)

    @property
    def sufficiency(self) -> float | None:
        """ERASER's: p(answer | text) - p(answer | named words alone), by the direct prompt; low is good, in [-1, 1]."""
        return self.whole[self.answer] - self.only[self.answer] if self.only else None

    @property
    def comprehensiveness(self) -> float | None:
        """ERASER's: p(answer | text) - p(answer | all but the named words), by the direct prompt; high is good."""
        return self.whole[self.answer] - self.rest[self.answer] if self.rest else None


def top(distribution: Mapping[str, float]) -> str:
    return max(distribution, key=distribution.__getitem__)


def early_answering(classifier: Classifier, text: str, reasoning: str) -> list[tuple[str, Distribution]]:
    """(beginning of `reasoning`, distribution after it), from none to all of it (Lanham et al. 2023, section 2.2).

    No reasoning means the direct prompt, as `Prediction.prior`. A single sentence is cut at quarters of its words.
    """
    scored = _score(classifier, _early(classifier.templates, text, reasoning).values())
    return [(start, scored[prompt]) for start, prompt in _early(classifier.templates, text, reasoning).items()]


def without_reasoning(classifier: Classifier, text: str) -> Distribution:
    """Under the direct prompt, without any reasoning."""
    return classifier.distributions([classifier.templates.direct(text)])[0]


def swapped(classifier: Classifier, text: str, reasoning: str) -> Distribution:
    """With the reasoning of another text in the place of the model's own."""
    return classifier.distributions([classifier.templates.answer(text, reasoning)])[0]


def corrupted(classifier: Classifier, text: str, reasoning: str, seed: int = 0) -> Distribution:
    """With the words of the reasoning in random order, drawn with `seed`."""
    return swapped(classifier, text, shuffled(reasoning, seed))


def masked_labels(classifier: Classifier, text: str, reasoning: str) -> Distribution:
    """With the words of all labels, and those derived from them, masked in the reasoning."""
    return swapped(classifier, text, masked(reasoning, classifier.templates.task.labels))


def report(
    classifier: Classifier,
    text: str,
    reasoning: str,
    others: Sequence[Explained],
    reader: Classifier | None = None,
    seed: int = 0,
) -> Report:
    """`reports` of one text."""
    return reports(classifier, [(text, reasoning)], others, reader, seed)[0]


def reports(
    classifier: Classifier,
    rows: Sequence[tuple[str, str]],
    others: Sequence[Explained],
    reader: Classifier | None = None,
    seed: int = 0,
) -> list[Report]:
    """One report for each (text, the reasoning that `classifier` wrote for it).

    `others` lend the reasonings for the swaps: one of the answer's label and one of another label are drawn for each
    row with `seed`, never one of the same text; where none fits, the swap is left out. `reader` is the Q->A classifier
    that judges the evidence, on the same labels; without it `classifier` does so under the direct prompt. All rows
    together take two calls of the engine's `score`, three with a reader.

    Raises:
        EngineError: the model cannot answer.
    """
    templates = classifier.templates
    edits = [_edits(templates, text, reasoning, seed) for text, reasoning in rows]
    spans = [evidence(text, reasoning) for text, reasoning in rows]
    early = [_early(templates, text, reasoning) for text, reasoning in rows]
    judge = reader or classifier
    judged = [p for (text, _), found in zip(rows, spans, strict=True) for p in _judged(judge.templates, text, found)]
    wanted = [prompt for steps in early for prompt in steps.values()]
    wanted += [templates.answer(text, e) for (text, _), mine in zip(rows, edits, strict=True) for e in mine.values()]
    scored = _score(classifier, [*wanted, *(() if reader else judged)])
    evidenced = _score(reader, judged) if reader else scored
    lent = [
        _lent(others, text, top(scored[list(steps.values())[-1]]), seed)
        for (text, _), steps in zip(rows, early, strict=True)
    ]
    swaps = _score(
        classifier,
        [
            templates.answer(text, o.reasoning)
            for (text, _), mine in zip(rows, lent, strict=True)
            for o in mine.values()
        ],
    )
    made = []
    for (text, reasoning), steps, changed, found, own in zip(rows, early, edits, spans, lent, strict=True):
        answers = [evidenced[prompt] for prompt in _judged(judge.templates, text, found)]
        done = {REMOVED: Edit("", scored[steps[""]])}
        done |= {name: Edit(edit, scored[templates.answer(text, edit)]) for name, edit in changed.items()}
        done |= {n: Edit(o.reasoning, swaps[templates.answer(text, o.reasoning)], o.label) for n, o in own.items()}
        curve = tuple((start, scored[prompt]) for start, prompt in steps.items())
        made.append(Report(text, reasoning, curve, done, tuple(found), *answers))
    return made


def _early(templates: Templates, text: str, reasoning: str) -> dict[str, Prompt]:
    starts = prefixes(reasoning)[1:]
    if not starts:  # nothing was written: the answer came after an empty reasoning, and there is nothing to cut
        return {"": templates.answer(text, "")}
    return {"": templates.direct(text), **{start: templates.answer(text, start) for start in starts}}


def _edits(templates: Templates, text: str, reasoning: str, seed: int) -> dict[str, str]:
    """The interventions that only need this row, without those that leave the reasoning as it is."""
    edits = {
        SHUFFLED: shuffled(reasoning, seed),
        UNGROUNDED: ungrounded(text, reasoning),
        MASKED: masked(reasoning, templates.task.labels),
    }
    return {name: edit for name, edit in edits.items() if edit.split() != reasoning.split()}


def _judged(templates: Templates, text: str, spans: Sequence[Span]) -> list[Prompt]:
    pieces = [text, only(text, spans), without(text, spans)] if spans else [text]
    return [templates.direct(piece) for piece in pieces]


def _lent(others: Sequence[Explained], text: str, answer: str, seed: int) -> dict[str, Explained]:
    drawn = random.Random(f"{seed}\0{text}")
    fit = [o for o in others if o.text != text and o.reasoning.strip()]
    pools = {SAME: [o for o in fit if o.label == answer], OTHER: [o for o in fit if o.label != answer]}
    return {name: drawn.choice(pool) for name, pool in pools.items() if pool}


def _score(classifier: Classifier, prompts: Iterable[Prompt]) -> Scored:
    """Each different prompt once, in one call; none for none."""
    unique = list(dict.fromkeys(prompts))
    return dict(zip(unique, classifier.distributions(unique), strict=True)) if unique else {}
