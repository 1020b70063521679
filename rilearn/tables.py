"""Rows of text for a batch: out of a CSV, JSON Lines or Parquet file, or drawn from a split of the task's dataset.

A row that cannot be classified becomes a `Problem` with its number; the others go on.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rilearn.classify import check_text
from rilearn.corpora import load_split
from rilearn.errors import DataError, InputError
from rilearn.row_files import ENDINGS, Problem, Record, read_records
from rilearn.settings import Settings
from rilearn.tasks import Task

TEXT_COLUMNS = ("text", "sentence", "content", "message", "review", "tweet", "comment", "input", "document")
LABEL_COLUMNS = ("label", "true_label", "gold", "target", "category", "class", "answer")
MOST_UNPACKED = 200_000_000
"""Bytes: a small Parquet file can unpack to any size."""


@dataclass(frozen=True)
class Row:
    """One text to classify: its number in the file or split, counted from 1, and its true label where known."""

    number: int
    text: str
    label: str | None = None


@dataclass(frozen=True)
class Rows:
    """What was read, in order; `more` says that rows past the limit were left out, `source` names file or split."""

    source: str
    good: tuple[Row, ...]
    problems: tuple[Problem, ...] = ()
    more: bool = False


def read_rows(path: Path, task: Task, settings: Settings) -> Rows:
    """The first `settings.batch_rows` rows of a file, told apart by its ending: .csv, .jsonl or .parquet.

    The columns are the task's own or one of `TEXT_COLUMNS` and `LABEL_COLUMNS`, whatever the case; labels are
    optional, names or numbers. Numbers count data rows (in JSON Lines: lines).

    Raises:
        DataError: too large, another kind of file, unreadable, or without a text column; the message says what to do.
    """
    if path.suffix.lower() in ENDINGS and (size := path.stat().st_size) > settings.batch_mb * 1_000_000:
        raise DataError(
            f"'{path.name}' has {size / 1e6:.1f} MB, the limit is {settings.batch_mb} MB. Split it, or drop columns."
        )
    return _checked(read_records(path, MOST_UNPACKED), path.name, task, settings)


def sample_rows(task: Task, split: str, count: int, seed: int, settings: Settings) -> Rows:
    """`count` rows of a split of the task's dataset (of `settings.dataset` where set), the same for the same seed.

    Numbers are those of the split, counted from 1.

    Raises:
        InputError: more rows than the limit, or none. DataError: the dataset cannot be read.
    """
    if not 1 <= count <= settings.batch_rows:
        raise InputError(f"Choose between 1 and {settings.batch_rows} rows.")
    spec = task.dataset.model_copy(update={"id": settings.dataset}) if settings.dataset else task.dataset
    examples = load_split(task, split, spec).examples
    drawn = sorted(random.Random(seed).sample(range(len(examples)), min(count, len(examples))))
    records = ((i + 1, {"text": examples[i].text, "label": examples[i].label}) for i in drawn)
    return _checked(records, f"{spec.id} ({split}, seed {seed})", task, settings)


def find_column(wanted: Sequence[str], columns: Sequence[str]) -> str | None:
    """The first of the `wanted` names that is among the columns, whatever its case and the space around it."""
    found = {column.strip().casefold(): column for column in reversed(columns)}
    return next((found[name.casefold()] for name in wanted if name.casefold() in found), None)


def _checked(records: Iterator[Record], source: str, task: Task, settings: Settings) -> Rows:
    good: list[Row] = []
    problems: list[Problem] = []
    names: tuple[str, str | None] | None = None
    first = list(islice(records, settings.batch_rows + 1))
    for number, cells in first[: settings.batch_rows]:
        if isinstance(cells, str):
            problems.append(Problem(number, cells))
            continue
        names = names or _columns(list(cells), source, task)
        try:
            good.append(_row(number, cells.get(names[0]), cells.get(names[1] or ""), task, settings.max_chars))
        except InputError as error:
            problems.append(Problem(number, str(error)))
    if not first:
        raise DataError(f"'{source}' has no rows.")
    return Rows(source, tuple(good), tuple(problems), len(first) > settings.batch_rows)


def _columns(columns: Sequence[str], source: str, task: Task) -> tuple[str, str | None]:
    text = find_column((task.dataset.text_column, task.text_name, *TEXT_COLUMNS), columns)
    if text is None:
        found = ", ".join(_shown(column) for column in columns[:20]) or "none"
        raise DataError(f"'{source}' has no column of texts. Name one 'text'. Its columns: {found}.")
    return text, find_column((task.dataset.label_column, task.label_name, *LABEL_COLUMNS), columns)


def _row(number: int, text: Any, label: Any, task: Task, limit: int) -> Row:
    if text is None or (isinstance(text, str) and not text.strip()):
        raise InputError("The text is empty.")
    if not isinstance(text, str):
        raise InputError(f"The text is no string but {type(text).__name__}.")
    if _shown(text, None) != text:
        raise InputError("The text holds half a character (a lone surrogate). Save it as UTF-8 again.")
    return Row(number, check_text(text, limit), _label(label, task))


def _label(value: Any, task: Task) -> str | None:
    """A label by its name or by its number in the task's order; None where the cell is empty."""
    if value is None or value != value or (isinstance(value, str) and not value.strip()):
        return None  # nothing, not a number, or blank
    said = str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()
    if said.isascii() and said.isdigit() and len(said) < 9 and int(said) < len(task.labels):
        return task.labels[int(said)]
    named = next((label for label in task.labels if label.casefold() == said.casefold()), None)
    if named is None:
        raise InputError(f"The label '{_shown(said)}' is not one of {', '.join(task.labels)}.")
    return named


def _shown(text: str, most: int | None = 40) -> str:
    """The beginning of a text, fit to be written as UTF-8."""
    return text[:most].encode(errors="replace").decode()
