"""The queue's orders: an index each over the items that wait, since most items of a long project wait no more; what
visitors share; counts of ratings out of an index alone."""

import sqlalchemy as sa
from alembic import op

from rilearn.store.migrations.columns import create, refers, text

revision = "0003"
down_revision = "0002"

ORDERS = {
    "oldest": "id",
    "uncertain": "uncertainty",
    "disagree": "disagreement",
    "quality": "quality",
    "spread": "shuffle",
}


def upgrade() -> None:
    for order, column in ORDERS.items():
        op.drop_index(f"ix_items_open_{order}", "items")
        index(f"ix_items_open_{order}", column, "ratings_left > 0")
    op.execute("UPDATE items SET expected = NULL WHERE CAST(expected AS TEXT) = 'null'")  # JSON's null, once
    index("ix_items_known", "shuffle", "expected IS NOT NULL")
    create(
        "shares", text("visitor"), refers("reasoning_id", "reasonings"), sa.UniqueConstraint("visitor", "reasoning_id")
    )
    op.create_index(None, "shares", ["reasoning_id"])
    op.drop_index("ix_ratings_reasoning_id", "ratings")
    op.create_index("ix_ratings_of_reasoning", "ratings", ["reasoning_id", "verdict", "label_wrong", "superseded_at"])
    op.create_index("ix_ratings_of_annotator", "ratings", ["annotator_id", "created_at", "verdict", "superseded_at"])


def index(name: str, column: str, where: str) -> None:
    op.create_index(name, "items", [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))
