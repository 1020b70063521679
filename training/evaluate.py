"""Evaluate an adapter on a dataset split and write the numbers, with everything needed to get them again.

python -m training.evaluate --adapter q-ra --dataset dair-ai/emotion --split validation --out runs/q-ra.json

`--record` also puts the result into the adapter's manifest and renews its model card. Greedy and batched in a fixed
order: two runs agree exactly (all but seconds and date; `predictions_sha256` covers every label and reasoning).
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rilearn.adapters import Adapter, find_adapter, load_adapter, save_manifest
from rilearn.corpora import load_split, public_name
from rilearn.engines import load_engine
from rilearn.engines.base import Engine
from rilearn.errors import AdapterError, ConfigError
from rilearn.metrics import classification, hits
from rilearn.prompts import Templates, parse_reasoned
from rilearn.records import AdapterRef, Sampling
from rilearn.settings import Settings
from rilearn.tasks import Task, load_task
from training.card import write_card
from training.data import dataset_spec
from training.stage import command, parser, run, today

MAX_TOKENS = 96


@dataclass(frozen=True)
class Outcome:
    """Predicted label, the reasoning in front of it, whether the model's own text named a label, and its tokens."""

    label: str
    reasoning: str
    parsed: bool
    tokens: int


def predict_direct(engine: Engine, ref: AdapterRef, templates: Templates, texts: Sequence[str]) -> list[Outcome]:
    """The most probable label of each text; every row parses, since the label is chosen among the task's own."""
    scores = engine.score([templates.direct(t) for t in texts], templates.choices(), ref)
    return [Outcome(templates.task.labels[row.index(max(row))], "", True, 0) for row in scores]


def predict_reasoned(engine: Engine, ref: AdapterRef, templates: Templates, texts: Sequence[str]) -> list[Outcome]:
    """Reasoning written greedily, then the most probable label given text and reasoning, as the app does it."""
    written = engine.generate([templates.reasoned(t) for t in texts], Sampling(max_tokens=MAX_TOKENS), ref, _progress)
    parsed = [parse_reasoned(g.text, templates.task) for g in written]
    prompts = [templates.answer(t, reasoning) for t, (reasoning, _) in zip(texts, parsed, strict=True)]
    scores = engine.score(prompts, templates.choices(), ref)
    return [
        Outcome(templates.task.labels[row.index(max(row))], reasoning, label is not None, g.tokens)
        for row, (reasoning, label), g in zip(scores, parsed, written, strict=True)
    ]


def evaluate(
    engine: Engine, adapter: Adapter, task: Task, gold: Sequence[str], texts: Sequence[str]
) -> tuple[dict[str, Any], list[Outcome]]:
    """All measured numbers of `adapter` on aligned texts and gold labels, and the outcomes behind them.

    `correct` holds a character a row, for paired tests between adapters.
    """
    templates = Templates(task, adapter.manifest.chat)
    start = time.monotonic()
    predict = predict_direct if adapter.manifest.kind == "direct" else predict_reasoned
    outcomes = predict(engine, adapter.ref, templates, texts)
    seconds = time.monotonic() - start
    labels = [o.label for o in outcomes]
    digest = hashlib.sha256("\n".join(f"{o.label}\t{o.reasoning}" for o in outcomes).encode()).hexdigest()
    return {
        "n": len(texts),
        **classification(gold, labels, task.labels),
        "labels": list(task.labels),
        "correct": hits(gold, labels),
        "parse_rate": sum(o.parsed for o in outcomes) / len(outcomes),
        "mean_reasoning_tokens": sum(o.tokens for o in outcomes) / len(outcomes),
        "seconds": round(seconds, 1),
        "predictions_sha256": digest,
    }, outcomes


def _progress(done: int, total: int) -> None:
    if done == total or done % 256 == 0:
        print(f"{done}/{total}", file=sys.stderr, flush=True)


