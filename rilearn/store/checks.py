"""What goes into the database is checked and cleaned here first, so that every database takes it alike."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping

from rilearn.errors import InputError

LONGEST = 20_000


def words(value: str, name: str, longest: int = LONGEST, empty: bool = True) -> str:
    """The string without what databases refuse (NUL, halves of surrogate pairs: shown as a replacement sign).

    Raises:
        InputError: longer than `longest` characters, or empty where it must not be.
    """
    if len(value) > longest:
        raise InputError(f"The {name} has {len(value)} characters; at most {longest} can be kept. Shorten it.")
    if not empty and not value.strip():
        raise InputError(f"The {name} is empty.")
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in value)


def short(value: str, name: str) -> str:
    """A name, token or label: not empty, at most 200 characters. Raises InputError."""
    return words(value, name, 200, empty=False)


def numbers(values: Mapping[str, float], name: str) -> dict[str, float]:
    """Named finite numbers. Raises InputError."""
    if bad := [key for key, value in values.items() if not math.isfinite(value)]:
        raise InputError(f"The {name} '{bad[0]}' is no number.")
    return {short(key, name): value for key, value in values.items()}


def digest(*parts: object) -> str:
    """SHA-256 of the parts' JSON: the same parts give the same digest, in whatever order their keys stand."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
