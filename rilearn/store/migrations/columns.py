"""Columns and tables as the migrations write them. Each migration must make tomorrow what it made when it was new, so
what stands here may be added to and not changed."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)


def text(name: str, empty: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=empty)


def json(name: str, empty: bool = False) -> sa.Column[object]:
    return sa.Column(name, JSON, nullable=empty)


def refers(name: str, table: str, rule: str | None = None) -> sa.Column[int]:
    """A reference; `rule` is what happens to the row when the other is deleted."""
    return sa.Column(name, sa.Integer(), sa.ForeignKey(f"{table}.id", ondelete=rule), nullable=rule == "SET NULL")


def create(table: str, *columns: sa.schema.SchemaItem) -> None:
    op.create_table(
        table,
        sa.Column("id", sa.Integer(), primary_key=True),
        *columns,
        sa.Column("created_at", TIME, nullable=False),
        sqlite_autoincrement=True,
    )


def only(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, unique=True, **meeting(where))


def meeting(condition: str) -> dict[str, Any]:
    """Makes an index one over the rows that meet the condition alone."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}
