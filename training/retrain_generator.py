"""Retrain the reasoning generator on what people said of its reasonings (sft, kto, dpo or mixed), with TRL.

python -m training.retrain_generator --recipe training/recipes/embedded/retrain.yaml --from-state DIR --out runs/new
python -m training.retrain_generator --recipe ... --from-db postgresql://... --since 2026-11-01 --out DIR
python -m training.retrain_generator --recipe ... --from-export FILE --out DIR --through classifier

Writes OUT/rows.jsonl (what is learnt, each row with the ratings behind it), OUT/generator (the adapter),
OUT/evidence.json (new against old on held-out texts, for the gate) and, through the classifier, OUT/q-ra. While it
runs OUT/progress.json says how far it is. After a kill the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from rilearn.adapters import Adapter, load_adapter
from rilearn.curation import missing, sort_out
from rilearn.curation_preview import told
from rilearn.errors import ConfigError, DataError, RilearnError
from rilearn.gate import Duel, Evidence, Paired
from rilearn.judgements import Rules, TrainingRow
from rilearn.leak import leak_probe
from rilearn.perturbations import ungrounded
from rilearn.prompts import Templates
from rilearn.records import Example
from rilearn.settings import Settings
from rilearn.tasks import Task, load_task
from training.comparison import Measured, measure, summary, wins, write
from training.data import held_out_texts, measured_rows
from training.feedback import read_feedback, read_rows, source_arguments, write_rows
from training.recipes import load_recipe
from training.retrain_recipe import RetrainRecipe
from training.stage import ROOT, parser, run, write_manifest
from training.watch import Watch


def main(argv: list[str]) -> None:
    arguments = parser(__doc__)
    source_arguments(arguments)
    arguments.add_argument("--through", choices=("classifier",), help="go on: new reasonings, new Q->RA, evaluation")
    given = arguments.parse_args(argv)
    recipe = load_recipe(RetrainRecipe, given.recipe, given.set)
    task = load_task(recipe.task)
    parent = load_adapter(Path(recipe.generator), recipe.base)
    templates = Templates(task, parent.manifest.chat)
    watch = Watch(given.out)
    watch("Read the ratings", 0, 1)
    rows = rows_of(given, recipe, task)
    if not (given.out / "generator" / "manifest.json").exists():
        from training.learning import learn  # torch loads only once it is known that there is something to learn

        facts = learn(rows, recipe, templates, parent, given.out, watch)
        _manifest(given, recipe, parent, rows, facts)
    watch("Compare with the generator before", 0, 3)
    comparison = compare(recipe, task, templates, parent, load_adapter(given.out / "generator"), watch)
    (given.out / "comparison.json").write_text(json.dumps(comparison, indent=2) + "\n", encoding="utf-8")
    paired = through(given.out, recipe, watch) if given.through else None
    evidence = Evidence.model_validate({**comparison["evidence"], "classifier": paired})
    (given.out / "evidence.json").write_text(evidence.model_dump_json(indent=2) + "\n", encoding="utf-8")
    watch("Done", 1, 1)
    print(json.dumps({k: v for k, v in comparison.items() if k != "evidence"}), flush=True)


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
    write_rows(curated.rows, path)
    return curated.rows


def compare(
    recipe: RetrainRecipe, task: Task, templates: Templates, parent: Adapter, candidate: Adapter, watch: Watch
) -> dict[str, Any]:
    """New against old on held-out rows: both summaries, the judge's wins, and what the gate takes of them."""
    from rilearn.engines import load_engine

    split = recipe.data.evaluation_splits[0]
    examples, origin = measured_rows(task, recipe.data.id, split, recipe.measured)
    reader = load_adapter(Path(recipe.reader), recipe.base)
    preload = [parent.ref, candidate.ref, reader.ref]
    engine = load_engine("transformers", recipe.base, Settings().cache_dir, preload=preload, fast=True)
    found: list[list[Measured]] = []
    with closing(engine):
        for number, adapter in enumerate((parent, candidate)):
            watch("Compare with the generator before", number, 2)
            found.append(measure(engine, reader.ref, templates, examples, write(engine, adapter, templates, examples)))
    old, new = found
    duel, told = wins(new, old), summary(new)
    return {
        **origin,
        "decoding": "greedy",
        "parent": {"sha256": parent.ref.digest, **summary(old)},
        "candidate": {"sha256": candidate.ref.digest, **told},
        "judge": duel,
        "base_judge": wins(new, old, "base"),
        "evidence": Evidence(
            role="generator",
            candidate=candidate.ref.digest,
            current=parent.ref.digest,
            texts=len(examples),
            judge=Duel(wins=duel["wins"], losses=duel["losses"], ties=duel["ties"]),
            parse_rate=told["finished"],
            mean_words=told["mean_words"],
            restatement=told["restates"],
            grounded=told["grounded"],
            leak=_leak(examples, new),
            current_leak=_leak(examples, old),
        ).model_dump(mode="json"),
    }


def _leak(examples: Sequence[Example], found: Sequence[Measured]) -> float | None:
    """How well the label can be told from what a reasoning does not have from the text; None: too few rows of a label.

    Words of the text may tell the label: that is what a reasoning is to name.
    """
    own = [ungrounded(e.text, m.reasoning) for e, m in zip(examples, found, strict=True)]
    try:
        return leak_probe(own, [e.label or "" for e in examples]).without_labels
    except DataError:
        return None


def through(out: Path, recipe: RetrainRecipe, watch: Watch) -> Paired:
    """Go on to the classifier in processes of their own; which rows the new one and the current one have right."""
    if recipe.through is None:
        raise ConfigError("The recipe names no pipeline to go on with: --set through=FILE.")
    watch("Train the classifier through it", 0, 1)
    values = {"generator": out / "generator"} | ({"dataset": recipe.data.id} if recipe.data.id else {})
    words = [word for name, value in values.items() for word in ("--set", f"values.{name}={value}")]
    ran = ["training.pipeline", "--recipe", recipe.through, *words, "--out", str(out)]
    code = subprocess.run([sys.executable, "-m", *ran], cwd=ROOT, check=False).returncode
    if code != 0:
        raise RilearnError(f"Training the classifier ended with status {code}. Its last lines above say why.")
    new, old = (json.loads((out / "evaluation" / f"{name}.json").read_text()) for name in ("new", "current"))
    if new["dataset_fingerprint"] != old["dataset_fingerprint"] or new["n"] != old["n"]:
        raise DataError("The two classifiers were evaluated on different rows.")
    counts = Counter(zip(new["correct"], old["correct"], strict=True))
    return Paired(
        both=counts["1", "1"],
        only_candidate=counts["1", "0"],
        only_current=counts["0", "1"],
        neither=counts["0", "0"],
    )


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
        "ratings_sha256": hashlib.sha256("\n".join(refs).encode()).hexdigest(),
        "kinds": dict(Counter(row.kind for row in rows)),
        **{name: facts[name] for name in ("rows", "replayed", "phases", "general_loss", "precision")},
    }
    if not given.from_export:  # those of another database's export could name other ratings here
        data["behind"] = {
            f"{kind}s": sorted(int(ref.partition(":")[2]) for ref in refs if ref.startswith(f"{kind}:"))
            for kind in ("rating", "edit", "vote")
        }
    write_manifest(given.out / "generator", recipe, "generator", None, data, facts, {"generator": parent.ref.digest})


if __name__ == "__main__":
    run(main)
