"""Benchmark of many texts at once: how long a batch takes, and what a visitor's single text waits meanwhile.

python -m tests.bench.batch --out data/results/bench-batch.json

Wants the machine to itself. The same visitor's texts are timed before the batch and during it, in one run; the rows
are the project's own demo texts, over and over.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from rilearn import batch
from rilearn.corpora import load_rows
from rilearn.services import Services
from rilearn.settings import Settings
from rilearn.tables import Row
from tests.bench.classify import quantiles
from training.stage import write_result

DEMO = Path(__file__).resolve().parents[2] / "data" / "demo" / "emotion"
PAUSE = 3.0
"""Seconds between two texts of the visitor."""


def asked(services: Services, text: str) -> float:
    """Seconds until a visitor's text has its label."""
    start = time.perf_counter()
    *_, _ = services.predict(text, services.default)
    return time.perf_counter() - start


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--rows", type=int, default=500)
    arguments.add_argument("--alone", type=int, default=20, help="texts of the visitor before the batch")
    given = arguments.parse_args()
    texts = [str(text) for text in load_rows(str(DEMO), "train")["text"]]
    rows = [Row(number, text) for number, text in zip(range(1, given.rows + 1), itertools.cycle(texts), strict=False)]
    load = round(os.getloadavg()[0], 2)
    with tempfile.TemporaryDirectory() as state:
        services = Services(Settings(state=Path(state)))
        services.start()
        services.wait()
        visitor = itertools.cycle(str(text) for text in load_rows(str(DEMO), "validation")["text"])
        asked(services, next(visitor))  # adapters load and caches fill at first use
        alone = [asked(services, next(visitor)) for _ in range(given.alone)]
        meanwhile: list[float] = []
        over = threading.Event()

        def visit() -> None:
            while not over.wait(PAUSE):
                meanwhile.append(asked(services, next(visitor)))

        thread = threading.Thread(target=visit)
        classifiers = services.classifiers(services.pair)
        thread.start()
        start = time.perf_counter()
        *_, last = batch.run(classifiers, rows, services.give_way)
        seconds = time.perf_counter() - start
        over.set()
        thread.join()
        models = {name: services.adapters[name].ref.digest for name in services.pair}
        services.close()
    before, during = quantiles(alone), quantiles(meanwhile)
    result: dict[str, Any] = {
        "n": len(last.outcomes),
        "unanswered": sum(not outcome.complete for outcome in last.outcomes),
        "texts": "data/demo/emotion, train",
        "models": models,
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "load_before": load,
        "seed": 0,
        "seconds": round(seconds, 1),
        "rows_per_minute": round(60 * len(last.outcomes) / seconds, 1),
        "visitor_alone": {"texts": len(alone), "seconds_to_label": before},
        "visitor_during": {"texts": len(meanwhile), "seconds_to_label": during},
        "during_over_alone": {key: round(during[key] / before[key], 2) for key in before},
    }
    write_result(given.out, result)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
