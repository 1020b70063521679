"""Retrain the reasoning generator on what people said of its reasonings (sft, kto, dpo or mixed), with TRL.

python -m training.retrain_generator --recipe training/recipes/embedded/retrain.yaml --from-state DIR --out runs/new
python -m training.retrain_generator --recipe ... --from-db postgresql://... --since 2026-11-01 --out DIR
python -m training.retrain_generator --recipe ... --from-export FILE --out DIR --through classifier

Writes OUT/rows.jsonl (what is learnt, each row with the ratings behind it), OUT/generator (the adapter; with a practice
OUT/rated/generator is the one before it, and OUT/practice-N has what it wrote and learnt in each round),
OUT/evidence.json (new against old on held-out texts, for the gate), OUT/reasonings.jsonl (what both write now) and,
through the classifier, OUT/q-ra with OUT/evidence-q-ra.json. While it runs OUT/progress.json says how far it is. After
a kill the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rilearn.adapters import Adapter, load_adapter
from rilearn.corpora import held_out_texts
from rilearn.curation import missing, sort_out
from rilearn.curation_preview import told
from rilearn.errors import ConfigError, DataError, RilearnError
from rilearn.judgements import Rules, TrainingRow
from rilearn.prompts import Templates, text_key
from rilearn.tasks import Task, load_task
from training.evidence import Comparison
from training.feedback import read_feedback, read_rows, rows_fingerprint, source_arguments, write_rows
from training.recipes import load_recipe
from training.retrain_recipe import RetrainRecipe
from training.stage import ROOT, parser, run, write_manifest, write_result
from training.watch import Watch

RATED = "rated.json"


def main(argv: list[str]) -> None:
    arguments = parser(__doc__)
    source_arguments(arguments)
    arguments.add_argument("--through", choices=("classifier",), help="go on: new reasonings, new Q->RA, evaluation")
    given, start = arguments.parse_args(argv), time.monotonic()
    recipe = load_recipe(RetrainRecipe, given.recipe, given.set)
    task = load_task(recipe.task)
    parent = load_adapter(Path(recipe.generator), recipe.base)
    templates = Templates(task, parent.manifest.chat)
    watch = Watch(given.out)
    # Whatever can be wrong with a recipe is told before hours of training, not after.
    same_recipe(recipe, given.out)
    comparison = Comparison(recipe, parent, watch)
    if given.through:
        pipeline_of(recipe)
        load_adapter(Path(recipe.classifier), recipe.base)
    watch("Read the ratings", 0, 1)
    rows = rows_of(given, recipe, task)
    if not (given.out / "generator" / "manifest.json").exists():
        # torch loads only once it is known that there is something to learn
        from training.learning import learn_and_practise

        facts = learn_and_practise(rows, recipe, templates, parent, rated_texts(given.out, rows), given.out, watch)
        _manifest(given, recipe, parent, rows, facts)
    told, evidence = comparison.generators(load_adapter(given.out / "generator"), rows, given.out)
    told["seconds"] = round(time.monotonic() - start)  # of this run; one that goes on has only its own
    told["evidence"] = {"generator": evidence.model_dump(mode="json")}
    write_result(given.out / "comparison.json", told)
    if given.through:
        evaluated = through(given.out, recipe, watch)
        made, current = load_adapter(given.out / "q-ra"), load_adapter(Path(recipe.classifier))
        classifier = comparison.classifiers(evaluated, made, current)
        write_json(given.out / "evidence-q-ra.json", classifier.model_dump(mode="json"))
        evidence = evidence.model_copy(update={"classifier": classifier.classifier})
        told["evidence"] = {one.role: one.model_dump(mode="json") for one in (evidence, classifier)}
        write_result(given.out / "comparison.json", told)
    write_json(given.out / "evidence.json", evidence.model_dump(mode="json"))
    watch("Done", 1, 1)
    print(json.dumps(told), flush=True)


def write_json(path: Path, value: Any) -> None:
    temp = path.with_suffix(".tmp")
    temp.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    temp.replace(path)  # in one step: half a file would stop the next start


def rows_of(given: argparse.Namespace, recipe: RetrainRecipe, task: Task) -> tuple[TrainingRow, ...]:
    """What is learnt: as it was when the run began, or out of the feedback that the arguments name.

    Raises:
        DataError: there is too little to learn from; it says what is missing.
    """
    path: Path = given.out / "rows.jsonl"
    if path.exists():
        return read_rows(path)
    held_out = held_out_texts(task, recipe.data.id)
    rules = Rules(recipe.ratings, recipe.cap, recipe.minimum, held_out, recipe.seed, task.labels)
    curated = sort_out(*read_feedback(given, task), rules)
    print(told(curated, rules, 0), flush=True)
    if lack := missing(curated, rules):
        raise DataError(lack)
    spoken_of = [*(row.text for row in curated.rows), *(left.text for left in curated.left_out)]
    write_json(given.out / RATED, sorted({text_key(text) for text in spoken_of}))
    write_rows(curated.rows, path)
    return curated.rows


def rated_texts(out: Path, rows: Sequence[TrainingRow]) -> frozenset[str]:
    """The `text_key` of each text that something was said of, whether it became a row or not."""
    if not (out / RATED).exists():  # a run that began when there was no such file
        return frozenset(text_key(row.text) for row in rows)
    return frozenset(json.loads((out / RATED).read_text(encoding="utf-8")))


def same_recipe(recipe: RetrainRecipe, out: Path) -> None:
    """Note what is trained in OUT/recipe.json. What is measured may change between two runs, and what comes after.

    Raises:
        ConfigError: the folder holds a run of another recipe, whose generator would be taken for this one's.
    """
    path, later = out / "recipe.json", {"measured", "measured_from", "reader", "classifier", "through"}
    asked = recipe.model_dump(mode="json", exclude=later)
    if path.exists() and json.loads(path.read_text(encoding="utf-8")) != asked:
        raise ConfigError(f"{out} holds a run of another recipe. Choose another --out, or delete it.")
    write_json(path, asked)


def pipeline_of(recipe: RetrainRecipe) -> Path:
    """The pipeline that goes on to the classifier.

    Raises:
        ConfigError: the recipe names none, or it is not there.
    """
    if recipe.through is None or not (ROOT / recipe.through).is_file():
        raise ConfigError(f"There is no pipeline to go on with (through: {recipe.through}): --set through=FILE.")
    return ROOT / recipe.through


def through(out: Path, recipe: RetrainRecipe, watch: Watch) -> Path:
    """Go on to the classifier, each stage in a process of its own; the folder of both evaluations.

    They are of rows from `measured_from` on, as those of the generator.

    Raises:
        ConfigError: see `pipeline_of`. RilearnError: a stage failed.
    """
    pipeline = pipeline_of(recipe)
    watch("Train the classifier through it", 0, 1)
    values = {"generator": out / "generator", "current": recipe.classifier, "skip": recipe.measured_from}
    values |= {"dataset": recipe.data.id} if recipe.data.id else {}
    words = [
        word
        for name, value in values.items()
        for word in ("--set", f"values.{name}={json.dumps(str(value), ensure_ascii=False)}")
    ]
    ran = ["training.pipeline", "--recipe", str(pipeline), *words, "--out", str(out)]
    code = subprocess.run([sys.executable, "-m", *ran], cwd=ROOT, check=False).returncode
    if code != 0:
        raise RilearnError(f"Training the classifier ended with status {code}. Its last lines above say why.")
    return out / "evaluation"


def _manifest(
    given: argparse.Namespace,
    recipe: RetrainRecipe,
    parent: Adapter,
    rows: Sequence[TrainingRow],
    facts: dict[str, Any],
) -> None:
    refs = sorted({ref for row in rows for ref in row.because})
    data = {
        "ratings": len(refs),
        "fingerprint": rows_fingerprint(rows),
        "kinds": dict(Counter(row.kind for row in rows)),
        **{name: facts[name] for name in ("rows", "replayed", "phases", "general_loss", "precision")},
        **({"practice": facts["practice"]} if "practice" in facts else {}),
    }
    if not given.from_export:  # those of another database's export could name other ratings here
        data["behind"] = {
            f"{kind}s": sorted(int(ref.partition(":")[2]) for ref in refs if ref.startswith(f"{kind}:"))
            for kind in ("rating", "edit", "vote")
        }
    write_manifest(given.out / "generator", recipe, "generator", None, data, facts, {"generator": parent.ref.digest})


if __name__ == "__main__":
    run(main)
