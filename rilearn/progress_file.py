"""How far a long piece of work is, in a small JSON file: the process that works writes it, whoever watches reads it.

Written whole under another name and renamed, so that a reader never sees half of it.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

NAME = "progress.json"
_LONGEST = 100_000
"""Bytes: what is larger is none of ours."""


@dataclass(frozen=True)
class Progress:
    """`done` of `total` steps of a stage (total 0: not known); `updated` is when it was written, in ISO 8601."""

    stage: str
    done: int
    total: int
    message: str = ""
    seconds_left: float | None = None
    updated: str = ""

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total > 0 else 0.0


def write(path: Path, now: Progress) -> None:
    """Replace the file; `updated` becomes this moment.

    Raises:
        OSError: the folder cannot be written.
        ValueError: a number that is none.
    """
    temp = path.with_name(f".{path.name}.tmp")
    made = asdict(now) | {"updated": datetime.now(UTC).isoformat(timespec="milliseconds")}
    temp.write_text(json.dumps(made, allow_nan=False, ensure_ascii=False), encoding="utf-8")
    temp.replace(path)


def read(path: Path) -> Progress | None:
    """What the file says; None: it is not there (yet), or is not such a file."""
    try:
        if path.stat().st_size > _LONGEST:
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
        left = found.get("seconds_left")
        left = None if left is None else float(left)
        return Progress(
            stage=str(found["stage"]),
            done=int(found["done"]),
            total=int(found["total"]),
            message=str(found.get("message", "")),
            seconds_left=left if left is not None and math.isfinite(left) and left >= 0 else None,
            updated=str(found.get("updated", "")),
        )
    except (OSError, ValueError, OverflowError, TypeError, KeyError, AttributeError):
        return None