def main(argv: list[str]) -> None:
    arguments = parser(__doc__, recipe=False)
    arguments.add_argument("--adapter", required=True, help="a name under data/adapters, or a folder")
    arguments.add_argument("--dataset", help="Hub id or folder; the task's own if left out")
    arguments.add_argument("--config", help="the dataset's configuration, if it is not the task's")
    arguments.add_argument("--split", default="validation")
    arguments.add_argument("--limit", type=int, help="only so many rows")
    arguments.add_argument("--skip", type=int, default=0, help="not the first rows")
    arguments.add_argument("--engine", default="transformers", choices=["transformers", "llamacpp"])
    arguments.add_argument("--fast", action="store_true", help="transformers in bf16 where the CPU multiplies it")
    arguments.add_argument("--task", default=None, help="the adapter's own if left out")
    arguments.add_argument("--record", action="store_true", help="put the result into the adapter's manifest and card")
    arguments.add_argument("--predictions", type=Path, help="also write every prediction to this JSON-lines file")
    arguments.add_argument("--note", help="what this adapter tries, in a sentence that is kept with the numbers")
    given = arguments.parse_args(argv)
    settings = Settings()
    adapter = find_adapter(given.adapter, settings.adapters)
    if adapter.manifest.kind == "generator":
        raise AdapterError(f"'{adapter.name}' is a generator: it writes reasonings and has no labels to evaluate.")
    if (given.limit is not None and given.limit < 1) or given.skip < 0:
        raise ConfigError("--limit must be at least 1, and --skip not negative.")
    task = load_task(given.task or adapter.manifest.task or settings.task)
    spec = dataset_spec(task, given.dataset, given.config or task.dataset.config)
    split = load_split(task, given.split, spec)
    examples = split.examples[given.skip :][: given.limit]
    if not examples:
        raise ConfigError(f"--skip {given.skip} leaves none of the {len(split.examples)} rows.")
    engine = load_engine(
        given.engine, adapter.manifest.base, settings.cache_dir, preload=[adapter.ref], fast=given.fast
    )
    numbers, outcomes = evaluate(engine, adapter, task, [e.label or "" for e in examples], [e.text for e in examples])
    result = {
        "adapter": adapter.name,
        "adapter_sha256": adapter.ref.digest,
        "kind": adapter.manifest.kind,
        "base": adapter.manifest.base,
        "engine": engine.name,
        "precision": getattr(engine, "precision", None),  # llama.cpp computes in the types of its file
        "prompt_version": adapter.manifest.prompt_version,
        "dataset": public_name(spec.id),
        "dataset_fingerprint": split.fingerprint,
        "split": given.split,
        **({"from_row": given.skip} if given.skip else {}),
        "seed": 0,
        "decoding": "greedy",
        **numbers,
        "date": today(),
        "command": command(),
        **({"note": given.note} if given.note else {}),
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if given.predictions:
        given.predictions.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            json.dumps(
                {"text": e.text, "gold": e.label, "label": o.label, "reasoning": o.reasoning}, ensure_ascii=False
            )
            for e, o in zip(examples, outcomes, strict=True)
        ]
        given.predictions.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if given.record:
        record(adapter.ref.path, given.split, result)
    print(f"{adapter.name} on {result['dataset']} {given.split}: accuracy {numbers['accuracy']:.4f}, n={numbers['n']}, "
          f"macro-F1 {numbers['macro_f1']:.4f}, parse rate {numbers['parse_rate']:.4f}")  # fmt: skip


def record(folder: Path, split: str, result: dict[str, Any]) -> None:
    """Put an evaluation into the adapter's manifest under its split, and renew the card."""
    manifest = load_adapter(folder).manifest
    manifest = manifest.model_copy(update={"evaluation": {**manifest.evaluation, split: result}})
    save_manifest(folder, manifest)
    write_card(folder, manifest)


if __name__ == "__main__":
    run(main)
