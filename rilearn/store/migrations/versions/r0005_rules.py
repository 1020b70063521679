"""The rules of the queue: how many ratings an item is wanted for, what is held back because of a flag and what admins
decided on it; who was deleted."""

import sqlalchemy as sa
from alembic import op

from rilearn.store.migrations.columns import create, meeting, refers, text

revision = "0005"
down_revision = "0004"

LIVE = "(SELECT count(*) FROM ratings WHERE ratings.reasoning_id = items.reasoning_id AND superseded_at IS NULL)"
FLAGGED = "SELECT reasoning_id FROM skips WHERE kind IN ('harmful', 'private') AND undone_at IS NULL"


def upgrade() -> None:
    # In plain SQL, which both databases take: Alembic would rebuild the table for SQLite and lose its checks.
    wanted = "CONSTRAINT ck_items_wanted CHECK (wanted >= 0)"
    op.execute(f"ALTER TABLE items ADD COLUMN wanted INTEGER DEFAULT 1 NOT NULL {wanted}")
    held = "CONSTRAINT ck_items_held CHECK (held IN ('flagged', 'removed'))"
    op.execute(f"ALTER TABLE items ADD COLUMN held TEXT {held}")
    op.create_index("ix_items_held", "items", ["id"], **meeting("held IS NOT NULL"))
    op.drop_index("ix_items_open_oldest", "items")
    counted = ["id", "ratings_left", "expected", "held"]
    op.create_index("ix_items_open_oldest", "items", counted, **meeting("ratings_left > 0 AND expected IS NULL"))
    create(
        "flag_decisions",
        refers("reasoning_id", "reasonings"),
        refers("admin_id", "annotators", "SET NULL"),
        text("decision"),
        text("comment"),
        text("token"),
        sa.UniqueConstraint("admin_id", "token"),
        sa.CheckConstraint("decision IN ('put back', 'removed')", name="decision"),
    )
    op.create_index(None, "flag_decisions", ["reasoning_id"])
    op.execute(
        "ALTER TABLE skips ADD COLUMN decision_id INTEGER "
        "CONSTRAINT fk_skips_decision_id REFERENCES flag_decisions (id)"
    )
    create("tombstones", text("digest"), sa.UniqueConstraint("digest"))
    fill()


def fill() -> None:
    """How many were wanted was not kept: as many as have rated and are still waited for, so that none is asked for
    anew. A calibration item waits for nobody and is not for everyone."""
    op.execute(f"UPDATE items SET wanted = ratings_left + {LIVE} WHERE ratings_left + {LIVE} > 0")
    op.execute(f"UPDATE items SET ratings_left = wanted - {LIVE}")
    op.execute("UPDATE items SET wanted = 0, ratings_left = 0, everyone = false WHERE expected IS NOT NULL")
    op.execute(f"UPDATE items SET held = 'flagged' WHERE reasoning_id IN ({FLAGGED})")
