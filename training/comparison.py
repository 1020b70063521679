"""What a generator writes for held-out rows, how good it is by measures that need no people, and which of two is better.

Sufficiency after DeYoung et al. (2020, ERASER): does a Q->A model that reads only the words of the text that the
reasoning names still find the label? The judge is the bare base, which neither wrote nor rated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rilearn import signals
from rilearn.adapters import Adapter
from rilearn.engines.base import Engine
from rilearn.perturbations import evidence, masked, named, only
from rilearn.prompts import Templates, clean
from rilearn.records import AdapterRef, Example, Prompt, Sampling
from rilearn.statistics import wilson

SAMPLING = Sampling(max_tokens=64, stop=("\n",))
MARGIN = 0.02
"""Probabilities this near each other are a tie."""


@dataclass(frozen=True)
class Measured:
    """One reasoning with its `signals.measured`.

    `sufficient`: the reader finds the label in the `named` words alone; `of_content`: in those of them that carry
    content, without the rest of what is quoted; `named` counts the former. `judged`: the probability the judge gives the
    label after text and reasoning, the label's words masked in it.
    """

    reasoning: str
    finished: bool
    signals: dict[str, float]
    sufficient: bool
    of_content: bool
    named: int
    judged: float


def write(
    engine: Engine, generator: Adapter, templates: Templates, examples: Sequence[Example]
) -> list[tuple[str, bool]]:
    """The greedy reasoning for each example, and whether it came to an end."""
    prompts = [templates.task_rationale(e.text, e.label or "") for e in examples]
    return [(clean(g.text), g.finish == "stop") for g in engine.generate(prompts, SAMPLING, generator.ref)]


def measure(
    engine: Engine,
    reader: AdapterRef,
    templates: Templates,
    examples: Sequence[Example],
    written: Sequence[tuple[str, bool]],
) -> list[Measured]:
    """All measures of aligned examples and reasonings."""
    labels = templates.task.labels
    gold = [labels.index(e.label or "") for e in examples]
    pairs = [(e.text, r) for e, (r, _) in zip(examples, written, strict=True)]
    words = [only(text, named(text, r)) for text, r in pairs]
    content = [only(text, evidence(text, r)) for text, r in pairs]
    sufficient, of_content = (
        # No word named is no evidence: the reader's answer to an empty text is a habit, not a finding.
        [bool(read) and int(row.argmax()) == g for read, row, g in zip(some, shares, gold, strict=True)]
        for some in (words, content)
        for shares in [_shares(engine, [templates.direct(read) for read in some], templates, reader)]
    )
    prompts = [templates.answer(e.text, masked(r, labels)) for e, (r, _) in zip(examples, written, strict=True)]
    judged = _shares(engine, prompts, templates, None)
    return [
        Measured(r, done, signals.measured(e.text, e.label or "", r, labels), *found, len(read.split()), float(row[g]))
        for e, (r, done), *found, read, row, g in zip(
            examples, written, sufficient, of_content, words, judged, gold, strict=True
        )
    ]


def _shares(engine: Engine, prompts: list[Prompt], templates: Templates, adapter: AdapterRef | None) -> Any:
    scores = np.array(engine.score(prompts, templates.choices(), adapter))
    shares = np.exp(scores - scores.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def summary(found: Sequence[Measured]) -> dict[str, float]:
    """Rates over all reasonings, each in [0, 1] but the mean words."""
    n = len(found)

    def share(yes: Sequence[bool]) -> float:
        return round(sum(map(bool, yes)) / n, 4)

    return {
        "grounded": share([m.signals["grounding"] > 0 for m in found]),
        "misquotes": share([m.signals["misquotes"] > 0 for m in found]),
        "restates": share([bool(m.signals["restates"]) for m in found]),
        "repeats": share([m.signals["repetition"] > 0.2 for m in found]),
        "names_label": share([bool(m.signals["names_label"]) for m in found]),
        "names_other": share([bool(m.signals["names_other"]) for m in found]),
        "finished": share([m.finished for m in found]),
        "distinct": round(signals.distinct(m.reasoning for m in found), 4),
        "mean_words": round(sum(m.signals["words"] for m in found) / n, 2),
        "sufficiency": share([m.sufficient for m in found]),
        "sufficiency_of_content": share([m.of_content for m in found]),
        "mean_named": round(sum(m.named for m in found) / n, 2),
        "judged": round(sum(m.judged for m in found) / n, 4),
    }


def wins(new: Sequence[Measured], old: Sequence[Measured]) -> dict[str, Any]:
    """Aligned reasonings as the judge sees them: wins, losses and ties of the new ones.

    `win_rate` counts a tie, as two that say the same are, half; with its 95 % Wilson interval.
    """
    gaps = [0.0 if a.reasoning == b.reasoning else a.judged - b.judged for a, b in zip(new, old, strict=True)]
    won, lost = sum(g > MARGIN for g in gaps), sum(g < -MARGIN for g in gaps)
    ties = len(gaps) - won - lost
    points = won + ties / 2
    low, high = wilson(points, len(gaps))
    rate = round(points / len(gaps), 4)
    return {"wins": won, "losses": lost, "ties": ties, "win_rate": rate, "interval": [round(low, 4), round(high, 4)]}
