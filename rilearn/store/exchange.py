"""Ratings, corrections, adjudications and pairs as files, and back: what came back twice is there once.

    Exchange(database).export(folder, "parquet")
    Exchange(database).bring(folder / "ratings.parquet")

One file a kind, `ratings.jsonl` and so on. Annotators go by their pseudonyms unless names are asked for.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rilearn.errors import DataError, InputError
from rilearn.row_files import Problem, read_records
from rilearn.store import exchange_in, exchange_out
from rilearn.store.database import Database
from rilearn.store.exchange_rows import COLUMNS, NAME, Column, csv_cell, flat, parsed, plain
from rilearn.store.reasonings import AT_ONCE

Rows = Iterator[Mapping[str, Any]]


@dataclass(frozen=True)
class Imported:
    """What an import did: rows that are new, that were there, and that could not be kept, by number. `deleted`: rows
    of annotators who were deleted here, which are left out."""

    kind: str
    new: int
    known: int
    problems: tuple[Problem, ...]
    deleted: int = 0


class Exchange:
    """Writes and reads the files."""

    def __init__(self, database: Database):
        self._database = database

    def count(self) -> dict[str, int]:
        """How many rows of each kind an export would hold.

        Raises:
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            return {kind: sum(1 for _ in exchange_out.rows(session, kind)) for kind in COLUMNS}

    def export(self, folder: Path, form: str, names: bool = False) -> dict[str, int]:
        """Write a file a kind into `folder`, each complete before it has its name.

        Args:
            form: "jsonl", "csv" or "parquet".
            names: with the annotators' names beside their pseudonyms.

        Returns:
            Kind -> rows written. Ratings that were superseded, and what is held back because of a flag (see
            `flags`), stay here.

        Raises:
            InputError: no such form. DataError: the folder cannot be written.
            StoreError: see `Database.read`.
        """
        if form not in _WRITERS:
            raise InputError(f"There is no format '{form}': {', '.join(_WRITERS)}.")
        written = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for kind, columns in COLUMNS.items():
                with_name = names and kind != "pairs"
                path = folder / f"{kind}.{form}"
                temp = path.with_name(f".{path.name}.tmp")
                with self._database.read() as session:
                    rows = exchange_out.rows(session, kind)
                    written[kind] = _WRITERS[form](rows, (*columns, NAME) if with_name else columns, temp)
                temp.replace(path)
        except OSError as error:
            raise DataError(f"'{folder.name}' cannot be written: {error.strerror or error}.") from error
        return written

    def bring(self, path: Path, dry_run: bool = False) -> Imported:
        """Import a file that `export` wrote; rows that are here already stay as they are, and what annotators said who
        were deleted here is left out (their decisions as an admin come without name, as deleting leaves them).
        A vote on two reasonings counts as one (see `duels`) if both are stored here, or from an import after they came.

        Saved in steps of some hundred rows, so that people can go on rating; after an interruption import it again.

        Args:
            dry_run: say what would happen and save nothing.

        Raises:
            DataError: the file's name names no kind, or it cannot be read.
            StoreError: see `Database.write`; steps that were saved before stay.
        """
        kind = path.stem.partition(".")[0]
        if kind not in COLUMNS:
            raise DataError(f"'{path.name}' names no kind of rows. Name it as the export does: {', '.join(COLUMNS)}.")
        records, problems, done, deleted = read_records(path), list[Problem](), list[bool](), 0
        while step := list(islice(records, AT_ONCE)):
            good: list[tuple[int, exchange_in.Read]] = []
            for number, cells in step:
                try:
                    good.append((number, read(kind, cells, path.suffix.lower() == ".csv")))
                except InputError as error:
                    problems.append(Problem(number, str(error)))
            with self._database.write() as session:
                for (number, _), new in zip(good, exchange_in.keep(session, [row for _, row in good]), strict=True):
                    if isinstance(new, str):
                        problems.append(Problem(number, new))
                    elif new is None:
                        deleted += 1
                    else:
                        done.append(new)
                if dry_run:
                    session.rollback()
        problems.sort(key=lambda problem: problem.number)
        return Imported(kind, sum(done), len(done) - sum(done), tuple(problems), deleted)


def read(kind: str, cells: Mapping[str, Any] | str, from_csv: bool) -> exchange_in.Read:
    """A row of a file that `Exchange.export` wrote. Raises InputError: it cannot be read, or makes no sense."""
    if isinstance(cells, str):
        raise InputError(cells)
    columns = (*COLUMNS[kind], NAME) if NAME.name in cells else COLUMNS[kind]
    return exchange_in.read(kind, parsed(cells, columns, from_csv))


def _write_jsonl(rows: Rows, columns: tuple[Column, ...], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            count += 1
            line = {column.name: plain(row[column.name]) for column in columns}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return count


def _write_csv(rows: Rows, columns: tuple[Column, ...], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # the mark tells Excel that it is UTF-8
        writer = csv.writer(file)
        writer.writerow(column.name for column in columns)
        for row in rows:
            count += 1
            writer.writerow([csv_cell(row[column.name], column) for column in columns])
    return count


def _write_parquet(rows: Rows, columns: tuple[Column, ...], path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "time": pa.timestamp("us", tz="UTC")}
    schema = pa.schema([(column.name, types.get(column.type, pa.string())) for column in columns])
    count = 0
    with pq.ParquetWriter(path, schema) as writer:
        while step := list(islice(rows, AT_ONCE)):
            cells = [{column.name: flat(row[column.name], column) for column in columns} for row in step]
            writer.write_table(pa.Table.from_pylist(cells, schema=schema))
            count += len(step)
    return count


_WRITERS: Mapping[str, Callable[[Rows, tuple[Column, ...], Path], int]] = {
    "jsonl": _write_jsonl,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
FORMATS = tuple(_WRITERS)
