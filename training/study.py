"""Which order of answer and reasoning learns best: variants at the same rows and steps, several budgets and seeds.

python -m training.study --recipe training/recipes/embedded/study.yaml --out runs/study

Every cell (variant, rows, seed) trains an adapter from the bare base and is evaluated; its numbers go to
OUT/cells/NAME.json and a cell that is there is not done again. All cells together are written to --result, from which
`python -m training.study_report` makes the report and its plots; cells that are in it already, of the same rows and
recipe, are taken over, so that a study goes on where another machine left it.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from rilearn.adapters import weights_digest
from rilearn.corpora import fingerprint, load_split, public_name
from rilearn.engines.base import Engine
from rilearn.errors import ConfigError
from rilearn.metrics import classification, hits
from rilearn.prompts import PROMPT_VERSION, Templates
from rilearn.records import AdapterRef, Example
from rilearn.settings import Settings
from rilearn.tasks import load_task
from training.data import dataset_spec, stored_candidates, task_rows
from training.recipes import Strict, TextData, Training, load_recipe
from training.rows import Row
from training.stage import command, parser, run, today
from training.variants import Form, answer, predicted, row


class Variant(Strict):
    """One way to train. `mixed`: every second row is a direct one. `batch` overrides the rows of a step."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    form: Form
    label_share: float | None = None
    mixed: bool = False
    reasonings: Literal["filtered", "unfiltered"] = "filtered"
    batch: int | None = None


