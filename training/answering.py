"""Ways to answer with a reasoning model, their accuracy and their cost: one reasoning, several, none, or half of one.

python -m training.answering --adapter q-ra --split validation --out data/results/answering-validation.json

Averaging the label distribution over sampled reasonings follows self-consistency (Wang et al. 2023), with
distributions in place of votes; the product with the direct distribution is a product of experts (Hinton 2002).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from rilearn.adapters import find_adapter
from rilearn.engines import load_engine
from rilearn.errors import AdapterError, ConfigError
from rilearn.metrics import classification
from rilearn.prompts import Templates
from rilearn.settings import Settings
from rilearn.statistics import calibration_error
from rilearn.tasks import load_task
from training.data import measured_rows
from training.reader import Reader, Shares
from training.stage import parser, run, split_arguments, write_result

STEPS = 4
"""Early stopping looks after each fourth of the reasoning's words."""
STILL = 0.05
"""It stops when the distribution has moved by less than this (total variation) and the answer is the same."""


def product(*experts: Shares) -> Shares:
    """The normalised product of distributions over the same labels."""
    logs = sum(np.log(np.maximum(e, 1e-12)) for e in experts)
    raised = np.exp(logs - np.max(logs, axis=1, keepdims=True))
    result: Shares = raised / raised.sum(1, keepdims=True)
    return result


def early_stop(steps: Sequence[Shares]) -> tuple[Shares, Shares]:
    """The distribution at which each text stops, and the share of its reasoning written by then.

    `steps[i]` are the distributions after i of `len(steps) - 1` parts; step 0 is the answer without reasoning.
    """
    chosen, share = steps[-1].copy(), np.ones(len(steps[-1]))
    stopped: np.ndarray[Any, Any] = np.zeros(len(chosen), dtype=bool)
    for i in range(1, len(steps)):
        moved = np.abs(steps[i] - steps[i - 1]).sum(1) / 2
        now = ~stopped & (moved < STILL) & (steps[i].argmax(1) == steps[i - 1].argmax(1))
        chosen[now], share[now] = steps[i][now], i / (len(steps) - 1)
        stopped |= now
    return chosen, share


def beginning(reasoning: str, part: int) -> str:
    """The first `part` of `STEPS` parts of the reasoning's words."""
    words = reasoning.split()
    return " ".join(words[: -(-len(words) * part // STEPS)])


def compare(reader: Reader, samples: int) -> dict[str, tuple[Shares, float, float]]:
    """Way of answering -> (distributions, mean tokens written, mean reasonings written)."""
    direct = reader.direct()
    greedy, tokens = reader.reasonings(0.0, 0)
    steps = [direct, *(reader.given([beginning(r, i) for r in greedy]) for i in range(1, STEPS + 1))]
    stopped, share = early_stop(steps)
    drawn = [reader.reasonings(0.7, seed) for seed in range(samples)]
    each = [reader.given(texts) for texts, _ in drawn]
    ways = {
        "direct": (direct, 0.0, 0.0),
        "one reasoning": (steps[-1], tokens, 1.0),
        "one reasoning x direct": (product(steps[-1], direct), tokens, 1.0),
        "early stop": (stopped, tokens * float(share.mean()), float(share.mean())),
    }
    for k in sorted({1, 3, samples} & set(range(1, samples + 1))):
        mean: Shares = np.mean(each[:k], axis=0)
        cost = sum(t for _, t in drawn[:k])
        ways[f"mean of {k} sampled"] = (mean, cost, float(k))
        ways[f"mean of {k} sampled x direct"] = (product(mean, direct), cost, float(k))
    return ways


def main(argv: list[str]) -> None:
    arguments = parser(__doc__, recipe=False)
    arguments.add_argument("--adapter", required=True, help="a Q->RA adapter: a name under data/adapters, or a folder")
    split_arguments(arguments)
    arguments.add_argument("--samples", type=int, default=5)
    given = arguments.parse_args(argv)
    settings = Settings()
    adapter = find_adapter(given.adapter, settings.adapters)
    if adapter.manifest.kind != "reasoned":
        raise AdapterError(f"'{adapter.name}' does not reason before it answers; choose a Q->RA adapter.")
    if given.samples < 1:
        raise ConfigError("--samples must be at least 1.")
    task = load_task(adapter.manifest.task or settings.task)
    examples, origin = measured_rows(task, given.dataset, given.split, given.limit)
    engine = load_engine("transformers", adapter.manifest.base, settings.cache_dir, fast=True)
    start = time.monotonic()
    templates = Templates(task, adapter.manifest.chat)
    ways = compare(Reader(engine, adapter.ref, templates, [e.text for e in examples]), given.samples)
    gold = [e.label or "" for e in examples]
    result = {
        "adapter": adapter.name,
        "adapter_sha256": adapter.ref.digest,
        **origin,
        "labels": list(task.labels),
        "ways": {name: measured(gold, task.labels, *way) for name, way in ways.items()},
        "seconds": round(time.monotonic() - start, 1),
    }
    write_result(given.out, result)
    for name, way in result["ways"].items():
        print(f"{name}: accuracy {way['accuracy']:.4f}, {way['tokens']:.1f} tokens")


def measured(
    gold: Sequence[str], labels: Sequence[str], shares: Shares, tokens: float, reasonings: float
) -> dict[str, Any]:
    predicted = [labels[i] for i in shares.argmax(1)]
    numbers = classification(gold, predicted, labels)
    return {
        "accuracy": numbers["accuracy"],
        "macro_f1": numbers["macro_f1"],
        "tokens": round(tokens, 2),
        "reasonings": round(reasonings, 3),
        "correct": "".join("1" if g == p else "0" for g, p in zip(gold, predicted, strict=True)),
        "calibration": asdict(calibration_error([dict(zip(labels, map(float, r), strict=True)) for r in shares], gold)),
    }


if __name__ == "__main__":
    run(main)
