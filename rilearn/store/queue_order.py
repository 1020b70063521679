"""Which items an annotator may have, in which order: the statements behind the queue, built once.

The rule. An annotator never gets an item that they have rated or skipped, that somebody holds, or that is held back
(flagged, or removed by an admin). Of the others there are three kinds:

- items for everyone come first, to each annotator once, however many have rated them;
- ordinary items follow in the order chosen, until as many annotators as wanted have rated them; the ratings of items
  for everyone count for this in the same way;
- calibration items (with a known answer) are mixed in silently at the owner's rate, to each annotator once. They wait
  for nobody, are no overlap (0 ratings are wanted) and are never for everyone. To whom nothing else is left none comes:
  it would show what it is. At rate 1 they come before all else, as a test to begin with.

All annotators walk an order the same way, so that an item's several ratings come soon after each other and agreement
can be told early.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Literal, cast

from sqlalchemy import BindParameter, ColumnElement, Connection, Select, bindparam, exists, literal_column, select

from rilearn.store.schema import LeaseRow, RatingRow
from rilearn.store.schema_annotation import ItemRow, SkipRow

Order = Literal["oldest", "uncertain", "disagree", "quality", "spread", "mixed"]
SHORTLIST = 64
"""More than people who take items at the same moment: they all begin with the same ones."""
KEPT = 60.0
"""Seconds a shortlist is used. Finding it walks over all the annotator has rated and others have not."""

_KEYS: dict[str, tuple[ColumnElement[Any], ...]] = {
    "oldest": (ItemRow.id.asc(),),
    "uncertain": (ItemRow.uncertainty.desc().nulls_last(), ItemRow.id.asc()),
    "disagree": (ItemRow.disagreement.desc().nulls_last(), ItemRow.id.asc()),
    "quality": (ItemRow.quality.asc().nulls_last(), ItemRow.id.asc()),
    "spread": (ItemRow.shuffle.asc(), ItemRow.id.asc()),
}
ORDERS = (*_KEYS,)
"""What "mixed" draws from."""
_KEYS["calibration"] = _KEYS["spread"]


def _about(row: Any) -> ColumnElement[bool]:
    return cast("ColumnElement[bool]", row.reasoning_id == ItemRow.reasoning_id)


_ME: BindParameter[int] = bindparam("annotator_id")
_LENT = exists().where(_about(LeaseRow), LeaseRow.released_at.is_(None), LeaseRow.expires_at > bindparam("moment"))
_RATED = exists().where(_about(RatingRow), RatingRow.annotator_id == _ME, RatingRow.superseded_at.is_(None))
_SKIPPED = exists().where(_about(SkipRow), SkipRow.annotator_id == _ME, SkipRow.undone_at.is_(None))
OPEN = ItemRow.ratings_left > literal_column("0")  # a bound 0 would not tell SQLite that an index of open items fits
KNOWN = ItemRow.expected.is_not(None)


def _walk(which: ColumnElement[bool], order: str) -> Select[Any]:
    free = select(ItemRow.reasoning_id).where(which, ItemRow.held.is_(None), ~_LENT, ~_RATED, ~_SKIPPED)
    return free.order_by(*_KEYS[order]).limit(bindparam("most"))


_WALKS = {order: (_walk(ItemRow.everyone.is_(True), order), _walk(OPEN & ~KNOWN, order)) for order in ORDERS} | {
    "calibration": (_walk(KNOWN, "calibration"),)
}

_WANTED = (OPEN | ItemRow.everyone.is_(True) | KNOWN) & ItemRow.reasoning_id.in_(bindparam("ids", expanding=True))
_FREE = {
    order: _walk(_WANTED, order)
    .order_by(None)
    .order_by(ItemRow.everyone.desc(), *_KEYS[order])
    .add_columns(ItemRow.everyone)
    for order in _WALKS
}
"""The first of the shortlist that is still free."""
# PostgreSQL: what another transaction is just lending is passed over. SQLite has one writer and no such lock.
_FIRST = {order: free.with_for_update(skip_locked=True) for order, free in _FREE.items()}


def walk(connection: Connection, annotator_id: int, order: str, moment: object) -> list[int]:
    """The first items in this order that the annotator may have, at most SHORTLIST; items for everyone first."""
    found: dict[int, None] = {}
    for statement in _WALKS[order]:
        values = {"annotator_id": annotator_id, "moment": moment, "most": SHORTLIST - len(found)}
        if values["most"]:
            found |= dict.fromkeys(connection.execute(statement, values).scalars())
    return [*found]


def first(connection: Connection, annotator_id: int, order: str, ids: list[int], moment: object) -> Any:
    """(id, whether it is for everyone) of the first of `ids` that the annotator may have now, locked; None: none."""
    values = {"annotator_id": annotator_id, "moment": moment, "most": 1, "ids": ids}
    return connection.execute(_FIRST[order], values).first()


def any_free(connection: Connection, annotator_id: int, order: str, ids: list[int], moment: object) -> bool:
    """Whether the annotator may have one of `ids` now."""
    values = {"annotator_id": annotator_id, "moment": moment, "most": 1, "ids": ids}
    return connection.execute(_FREE[order], values).first() is not None


class Shortlists:
    """What was found free for each annotator and order, as a hint: it is checked again when an item is lent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[tuple[int, str], tuple[float, list[int]]] = {}

    def get(self, annotator_id: int, order: str) -> list[int]:
        """The ids, none if there are none or they are too old."""
        with self._lock:
            made, ids = self._found.get((annotator_id, order), (0.0, []))
        return ids if time.monotonic() - made < KEPT else []

    def put(self, annotator_id: int, order: str, ids: list[int]) -> None:
        with self._lock:
            self._found[annotator_id, order] = time.monotonic(), ids

    def forget(self) -> None:
        """The queue has new items: all orders may begin elsewhere."""
        with self._lock:
            self._found.clear()
