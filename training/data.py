"""Rows of a task and stored reasonings, as the stages share them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rilearn.corpora import evaluation_splits, fingerprint, load_split, overlaps, public_name, without_leaks
from rilearn.errors import DataError
from rilearn.records import Example
from rilearn.tasks import DatasetSpec, Task
from training.recipes import TextData


def dataset_spec(task: Task, id: str | None, config: str | None) -> DatasetSpec:
    """The task's dataset (in another configuration if one is given), or the one at `id` with the task's columns."""
    if id is None:
        return task.dataset.model_copy(update={"config": config or task.dataset.config})
    return task.dataset.model_copy(update={"id": id, "config": config})


def measured_rows(
    task: Task, dataset: str | None, split: str, limit: int | None
) -> tuple[list[Example], dict[str, Any]]:
    """The first `limit` rows of a split, and what a result says of where its numbers come from."""
    spec = dataset_spec(task, dataset, task.dataset.config)
    found = load_split(task, split, spec)
    examples = list(found.examples[:limit])
    origin = {"dataset": public_name(spec.id), "dataset_fingerprint": found.fingerprint, "split": split}
    return examples, {**origin, "n": len(examples), "seed": 0}


def task_rows(task: Task, data: TextData, seed: int) -> tuple[list[Example], dict[str, Any]]:
    """The rows to train on, shuffled by `seed` and free of evaluation texts, and a report of what was left out."""
    spec = dataset_spec(task, data.id, data.config)
    train = load_split(task, data.split, spec)
    others = evaluation_splits(task, data.evaluation_splits, spec)
    found = overlaps([train, *others])
    clear = without_leaks(train.examples, [e for s in others for e in s.examples])
    random.Random(seed).shuffle(clear)
    kept = clear[data.skip : None if data.limit is None else data.skip + data.limit]
    if not kept:
        raise DataError(f"No training row is left in {spec.id} ({data.split}) after skip and limit.")
    report = {
        "dataset": public_name(spec.id),
        "split": data.split,
        "fingerprint": fingerprint(kept),
        "duplicates": found.duplicates,
        "texts_in_several_splits": found.across,
        "of_these_with_conflicting_labels": found.conflicting,
        "left_out": len(train.examples) - len(clear),
    }
    return kept, report


def stored_candidates(path: Path) -> Iterator[dict[str, Any]]:
    """The candidates in one parquet file of `augment`, or in all those of a folder (its shards).

    Raises:
        DataError: there is no such file.
    """
    import pyarrow.parquet

    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files or not files[0].exists():
        raise DataError(f"There is no file of reasonings at {path}. `python -m training.augment` writes it.")
    for file in files:
        yield from pyarrow.parquet.read_table(file).to_pylist()


def generators(path: Path) -> dict[str, str]:
    """Role -> digest of the adapters that wrote the kept reasonings at `path`, as a manifest's parents name them."""
    written = sorted({row["model"] for row in stored_candidates(path) if row["kept"]})
    found = [model for model in written if not model.startswith("remote:")]
    return {f"generator-{i}" if i > 1 else "generator": digest for i, digest in enumerate(found, 1)}


def read_reasonings(path: Path, kept: bool = True) -> dict[tuple[str, str], list[str]]:
    """(text, label) -> reasonings among the candidates at `path`: the kept ones, or the first of each row, any good."""
    result: dict[tuple[str, str], list[str]] = {}
    for row in stored_candidates(path):
        if row["kept"] if kept else row["candidate"] == 0:
            result.setdefault((row["text"], row["label"]), []).append(row["reasoning"])
    return result
