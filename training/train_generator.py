"""Stage 1: fine-tune the reasoning generator on general data (question, answer -> reasoning).

python -m training.train_generator --recipe training/recipes/embedded/generator.yaml --out runs/generator
"""

from __future__ import annotations

import hashlib
import random
from typing import Any

from rilearn.corpora import columns, load_rows
from rilearn.errors import DataError
from rilearn.prompts import Templates, clean
from rilearn.signals import content_words
from rilearn.tasks import load_task
from training.recipes import GeneratorRecipe, ReasoningData, load_recipe
from training.rows import Row
from training.stage import parser, run, write_manifest

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


def main(argv: list[str]) -> None:
    arguments = parser(__doc__).parse_args(argv)
    recipe = load_recipe(GeneratorRecipe, arguments.recipe, arguments.set)
    templates = Templates(load_task("emotion"), recipe.chat)
    parts: list[Triple] = [t for data in recipe.data for t in triples(data, recipe.seed)]
    rows = [
        Row(
            prompt=lambda text, answer=answer: templates.rationale(text, answer),  # type: ignore[misc]
            text=question,
            parts=((templates.rationale_completion(reasoning), 1.0),),
        )
        for question, answer, reasoning in parts
    ]
    report: dict[str, Any] = {
        "datasets": [d.model_dump(mode="json") for d in recipe.data],
        "fingerprint": hashlib.sha256(repr(parts).encode()).hexdigest(),
    }
    print(f"{len(rows)} rows", flush=True)
    from training.sft import fine_tune  # torch loads only once the recipe is known to be good

    facts = fine_tune(rows, recipe.base, recipe.training, recipe.seed, arguments.out)
    if facts["main"]:
        write_manifest(arguments.out, recipe, "generator", None, report, facts, {})
        print(f"written to {arguments.out} after {facts['seconds']:.0f} s", flush=True)


if __name__ == "__main__":
    run(main)
