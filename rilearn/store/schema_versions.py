"""The tables of model versions: what each was trained on, and which one took whose place when.

Kept apart from schema.py, whose rules hold here too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.orm import Mapped, mapped_column

from rilearn.store.schema import IDS, OR_NULL, Base, one_of


class VersionRow(Base):
    """A trained adapter: `parents` maps role -> digest, as its manifest does. Stale: what it learned from was deleted.

    `task` is empty for a generator, `folder` is where it lay when it became known, `trained_on` the manifest's date,
    `verdict` the gate's latest. `shipped`: it came with rilearn.
    """

    __tablename__ = "versions"

    name: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
    parents: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any]]
    stale_at: Mapped[datetime | None]
    task: Mapped[str] = mapped_column(default="")
    shipped: Mapped[bool] = mapped_column(default=False)
    folder: Mapped[str] = mapped_column(default="")
    trained_on: Mapped[str] = mapped_column(default="")
    recipe: Mapped[dict[str, Any] | None] = mapped_column(OR_NULL)
    verdict: Mapped[dict[str, Any] | None] = mapped_column(OR_NULL)


class VersionRatingRow(Base):
    """A rating that a model version was trained on. Goes with the rating; the version is marked stale first."""

    __tablename__ = "version_ratings"
    __table_args__ = (Unique("version_id", "rating_id"), IDS)

    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"))
    rating_id: Mapped[int] = mapped_column(ForeignKey("ratings.id", ondelete="CASCADE"), index=True)


class VersionEditRow(Base):
    """A correction that a model version was trained on; goes as VersionRatingRow does."""

    __tablename__ = "version_edits"
    __table_args__ = (Unique("version_id", "edit_id"), IDS)

    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"))
    edit_id: Mapped[int] = mapped_column(ForeignKey("edits.id", ondelete="CASCADE"), index=True)


class VersionVoteRow(Base):
    """A blind vote that a model version was trained on; goes as VersionRatingRow does."""

    __tablename__ = "version_votes"
    __table_args__ = (Unique("version_id", "vote_id"), IDS)

    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"))
    vote_id: Mapped[int] = mapped_column(ForeignKey("votes.id", ondelete="CASCADE"), index=True)


class PromotionRow(Base):
    """A version took a role of a task. Append-only: the row with the highest `turn` of a role says what is in use.

    `previous_id` is whose place it took, `reason` why an admin overruled the gate or rolled back, `verdict` the
    gate's words and numbers, `token` names the request.
    """

    __tablename__ = "promotions"
    __table_args__ = (Unique("task", "role", "turn"), one_of("action", "promote", "rollback"), IDS)

    task: Mapped[str]
    role: Mapped[str]
    turn: Mapped[int]
    action: Mapped[str]
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), index=True)
    previous_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id"))
    made_by: Mapped[int | None] = mapped_column(ForeignKey("annotators.id", ondelete="SET NULL"))
    reason: Mapped[str]
    verdict: Mapped[dict[str, Any] | None] = mapped_column(OR_NULL)
    token: Mapped[str] = mapped_column(unique=True)
