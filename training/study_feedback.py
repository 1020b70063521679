"""What ratings are worth: simulated annotators rate, the generator is retrained, held-out reasonings are compared.

python -m training.study_feedback --recipe training/recipes/embedded/feedback.yaml --out runs/feedback \
    --result data/results/feedback-validation.json

Cells: budgets of ratings for each recipe (sft, kto, dpo, mixed), the queue's orders at one budget, and the goal. Every
cell goes through the store, the curation and the trainer as people's ratings do, and lies in OUT/cells when done; it is
not done again. The judge is not the simulated rater (see training.comparison). All of it is simulated and says so.
"""

from __future__ import annotations

import gc
import hashlib
import json
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rilearn.adapters import load_adapter
from rilearn.errors import ConfigError
from training.comparison import Measured, summary, wins
from training.feedback_cells import Cell, FeedbackRecipe, Study, cells
from training.recipes import load_recipe
from training.stage import command, parser, run, today


def run_cell(study: Study, cell: Cell, said: dict[str, Any], old: Sequence[Measured]) -> dict[str, Any]:
    """Train and measure one cell; its numbers."""
    folder, start = study.out / "work" / cell.name, time.monotonic()
    rows = said["rows"][cell.ratings]
    facts = study.train(cell, rows, folder)
    trained = time.monotonic() - start
    new = study.measured(load_adapter(folder / "generator"))
    kept = study.out / "goal"
    if cell == cells(study.recipe)[0]:
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(folder / "generator", kept)
    shutil.rmtree(folder)
    gc.collect()
    return {
        **asdict(cell),
        "corrections": said["corrections"],
        "rows": dict(Counter(row.kind for row in rows)),
        "desirable": sum(row.desirable and row.kind == "kto" for row in rows),
        "general_loss": facts["general_loss"],
        "training_seconds": round(trained, 1),
        **summary(new),
        "judge": wins(new, old),
        "base_judge": wins(new, old, "base"),
    }


def main(argv: list[str]) -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--result", type=Path, required=True, help="the JSON file that holds all cells")
    arguments.add_argument("--only", help="cells whose names hold this word: two processes share a study")
    given = arguments.parse_args(argv)
    recipe = load_recipe(FeedbackRecipe, given.recipe, given.set)
    study = Study(recipe, given.out)
    folder = given.out / "cells"
    folder.mkdir(parents=True, exist_ok=True)
    study.ask_reader()
    old = _before(study, given.out / "before.json")
    _take_over(given.result, study)
    wanted = [c for c in cells(recipe) if not given.only or given.only in c.name]
    wanted = [c for c in wanted if not (folder / f"{c.name}.json").exists()]
    said: dict[tuple[str, int], dict[str, Any]] = {}
    for order in dict.fromkeys(c.order for c in wanted):
        # All budgets, wanted or not: the queue draws anew at each, and a budget is to have the same ratings every time.
        for budget, found in study.rate(order, sorted({c.budget for c in cells(recipe) if c.order == order})):
            said[order, budget] = found
    for number, cell in enumerate(wanted, 1):
        if cell.ratings not in said[cell.order, cell.budget]["rows"]:
            continue
        print(f"[{number}/{len(wanted)}] {cell.name}", flush=True)
        found = run_cell(study, cell, said[cell.order, cell.budget], old)
        (folder / f"{cell.name}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        print(json.dumps({k: found[k] for k in ("sufficiency", "faultless", "judge", "base_judge")}), flush=True)
        _write(given.result, study, old)
    _write(given.result, study, old)


def _take_over(path: Path, study: Study) -> None:
    """Cells that the result has already, of the same retraining and pool, are not done again."""
    if not path.exists():
        return
    found = json.loads(path.read_text(encoding="utf-8"))
    same = ("dataset_fingerprint", "n", "seed", "annotators", "pool_sha256", "retrain", "corrected")
    if any(found.get(name) != value for name, value in _about(study).items() if name in same):
        raise ConfigError(f"{path.name} holds the cells of another study. Choose another --result.")
    for cell in found["cells"]:
        file = study.out / "cells" / f"{Cell(cell['ratings'], cell['order'], cell['budget']).name}.json"
        if not file.exists():
            file.write_text(json.dumps(cell, indent=2) + "\n", encoding="utf-8")


_ELSEWHERE = ("data", "general", "replay", "practice")
"""Of the retraining's recipe: told by the fingerprint, or no part of the study."""


def _about(study: Study) -> dict[str, Any]:
    """What makes cells comparable."""
    recipe = study.recipe.model_dump(mode="json")
    pool = sorted((p.reasoning.text, p.reasoning.reasoning) for p in study.pool)
    return {
        **study.origin,
        "seed": study.recipe.seed,
        "annotators": [asdict(person) for person in study.people],
        "pool_sha256": hashlib.sha256(repr(pool).encode()).hexdigest(),
        "retrain": {k: v for k, v in recipe["retrain"].items() if k not in _ELSEWHERE},
        "corrected": recipe["corrected"],
    }


def _before(study: Study, path: Path) -> list[Measured]:
    """The generator that was rated, on the held-out rows: measured once for all cells."""
    if not path.exists():
        path.write_text(json.dumps([asdict(m) for m in study.measured(study.parent)]), encoding="utf-8")
    return [Measured(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def _write(path: Path, study: Study, old: Sequence[Measured]) -> None:
    done = {c.name: study.out / "cells" / f"{c.name}.json" for c in cells(study.recipe)}
    found = [json.loads(file.read_text(encoding="utf-8")) for file in done.values() if file.exists()]
    result = {
        "simulated": "The annotators are simulated: training/raters.py states their rule, noise and bias.",
        **_about(study),
        "parent": {"name": study.parent.name, "sha256": study.parent.ref.digest, **summary(old)},
        "reader_sha256": study.reader.ref.digest,
        "recipe": study.recipe.model_dump(mode="json"),
        "cells": found,
        "date": today(),
        "command": command(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
