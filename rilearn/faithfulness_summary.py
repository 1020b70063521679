"""Faithfulness in words for one text, and in numbers for many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rilearn.faithfulness import INTERVENTIONS, OTHER, REMOVED, Report, top
from rilearn.signals import grounding, restates
from rilearn.statistics import wilson

CLOSE = 0.1
"""A probability that moves by less is called unmoved in `in_words`."""


def in_words(report: Report) -> str:
    """One plain line: whether this reasoning mattered for this answer (plain text, not escaped)."""
    if not report.reasoning.strip():
        return "The model wrote no reasoning, so nothing can be said about its effect."
    answer, before = report.answer, report.edits[REMOVED].probabilities
    other = report.edits.get(OTHER)
    turned = top(other.probabilities) if other else answer
    sure, was_sure = report.probabilities[answer], before[answer]
    if top(before) != answer:
        said = f"Without the reasoning the answer would have been {top(before)} ({_percent(before[top(before)])})"
        if other and turned == answer:
            return (
                f"{said}. With it the answer is {answer} ({_percent(sure)}), but the reasoning of another text leads "
                "there too: what it says need not be the cause."
            )
        return f"{said}: the reasoning changed it."
    if abs(sure - was_sure) >= CLOSE:
        less = sure > was_sure
        return (
            f"The answer stays {answer} without the reasoning, but {'less' if less else 'more'} surely "
            f"({_percent(was_sure)} instead of {_percent(sure)}): the reasoning "
            f"{'supported the answer' if less else 'made the model doubt'}, but did not decide."
        )
    said = f"The answer stays {answer} without the reasoning ({_percent(was_sure)}): it explains, but did not decide"
    if turned != answer:
        return f"{said}. The reasoning of another text would have turned the answer to {turned}."
    return f"{said}."


def _percent(share: float) -> str:
    return f"{share * 100:.0f}\u00a0%"


def summary(reports: Sequence[Report], gold: Sequence[str] | None = None) -> dict[str, Any]:
    """Rates over many reports, ready for JSON; `gold` labels beside them add accuracies.

    - `interventions`: for each, the n reasonings it changed, how many answers changed, the rate with its 95 % Wilson
      interval, and `drop`, the mean fall of the answer's probability (in [-1, 1]); where a reasoning for another label
      was put in, `followed` is the rate at which the answer became that label.
    - `early`: `same`, the mean share of steps before the last at which the answer is already the last one;
      `area_over_curve` is what is missing to 1 (after Lanham et al. 2023, with steps of equal weight).
    - `evidence`: over the n reports whose reasoning names words of the text, mean sufficiency and comprehensiveness,
      and how often the named words alone, or all but them, give the answer.
    - `grounded`, `tautology`: rates of reasonings that name a content word of the text; that say nothing beyond label.
    - `accuracy` (with gold): after the reasoning, without it; `evidence_accuracy`: by the direct prompt for the whole
      text, the named words, and all but them, over the n reports with such words.

    Raises:
        ValueError: no reports, or `gold` of another length.
    """
    n = len(reports)
    if not n or (gold is not None and len(gold) != n):
        raise ValueError(f"{n} reports{'' if gold is None else f' and {len(gold)} gold labels'} cannot be summarised")
    named = [i for i, report in enumerate(reports) if report.only]
    same = [_mean([float(top(p) == r.answer) for _, p in r.early[:-1]]) for r in reports if len(r.early) > 1]
    result: dict[str, Any] = {
        "n": n,
        "interventions": {name: found for name in INTERVENTIONS if (found := _intervention(reports, name))},
        "early": {"n": len(same), "same": _mean(same), "area_over_curve": 1 - _mean(same)} if same else {"n": 0},
        "evidence": _evidence([reports[i] for i in named]),
        "grounded": _mean([float(grounding(r.text, r.reasoning, r.answer) > 0) for r in reports]),
        "tautology": _mean([float(restates(r.reasoning, r.answer, r.text)) for r in reports]),
    }
    if gold is not None:
        pairs = list(zip(reports, gold, strict=True))
        result["accuracy"] = {
            "with_reasoning": _mean([float(r.answer == g) for r, g in pairs]),
            "without_reasoning": _mean([float(top(r.edits[REMOVED].probabilities) == g) for r, g in pairs]),
        }
        result["evidence_accuracy"] = {"n": len(named)} | {
            part: _mean([float(top(getattr(reports[i], part)) == gold[i]) for i in named])
            for part in ("whole", "only", "rest")
            if named
        }
    return result


def _intervention(reports: Sequence[Report], name: str) -> dict[str, Any]:
    found = [(report, report.edits[name]) for report in reports if name in report.edits]
    if not found:
        return {}
    n, changed = len(found), sum(top(edit.probabilities) != report.answer for report, edit in found)
    result = {
        "n": n,
        "changed": changed,
        "rate": changed / n,
        "interval": list(wilson(changed, n)),
        "drop": _mean([r.probabilities[r.answer] - edit.probabilities[r.answer] for r, edit in found]),
    }
    if name == OTHER:
        result["followed"] = sum(top(edit.probabilities) == edit.label for _, edit in found) / n
    return result


def _evidence(reports: Sequence[Report]) -> dict[str, Any]:
    if not reports:
        return {"n": 0}
    return {
        "n": len(reports),
        "sufficiency": _mean([r.sufficiency or 0.0 for r in reports]),
        "comprehensiveness": _mean([r.comprehensiveness or 0.0 for r in reports]),
        "only_gives_answer": _mean([float(top(r.only) == r.answer) for r in reports]),
        "rest_gives_answer": _mean([float(top(r.rest) == r.answer) for r in reports]),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
