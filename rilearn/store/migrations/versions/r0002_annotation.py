"""Sign-in, the queue, drafts, skips, guidelines, adjudications; which ratings a model version holds."""

import sqlalchemy as sa
from alembic import op

from rilearn.store.migrations.columns import TIME, create, json, only, refers, text

revision = "0002"
down_revision = "0001"


def time(name: str, empty: bool = True) -> sa.Column[object]:
    return sa.Column(name, TIME, nullable=empty)


def number(name: str, empty: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Double(), nullable=empty)


def upgrade() -> None:
    op.add_column("annotators", text("passphrase", empty=True))
    op.add_column("annotators", text("subject", empty=True))
    op.add_column("annotators", time("deactivated_at"))
    op.create_index(None, "annotators", ["subject"], unique=True)
    op.add_column("versions", time("stale_at"))
    create(
        "logins",
        refers("annotator_id", "annotators", "CASCADE"),
        text("digest"),
        time("expires_at", empty=False),
        time("ended_at"),
        sa.UniqueConstraint("digest"),
    )
    op.create_index(None, "logins", ["annotator_id"])
    create(
        "invitations",
        text("digest"),
        text("role"),
        refers("made_by", "annotators", "SET NULL"),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        time("expires_at", empty=False),
        sa.UniqueConstraint("digest"),
        sa.CheckConstraint("role IN ('annotator', 'admin')", name="role"),
    )
    create("options", text("name"), json("value"), refers("made_by", "annotators", "SET NULL"))
    op.create_index(None, "options", ["name"])
    create(
        "guidelines",
        text("version"),
        text("text"),
        refers("made_by", "annotators", "SET NULL"),
        sa.UniqueConstraint("version"),
    )
    queue()
    work()


def queue() -> None:
    create(
        "items",
        refers("reasoning_id", "reasonings"),
        text("origin"),
        text("label"),
        text("adapter"),
        sa.Column("ratings_left", sa.Integer(), nullable=False),
        sa.Column("everyone", sa.Boolean(), nullable=False),
        json("expected", empty=True),
        number("uncertainty", empty=True),
        number("disagreement", empty=True),
        number("quality", empty=True),
        number("shuffle"),
        sa.UniqueConstraint("reasoning_id"),
        sa.CheckConstraint("origin IN ('generator', 'visitor', 'label-noise', 'import')", name="origin"),
        sa.CheckConstraint("ratings_left >= 0", name="ratings_left"),
    )
    op.create_index(None, "items", ["everyone"])
    op.create_index("ix_items_open_oldest", "items", ["ratings_left", "id"])
    op.create_index("ix_items_open_uncertain", "items", ["ratings_left", "uncertainty"])
    op.create_index("ix_items_open_disagree", "items", ["ratings_left", "disagreement"])
    op.create_index("ix_items_open_quality", "items", ["ratings_left", "quality"])
    op.create_index("ix_items_open_spread", "items", ["ratings_left", "label", "adapter", "shuffle"])


def work() -> None:
    create(
        "skips",
        refers("annotator_id", "annotators", "CASCADE"),
        refers("reasoning_id", "reasonings"),
        text("kind"),
        text("reason"),
        text("token"),
        time("undone_at"),
        sa.UniqueConstraint("annotator_id", "token"),
        sa.CheckConstraint("kind IN ('skip', 'harmful', 'private')", name="kind"),
    )
    op.create_index("ix_skips_annotator_reasoning", "skips", ["annotator_id", "reasoning_id"])
    op.create_index(None, "skips", ["reasoning_id"])
    create(
        "drafts",
        refers("annotator_id", "annotators", "CASCADE"),
        refers("reasoning_id", "reasonings"),
        json("content"),
        time("saved_at", empty=False),
        sa.UniqueConstraint("annotator_id", "reasoning_id"),
    )
    op.create_index(None, "drafts", ["reasoning_id"])
    create(
        "adjudications",
        refers("reasoning_id", "reasonings"),
        refers("admin_id", "annotators", "SET NULL"),
        text("verdict"),
        text("right_label", empty=True),
        text("comment"),
        text("token"),
        time("superseded_at"),
        sa.UniqueConstraint("admin_id", "token"),
        sa.CheckConstraint("verdict IN ('good', 'poor')", name="verdict"),
    )
    op.create_index(None, "adjudications", ["reasoning_id"])
    only("uq_adjudications_live", "adjudications", ["reasoning_id"], "superseded_at IS NULL")
    create(
        "version_ratings",
        refers("version_id", "versions", "CASCADE"),
        refers("rating_id", "ratings", "CASCADE"),
        sa.UniqueConstraint("version_id", "rating_id"),
    )
    op.create_index(None, "version_ratings", ["rating_id"])
