"""The tables, as SQLAlchemy models. A change here needs a new file in migrations/versions/ (a test compares them).

What people do (ratings, edits, votes, leases, jobs) carries the client's token and is unique by it, so that a retried
request is known again; what programs add (texts, reasonings, pairs, versions) is unique by a digest of what it is.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, CheckConstraint, DateTime, ForeignKey, Index, MetaData, Text, TypeDecorator
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UTCTime(TypeDecorator[datetime]):
    """A moment: kept in UTC on every database, read back with its zone (SQLite forgets zones)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))


def now() -> datetime:
    return datetime.now(UTC)


_JSON = JSON().with_variant(JSONB(), "postgresql")
OR_NULL = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""JSON whose None is the database's NULL, which a query can look for, and not the word null."""
IDS = {"sqlite_autoincrement": True}  # the id of a deleted row is never given out again


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map: ClassVar = {str: Text, datetime: UTCTime, dict[str, Any]: _JSON, list[Any]: _JSON}
    __table_args__: Any = IDS

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)
    created_at: Mapped[datetime] = mapped_column(default=now, sort_order=1)


def one_of(column: str, *values: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(map(repr, values))})", name=column)


def only(name: str, *columns: str, where: str) -> Index:
    """A unique index over the rows that meet a condition."""
    return Index(name, *columns, unique=True, **meeting(where))


def meeting(condition: str) -> dict[str, Any]:
    """Makes an index one over the rows that meet the condition alone."""
    return {"sqlite_where": sql(condition), "postgresql_where": sql(condition)}


class TextRow(Base):
    """A text to classify; the same words from another source or split are another row."""

    __tablename__ = "texts"

    task: Mapped[str]
    text: Mapped[str]
    source: Mapped[str]
    split: Mapped[str]
    digest: Mapped[str] = mapped_column(index=True)  # of task and text: databases do not index long texts
    key: Mapped[str] = mapped_column(unique=True)


class ReasoningRow(Base):
    """A reasoning for (text, label); `key` covers text, label, words, adapter digest, prompt version, sampling."""

    __tablename__ = "reasonings"

    text_id: Mapped[int] = mapped_column(ForeignKey("texts.id"), index=True)
    label: Mapped[str]
    reasoning: Mapped[str]
    adapter: Mapped[str]
    adapter_digest: Mapped[str]
    prompt_version: Mapped[str]
    sampling: Mapped[dict[str, Any]]
    seed: Mapped[int | None] = mapped_column(BigInteger)
    signals: Mapped[dict[str, Any]]
    key: Mapped[str] = mapped_column(unique=True)
    text: Mapped[TextRow] = relationship(lazy="joined", innerjoin=True)


class AnnotatorRow(Base):
    """A person who rates; `pseudonym` is the name exports show.

    `passphrase` is a salted hash of it, `subject` who a login provider says they are; `deactivated_at`: cannot sign in.
    """

    __tablename__ = "annotators"
    __table_args__ = (one_of("role", "annotator", "admin"), IDS)

    name: Mapped[str] = mapped_column(unique=True)
    pseudonym: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    passphrase: Mapped[str | None]
    subject: Mapped[str | None] = mapped_column(index=True, unique=True)
    deactivated_at: Mapped[datetime | None]


class Superseding:
    """What an annotator says of a reasoning: rows are only added; a newer one sets `superseded_at` of the older."""

    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotators.id", ondelete="CASCADE"))
    reasoning_id: Mapped[int] = mapped_column(ForeignKey("reasonings.id"))
    token: Mapped[str]
    superseded_at: Mapped[datetime | None] = mapped_column(sort_order=2)


class RatingRow(Superseding, Base):
    __tablename__ = "ratings"
    __table_args__ = (
        Unique("annotator_id", "token"),
        only("uq_ratings_live", "annotator_id", "reasoning_id", where="superseded_at IS NULL"),
        # The second counts an annotator's day and finds what they did last.
        Index("ix_ratings_of_reasoning", "reasoning_id", "verdict", "label_wrong", "superseded_at"),
        Index("ix_ratings_of_annotator", "annotator_id", "created_at", "verdict", "superseded_at"),
        one_of("verdict", "good", "poor"),
        CheckConstraint("overall BETWEEN 1 AND 5", name="overall"),
        IDS,
    )

    verdict: Mapped[str]
    overall: Mapped[int | None]
    criteria: Mapped[dict[str, Any]]
    thumbs: Mapped[list[Any]]
    spans: Mapped[list[Any]]
    comment: Mapped[str]
    label_wrong: Mapped[bool]
    right_label: Mapped[str | None]
    guess: Mapped[str | None]
    guideline: Mapped[str]
    seconds: Mapped[float]


class EditRow(Superseding, Base):
    """A correction: the reasoning as the annotator would have it."""

    __tablename__ = "edits"
    __table_args__ = (
        Unique("annotator_id", "token"),
        only("uq_edits_live", "annotator_id", "reasoning_id", where="superseded_at IS NULL"),
        Index("ix_edits_reasoning_id", "reasoning_id"),
        IDS,
    )

    reasoning: Mapped[str]


class LeaseRow(Base):
    """A reasoning lent to one annotator until it is rated, released or expired; `reason` says why it was chosen."""

    __tablename__ = "leases"
    __table_args__ = (only("uq_leases_open", "reasoning_id", where="released_at IS NULL"), IDS)

    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotators.id", ondelete="CASCADE"), index=True)
    reasoning_id: Mapped[int] = mapped_column(ForeignKey("reasonings.id"), index=True)
    token: Mapped[str] = mapped_column(unique=True)
    reason: Mapped[str]
    expires_at: Mapped[datetime]
    released_at: Mapped[datetime | None]


class PairRow(Base):
    """Two answers to one text side by side, as drawn: the left and the right, each with what the visitor reads.

    `left_reasoning_id` and `right_reasoning_id` are set where an old and a new version's stored reasonings meet.
    """

    __tablename__ = "pairs"

    text: Mapped[str]
    left_model: Mapped[str]
    left_digest: Mapped[str]
    left_shown: Mapped[str]
    right_model: Mapped[str]
    right_digest: Mapped[str]
    right_shown: Mapped[str]
    giveaway: Mapped[bool]
    key: Mapped[str] = mapped_column(unique=True)
    left_reasoning_id: Mapped[int | None] = mapped_column(ForeignKey("reasonings.id"), index=True)
    right_reasoning_id: Mapped[int | None] = mapped_column(ForeignKey("reasonings.id"), index=True)


class VoteRow(Base):
    __tablename__ = "votes"
    __table_args__ = (
        Unique("pair_id", "visitor"),
        Unique("visitor", "token"),
        one_of("choice", "left", "right", "tie"),
        IDS,
    )

    pair_id: Mapped[int] = mapped_column(ForeignKey("pairs.id"))
    visitor: Mapped[str]
    choice: Mapped[str]
    token: Mapped[str]


class JobRow(Base):
    """Work that runs in a process of its own (training). `host` is where: a machine and its state folder; its app
    renews `heartbeat_at` while the process lives."""

    __tablename__ = "jobs"
    __table_args__ = (
        one_of("state", "running", "done", "failed", "cancelled", "interrupted"),
        only("uq_jobs_running", "state", where="finished_at IS NULL"),
        IDS,
    )

    kind: Mapped[str]
    arguments: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(index=True)
    message: Mapped[str]
    token: Mapped[str] = mapped_column(unique=True)
    made_by: Mapped[int | None] = mapped_column(ForeignKey("annotators.id", ondelete="SET NULL"))
    host: Mapped[str]
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
