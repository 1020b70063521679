"""The columns of exported files, and how a cell is written and read in JSON Lines, CSV and Parquet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from rilearn.cells import defused, restored
from rilearn.errors import InputError
from rilearn.records import CRITERIA

Type = Literal["text", "optional", "bool", "int", "float", "time", "json"]
"""`text` may be empty, `optional` is a text that is not empty or None; bool, int and json may be None."""


class Column(NamedTuple):
    name: str
    type: Type = "text"
    required: bool = True
    """False: files written before the column was there are read as if it were empty."""


_ABOUT = (Column("text"), Column("label"), Column("reasoning"))
_WHO = (Column("annotator"), Column("created_at", "time"), Column("token"))
_MADE_BY = (
    *(Column(name) for name in ("task", "source", "split", "adapter", "adapter_digest", "prompt_version")),
    Column("sampling", "json"),
    Column("signals", "json"),
)
_PAIR = ("left_model", "left_digest", "left_shown", "right_model", "right_digest", "right_shown")
_COMPARED = ("task", "label", "split")
NAME = Column("annotator_name")
"""Only in exports with names."""

COLUMNS: dict[str, tuple[Column, ...]] = {
    "ratings": (
        *_ABOUT,
        Column("verdict"),
        Column("overall", "int"),
        *(Column(name, "bool") for name in CRITERIA),
        Column("label_wrong", "bool"),
        Column("right_label", "optional"),
        Column("comment"),
        Column("thumbs", "json"),
        Column("spans", "json"),
        Column("guess", "optional"),
        Column("seconds", "float"),
        Column("guideline"),
        *_WHO,
        *_MADE_BY,
    ),
    "corrections": (*_ABOUT, Column("corrected"), *_WHO, *_MADE_BY),
    "adjudications": (
        *_ABOUT,
        Column("verdict"),
        Column("right_label", "optional"),
        Column("comment"),
        *_WHO,
        *_MADE_BY,
    ),
    "pairs": (
        Column("text"),
        *map(Column, _PAIR),
        Column("choice"),
        Column("giveaway", "bool"),
        Column("visitor"),
        Column("created_at", "time"),
        Column("key"),
        Column("token"),
        *(Column(name, required=False) for name in _COMPARED),
    ),
}
"""What is exported -> its columns: one file each."""


def stranger(visitor: str) -> str:
    """A voter's name in exports; of one that came by import, the same again."""
    made = f"{_VISITOR}{hashlib.sha256(visitor.encode()).hexdigest()[:16]}"
    return visitor if visitor.startswith(_VISITOR) else made


_VISITOR = "visitor-"


def plain(cell: Any) -> Any:
    """The cell as JSON takes it."""
    return cell.isoformat() if isinstance(cell, datetime) else cell


def flat(cell: Any, column: Column) -> Any:
    """The cell as Parquet takes it: lists and objects as JSON."""
    return json.dumps(cell, ensure_ascii=False) if column.type == "json" else cell


def csv_cell(cell: Any, column: Column) -> Any:
    """The cell as a CSV file takes it: None is empty, what opens like a formula is defused."""
    if isinstance(cell, bool):
        return str(cell).lower()
    return defused(plain(flat(cell, column)))


def parsed(cells: Mapping[str, Any], columns: Sequence[Column], from_csv: bool) -> dict[str, Any]:
    """A row as it was before it was written; columns that are not `columns` are left out.

    Raises:
        InputError: a required column is missing, or one holds something else.
    """
    row: dict[str, Any] = {}
    for column in columns:
        if column.required and column.name not in cells:
            raise InputError(f"The column '{column.name}' is missing.")
        cell = cells.get(column.name, "")
        if from_csv and isinstance(cell, str):
            cell = restored(cell)
        try:
            row[column.name] = _READ[column.type](cell)
        except (ValueError, TypeError, RecursionError):
            raise InputError(
                f"The column '{column.name}' holds {str(cell)[:40]!r}, which is no {column.type}."
            ) from None
    return row


def _text(cell: Any) -> str:
    if not isinstance(cell, str):
        raise TypeError
    return cell


def _optional(cell: Any) -> str | None:
    return None if cell is None or cell == "" else _text(cell)


def _bool(cell: Any) -> bool | None:
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return cell
    return ("false", "true").index(cell) == 1  # another cell raises ValueError


def _int(cell: Any) -> int | None:
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool | float):
        raise TypeError
    return int(cell)


def _float(cell: Any) -> float:
    if isinstance(cell, bool):
        raise TypeError
    return float(cell)


def _time(cell: Any) -> datetime:
    made = cell if isinstance(cell, datetime) else datetime.fromisoformat(_text(cell))
    if made.tzinfo is None:
        raise ValueError
    return made


def _json(cell: Any) -> Any:
    return json.loads(cell) if isinstance(cell, str) else cell


_READ: dict[Type, Callable[[Any], Any]] = {
    "text": _text,
    "optional": _optional,
    "bool": _bool,
    "int": _int,
    "float": _float,
    "time": _time,
    "json": _json,
}
