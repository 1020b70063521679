"""Whether a rating makes sense, by itself and for its reasoning; without the database."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rilearn.errors import InputError
from rilearn.records import CRITERIA, Rating
from rilearn.store.checks import short, words


def rating_columns(rating: Rating) -> dict[str, Any]:
    """The rating's columns of the table, checked and cleaned. Raises InputError: it makes no sense."""
    if rating.verdict not in ("good", "poor"):
        raise InputError("Choose a verdict: good or poor.")
    if rating.overall is not None and rating.overall not in range(1, 6):
        raise InputError(f"The overall grade goes from 1 to 5, not {rating.overall}.")
    if unknown := set(rating.criteria) - set(CRITERIA):
        raise InputError(f"There is no criterion '{min(unknown)}': {', '.join(CRITERIA)}.")
    if set(rating.thumbs) - {-1, 0, 1}:
        raise InputError("A sentence's thumb is 1 (up), 0 (none) or -1 (down).")
    if rating.right_label is not None and not rating.label_wrong:
        raise InputError("A right label was given, but the dataset's label was not marked as wrong.")
    return {
        "verdict": rating.verdict,
        "overall": None if rating.overall is None else int(rating.overall),
        "criteria": {name: bool(value) for name, value in rating.criteria.items()},
        "thumbs": [int(thumb) for thumb in rating.thumbs],
        "spans": [{**asdict(span), "note": words(span.note, "note", 1000)} for span in rating.spans],
        "comment": words(rating.comment, "comment"),
        "label_wrong": bool(rating.label_wrong),
        "right_label": None if rating.right_label is None else short(rating.right_label, "right label"),
        "guess": None if rating.guess is None else short(rating.guess, "guess"),
    }


def check_against(rating: Rating, reasoning: str, label: str) -> None:
    """Whether the rating can be one of this reasoning for this label. Raises InputError."""
    for span in rating.spans:
        if not 0 <= span.start < span.end <= len(reasoning):
            raise InputError(f"The mark {span.start}-{span.end} lies outside the reasoning.")
    if rating.right_label == label:
        raise InputError(f"'{label}' is the label that was marked as wrong. Choose another as the right one.")
