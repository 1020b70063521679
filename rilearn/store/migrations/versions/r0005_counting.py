"""Indexes that hold all that the admins' counts read, so that these do not touch the wide rows of the ratings."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("ix_ratings_quality", "ratings", ["superseded_at", "reasoning_id", "verdict", "label_wrong"])
    op.create_index("ix_ratings_by_annotator", "ratings", ["superseded_at", "annotator_id", "verdict"])
    op.create_index("ix_ratings_by_day", "ratings", ["superseded_at", "created_at", "verdict"])
