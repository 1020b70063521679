"""How many ratings an item still waits for: counted anew whenever one comes or goes, so that it cannot drift."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BindParameter, bindparam, case, func, select, update
from sqlalchemy.orm import Session

from rilearn.store.reasonings import AT_ONCE
from rilearn.store.schema import RatingRow
from rilearn.store.schema_annotation import ItemRow

# Built once: building a statement costs more than running it.
_IDS: BindParameter[Sequence[int]] = bindparam("ids", expanding=True)
_LOCK = select(ItemRow.id).where(ItemRow.reasoning_id.in_(_IDS)).order_by(ItemRow.id).with_for_update()
_LIVE = (
    select(func.count(RatingRow.id))
    .where(RatingRow.reasoning_id == ItemRow.reasoning_id, RatingRow.superseded_at.is_(None))
    .correlate(ItemRow)
    .scalar_subquery()
)
_LEFT = case((ItemRow.wanted > _LIVE, ItemRow.wanted - _LIVE), else_=0)
_RECOUNT = update(ItemRow).where(ItemRow.reasoning_id.in_(_IDS)).values(ratings_left=_LEFT)


def recount(session: Session, reasoning_ids: Sequence[int]) -> None:
    """`ratings_left` of these reasonings' items is what is wanted less the ratings that hold, and never below 0."""
    session.flush()
    connection = session.connection()
    for begin in range(0, len(reasoning_ids), AT_ONCE):
        values = {"ids": reasoning_ids[begin : begin + AT_ONCE]}
        if connection.dialect.name == "postgresql":
            # Held first: two ratings at the same moment must not each count without the other.
            connection.execute(_LOCK, values)
        connection.execute(_RECOUNT, values)
