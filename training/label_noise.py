"""Rows whose label two models doubt: both are sure, they agree, and the dataset says otherwise. For people to look at.

python -m training.label_noise --direct q-a --reasoned q-ra --out data/results/label-noise-validation.json

After confident learning (Northcutt et al. 2021), with one threshold for all labels. The list holds row numbers and
labels; the texts stay in the dataset. A model can be sure and wrong: this is a list of questions, not of errors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rilearn.adapters import Adapter, find_adapter
from rilearn.engines import load_engine
from rilearn.errors import AdapterError, ConfigError
from rilearn.prompts import Templates
from rilearn.settings import Settings
from rilearn.tasks import load_task
from training.data import measured_rows
from training.reader import Reader, Shares
from training.stage import parser, run, split_arguments, write_result


def doubtful(
    gold: Sequence[str], labels: Sequence[str], models: Sequence[Shares], threshold: float
) -> list[dict[str, Any]]:
    """Rows where every model gives the same label at least `threshold`, and it is not the dataset's; surest first."""
    rows = []
    for i, given in enumerate(gold):
        found = {labels[int(shares[i].argmax())] for shares in models}
        sure = min(float(shares[i].max()) for shares in models)
        if len(found) == 1 and sure >= threshold and found != {given}:
            own = [round(float(shares[i][labels.index(given)]), 4) for shares in models]
            rows.append({"row": i, "label": given, "models_say": found.pop(), "least_sure": round(sure, 4), "own": own})
    return sorted(rows, key=lambda r: -r["least_sure"])


def main(argv: list[str]) -> None:
    arguments = parser(__doc__, recipe=False)
    arguments.add_argument("--direct", required=True, help="a Q->A adapter: a name under data/adapters, or a folder")
    arguments.add_argument("--reasoned", required=True, help="a Q->RA adapter")
    split_arguments(arguments)
    arguments.add_argument("--threshold", type=float, default=0.9, help="least probability of the label (0.5 to 1)")
    given = arguments.parse_args(argv)
    if not 0.5 <= given.threshold <= 1:
        raise ConfigError("--threshold must lie between 0.5 and 1.")
    settings = Settings()
    direct, reasoned = (find_adapter(name, settings.adapters) for name in (given.direct, given.reasoned))
    if direct.manifest.kind != "direct" or reasoned.manifest.kind != "reasoned":
        raise AdapterError("--direct must answer at once (Q->A), --reasoned reason before it answers (Q->RA).")
    task = load_task(direct.manifest.task or settings.task)
    examples, origin = measured_rows(task, given.dataset, given.split, given.limit)
    engine = load_engine("transformers", direct.manifest.base, settings.cache_dir, fast=True)

    def reader(adapter: Adapter) -> Reader:
        return Reader(engine, adapter.ref, Templates(task, adapter.manifest.chat), [e.text for e in examples])

    thinker = reader(reasoned)
    models = [reader(direct).direct(), thinker.given(thinker.reasonings(0.0, 0)[0])]
    gold = [e.label or "" for e in examples]
    rows = doubtful(gold, task.labels, models, given.threshold)
    result = {
        "adapters": {a.name: a.ref.digest for a in (direct, reasoned)},
        **origin,
        "threshold": given.threshold,
        "doubtful": len(rows),
        "pairs": dict(Counter(f"{r['label']} -> {r['models_say']}" for r in rows).most_common()),
        "rows": rows,
    }
    write_result(given.out, result)
    print(f"{len(rows)} of {len(examples)} rows have a label that both models doubt")


if __name__ == "__main__":
    run(main)
