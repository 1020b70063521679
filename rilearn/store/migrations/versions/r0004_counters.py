"""Counters of the ratings that hold, filled from those there are and kept by triggers; how many items wait, counted
out of an index alone."""

import sqlalchemy as sa
from alembic import op

from rilearn.store.migrations.columns import meeting
from rilearn.store.migrations.counters import add_triggers, fill

revision = "0004"
down_revision = "0003"

WAITS = "ratings_left > 0 AND expected IS NULL"


def upgrade() -> None:
    op.create_table(
        "day_counts", of("annotators"), key("day"), number("ratings"), number("good"), sqlite_with_rowid=False
    )
    op.create_table(
        "group_counts",
        of("annotators"),
        key("label"),
        key("adapter"),
        number("fair"),
        number("good"),
        sqlite_with_rowid=False,
    )
    op.create_table("tallies", of("reasonings"), number("ratings"), number("fair"), number("good"))
    add_triggers()  # first: from here to the end PostgreSQL lets nobody rate, so that none slips by
    fill()
    op.create_index("ix_tallies_outcome", "tallies", ["fair", "good", "reasoning_id"])
    op.create_index("ix_tallies_ratings", "tallies", ["ratings", "good", "reasoning_id"])
    op.drop_index("ix_items_open_oldest", "items")
    op.create_index("ix_items_open_oldest", "items", ["id", "ratings_left", "expected"], **meeting(WAITS))


def of(table: str) -> sa.Column[int]:
    """Part of the key: goes with the row that it refers to."""
    rule = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(f"{table[:-1]}_id", sa.Integer(), rule, primary_key=True, autoincrement=False)


def key(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), primary_key=True)


def number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)
