"""Forms of training row and of answering that the study compares: in which order answer and reasoning come.

A: text -> answer. RA: reasoning, then answer (the paper's Q->RA). AR: answer, then its explanation. ARA: guess, think,
answer again. Every form is trained on rows of the same (text, label, reasoning).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from rilearn.engines.base import Engine
from rilearn.prompts import Templates, parse_label, parse_reasoned
from rilearn.records import AdapterRef, Example, Sampling
from training.rows import Row

Form = Literal["A", "RA", "AR", "ARA"]
MAX_TOKENS = 64  # the study's reasonings have 32 words at most


@dataclass(frozen=True)
class Answer:
    """What a model said of one text: natural-log score of each label, its reasoning, whether its own text parsed."""

    scores: tuple[float, ...]
    reasoning: str
    parsed: bool
    tokens: int


def row(form: Form, templates: Templates, example: Example, reasoning: str, label_share: float | None) -> Row:
    """One training row. `label_share` of the loss is on the label; None: every target token weighs alike."""
    assert example.label is not None
    parts = _parts(form, templates, example.label, reasoning)
    start = templates.reasoned if form == "RA" else templates.direct
    if label_share is None or form == "A":
        return Row(start, example.text, (("".join(text for text, _ in parts), 1.0),))
    labels = sum(is_label for _, is_label in parts)
    shares = [label_share / labels if is_label else (1 - label_share) / (len(parts) - labels) for _, is_label in parts]
    return Row(start, example.text, tuple((text, share) for (text, _), share in zip(parts, shares, strict=True)))


def _parts(form: Form, templates: Templates, label: str, reasoning: str) -> list[tuple[str, bool]]:
    """The completion in parts, each with whether it is a label."""
    answer = templates.direct_completion(label)
    explained = templates.explained_completion(reasoning)
    match form:
        case "A":
            return [(answer, True)]
        case "AR":
            return [(answer, True), (explained, False)]
        case "RA":
            whole = templates.reasoned_completion(reasoning, label)
            return [(whole.removesuffix(answer), False), (answer, True)]
        case "ARA":
            return [(answer, True), (f"{explained}\n{templates.task.label_name}:", False), (answer, True)]


def answer(
    form: Form, engine: Engine, ref: AdapterRef | None, templates: Templates, texts: Sequence[str]
) -> list[Answer]:
    """Answers of a model trained on rows of `form`, reasonings written greedily, labels scored."""
    return _ANSWERS[form](engine, ref, templates, texts)


def _direct(engine: Engine, ref: AdapterRef | None, templates: Templates, texts: Sequence[str]) -> list[Answer]:
    scores = engine.score([templates.direct(t) for t in texts], templates.choices(), ref)
    return [Answer(tuple(s), "", True, 0) for s in scores]


def _reasoned(engine: Engine, ref: AdapterRef | None, templates: Templates, texts: Sequence[str]) -> list[Answer]:
    written = engine.generate([templates.reasoned(t) for t in texts], Sampling(MAX_TOKENS), ref)
    parsed = [parse_reasoned(g.text, templates.task) for g in written]
    prompts = [templates.answer(t, reasoning) for t, (reasoning, _) in zip(texts, parsed, strict=True)]
    scores = engine.score(prompts, templates.choices(), ref)
    return [
        Answer(tuple(s), reasoning, label is not None, g.tokens)
        for s, (reasoning, label), g in zip(scores, parsed, written, strict=True)
    ]


def _guessed(engine: Engine, ref: AdapterRef | None, templates: Templates, texts: Sequence[str]) -> list[Answer]:
    """The guess is the likeliest label; the reasoning follows it, the second answer follows both."""
    labels = templates.task.labels
    guesses = [labels[_best(a.scores)] for a in _direct(engine, ref, templates, texts)]
    begun = [templates.guessed(t, g) for t, g in zip(texts, guesses, strict=True)]
    written = engine.generate(begun, Sampling(MAX_TOKENS), ref)
    head = f"{templates.task.label_name}:"
    reasonings, parsed = [], []
    for g in written:
        reasoning, _, rest = g.text.partition("\n")
        reasonings.append(reasoning.strip())
        parsed.append(rest.startswith(head) and parse_label(rest[len(head) :], templates.task) is not None)
    prompts = [templates.guessed(t, g, r) for t, g, r in zip(texts, guesses, reasonings, strict=True)]
    scores = engine.score(prompts, templates.choices(), ref)
    return [Answer(tuple(s), r, ok, g.tokens) for s, r, ok, g in zip(scores, reasonings, parsed, written, strict=True)]


_ANSWERS: dict[Form, Callable[[Engine, AdapterRef | None, Templates, Sequence[str]], list[Answer]]] = {
    "A": _direct,
    "AR": _direct,
    "RA": _reasoned,
    "ARA": _guessed,
}


def _best(scores: Sequence[float]) -> int:
    return max(range(len(scores)), key=scores.__getitem__)


def predicted(answers: Sequence[Answer], labels: Sequence[str]) -> list[str]:
    """The likeliest label of each answer."""
    return [labels[_best(a.scores)] for a in answers]
