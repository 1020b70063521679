"""Model versions: recipe, verdict, corrections and votes behind them; promotions; votes on old against new."""

import sqlalchemy as sa
from alembic import op

from rilearn.store.migrations.columns import create, json, refers, text

revision = "0006"
down_revision = "0003"


def upgrade() -> None:
    for name in ("task", "folder", "trained_on"):
        op.add_column("versions", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("versions", sa.Column("shipped", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("versions", json("recipe", empty=True))
    op.add_column("versions", json("verdict", empty=True))
    for side in ("left", "right"):
        name = f"{side}_reasoning_id"
        column = sa.Column(name, sa.Integer(), sa.ForeignKey("reasonings.id"), nullable=True)
        op.add_column("pairs", column, inline_references=True)
        op.create_index(None, "pairs", [name])
    for what in ("edit", "vote"):
        create(
            f"version_{what}s",
            refers("version_id", "versions", "CASCADE"),
            refers(f"{what}_id", f"{what}s", "CASCADE"),
            sa.UniqueConstraint("version_id", f"{what}_id"),
        )
        op.create_index(None, f"version_{what}s", [f"{what}_id"])
    create(
        "promotions",
        text("task"),
        text("role"),
        sa.Column("turn", sa.Integer(), nullable=False),
        text("action"),
        refers("version_id", "versions"),
        sa.Column("previous_id", sa.Integer(), sa.ForeignKey("versions.id")),
        refers("made_by", "annotators", "SET NULL"),
        text("reason"),
        json("verdict", empty=True),
        text("token"),
        sa.UniqueConstraint("task", "role", "turn"),
        sa.UniqueConstraint("token"),
        sa.CheckConstraint("action IN ('promote', 'rollback')", name="action"),
    )
    op.create_index(None, "promotions", ["version_id"])
