"""The known answer of a calibration item: the fields of a `Rating` that are known, such as {"verdict": "good"}.

`verdict` must be there. `overall`, `criteria`, `label_wrong` and `right_label` may be; `comment` is what an annotator
who missed it is told. What points into the words (thumbs, spans) and the blind guess have no one right answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rilearn.errors import InputError
from rilearn.records import Rating
from rilearn.store.rating_checks import check_against, rating_columns

FIELDS = ("verdict", "overall", "criteria", "label_wrong", "right_label", "comment")


def known_answer(found: Any, label: str) -> dict[str, Any]:
    """The answer as it is kept, checked and cleaned; fields that are None are left out, as if they were not there.

    Args:
        label: of the reasoning; `right_label` is another one.

    Raises:
        InputError: no mapping, no verdict, an unknown field, or a value that no rating may have.
    """
    if not isinstance(found, Mapping) or found.get("verdict") not in ("good", "poor"):
        raise InputError('`expected` must hold the known verdict, as {"verdict": "good"} or {"verdict": "poor"}.')
    given = {name: value for name, value in found.items() if value is not None}  # Parquet fills what is not there
    if unknown := set(given) - set(FIELDS):
        raise InputError(f"`expected` may hold {', '.join(FIELDS)}, not '{min(map(str, unknown))}'.")
    try:
        criteria = {name: value for name, value in given.get("criteria", {}).items() if value is not None}
        if not all(isinstance(answer, bool) for answer in (given.get("label_wrong", True), *criteria.values())):
            raise TypeError
        rating = Rating(**given | {"criteria": criteria})
        checked = rating_columns(rating)
        check_against(rating, "", label)
    except (TypeError, ValueError, AttributeError):
        raise InputError("`expected` holds a value that no rating has there.") from None
    except InputError as error:
        raise InputError(f"`expected` can be no rating: {error}") from None
    return {name: checked[name] for name in given}
