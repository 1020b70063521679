"""Rows out of a CSV, JSON Lines or Parquet file, one after another; a row that cannot be read says why."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rilearn.errors import DataError

DELIMITERS = ",;\t"
Record = tuple[int, Mapping[str, Any] | str]
"""A row's number, counted from 1 (in JSON Lines: the line's), and its cells by column; or why there are none."""


@dataclass(frozen=True)
class Problem:
    """Why the row with this number was left out, in words."""

    number: int
    reason: str


def read_records(path: Path, most_unpacked: int | None = None) -> Iterator[Record]:
    """The rows of a file, told apart by its ending: .csv, .jsonl or .parquet.

    Args:
        most_unpacked: bytes; a small Parquet file can unpack to any size. None: any size is welcome.

    Raises:
        DataError: another kind of file, unreadable, not UTF-8, or it unpacks to more; the message says what to do.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"'{path.name}' is not a {', '.join(_READERS)} file. Save the rows as one of these.")
    try:
        yield from reader(path, most_unpacked)
    except UnicodeDecodeError as error:
        raise DataError(f"'{path.name}' is not UTF-8 text ({error.reason}). Save it as UTF-8.") from error
    except OSError as error:
        raise DataError(f"'{path.name}' cannot be read: {error.strerror or error}.") from error


def _csv(path: Path, most_unpacked: int | None) -> Iterator[Record]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        file.seek(0)
        reader = csv.reader(file, delimiter=max(DELIMITERS, key=first.count))
        header: list[str] | None = None
        number = 0
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                number += 1
                yield number, f"The row cannot be read: {error}."
                continue
            if not cells:
                continue  # a blank line
            if header is None:
                header = cells
                continue
            number += 1
            if len(cells) != len(header):
                yield number, f"The row has {len(cells)} cells, the header {len(header)}. Put quotes around the text."
            else:
                yield number, dict(zip(header, cells, strict=True))


def _jsonl(path: Path, most_unpacked: int | None) -> Iterator[Record]:
    with path.open(encoding="utf-8-sig", newline="\n") as file:  # other signs that end a line may stand inside JSON
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                cells = json.loads(line)
            except (ValueError, RecursionError):
                yield number, "The line is not valid JSON."
                continue
            yield number, cells if isinstance(cells, dict) else "The line is not a JSON object with a text in it."


def _parquet(path: Path, most_unpacked: int | None) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            size = sum(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups))
            if most_unpacked is not None and size > most_unpacked:
                raise DataError(f"'{path.name}' unpacks to {size / 1e6:.0f} MB. Split it, or leave columns out.")
            number = 0
            for batch in file.iter_batches(batch_size=64):
                for cells in batch.to_pylist():
                    number += 1
                    yield number, cells
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"'{path.name}' cannot be read as Parquet: {str(error)[:200]}") from error


_READERS: dict[str, Callable[[Path, int | None], Iterator[Record]]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
ENDINGS = tuple(_READERS)
