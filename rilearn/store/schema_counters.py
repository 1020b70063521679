"""Counts of the ratings that hold, so that a view over a million of them reads a few thousand rows.

Nobody writes here but the database itself: triggers on `ratings` (migrations/counters.py) keep them in the transaction
of whatever changes a rating, be it a save, an undo, an import or a cascade. A row whose count falls to 0 goes.
"""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from rilearn.store.schema import Base

_PACKED = {"sqlite_with_rowid": False}


class Counter(DeclarativeBase):
    """Beside `Base`: a counter has neither an id nor a birthday."""

    metadata = Base.metadata
    type_annotation_map: ClassVar = {str: Text}


class DayCount(Counter):
    """An annotator's ratings of a UTC day (2026-01-31)."""

    __tablename__ = "day_counts"
    __table_args__ = _PACKED

    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotators.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    ratings: Mapped[int]
    good: Mapped[int]


class GroupCount(Counter):
    """An annotator's fair ratings of the reasonings of a label by an adapter. An annotator's own, since in PostgreSQL
    all who rate at once would wait for a row that they share."""

    __tablename__ = "group_counts"
    __table_args__ = _PACKED

    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotators.id", ondelete="CASCADE"), primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True)
    adapter: Mapped[str] = mapped_column(primary_key=True)
    fair: Mapped[int]
    good: Mapped[int]


class Tally(Counter):
    """The ratings of a reasoning. `fair` are those that say something of its quality: all but the poor ones that call
    the dataset's label wrong."""

    __tablename__ = "tallies"
    __table_args__ = (
        Index("ix_tallies_outcome", "fair", "good", "reasoning_id"),
        Index("ix_tallies_ratings", "ratings", "good", "reasoning_id"),
    )

    reasoning_id: Mapped[int] = mapped_column(
        ForeignKey("reasonings.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    ratings: Mapped[int]
    fair: Mapped[int]
    good: Mapped[int]
