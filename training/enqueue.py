"""Fill the queue of the Rate tab: with reasonings from a file, fresh ones of a generator, or doubtful labels.

python -m training.enqueue --rows runs/augment --ratings 2 --everyone 0.02
python -m training.enqueue --rows mine.jsonl                                     (text, label, reasoning; any writer)
python -m training.enqueue --generator generator --split validation --limit 500
python -m training.enqueue --generator generator --noise data/results/label-noise-validation.json

Rows with `expected`, such as {"verdict": "good"}, become calibration items. Given again, a command adds nothing; with
--dry-run it only counts. The database is the app's (RILEARN_DATABASE_URL, RILEARN_STATE) unless another is named.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from rilearn import proposals
from rilearn.adapters import Adapter, find_adapter
from rilearn.engines import load_engine
from rilearn.errors import AdapterError, ConfigError, DataError
from rilearn.prompts import Templates
from rilearn.records import Proposal, Reasoning, Sampling
from rilearn.settings import Settings
from rilearn.store.database import open_database
from rilearn.store.filling import Filled, Plan, fill
from rilearn.tables import Problem
from rilearn.tasks import Task, load_task
from training.data import measured_rows
from training.reader import Reader
from training.stage import parser, run, split_arguments

AT_ONCE = 64
"""Texts a call of the engine."""


def main(argv: list[str]) -> None:
    arguments = parser(__doc__, recipe=False, out=False)
    arguments.add_argument("--rows", type=Path, help=".jsonl, .csv or .parquet, or the folder of training.augment")
    arguments.add_argument(
        "--rejected", action="store_true", help="with --rows: what training.augment did not keep, too"
    )
    arguments.add_argument("--generator", help="a generator: a name under data/adapters, or a folder")
    arguments.add_argument("--noise", type=Path, help="with --generator: only these rows (of training.label_noise)")
    split_arguments(arguments)
    arguments.add_argument("--task", help="a file under data/tasks/; the app's own if left out")
    arguments.add_argument("--direct", help="a Q->A adapter that tells how uncertain a text is and if it disagrees")
    arguments.add_argument("--ratings", type=int, default=1, help="how many different people rate an item")
    arguments.add_argument(
        "--everyone", type=float, default=0.0, help="share of items that all annotators rate (0 to 1)"
    )
    arguments.add_argument("--database", help="a PostgreSQL url")
    arguments.add_argument("--state", type=Path, help="the folder of the SQLite database")
    arguments.add_argument("--dry-run", action="store_true", help="count, and write nothing")
    given = arguments.parse_args(argv)
    if (given.rows is None) == (given.generator is None) or (given.noise and given.rows):
        raise ConfigError("Name one source: --rows FILE, or --generator ADAPTER (doubtful labels: and --noise FILE).")
    settings = Settings()
    task = load_task(given.task or settings.task)
    problems: list[str] = []
    found = _rows(given, task, problems) if given.rows else _written(given, task, settings)
    if given.direct:
        found = _doubted(found, task, find_adapter(given.direct, settings.adapters), settings)
    with closing(
        open_database(given.database or settings.database_url or None, given.state or settings.state_dir)
    ) as d:
        filled = fill(d, found, Plan(given.ratings, given.everyone), given.dry_run)
    print(told(filled, problems, given.dry_run))


def told(filled: Filled, problems: list[str], dry_run: bool) -> str:
    """The counts, a line each."""
    refused = [*problems, *filled.refused]
    lines = [
        f"{filled.proposals + len(problems)} rows: {filled.added} {'would be queued' if dry_run else 'queued'} "
        f"({filled.everyone} for everyone, {filled.calibration} for calibration), {filled.there} in the queue before, "
        f"{filled.twice} twice, {len(refused)} not usable",
        f"{filled.reasonings} reasonings {'would be' if dry_run else 'were'} new to the database",
        *(f"  {label}: {count}" for label, count in sorted(filled.labels.items())),
        *(f"not usable: {reason}" for reason in refused[:5]),
    ]
    return "\n".join(lines + ["..."] * (len(refused) > 5))


def _rows(given: argparse.Namespace, task: Task, problems: list[str]) -> Iterator[Proposal]:
    files = sorted(given.rows.glob("reasonings*.parquet")) if given.rows.is_dir() else [given.rows]
    if not files:
        raise DataError(f"There are no reasonings in {given.rows}. `python -m training.augment` writes them.")
    for file in files:
        for found in proposals.read(file, task, _about(file, task), given.rejected):
            if isinstance(found, Problem):
                problems.append(f"{file.name}, row {found.number}: {found.reason}")
            else:
                yield found


def _about(file: Path, task: Task) -> Reasoning:
    """What training.augment's report beside a file says of all its rows; of another file, its name."""
    about = Reasoning(task.name, "", "", "", source=file.name)
    report = file.with_name(file.name.replace("reasonings", "report")).with_suffix(".json")
    if file.suffix != ".parquet" or not report.exists():
        return about
    facts = json.loads(report.read_text(encoding="utf-8"))
    recipe, data = facts["recipe"], facts["data"]
    sampling = (recipe["max_tokens"], recipe["temperature"], Sampling.top_k, recipe["top_p"], recipe["seed"], ("\n",))
    return replace(
        about,
        source=data["dataset"],
        split=data["split"],
        adapter=Path(recipe["generator"] or recipe["remote_model"]).name,
        prompt_version=facts["prompt_version"],
        sampling=Sampling(*sampling),
    )


