"""Jobs: who started one, on which machine it runs, its sign of life; at most one runs at a time.

The table is made anew, since SQLite cannot change a check: no rilearn before this one wrote a job."""

import sqlalchemy as sa
from alembic import op

from rilearn.store.migrations.columns import TIME, create, json, only, refers, text

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.drop_table("jobs")
    create(
        "jobs",
        text("kind"),
        json("arguments"),
        text("state"),
        text("message"),
        text("token"),
        refers("made_by", "annotators", "SET NULL"),
        text("host"),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("heartbeat_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        sa.UniqueConstraint("token"),
        sa.CheckConstraint("state IN ('running', 'done', 'failed', 'cancelled', 'interrupted')", name="state"),
    )
    op.create_index(None, "jobs", ["state"])
    only("uq_jobs_running", "jobs", ["state"], "finished_at IS NULL")
