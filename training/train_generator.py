"""Stage 1: fine-tune the reasoning generator on general data (question, answer -> reasoning).

python -m training.train_generator --recipe training/recipes/embedded/generator.yaml --out runs/generator
"""

from __future__ import annotations

import hashlib
from typing import Any

from rilearn.prompts import Templates
from rilearn.tasks import load_task
from training.recipes import GeneratorRecipe, load_recipe
from training.stage import parser, run, write_manifest
from training.triples import Triple, general_rows, triples


def main(argv: list[str]) -> None:
    arguments = parser(__doc__).parse_args(argv)
    recipe = load_recipe(GeneratorRecipe, arguments.recipe, arguments.set)
    templates = Templates(load_task("emotion"), recipe.chat)
    parts: list[Triple] = [t for data in recipe.data for t in triples(data, recipe.seed)]
    rows = general_rows(templates, parts)
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
