"""Datasets -> Examples: Hub ids and local folders through `datasets` in one code path, checked before use."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rilearn.errors import DataError
from rilearn.judgements import EVALUATION_SPLITS
from rilearn.prompts import clean, text_key
from rilearn.records import Example
from rilearn.tasks import DatasetSpec, Task


@dataclass(frozen=True)
class Split:
    """The rows of one split and the fingerprint of their content (SHA-256 over texts and labels, in order)."""

    name: str
    examples: tuple[Example, ...]
    fingerprint: str


@dataclass(frozen=True)
class OverlapReport:
    """What recurs: exact duplicates inside splits, texts in more than one split, and those whose labels conflict."""

    duplicates: dict[str, int]
    across: int
    conflicting: int


def load_rows(id: str, split: str, config: str | None = None) -> Any:
    """The rows of a Hub dataset or local folder as a `datasets.Dataset`.

    A folder holds parquet, JSON lines or CSV files named for their split, or the Hub's own layout (a folder of
    parquet files named for the configuration).

    Raises:
        DataError: not found (says how to name a folder), no such split (lists those there are).
    """
    import datasets

    datasets.disable_progress_bars()
    folder = Path(id).expanduser()
    local = folder.is_dir()
    if not local and (id.startswith((".", "/", "~")) or id.count("/") > 1):
        raise DataError(f"There is no folder '{id}' to read a dataset from.")
    try:
        if local:
            source = folder / config if config and (folder / config).is_dir() else folder
            found = datasets.load_dataset(str(source))
        else:
            found = datasets.load_dataset(id, config)
    except Exception as error:  # the library raises a dozen kinds, some bare
        raise DataError(
            f"The dataset '{id}' could not be loaded ({type(error).__name__}: {str(error)[:300]}). "
            "Without the Hub, name a local folder: --set data.id=FOLDER or --dataset FOLDER in a command, "
            "RILEARN_DATASET=FOLDER for the app."
        ) from error
    if split not in found:
        raise DataError(f"The dataset '{id}' has no split '{split}'. It has: {', '.join(found)}.")
    return found[split]


def columns(rows: Any, names: Iterable[str], where: str) -> list[list[Any]]:
    """The named columns of `rows` as lists.

    Raises:
        DataError: a column is missing; the message lists those there are.
    """
    for name in names:
        if name not in rows.column_names:
            raise DataError(f"{where} has no column '{name}'. It has: {', '.join(rows.column_names)}.")
    return [list(rows[name]) for name in names]


def load_split(task: Task, split: str, spec: DatasetSpec | None = None) -> Split:
    """A split of the task's dataset (or of `spec`) with label names checked.

    Raises:
        DataError: missing split or column, a label the task does not know, an empty text.
    """
    import datasets

    spec = spec or task.dataset
    where = f"{spec.id} ({split})"
    rows = load_rows(spec.id, spec.splits.get(split, split), spec.config)
    texts, raw = columns(rows, (spec.text_column, spec.label_column), where)
    feature = rows.features[spec.label_column]
    names = feature.names if isinstance(feature, datasets.ClassLabel) else None
    labels = [_label(value, names, task, where, row) for row, value in enumerate(raw)]
    empty = [row for row, text in enumerate(texts) if not isinstance(text, str) or not clean(text)]
    if empty:
        raise DataError(f"{where} has {len(empty)} empty texts, the first in row {empty[0]}.")
    examples = tuple(Example(text, label) for text, label in zip(texts, labels, strict=True))
    return Split(split, examples, fingerprint(examples))


def evaluation_splits(task: Task, names: Iterable[str], spec: DatasetSpec) -> list[Split]:
    """Those of the named splits that the dataset has; raises `DataError` as `load_split` does."""
    found = []
    for name in names:
        try:
            found.append(load_split(task, name, spec))
        except DataError as error:
            if "has no split" not in str(error):
                raise
    return found


def held_out_texts(task: Task, dataset: str | None) -> frozenset[str]:
    """The texts of the evaluation splits of the task's dataset, or of the one at `dataset` (a Hub id or folder).

    Raises:
        DataError: it cannot be read, or has neither split: what must not be trained on is then not known.
    """
    spec = task.dataset if dataset is None else task.dataset.model_copy(update={"id": dataset, "config": None})
    splits = evaluation_splits(task, EVALUATION_SPLITS, spec)
    if not splits:
        raise DataError(f"{spec.id} has no split {' or '.join(EVALUATION_SPLITS)}, so no text can be held out.")
    return frozenset(example.text for split in splits for example in split.examples)


def public_name(id: str) -> str:
    """A Hub id as it is; of a folder only its name, since paths of one machine mean nothing on another."""
    return Path(id).name if Path(id).expanduser().is_dir() else id


def _label(value: Any, names: list[str] | None, task: Task, where: str, row: int) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        if names is None:
            names = list(task.labels)
        if not 0 <= value < len(names):
            raise DataError(f"{where}, row {row}: label number {value}, but there are {len(names)} labels.")
        value = names[value]
    if value not in task.labels:
        raise DataError(f"{where}, row {row}: label {value!r} is not one of {', '.join(task.labels)}.")
    return str(value)


def fingerprint(examples: Iterable[Example]) -> str:
    """SHA-256 over texts and labels, in order."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(f"{example.text}\x00{example.label}\x01".encode())
    return digest.hexdigest()


def overlaps(splits: Sequence[Split]) -> OverlapReport:
    """Count what recurs within and across splits; texts are compared as the model sees them (cleaned, lower case)."""
    seen: dict[str, dict[str, set[str | None]]] = defaultdict(dict)
    duplicates = {}
    for split in splits:
        keys = [text_key(e.text) for e in split.examples]
        duplicates[split.name] = len(keys) - len(set(keys))
        for key, example in zip(keys, split.examples, strict=True):
            seen[key].setdefault(split.name, set()).add(example.label)
    across = [labels for labels in seen.values() if len(labels) > 1]
    conflicting = sum(1 for labels in across if len(set().union(*labels.values())) > 1)
    return OverlapReport(duplicates, len(across), conflicting)


def without_leaks(train: Sequence[Example], evaluation: Iterable[Example]) -> list[Example]:
    """The training rows whose text is in no evaluation split, each text once (the first row stays)."""
    seen = {text_key(e.text) for e in evaluation}
    kept = []
    for example in train:
        key = text_key(example.text)
        if key not in seen:
            seen.add(key)
            kept.append(example)
    return kept
