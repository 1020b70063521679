"""Where the stages find what people said of reasonings, and the files of training rows that come of it."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from pydantic import TypeAdapter, ValidationError

from rilearn.corpora import held_out_texts
from rilearn.curation import Judged, Preference, Recipe, Rules
from rilearn.errors import ConfigError, DataError
from rilearn.judgements import TrainingRow
from rilearn.row_files import read_records
from rilearn.store.database import FILE, open_database
from rilearn.store.judged import judged, judged_from_export
from rilearn.tasks import Task


def source_arguments(to: argparse.ArgumentParser) -> None:
    """Which feedback to take."""
    source = to.add_mutually_exclusive_group(required=True)
    source.add_argument("--from-db", metavar="URL", help="a PostgreSQL database")
    source.add_argument("--from-state", type=Path, metavar="DIR", help="the folder of the SQLite database")
    source.add_argument("--from-export", type=Path, metavar="FILE", help="a file of an export, or its folder")
    to.add_argument("--since", type=_moment, help="only what was spoken of after this moment (2026-05-01T12:00, UTC)")


def rule_arguments(to: argparse.ArgumentParser) -> None:
    """By which rules it becomes rows."""
    to.add_argument("--recipe", choices=get_args(Recipe), default=Rules.recipe)
    to.add_argument("--cap", type=float, default=Rules.cap, help="largest share of rows on one person's word (0 to 1)")
    to.add_argument("--minimum", type=int, default=Rules.minimum, help="fewer rows are refused")
    to.add_argument("--seed", type=int, default=Rules.seed)
    to.add_argument("--dataset", help="Hub id or folder whose evaluation texts are held out; the task's if left out")


def read_feedback(given: argparse.Namespace, task: Task) -> tuple[list[Judged], list[Preference]]:
    """What was said of the task's reasonings, from where the `source_arguments` say.

    Raises:
        DataError: there is no database or export. ConfigError: `--since` with an export, which goes by no time.
        StoreError: the database cannot be read.
    """
    if given.from_export:
        if given.since:
            raise ConfigError("--since goes with a database. Export again what you want, or leave it out.")
        items, votes = judged_from_export(given.from_export)
    else:
        if given.from_state and not (given.from_state / FILE).exists():
            raise DataError(f"There is no {FILE} in '{given.from_state}'. Name the app's state folder.")
        with closing(open_database(given.from_db, given.from_state or Path())) as database:
            items, votes = judged(database, given.since)
    return [j for j in items if j.reasoning.task == task.name], [v for v in votes if v.task == task.name]


def rules_of(given: argparse.Namespace, task: Task) -> Rules:
    """The rules that the `rule_arguments` ask for; the dataset's evaluation texts are held out.

    Raises:
        ConfigError: a cap outside 0 to 1. DataError: the dataset cannot be read.
    """
    if not 0 <= given.cap <= 1:
        raise ConfigError(f"--cap {given.cap}: a share goes from 0 to 1.")
    held = held_out_texts(task, given.dataset)
    return Rules(given.recipe, given.cap, given.minimum, held, given.seed, task.labels)


def rows_fingerprint(rows: Iterable[TrainingRow]) -> str:
    """SHA-256 of what the rows teach, in their order."""
    taught = [(row.kind, row.text, row.label, row.reasoning, row.rejected, row.desirable) for row in rows]
    return hashlib.sha256(repr(taught).encode()).hexdigest()


def write_rows(rows: tuple[TrainingRow, ...], path: Path) -> None:
    """One row a line, as JSON; the file has its name only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_name(f".{path.name}.tmp")
    with temp.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    temp.replace(path)


def read_rows(path: Path) -> tuple[TrainingRow, ...]:
    """What `write_rows` wrote.

    Raises:
        DataError: it cannot be read, or a row is none.
    """
    row = TypeAdapter(TrainingRow)
    found = []
    for number, cells in read_records(path):
        try:
            found.append(row.validate_python(cells))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the line"
            raise DataError(f"'{path.name}', row {number}: {where}: {first['msg']}.") from error
    return tuple(found)


def _moment(words: str) -> datetime:
    found = datetime.fromisoformat(words)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
