"""The first tables. There is no way down: start-up keeps a copy of the file before each migration."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)


def text(name: str, empty: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=empty)


def json(name: str) -> sa.Column[object]:
    return sa.Column(name, JSON, nullable=False)


def refers(name: str, table: str, cascade: bool = False) -> sa.Column[int]:
    rule = "CASCADE" if cascade else None
    return sa.Column(name, sa.Integer(), sa.ForeignKey(f"{table}.id", ondelete=rule), nullable=False)


def create(table: str, *columns: sa.schema.SchemaItem) -> None:
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), primary_key=True),
        *columns,
        sa.Column("created_at", TIME, nullable=False),
        sqlite_autoincrement=True,
    )


def only(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


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
        refers("annotator_id", "annotators", cascade=True),
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
        refers("annotator_id", "annotators", cascade=True),
        refers("reasoning_id", "reasonings"),
        text("token"),
        *columns,
        sa.Column("superseded_at", TIME),
        sa.UniqueConstraint("annotator_id", "token"),
    )
    op.create_index(None, table, ["reasoning_id"])
    only(f"uq_{table}_live", table, ["annotator_id", "reasoning_id"], "superseded_at IS NULL")
