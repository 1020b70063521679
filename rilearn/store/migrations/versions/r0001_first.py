"""The first tables. There is no way down: start-up keeps a copy of the file before each migration."""

import sqlalchemy as sa
from alembic import op

from rilearn.store.migrations.columns import TIME, create, json, only, refers, text

revision = "0001"
down_revision = None


def upgrade() -> None:
    create(
        "texts",
        text("task"),
        text("text"),
        text("source"),
        text("split"),
        text("digest"),
        text("key"),
        sa.UniqueConstraint("key"),
    )
    op.create_index(None, "texts", ["digest"])
    create(
        "reasonings",
        refers("text_id", "texts"),
        text("label"),
        text("reasoning"),
        text("adapter"),
        text("adapter_digest"),
        text("prompt_version"),
        json("sampling"),
        sa.Column("seed", sa.BigInteger()),
        json("signals"),
        text("key"),
        sa.UniqueConstraint("key"),
    )
    op.create_index(None, "reasonings", ["text_id"])
    create(
        "annotators",
        text("name"),
        text("pseudonym"),
        text("role"),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("pseudonym"),
        sa.CheckConstraint("role IN ('annotator', 'admin')", name="role"),
    )
    superseding(
        "ratings",
        text("verdict"),
        sa.Column("overall", sa.Integer()),
        json("criteria"),
        json("thumbs"),
        json("spans"),
        text("comment"),
        sa.Column("label_wrong", sa.Boolean(), nullable=False),
        text("right_label", empty=True),
        text("guess", empty=True),
        text("guideline"),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.CheckConstraint("verdict IN ('good', 'poor')", name="verdict"),
        sa.CheckConstraint("overall BETWEEN 1 AND 5", name="overall"),
    )
    superseding("edits", text("reasoning"))
    create(
        "leases",
        refers("annotator_id", "annotators", rule="CASCADE"),
        refers("reasoning_id", "reasonings"),
        text("token"),
        text("reason"),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("released_at", TIME),
        sa.UniqueConstraint("token"),
    )
    op.create_index(None, "leases", ["annotator_id"])
    op.create_index(None, "leases", ["reasoning_id"])
    only("uq_leases_open", "leases", ["reasoning_id"], "released_at IS NULL")
    sides = [text(f"{side}_{what}") for side in ("left", "right") for what in ("model", "digest", "shown")]
    create(
        "pairs",
        text("text"),
        *sides,
        sa.Column("giveaway", sa.Boolean(), nullable=False),
        text("key"),
        sa.UniqueConstraint("key"),
    )
    create(
        "votes",
        refers("pair_id", "pairs"),
        text("visitor"),
        text("choice"),
        text("token"),
        sa.UniqueConstraint("pair_id", "visitor"),
        sa.UniqueConstraint("visitor", "token"),
        sa.CheckConstraint("choice IN ('left', 'right', 'tie')", name="choice"),
    )
    create(
        "versions",
        text("name"),
        text("kind"),
        text("digest"),
        json("parents"),
        json("metrics"),
        sa.UniqueConstraint("digest"),
    )
    op.create_index(None, "versions", ["name"])
    create(
        "jobs",
        text("kind"),
        json("arguments"),
        text("state"),
        text("message"),
        text("token"),
        sa.Column("started_at", TIME),
        sa.Column("finished_at", TIME),
        sa.UniqueConstraint("token"),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
    )
    op.create_index(None, "jobs", ["state"])


def superseding(table: str, *columns: sa.schema.SchemaItem) -> None:
    create(
        table,
        refers("annotator_id", "annotators", rule="CASCADE"),
        refers("reasoning_id", "reasonings"),
        text("token"),
        *columns,
        sa.Column("superseded_at", TIME),
        sa.UniqueConstraint("annotator_id", "token"),
    )
    op.create_index(None, table, ["reasoning_id"])
    only(f"uq_{table}_live", table, ["annotator_id", "reasoning_id"], "superseded_at IS NULL")
