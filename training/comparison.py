"""What a generator writes for held-out rows, how good it is by measures without people, and which of two is better.

Sufficiency after DeYoung et al. (2020, ERASER): does a Q->A model that reads only the words of the text that the
reasoning names still find the label? Two judges compare, neither of which rated or wrote: `signals` counts what is
plainly wrong and then asks the reader, `base` asks the bare base how sure the reasoning alone makes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rilearn import signals
from rilearn.adapters import Adapter
from rilearn.classify import softmax
from rilearn.engines.base import Engine
from rilearn.perturbations import evidence, masked, named, only
from rilearn.prompts import Templates, clean
from rilearn.records import AdapterRef, Example, Prompt, Sampling
from rilearn.statistics import wilson

Judge = Literal["signals", "base"]
SAMPLING = Sampling(max_tokens=64, stop=("\n",))
MARGIN = 0.05
"""Probabilities this near each other are a tie."""
LONGEST = 32
"""Words: what is longer is a fault, as in the filters of training.augment."""


@dataclass(frozen=True)
class Measured:
    """One reasoning with its `signals.measured`.

    `sufficient`: the reader finds the label in the `named` words alone, to which it gives the probability `read`;
    `of_content`: in those of them that carry content, without the rest of what is quoted. `named` counts the former.
    `judged`: the probability the bare base gives the label after the reasoning alone, the label's words masked in it.
    """

    reasoning: str
    finished: bool
    signals: dict[str, float]
    sufficient: bool
    of_content: bool
    read: float
    named: int
    judged: float

    @property
    def faults(self) -> int:
        """How many things are plainly wrong with it."""
        s = self.signals
        wrong = (s["grounding"] == 0, s["misquotes"] > 0, s["repetition"] > 0.2, s["names_other"], s["words"] > LONGEST)
        return sum(map(bool, wrong)) + (not self.finished)


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
    read, of_content = (
        _shares(engine, [templates.direct(w) for w in some], templates, reader) for some in (words, content)
    )
    judged = _shares(engine, [templates.answer("", masked(r, labels)) for _, r in pairs], templates, None)
    return [
        Measured(
            reasoning=r,
            finished=done,
            signals=signals.measured(e.text, e.label or "", r, labels),
            # No word named is no evidence: the reader's answer to an empty text is a habit, not a finding.
            sufficient=bool(words[i]) and int(read[i].argmax()) == g,
            of_content=bool(content[i]) and int(of_content[i].argmax()) == g,
            read=float(read[i][g]) if words[i] else 0.0,
            named=len(words[i].split()),
            judged=float(judged[i][g]),
        )
        for i, (e, (r, done), g) in enumerate(zip(examples, written, gold, strict=True))
    ]


def _shares(engine: Engine, prompts: list[Prompt], templates: Templates, adapter: AdapterRef | None) -> Any:
    return np.array([softmax(scores) for scores in engine.score(prompts, templates.choices(), adapter)])


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
        "faultless": share([m.faults == 0 for m in found]),
        "read": round(sum(m.read for m in found) / n, 4),
        "judged": round(sum(m.judged for m in found) / n, 4),
    }


def wins(new: Sequence[Measured], old: Sequence[Measured], judge: Judge = "signals") -> dict[str, Any]:
    """Aligned reasonings as a judge sees them: wins, losses and ties of the new ones.

    `win_rate` is the share of wins among those that are no ties, with its 95 % Wilson interval.
    """
    better = [_better(a, b, judge) for a, b in zip(new, old, strict=True)]
    won, lost = better.count(1), better.count(-1)
    low, high = wilson(won, won + lost)
    rate = round(won / max(1, won + lost), 4)
    interval = [round(low, 4), round(high, 4)]
    return {"wins": won, "losses": lost, "ties": len(better) - won - lost, "win_rate": rate, "interval": interval}


def _better(one: Measured, other: Measured, judge: Judge) -> int:
    """1: the one, -1: the other, 0: a tie."""
    gap = one.read - other.read if judge == "signals" else one.judged - other.judged
    if one.reasoning == other.reasoning:
        return 0
    if judge == "signals" and one.faults != other.faults:
        return 1 if one.faults < other.faults else -1
    return (gap > MARGIN) - (gap < -MARGIN)
