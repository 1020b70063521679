"""Reasonings from elsewhere: rows with text, label and reasoning, into the store and, if asked, into the queue."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rilearn.errors import InputError
from rilearn.records import Reasoning
from rilearn.row_files import Problem, read_records
from rilearn.store.database import Database
from rilearn.store.exchange import Imported
from rilearn.store.queue import Entry, Queue
from rilearn.store.reasonings import AT_ONCE, Rows, rows_of, save
from rilearn.store.schema import ReasoningRow
from rilearn.tasks import Task


def import_reasonings(
    database: Database, path: Path, task: Task, source: str = "", ratings: int = 0, dry_run: bool = False
) -> Imported:
    """Add the rows that can be used; those that are here already stay as they are.

    The columns are text, label (a name of the task's, in any case) and reasoning; source, split and adapter if there.

    Args:
        source: where the texts are from, if no column says so; empty: the file's name.
        ratings: how many people are to rate each; 0 leaves the queue alone.
        dry_run: say what would happen and save nothing.

    Raises:
        DataError: the file cannot be read.
        InputError: a negative number of ratings.
        StoreError: see `Database.write`; steps that were saved before stay, and the import may be run again.
    """
    if ratings < 0:
        raise InputError("Fewer than no ratings cannot be asked for.")
    records, problems = read_records(path), list[Problem]()
    new = known = 0
    while step := list(islice(records, AT_ONCE)):
        made: list[Rows] = []
        for number, cells in step:
            try:
                made.append(rows_of(_reasoning(cells, task, source or path.stem)))
            except InputError as error:
                problems.append(Problem(number, str(error)))
        with database.write() as session:
            fresh = _fresh(session, made)
            ids = save(session, made)
            if dry_run:
                session.rollback()
        if ratings and not dry_run:
            Queue(database).add([Entry(i, "import", ratings=ratings) for i in ids])
        new, known = new + fresh, known + len(made) - fresh
    return Imported("reasonings", new, known, tuple(problems))


def _fresh(session: Session, made: list[Rows]) -> int:
    keys = {row["key"] for _, row in made}
    return len(keys - set(session.scalars(select(ReasoningRow.key).where(ReasoningRow.key.in_(keys)))))


def _reasoning(cells: Mapping[str, Any] | str, task: Task, source: str) -> Reasoning:
    if isinstance(cells, str):
        raise InputError(cells)
    found: dict[str, str] = {}
    for name in ("text", "label", "reasoning", "source", "split", "adapter"):
        cell = cells.get(name, "" if name in ("source", "split", "adapter") else None)
        if not isinstance(cell, str):
            raise InputError(f"The column '{name}' {'is missing' if cell is None else 'holds no text'}.")
        found[name] = cell
    label = found["label"].strip()
    named = next((known for known in task.labels if known.casefold() == label.casefold()), None)
    if named is None:
        raise InputError(f"The label '{label[:40]}' is not one of {', '.join(task.labels)}.")
    return Reasoning(
        task=task.name,
        text=found["text"],
        label=named,
        reasoning=found["reasoning"],
        source=found["source"] or source,
        split=found["split"],
        adapter=found["adapter"],
    )
