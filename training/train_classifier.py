"""Stage 2: train Q->A (text -> label) or Q->RA (text -> reasoning, then label).

python -m training.train_classifier --recipe training/recipes/embedded/q-a.yaml --out runs/q-a
accelerate launch --num_processes 2 -m training.train_classifier --recipe ... --out ...

Two processes on a CPU (gloo), where accelerate would start one without --multi_gpu and say nothing:
ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes 2 -m training.train_classifier --recipe ...
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rilearn.adapters import load_adapter
from rilearn.errors import ConfigError, DataError
from rilearn.prompts import Templates
from rilearn.records import Example
from rilearn.tasks import load_task
from training.data import generators, read_reasonings, task_rows
from training.recipes import ClassifierRecipe, load_recipe
from training.rows import Row
from training.stage import parser, run, write_manifest
from training.variants import row


def direct_row(templates: Templates, example: Example) -> Row:
    return row("A", templates, example, "", None)


def reasoned_row(templates: Templates, example: Example, reasoning: str, label_share: float) -> Row:
    """A Q->RA row; the label with its end token carries `label_share` of the loss, reasoning and frame the rest."""
    return row("RA", templates, example, reasoning, label_share)


def build_rows(
    recipe: ClassifierRecipe, templates: Templates, examples: Sequence[Example]
) -> tuple[list[Row], dict[str, int]]:
    """The rows of the recipe and how many of each sort."""
    if recipe.kind == "direct":
        return [direct_row(templates, e) for e in examples], {"direct": len(examples)}
    if recipe.reasonings is None:
        raise ConfigError(
            "A reasoned classifier needs reasonings: --set reasonings=FILE (written by training.augment)."
        )

    def after(rows: Sequence[Example], found: dict[tuple[str, str], list[str]], label_share: float) -> list[Row]:
        return [
            reasoned_row(templates, e, reasoning, label_share)
            for e in rows
            for reasoning in found.get((e.text, e.label or ""), [])
        ]

    reasonings = read_reasonings(Path(recipe.reasonings))
    rows = after(examples, reasonings, recipe.label_share)
    if not rows:
        raise DataError(f"No row of {recipe.reasonings} belongs to the training rows: is it of another dataset?")
    own = after(examples, read_reasonings(Path(recipe.rollouts), kept=False), 1.0) if recipe.rollouts else []
    others: list[Row] = []
    if recipe.counterfactuals:
        known = {e.text for e in examples}  # as everywhere: no text of an evaluation split
        found = read_reasonings(Path(recipe.counterfactuals))
        others = after([Example(text, label) for text, label in found if text in known], found, 1.0)
    wanted = round(recipe.direct_rows * len(rows))
    # Rows that have no reasoning come first: they are labels the model would otherwise never see.
    pool = sorted(examples, key=lambda e: (e.text, e.label or "") in reasonings)
    direct = [direct_row(templates, e) for e in pool[:wanted]]
    counts = {"reasoned": len(rows), "direct": len(direct)}
    counts |= {name: len(part) for name, part in (("rollouts", own), ("counterfactuals", others)) if part}
    return rows + own + others + direct, counts


def main(argv: list[str]) -> None:
    arguments = parser(__doc__).parse_args(argv)
    recipe = load_recipe(ClassifierRecipe, arguments.recipe, arguments.set)
    task = load_task(recipe.task)
    templates = Templates(task, recipe.chat)
    examples, report = task_rows(task, recipe.data, recipe.seed)
    rows, counts = build_rows(recipe, templates, examples)
    print(f"{len(rows)} rows {counts}; {report}", flush=True)
    parents, start_from = generators(Path(recipe.reasonings)) if recipe.reasonings else {}, None
    if recipe.start_from:
        parent = load_adapter(Path(recipe.start_from), recipe.base)
        parents["start_from"] = parent.ref.digest
        start_from = parent.ref.path
    from training.sft import fine_tune  # torch loads only once the recipe is known to be good

    facts = fine_tune(rows, recipe.base, recipe.training, recipe.seed, arguments.out, start_from)
    if facts["main"]:
        write_manifest(arguments.out, recipe, recipe.kind, task.name, {**report, **counts}, facts, parents)
        print(f"written to {arguments.out} after {facts['seconds']:.0f} s", flush=True)


if __name__ == "__main__":
    run(main)
