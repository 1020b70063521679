"""Whether the reasoning does anything, over many texts: interventions, evidence, and what it gives away.

python -m training.faithfulness --adapter q-ra --reader q-a --limit 400 --out data/results/faithfulness-validation.json

The measures and their sources are those of `rilearn.faithfulness` and `rilearn.leak`.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import Any

from rilearn.adapters import Adapter, find_adapter
from rilearn.classify import Classifier
from rilearn.engines import load_engine
from rilearn.errors import AdapterError, DataError
from rilearn.faithfulness import Explained, Report, reports
from rilearn.faithfulness_summary import summary
from rilearn.leak import leak_probe
from rilearn.prompts import Templates
from rilearn.settings import Settings
from rilearn.tasks import load_task
from training.data import measured_rows
from training.reader import Reader
from training.stage import parser, run, split_arguments, write_result

CHUNK = 50
"""Rows between two lines of progress."""


def explained(reader: Reader) -> list[Explained]:
    """Each of the reader's texts with the model's own reasoning and the label it gives after it."""
    reasonings, _ = reader.reasonings(0.0, 0)
    labels = [reader.templates.task.labels[i] for i in reader.given(reasonings).argmax(1)]
    return [Explained(*row) for row in zip(reader.texts, reasonings, labels, strict=True)]


def leak(rows: list[Explained]) -> dict[str, Any]:
    """The leak probe's numbers, or why there are none."""
    try:
        return asdict(leak_probe([r.reasoning for r in rows], [r.label for r in rows]))
    except DataError as error:
        return {"none_because": str(error)}


def main(argv: list[str]) -> None:
    arguments = parser(__doc__, recipe=False)
    arguments.add_argument("--adapter", required=True, help="a Q->RA adapter: a name under data/adapters, or a folder")
    arguments.add_argument("--reader", required=True, help="the Q->A adapter that judges the evidence")
    split_arguments(arguments)
    given = arguments.parse_args(argv)
    settings = Settings()
    adapter = find_adapter(given.adapter, settings.adapters)
    reader = find_adapter(given.reader, settings.adapters)
    if adapter.manifest.kind != "reasoned" or reader.manifest.kind != "direct":
        raise AdapterError("--adapter must reason before it answers (Q->RA), --reader answer at once (Q->A).")
    task = load_task(adapter.manifest.task or settings.task)
    examples, origin = measured_rows(task, given.dataset, given.split, given.limit)
    engine = load_engine("transformers", adapter.manifest.base, settings.cache_dir, fast=True)

    def classifier(one: Adapter) -> Classifier:
        return Classifier(engine, Templates(task, one.manifest.chat), one)

    start = time.monotonic()
    templates = Templates(task, adapter.manifest.chat)
    rows = explained(Reader(engine, adapter.ref, templates, [e.text for e in examples]))
    found: list[Report] = []
    for begin in range(0, len(rows), CHUNK):
        part = [(r.text, r.reasoning) for r in rows[begin : begin + CHUNK]]
        found += reports(classifier(adapter), part, rows, classifier(reader))
        print(f"{len(found)}/{len(rows)}", file=sys.stderr, flush=True)
    result = {
        "adapter": adapter.name,
        "adapter_sha256": adapter.ref.digest,
        "reader": reader.name,
        "reader_sha256": reader.ref.digest,
        **origin,
        **summary(found, [e.label or "" for e in examples]),
        "leak": leak(rows),
        "seconds": round(time.monotonic() - start, 1),
    }
    write_result(given.out, result)
    print(json.dumps({k: result[k] for k in ("interventions", "evidence", "leak", "accuracy") if k in result}))


if __name__ == "__main__":
    run(main)
