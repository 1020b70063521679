"""Ways to answer with a reasoning model, their accuracy and their cost: one reasoning, several, none, or half of one.

python -m training.answering --adapter q-ra --direct q-a --split validation --out data/results/answering-validation.json

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
from rilearn.metrics import classification, hits
from rilearn.prompts import Templates
from rilearn.records import Example
from rilearn.settings import Settings
from rilearn.statistics import calibration_error, fit_temperature, tempered
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


def basic(direct: Shares, reasoned: Shares, other: tuple[str, Shares] | None) -> dict[str, Shares]:
    """The ways that need one reasoning at most; `other` is a model that answers at once, with its name."""
    ways = {"direct": direct, "one reasoning": reasoned, "one reasoning x direct": product(reasoned, direct)}
    if other:
        name, shares = other
        ways |= {name: shares, f"one reasoning x {name}": product(reasoned, shares)}
    return ways


def compare(
    reader: Reader, samples: int, other: tuple[str, Shares] | None = None
) -> dict[str, tuple[Shares, float, float]]:
    """Way of answering -> (distributions, mean tokens written, mean reasonings written)."""
    direct = reader.direct()
    greedy, tokens = reader.reasonings(0.0, 0)
    steps = [direct, *(reader.given([beginning(r, i) for r in greedy]) for i in range(1, STEPS + 1))]
    stopped, share = early_stop(steps)
    drawn = [reader.reasonings(0.7, seed) for seed in range(samples)]
    each = [reader.given(texts) for texts, _ in drawn]
    ways = {
        name: (shares, tokens, 1.0) if "reasoning" in name else (shares, 0.0, 0.0)
        for name, shares in basic(direct, steps[-1], other).items()
    }
    ways["early stop"] = (stopped, tokens * float(share.mean()), float(share.mean()))
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
    arguments.add_argument("--direct", help="a Q->A adapter to set beside it and to multiply with")
    arguments.add_argument("--fit-rows", type=int, default=0, help="fit temperatures on so many rows of --fit-split")
    arguments.add_argument("--fit-split", default="train")
    given = arguments.parse_args(argv)
    settings = Settings()
    adapter = find_adapter(given.adapter, settings.adapters)
    if adapter.manifest.kind != "reasoned":
        raise AdapterError(f"'{adapter.name}' does not reason before it answers; choose a Q->RA adapter.")
    if given.samples < 1:
        raise ConfigError("--samples must be at least 1.")
    if given.fit_rows and given.fit_split == given.split:
        raise ConfigError(f"Temperatures cannot be fitted on the rows they are measured on ({given.split}).")
    other = find_adapter(given.direct, settings.adapters) if given.direct else None
    if other and other.manifest.kind != "direct":
        raise AdapterError(f"'{other.name}' does not answer at once; --direct takes a Q->A adapter.")
    task = load_task(adapter.manifest.task or settings.task)
    examples, origin = measured_rows(task, given.dataset, given.split, given.limit)
    engine = load_engine("transformers", adapter.manifest.base, settings.cache_dir, fast=True)
    start = time.monotonic()

    def readers(rows: Sequence[Example]) -> tuple[Reader, tuple[str, Shares] | None]:
        texts = [e.text for e in rows]
        own = Reader(engine, adapter.ref, Templates(task, adapter.manifest.chat), texts)
        if other is None:
            return own, None
        return own, (other.name, Reader(engine, other.ref, Templates(task, other.manifest.chat), texts).direct())

    reader, beside = readers(examples)
    ways = compare(reader, given.samples, beside)
    gold = [e.label or "" for e in examples]
    result = {
        "adapter": adapter.name,
        "adapter_sha256": adapter.ref.digest,
        **origin,
        "labels": list(task.labels),
        "ways": {name: measured(gold, task.labels, *way) for name, way in ways.items()},
        **({"direct": other.name, "direct_sha256": other.ref.digest} if other else {}),
    }
    if given.fit_rows:
        rows, fit = measured_rows(task, given.dataset, given.fit_split, given.fit_rows)
        reader, beside = readers(rows)
        known = basic(reader.direct(), reader.given(reader.reasonings(0.0, 0)[0]), beside)
        labels = [e.label or "" for e in rows]
        result["temperature"] = {
            **fit,
            "ways": {n: temper(shares, labels, ways[n][0], gold, task.labels) for n, shares in known.items()},
        }
    result["seconds"] = round(time.monotonic() - start, 1)
    write_result(given.out, result)
    for name, way in result["ways"].items():
        print(f"{name}: accuracy {way['accuracy']:.4f}, {way['tokens']:.1f} tokens")


def temper(
    known: Shares, known_gold: Sequence[str], shares: Shares, gold: Sequence[str], labels: Sequence[str]
) -> dict[str, Any]:
    """The temperature that fits `known` best, and the calibration of `shares` before and after it."""

    def logs(rows: Shares) -> list[dict[str, float]]:
        return [dict(zip(labels, map(float, row), strict=True)) for row in np.log(np.maximum(rows, 1e-12))]

    temperature = fit_temperature(logs(known), known_gold)
    before, after = (
        calibration_error([tempered(row, t) for row in logs(shares)], gold).error for t in (1.0, temperature)
    )
    accuracy = float(np.mean([labels[i] == g for i, g in zip(known.argmax(1), known_gold, strict=True)]))
    return {"temperature": round(temperature, 4), "before": before, "after": after, "accuracy_there": accuracy}


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
        "correct": hits(gold, predicted),
        "calibration": asdict(calibration_error([dict(zip(labels, map(float, r), strict=True)) for r in shares], gold)),
    }


if __name__ == "__main__":
    run(main)
