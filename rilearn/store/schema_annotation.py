"""The tables of the annotation project: sign-in, invitations, the queue, shares, drafts, skips, guidelines and
adjudications.

Kept apart from schema.py, whose rules hold here too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from rilearn.store.schema import IDS, OR_NULL, Base, one_of, only


class LoginRow(Base):
    """A sign-in that holds: the browser's cookie carries a secret of which only the digest is kept here."""

    __tablename__ = "logins"

    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotators.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class InvitationRow(Base):
    """A link that lets somebody join with a role; only the digest of its secret is kept."""

    __tablename__ = "invitations"
    __table_args__ = (one_of("role", "annotator", "admin"), IDS)

    digest: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    made_by: Mapped[int | None] = mapped_column(ForeignKey("annotators.id", ondelete="SET NULL"))
    uses_left: Mapped[int]
    expires_at: Mapped[datetime]


class OptionRow(Base):
    """What the project's owner chose, one row a choice; append-only, the newest row of a name holds."""

    __tablename__ = "options"

    name: Mapped[str] = mapped_column(index=True)
    value: Mapped[dict[str, Any]]
    made_by: Mapped[int | None] = mapped_column(ForeignKey("annotators.id", ondelete="SET NULL"))


class GuidelineRow(Base):
    """A version of the guidelines, in Markdown; ratings name the version they were made under. Append-only."""

    __tablename__ = "guidelines"

    version: Mapped[str] = mapped_column(unique=True)
    text: Mapped[str]
    made_by: Mapped[int | None] = mapped_column(ForeignKey("annotators.id", ondelete="SET NULL"))


_OPEN, _KNOWN = "ratings_left > 0", "expected IS NOT NULL"


def _open(order: str, column: str) -> Index:
    """The items that wait for a rating, in an order of the queue."""
    return Index(f"ix_items_open_{order}", column, sqlite_where=sql(_OPEN), postgresql_where=sql(_OPEN))


class ItemRow(Base):
    """A reasoning in the queue. `ratings_left` falls with each annotator who rates it and never below 0.

    `everyone`: goes to every annotator, whatever `ratings_left` says. `expected`: the known answer of a calibration
    item. `uncertainty`, `disagreement` and `quality` order the queue (None: not known); `shuffle` orders it by turns of
    labels and adapters: the item's number among those of its label and adapter, and a random part.
    """

    __tablename__ = "items"
    __table_args__ = (
        one_of("origin", "generator", "visitor", "label-noise", "import"),
        CheckConstraint("ratings_left >= 0", name="ratings_left"),
        _open("oldest", "id"),
        _open("uncertain", "uncertainty"),
        _open("disagree", "disagreement"),
        _open("quality", "quality"),
        _open("spread", "shuffle"),
        Index("ix_items_known", "shuffle", sqlite_where=sql(_KNOWN), postgresql_where=sql(_KNOWN)),
        IDS,
    )

    reasoning_id: Mapped[int] = mapped_column(ForeignKey("reasonings.id"), unique=True)
    origin: Mapped[str]
    label: Mapped[str]
    adapter: Mapped[str]
    ratings_left: Mapped[int]
    everyone: Mapped[bool] = mapped_column(index=True)
    expected: Mapped[dict[str, Any] | None] = mapped_column(OR_NULL)
    uncertainty: Mapped[float | None]
    disagreement: Mapped[float | None]
    quality: Mapped[float | None]
    shuffle: Mapped[float]


class ShareRow(Base):
    """A visitor has shared an answer, which the queue then holds."""

    __tablename__ = "shares"
    __table_args__ = (Unique("visitor", "reasoning_id"), IDS)

    visitor: Mapped[str]
    reasoning_id: Mapped[int] = mapped_column(ForeignKey("reasonings.id"), index=True)


class SkipRow(Base):
    """An annotator passed a reasoning by, or flagged it; it does not come back to them."""

    __tablename__ = "skips"
    __table_args__ = (
        Unique("annotator_id", "token"),
        one_of("kind", "skip", "harmful", "private"),
        Index("ix_skips_annotator_reasoning", "annotator_id", "reasoning_id"),
        IDS,
    )

    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotators.id", ondelete="CASCADE"))
    reasoning_id: Mapped[int] = mapped_column(ForeignKey("reasonings.id"), index=True)
    kind: Mapped[str]
    reason: Mapped[str]
    token: Mapped[str]
    undone_at: Mapped[datetime | None]


class DraftRow(Base):
    """What an annotator has entered and not sent; overwritten as they go on, deleted when they rate."""

    __tablename__ = "drafts"
    __table_args__ = (Unique("annotator_id", "reasoning_id"), IDS)

    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotators.id", ondelete="CASCADE"))
    reasoning_id: Mapped[int] = mapped_column(ForeignKey("reasonings.id"), index=True)
    content: Mapped[dict[str, Any]]
    saved_at: Mapped[datetime]


class AdjudicationRow(Base):
    """An admin's verdict where annotators disagree; their ratings stay. A newer row supersedes."""

    __tablename__ = "adjudications"
    __table_args__ = (
        Unique("admin_id", "token"),
        one_of("verdict", "good", "poor"),
        only("uq_adjudications_live", "reasoning_id", where="superseded_at IS NULL"),
        IDS,
    )

    reasoning_id: Mapped[int] = mapped_column(ForeignKey("reasonings.id"), index=True)
    admin_id: Mapped[int | None] = mapped_column(ForeignKey("annotators.id", ondelete="SET NULL"))
    verdict: Mapped[str]
    right_label: Mapped[str | None]
    comment: Mapped[str]
    token: Mapped[str]
    superseded_at: Mapped[datetime | None]