class StudyRecipe(Strict):
    """`reasonings`: a parquet file of `augment`, or a folder of its shards. A budget's rows begin the next one's."""

    kind: Literal["study"]
    name: str
    base: str = "embedded"
    task: str = "emotion"
    data: TextData = TextData()
    reasonings: str
    variants: tuple[Variant, ...] = Field(min_length=1)
    budgets: tuple[int, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = (0,)
    evaluation_split: str = "validation"
    evaluation_rows: int | None = None
    training: Training = Training()


ZERO_SHOT = "zero-shot"
Reasoned = tuple[Example, dict[str, str]]
"""A training row and its reasonings: `filtered` is the kept candidate, `unfiltered` the first one written."""


def reasoned_rows(path: Path, examples: Sequence[Example]) -> list[Reasoned]:
    """The examples that kept a reasoning, in their order, with both of their reasonings."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for entry in stored_candidates(path):
        each = found.setdefault((entry["text"], entry["label"]), {})
        if entry["kept"]:
            each["filtered"] = entry["reasoning"]
        if entry["candidate"] == 0:
            each["unfiltered"] = entry["reasoning"]
    rows = [(e, found.get((e.text, e.label or ""), {})) for e in examples]
    return [(e, r) for e, r in rows if "filtered" in r and r.get("unfiltered")]


def build_rows(variant: Variant, templates: Templates, rows: Sequence[Reasoned]) -> list[Row]:
    """The training rows of a variant, one for each of `rows`."""
    forms: list[Form] = [("A" if variant.mixed and i % 2 else variant.form) for i in range(len(rows))]
    return [
        row(form, templates, example, reasonings[variant.reasonings], variant.label_share)
        for form, (example, reasonings) in zip(forms, rows, strict=True)
    ]


def train_cell(recipe: StudyRecipe, variant: Variant, rows: list[Row], seed: int, out: Path) -> dict[str, Any]:
    """Train the adapter of a cell in `out`; the facts of `sft.fine_tune`."""
    from training.sft import fine_tune

    changes = {"batch": variant.batch} if variant.batch else {}
    return fine_tune(rows, recipe.base, recipe.training.model_copy(update=changes), seed, out)


def measure(
    form: Form, engine: Engine, ref: AdapterRef | None, templates: Templates, examples: Sequence[Example]
) -> dict[str, Any]:
    """Accuracy and the rest on `examples`; `correct` is one character a row, for paired tests."""
    start = time.monotonic()
    answers = answer(form, engine, ref, templates, [e.text for e in examples])
    labels = predicted(answers, templates.task.labels)
    gold = [e.label or "" for e in examples]
    numbers = classification(gold, labels, templates.task.labels)
    return {
        "n": len(examples),
        "accuracy": numbers["accuracy"],
        "macro_f1": numbers["macro_f1"],
        "parse_rate": sum(a.parsed for a in answers) / len(answers),
        "mean_tokens": sum(a.tokens for a in answers) / len(answers),
        "evaluation_seconds": round(time.monotonic() - start, 1),
        "correct": hits(gold, labels),
    }


def cell(
    recipe: StudyRecipe,
    variant: Variant,
    rows: Sequence[Reasoned],
    examples: Sequence[Example],
    seed: int,
    out: Path,
) -> dict[str, Any]:
    """Train and evaluate one cell."""
    from rilearn.engines import load_engine

    templates = Templates(load_task(recipe.task))
    facts = train_cell(recipe, variant, build_rows(variant, templates, rows), seed, out)
    engine = load_engine("transformers", recipe.base, Settings().cache_dir, fast=True)
    ref = AdapterRef(out, weights_digest(out))
    numbers = measure(variant.form, engine, ref, templates, examples)
    engine.close()
    shutil.rmtree(out)
    gc.collect()
    kept = ("rows", "rows_dropped", "rows_seen", "tokens_seen", "steps", "seconds", "precision")
    return {"variant": variant.name, "seed": seed, **{k: facts[k] for k in kept}, **numbers, "date": today()}


def zero_shot(recipe: StudyRecipe, examples: Sequence[Example]) -> dict[str, Any]:
    """The bare base, which has seen no row, on the direct prompt."""
    from rilearn.engines import load_engine

    engine = load_engine("transformers", recipe.base, Settings().cache_dir, fast=True)
    numbers = measure("A", engine, None, Templates(load_task(recipe.task)), examples)
    engine.close()
    return {"variant": ZERO_SHOT, "seed": 0, "rows": 0, "rows_seen": 0, "tokens_seen": 0, "steps": 0, **numbers}


def write(path: Path, value: Any) -> None:
    """JSON in one step: half a file would count as a done cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_suffix(".tmp")
    temp.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    os.replace(temp, path)


def main(argv: list[str]) -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--result", type=Path, help="where all cells are written together (default: OUT/study.json)")
    given = arguments.parse_args(argv)
    recipe = load_recipe(StudyRecipe, given.recipe, given.set)
    task = load_task(recipe.task)
    examples, report = task_rows(task, recipe.data, seed=0)
    rows = reasoned_rows(Path(recipe.reasonings), examples)
    if len(rows) < max(recipe.budgets):
        raise ConfigError(f"{len(rows)} rows have reasonings, the largest budget asks for {max(recipe.budgets)}.")
    spec = dataset_spec(task, recipe.data.id, recipe.data.config)
    evaluation = load_split(task, recipe.evaluation_split, spec).examples[: recipe.evaluation_rows]
    identity = {
        "recipe": recipe.model_dump(mode="json", exclude={"variants", "budgets", "seeds"}),
        "rows": fingerprint([e for e, _ in rows[: max(recipe.budgets)]]),
        "evaluation": fingerprint(evaluation),
        "prompt_version": PROMPT_VERSION,
    }
    state = given.out / "state.json"
    if state.exists() and json.loads(state.read_text()) != identity:
        raise ConfigError(f"{given.out} holds cells of another recipe or dataset. Choose another --out, or delete it.")
    write(state, identity)
    adopt(given.result, identity, given.out / "cells")
    todo = [(b, s, v) for b in recipe.budgets for s in recipe.seeds for v in recipe.variants]
    _done(given.out / "cells" / f"{ZERO_SHOT}.json", partial(zero_shot, recipe, evaluation))
    facts = {
        "dataset": public_name(spec.id),
        "split": recipe.evaluation_split,
        "n": len(evaluation),
        "data": report,
        **identity,
        "variants": [v.model_dump(mode="json") for v in recipe.variants],
        "command": command(),
        "date": today(),
    }
    for number, (budget, seed, variant) in enumerate(todo, 1):
        path = given.out / "cells" / f"{file_name(variant.name, budget, seed)}.json"
        made = _done(path, partial(cell, recipe, variant, rows[:budget], evaluation, seed, given.out / "adapter"))
        # After each cell: a study that was cut off has a result as well.
        write(given.result or given.out / "study.json", {**facts, "cells": done_cells(given.out / "cells")})
        print(f"{number}/{len(todo)} {path.stem}: accuracy {made['accuracy']:.4f}", flush=True)


def done_cells(folder: Path) -> list[dict[str, Any]]:
    """All cells in `folder`, smallest budget first."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    return sorted(found, key=lambda c: (c["rows"], c["seed"], c["variant"]))


def file_name(variant: str, budget: int, seed: int) -> str:
    return variant if variant == ZERO_SHOT else f"{variant}-{budget}-{seed}"


def adopt(result: Path | None, identity: dict[str, Any], cells: Path) -> None:
    """Lay the cells of an earlier result of the same rows and recipe into the folder `cells`, where there are none."""
    if result is None or not result.exists():
        return
    found = json.loads(result.read_text(encoding="utf-8"))
    if any(found.get(key) != value for key, value in identity.items()):
        return
    for each in found["cells"]:
        path = cells / f"{file_name(each['variant'], each['rows'], each['seed'])}.json"
        if not path.exists():
            write(path, each)


def _done(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The numbers at `path`, made now if they are not there."""
    if not path.exists():
        write(path, make())
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


if __name__ == "__main__":
    run(main)