def _written(given: argparse.Namespace, task: Task, settings: Settings) -> Iterator[Proposal]:
    adapter = find_adapter(given.generator, settings.adapters)
    noise = json.loads(given.noise.read_text(encoding="utf-8")) if given.noise else None
    split = noise["split"] if noise else given.split
    examples, origin = measured_rows(task, given.dataset, split, None if noise else given.limit)
    if noise and origin["dataset_fingerprint"] != noise["dataset_fingerprint"]:
        raise DataError(f"{given.noise.name} counts the rows of another dataset than {origin['dataset']} ({split}).")
    rows = [(examples[row["row"]], row) for row in noise["rows"]] if noise else [(e, None) for e in examples]
    engine = load_engine("transformers", adapter.manifest.base, settings.cache_dir, preload=[adapter.ref], fast=True)
    with closing(engine):
        for part in _parts(rows):
            made = proposals.write(engine, adapter, task, [e for e, _ in part], origin["dataset"], split)
            doubts = {(e.text, e.label): row for e, row in part if row}
            yield from (_doubtful(p, doubts.get((p.reasoning.text, p.reasoning.label))) for p in made)


def _doubtful(proposal: Proposal, row: dict[str, Any] | None) -> Proposal:
    """Two models are `least_sure` of another label and give the dataset's the shares in `own`."""
    if row is None:
        return proposal
    return replace(proposal, origin="label-noise", uncertainty=1 - row["least_sure"], disagreement=1 - max(row["own"]))


def _doubted(found: Iterable[Proposal], task: Task, adapter: Adapter, settings: Settings) -> Iterator[Proposal]:
    """What a model that answers at once says, where nothing is known yet."""
    if adapter.manifest.kind != "direct":
        raise AdapterError(f"'{adapter.name}' reasons before it answers: --direct must answer at once (Q->A).")
    engine = load_engine("transformers", adapter.manifest.base, settings.cache_dir, preload=[adapter.ref], fast=True)
    with closing(engine):
        for part in _parts(found):
            texts = [p.reasoning.text for p in part]
            shares = Reader(engine, adapter.ref, Templates(task, adapter.manifest.chat), texts).direct()
            for proposal, row in zip(part, shares, strict=True):
                own = float(row[task.labels.index(proposal.reasoning.label)])
                uncertainty, disagreement = proposal.uncertainty, proposal.disagreement
                yield replace(
                    proposal,
                    uncertainty=1 - float(row.max()) if uncertainty is None else uncertainty,
                    disagreement=1 - own if disagreement is None else disagreement,
                )


def _parts(found: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(found)
    while part := list(islice(left, AT_ONCE)):
        yield part


if __name__ == "__main__":
    run(main)
