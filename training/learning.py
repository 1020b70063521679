"""The generator goes on from itself: the phases of training one after another, each kept when it is done."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

from rilearn.adapters import MANIFEST, Adapter, load_adapter
from rilearn.engines.transformers import native_bf16
from rilearn.errors import DataError
from rilearn.judgements import TrainingRow
from rilearn.prompts import Templates
from rilearn.settings import Settings
from training.general import general_loss
from training.lora import load_trainable, save_adapter
from training.practice import practise
from training.preference import phases, plain, together, train_phase
from training.retrain_recipe import RetrainRecipe
from training.stage import write_manifest
from training.triples import general_rows, triples
from training.watch import Watch
from training.watch_steps import WatchSteps

FACTS = "facts.json"


def learn(
    rows: Sequence[TrainingRow],
    recipe: RetrainRecipe,
    templates: Templates,
    parent: Adapter,
    out: Path,
    watch: Watch,
    again: str = "",
) -> dict[str, Any]:
    """Train on `rows` from the parent's weights and write the adapter's PEFT files to `out/generator`.

    The parent stays the frozen reference of kto and dpo. A phase that is done lies in `out/phases` and is not trained
    again, one that was under way goes on from its last checkpoint. `again`: the name of a later round where it is
    watched, before which the loss on general rows is known.

    Returns:
        Facts for the manifest: rows, steps, seconds, each phase's own, and the loss on general rows before and after.
    """
    t, settings = recipe.training, Settings()
    if t.threads:
        torch.set_num_threads(t.threads)
    set_seed(recipe.seed)
    half = t.precision == "auto" and native_bf16()
    start = time.monotonic()
    model, tokenizer = load_trainable(recipe.base, t.lora, parent.ref.path, settings, half)
    held = general_rows(templates, triples(recipe.general, recipe.seed)) if recipe.general else []
    losses: dict[str, float] = {}
    if held and not again:
        watch("Measure general reasoning before", 0, 1)
        losses["before"] = round(general_loss(model, tokenizer, held, t.max_tokens), 4)
    columns = phases(rows, templates, tokenizer)
    if replay := _replay(recipe, templates, tokenizer, len(rows)):
        # Last, and at once with the approved reasonings if there are any: what comes last is forgotten least.
        columns["sft"] = together(columns.pop("sft", None), *replay)
    if not columns:
        raise DataError("No row is left to train on.")
    reference = None
    if set(columns) & {"kto", "dpo"}:
        wrapped, _ = load_trainable(recipe.base, t.lora, parent.ref.path, settings, half)
        # The model inside, which has the adapter in its layers: TRL's head does not find its way through the wrapper.
        reference = wrapped.get_base_model().requires_grad_(False).eval()
    facts: dict[str, Any] = {}
    for phase, wanted in columns.items():
        done = out / "phases" / phase
        if (done / FACTS).exists():
            model, _ = load_trainable(recipe.base, t.lora, done, settings, half)
            facts[phase] = json.loads((done / FACTS).read_text(encoding="utf-8"))
            continue
        stage = f"Train: {again or phase}"
        watch(stage, 0, 1, f"{len(wanted['prompt'])} rows")
        facts[phase] = train_phase(
            phase,
            wanted,
            model,
            reference,
            tokenizer,
            recipe,
            half,
            done,
            [WatchSteps(watch, stage)],
        )
        save_adapter(model, done)
        (done / f".{FACTS}").write_text(json.dumps(facts[phase]), encoding="utf-8")
        (done / f".{FACTS}").replace(done / FACTS)
        shutil.rmtree(done / "checkpoints", ignore_errors=True)
    save_adapter(model, out / "generator")
    if held:
        watch("Measure general reasoning after", 0, 1)
        losses["after"] = round(general_loss(model, tokenizer, held, t.max_tokens), 4)
    return {
        "rows": len(rows),
        "steps": sum(found["steps"] for found in facts.values()),
        "seconds": round(time.monotonic() - start, 1),
        "precision": "bf16" if half else "fp32",
        "phases": facts,
        "general_loss": losses | {"rows": len(held)},
        "replayed": len(replay[0]) if replay else 0,
    }


def learn_and_practise(
    rows: Sequence[TrainingRow],
    recipe: RetrainRecipe,
    templates: Templates,
    parent: Adapter,
    rated: Collection[str],
    out: Path,
    watch: Watch,
) -> dict[str, Any]:
    """`learn`, and then, if the recipe has a practice, go on with the best that the generator writes itself.

    It does not practise on texts whose `text_key` is in `rated`. The adapter of the ratings alone stays in
    `out/rated/generator`, those of the rounds in `out/practice-N/generator`; a kill loses none that is done.
    """
    if recipe.practice is None:
        return learn(rows, recipe, templates, parent, out, watch)
    folder = out / "rated"
    if not (folder / "generator" / MANIFEST).exists():
        facts = learn(rows, recipe, templates, parent, folder, watch)
        _manifest(folder, recipe, facts, parent)
    newest = load_adapter(folder / "generator", recipe.base)
    facts = dict(newest.manifest.data)
    again = recipe.model_copy(update={"sft": recipe.practice.sft})
    approved = [row for row in rows if row.kind == "sft"]
    for number in range(1, recipe.practice.rounds + 1):
        folder = out / f"practice-{number}"
        if not (folder / "generator" / MANIFEST).exists():
            more, counts = practise(newest, recipe, recipe.practice, number, templates, rated, folder, watch)
            facts["practice"] = [*facts.get("practice", []), counts]
            if not more:
                break
            after = learn([*approved, *more], again, templates, newest, folder, watch, f"practice {number}")
            facts |= {
                "steps": facts["steps"] + after["steps"],
                "seconds": round(facts["seconds"] + counts["seconds"] + after["seconds"], 1),
                "phases": facts["phases"] | {f"practice-{number}": after["phases"]["sft"]},
                "general_loss": facts["general_loss"] | after["general_loss"],
                "replayed": facts["replayed"] + after["replayed"],
            }
            _manifest(folder, recipe, facts, newest)
        newest = load_adapter(folder / "generator", recipe.base)
        facts = dict(newest.manifest.data)
    # The manifest comes last, from whoever called: with it the adapter counts as made.
    left = shutil.ignore_patterns(MANIFEST, "README.md")
    shutil.copytree(newest.ref.path, out / "generator", dirs_exist_ok=True, ignore=left)
    return facts


def _manifest(folder: Path, recipe: RetrainRecipe, facts: dict[str, Any], parent: Adapter) -> None:
    write_manifest(folder / "generator", recipe, "generator", None, facts, facts, {"generator": parent.ref.digest})


def _replay(
    recipe: RetrainRecipe, templates: Templates, tokenizer: Any, count: int
) -> tuple[list[str], list[str]] | None:
    """Prompts and completions of general rows that fit, so many for each row of the ratings as the recipe says."""
    wanted = round(recipe.replay_share * count)
    if not (wanted and recipe.replay):
        return None
    parts = [part for data in recipe.replay for part in triples(data, recipe.seed)]
    random.Random(recipe.seed).shuffle(parts)
    prompts, completions = [], []
    for row in general_rows(templates, parts):
        prompt, completion = plain(row.prompt(row.text), tokenizer), row.parts[0][0]
        if len(tokenizer(prompt + completion)["input_ids"]) < recipe.training.max_tokens:
            prompts.append(prompt)
            completions.append(completion)
        if len(prompts) == wanted:
            break
    return prompts, completions
