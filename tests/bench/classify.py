"""Benchmark of live classification: both engines in one run on the same texts, ratios printed, all written as JSON.

python -m tests.bench.classify --out data/results/bench-classify.json

Wants the machine to itself. Times are per text, on the project's own demo texts, greedy, with the shipped adapters.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import threading
import time
from pathlib import Path
from typing import Any

from rilearn.adapters import find_adapter
from rilearn.classify import Classifier
from rilearn.corpora import load_rows
from rilearn.engines import load_engine
from rilearn.prompts import Templates
from rilearn.records import Prediction
from rilearn.settings import Settings
from rilearn.tasks import load_task
from training.stage import command, today

ENGINES = ("transformers", "llamacpp")
STREAMS = 8


def quantiles(values: list[float]) -> dict[str, float]:
    """Median and 95th percentile, in the unit of `values`."""
    ordered = sorted(values)
    return {
        "p50": round(statistics.median(ordered), 4),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 4),
    }


def single(classifier: Classifier, texts: list[str]) -> dict[str, Any]:
    """One text after the other: seconds to the first word and to the label, tokens a second while writing."""
    first, label, rates = [], [], []
    for text in texts:
        begun, earlier = None, Prediction("", "")
        for state in classifier.predict(text):
            if state.tokens and not earlier.tokens:
                begun = state
            earlier = state
        if begun is not None and state.written_seconds and begun.written_seconds:
            # From the first to the last piece written: the label's scoring comes after and is in seconds_to_label.
            rates.append((state.tokens - begun.tokens) / (state.written_seconds - begun.written_seconds))
            first.append(begun.written_seconds)
        label.append(state.seconds)
    result: dict[str, Any] = {"seconds_to_label": quantiles(label)}
    if rates:
        result |= {"seconds_to_first_word": quantiles(first), "tokens_per_second": quantiles(rates)}
    return result


def together(classifier: Classifier, texts: list[str]) -> dict[str, Any]:
    """`STREAMS` visitors at once, one text each: tokens a second over all, and seconds to label."""
    done: list[Any] = []
    threads = [threading.Thread(target=lambda t=t: done.append(classifier.final(t))) for t in texts[:STREAMS]]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    return {
        "streams": len(done),
        "tokens_per_second": round(sum(p.tokens for p in done) / seconds, 1),
        "seconds_to_label": quantiles([p.seconds for p in done]),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--texts", type=int, default=24)
    given = arguments.parse_args()
    settings = Settings()
    task = load_task("emotion")
    rows = load_rows(str(Path(__file__).resolve().parents[2] / "data" / "demo" / "emotion"), "validation")
    texts = list(rows["text"])[: given.texts]
    adapters = {name: find_adapter(name, settings.adapters) for name in ("q-a", "q-ra")}
    result: dict[str, Any] = {
        "n": len(texts),
        "texts": "data/demo/emotion, validation",
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "load_before": round(os.getloadavg()[0], 2),
        "adapters": {name: a.ref.digest for name, a in adapters.items()},
        "seed": 0,
        "date": today(),
        "command": command(),
        "engines": {},
    }
    for name in ENGINES:
        engine = load_engine(name, "embedded", settings.cache_dir, preload=[a.ref for a in adapters.values()])
        measured: dict[str, Any] = {}
        for model, adapter in adapters.items():
            classifier = Classifier(engine, Templates(task, adapter.manifest.chat), adapter)
            classifier.final(texts[0])  # adapters load and caches fill at first use
            measured[model] = single(classifier, texts)
        measured["eight_streams"] = together(classifier, texts)
        result["engines"][name] = measured
        engine.close()
        print(name, json.dumps(measured), flush=True)
    slow, fast = (result["engines"][name] for name in ENGINES)
    result["llamacpp_over_transformers"] = {
        "tokens_per_second": round(
            fast["q-ra"]["tokens_per_second"]["p50"] / slow["q-ra"]["tokens_per_second"]["p50"], 2
        ),
        "time_to_label_q-a": round(slow["q-a"]["seconds_to_label"]["p50"] / fast["q-a"]["seconds_to_label"]["p50"], 2),
        "time_to_label_q-ra": round(
            slow["q-ra"]["seconds_to_label"]["p50"] / fast["q-ra"]["seconds_to_label"]["p50"], 2
        ),
        "tokens_per_second_8_streams": round(
            fast["eight_streams"]["tokens_per_second"] / slow["eight_streams"]["tokens_per_second"], 2
        ),
    }
    print(json.dumps(result["llamacpp_over_transformers"]))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
