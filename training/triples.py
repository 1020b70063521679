"""General data: (question, answer, reasoning) triples after a recipe's filters, and training rows made of them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from rilearn.corpora import columns, load_rows
from rilearn.errors import DataError
from rilearn.prompts import Templates, clean
from rilearn.signals import content_words
from training.recipes import ReasoningData
from training.rows import Row

Triple = tuple[str, str, str]


def triples(data: ReasoningData, seed: int) -> list[Triple]:
    """(question, answer, reasoning) rows of one dataset after its filters, shuffled by `seed`."""
    rows = load_rows(data.id, data.split, data.config)
    names = [data.question, data.answer, data.reasoning] + ([data.source] if data.source else [])
    found = columns(rows, names, f"{data.id} ({data.split})")
    kept = [
        (str(row[0]), str(row[1]), str(row[2]))
        for row in zip(*found, strict=True)
        if (not data.sources or (data.source and row[3] in data.sources)) and usable(str(row[0]), str(row[2]), data)
    ]
    if not kept:
        raise DataError(f"No row of {data.id} ({data.split}) passes the recipe's filters.")
    random.Random(seed).shuffle(kept)
    return kept[: data.limit] * data.repeat


def usable(question: str, reasoning: str, data: ReasoningData) -> bool:
    """Whether the reasoning has a fitting length and, if asked for, takes up two content words of the question."""
    if not data.min_words <= len(clean(reasoning).split()) <= data.max_words:
        return False
    return not data.grounded or len(content_words(question) & content_words(reasoning)) >= 2


def general_rows(templates: Templates, parts: Sequence[Triple]) -> list[Row]:
    """Rows of the stage-1 prompt; the question may be shortened, the reasoning is learnt."""
    return [
        Row(
            prompt=lambda text, answer=answer: templates.rationale(text, answer),  # type: ignore[misc]
            text=question,
            parts=((templates.rationale_completion(reasoning), 1.0),),
        )
        for question, answer, reasoning in parts
    ]
