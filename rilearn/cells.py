"""Cells of CSV files that spreadsheets open: made harmless on the way out, given back as they were on the way in."""

from __future__ import annotations

from typing import Any

_OPENERS = ("=", "+", "-", "@", "\t", "\r")


def defused(cell: Any) -> Any:
    """A text that opens like a formula gets an apostrophe in front (OWASP, CSV injection).

    So does one that opens so after apostrophes of its own: `restored` can then tell what was added.
    """
    return f"'{cell}" if _is_formula(cell) else cell


def restored(cell: str) -> str:
    """The text before `defused`."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell) else cell


def _is_formula(cell: Any) -> bool:
    return isinstance(cell, str) and cell.lstrip("'").startswith(_OPENERS)
