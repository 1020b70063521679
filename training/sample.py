"""A readable sample of a generator's reasonings with their signal scores, as JSON lines.

python -m training.sample --adapter generator --split validation --limit 100 --out data/results/generator-sample.jsonl

The first line sums up (n, split, seed, rates, command); each other line is a row's number, label, reasoning and
signals. The texts themselves stay where they are: the dataset is not ours to copy.
"""

from __future__ import annotations

import json
from typing import Any

from rilearn import signals
from rilearn.adapters import find_adapter
from rilearn.corpora import load_split, public_name
from rilearn.engines import load_engine
from rilearn.errors import AdapterError, ConfigError
from rilearn.prompts import Templates, clean
from rilearn.records import Sampling
from rilearn.settings import Settings
from rilearn.tasks import load_task
from training.candidates import Candidate, measure
from training.data import dataset_spec
from training.stage import command, parser, run, today


def summary(found: list[Candidate]) -> dict[str, float]:
    """Rates over all reasonings, each in [0, 1] but the mean words."""
    n = len(found)
    return {
        "grounded": round(sum(c.grounding > 0 for c in found) / n, 4),
        "distinct": round(signals.distinct(c.reasoning for c in found), 4),
        "names_label": round(sum(c.names_label for c in found) / n, 4),
        "names_other_label": round(sum(c.names_other for c in found) / n, 4),
        "restates": round(sum(c.restates for c in found) / n, 4),
        "finished": round(sum(c.finish == "stop" for c in found) / n, 4),
        "mean_words": round(sum(c.words for c in found) / n, 2),
    }


def main(argv: list[str]) -> None:
    arguments = parser(__doc__, recipe=False)
    arguments.add_argument("--adapter", required=True, help="a generator: a name under data/adapters, or a folder")
    arguments.add_argument("--task", default="emotion")
    arguments.add_argument("--dataset", help="Hub id or folder; the task's own if left out")
    arguments.add_argument("--split", default="validation")
    arguments.add_argument("--limit", type=int, default=100)
    given = arguments.parse_args(argv)
    settings, task = Settings(), load_task(given.task)
    adapter = find_adapter(given.adapter, settings.adapters)
    if adapter.manifest.kind != "generator":
        raise AdapterError(f"'{adapter.name}' is a classifier: a sample is of what a generator writes.")
    if given.limit < 1:
        raise ConfigError("--limit must be at least 1.")
    spec = dataset_spec(task, given.dataset, task.dataset.config)
    split = load_split(task, given.split, spec)
    examples = split.examples[: given.limit]
    templates = Templates(task, adapter.manifest.chat)
    engine = load_engine("transformers", adapter.manifest.base, settings.cache_dir)
    prompts = [templates.task_rationale(e.text, e.label or "") for e in examples]
    written = engine.generate(prompts, Sampling(max_tokens=64, stop=("\n",)), adapter.ref)
    found = [measure(e, clean(g.text), g.finish, g.tokens, task.labels) for e, g in zip(examples, written, strict=True)]
    head: dict[str, Any] = {
        "adapter": adapter.name,
        "adapter_sha256": adapter.ref.digest,
        "dataset": public_name(spec.id),
        "dataset_fingerprint": split.fingerprint,
        "split": given.split,
        "n": len(found),
        "decoding": "greedy",
        "seed": 0,
        **summary(found),
        "date": today(),
        "command": command(),
    }
    rows = [
        {"row": i, "label": e.label, **{k: v for k, v in c.fields().items() if k != "lead"}}
        for i, (e, c) in enumerate(zip(examples, found, strict=True))
    ]
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text("".join(json.dumps(line) + "\n" for line in [head, *rows]), encoding="utf-8")
    print(json.dumps(head))


if __name__ == "__main__":
    run(main)
