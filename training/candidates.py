"""Candidate reasonings: their signals, which one of a row is best, why a row keeps none, and the counts of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rilearn import signals
from rilearn.records import Example
from training.recipes import AugmentRecipe
from training.stage import today


@dataclass(frozen=True)
class Candidate:
    """One reasoning of one row with its signals; `lead` is None until a judge has read it."""

    reasoning: str
    finish: str
    tokens: int
    grounding: int
    misquotes: int
    repetition: float
    words: int
    restates: bool
    names_label: bool
    names_other: bool
    lead: float | None = None

    def fields(self) -> dict[str, Any]:
        return asdict(self)


def measure(example: Example, reasoning: str, finish: str, tokens: int, labels: Sequence[str]) -> Candidate:
    """All signals that need no model."""
    found: dict[str, Any] = signals.measured(example.text, example.label or "", reasoning, labels)
    return Candidate(reasoning=reasoning, finish=finish, tokens=tokens, **found)


def fault(candidate: Candidate, recipe: AugmentRecipe) -> str | None:
    """The first threshold the candidate misses, by name; None if it passes all."""
    checks = {
        "unfinished": candidate.finish != "stop",
        "too_short": candidate.words < recipe.min_words,
        "too_long": candidate.words > recipe.max_words,
        "repetitive": candidate.repetition > recipe.max_repetition,
        "names_other_label": candidate.names_other,
        "misquotes": candidate.misquotes > recipe.max_misquotes,
        "ungrounded": candidate.grounding < recipe.min_grounding,
        "restatement": candidate.restates and not recipe.allow_restatement,
        "misleads": candidate.lead is not None and candidate.lead < recipe.min_lead,
    }
    return next((name for name, failed in checks.items() if failed), None)


def quality(candidate: Candidate) -> float:
    """Order among passing candidates."""
    return signals.quality(candidate.fields())


def ranked(candidates: Sequence[Candidate], recipe: AugmentRecipe) -> list[int]:
    """Indices of the passing candidates, best first; a text that occurs twice counts once."""
    seen: set[str] = set()
    passing = []
    for index, candidate in enumerate(candidates):
        if fault(candidate, recipe) is None and candidate.reasoning not in seen:
            seen.add(candidate.reasoning)
            passing.append(index)
    return sorted(passing, key=lambda i: -quality(candidates[i]))


def report(rows: list[dict[str, Any]], recipe: AugmentRecipe, extra: dict[str, Any]) -> dict[str, Any]:
    """Counts over all candidates and the rates of the kept ones."""
    kept = [r for r in rows if r["kept"]]
    texts = {r["row"] for r in rows}
    return {
        **extra,
        "recipe": recipe.model_dump(mode="json"),
        "rows": len(texts),
        "candidates": len(rows),
        "kept": len(kept),
        "dropped_rows": len(texts) - len(kept),
        "faults": dict(Counter(r["fault"] for r in rows if r["fault"])),
        "kept_grounded": round(sum(r["grounding"] > 0 for r in kept) / max(1, len(kept)), 4),
        "kept_distinct": round(signals.distinct(r["reasoning"] for r in kept), 4),
        "kept_names_label": round(sum(r["names_label"] for r in kept) / max(1, len(kept)), 4),
        "kept_mean_words": round(sum(r["words"] for r in kept) / max(1, len(kept)), 2),
        "all_grounded": round(sum(r["grounding"] > 0 for r in rows) / max(1, len(rows)), 4),
        "all_distinct": round(signals.distinct(r["reasoning"] for r in rows), 4),
        "kept_by_label": dict(Counter(r["label"] for r in kept)),
        "date": today(),
    }
