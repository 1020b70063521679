"""What came of what people said: how much of an annotator's is in a version, and the ratings a version learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from rilearn.store.database import Database
from rilearn.store.schema import AnnotatorRow, EditRow, RatingRow, ReasoningRow, TextRow
from rilearn.store.schema_versions import VersionEditRow, VersionRatingRow, VersionRow


@dataclass(frozen=True)
class Source:
    """A rating that a version was trained on."""

    rating_id: int
    annotator: str
    verdict: str
    comment: str
    text: str
    label: str
    reasoning: str
    created_at: datetime


class Impact:
    """Follows ratings and corrections into versions."""

    def __init__(self, database: Database):
        self._database = database

    def counts(self, annotator_id: int, version: str) -> tuple[int, int]:
        """How many ratings and corrections of the annotator are in the version of this digest.

        Raises:
            StoreError: see `Database.read`.
        """
        ratings = select(func.count()).select_from(VersionRatingRow).join(RatingRow).join(VersionRow)
        edits = select(func.count()).select_from(VersionEditRow).join(EditRow).join(VersionRow)
        mine = (
            ratings.where(VersionRow.digest == version, RatingRow.annotator_id == annotator_id),
            edits.where(VersionRow.digest == version, EditRow.annotator_id == annotator_id),
        )
        with self._database.read() as session:
            first, second = (session.scalar(query) or 0 for query in mine)
            return first, second

    def sources(self, version: str, after: int = 0, most: int = 20) -> list[Source]:
        """The ratings in the version of this digest, by id; `after` is the last id of the page that came before.

        Raises:
            StoreError: see `Database.read`.
        """
        query = (
            select(
                RatingRow.id,
                AnnotatorRow.name,
                RatingRow.verdict,
                RatingRow.comment,
                TextRow.text,
                ReasoningRow.label,
                ReasoningRow.reasoning,
                RatingRow.created_at,
            )
            .select_from(VersionRatingRow)
            .join(VersionRow, VersionRow.id == VersionRatingRow.version_id)
            .join(RatingRow, RatingRow.id == VersionRatingRow.rating_id)
            .join(AnnotatorRow, AnnotatorRow.id == RatingRow.annotator_id)
            .join(ReasoningRow, ReasoningRow.id == RatingRow.reasoning_id)
            .join(TextRow, TextRow.id == ReasoningRow.text_id)
            .where(VersionRow.digest == version, RatingRow.id > after)
            .order_by(RatingRow.id)
            .limit(most)
        )
        with self._database.read() as session:
            return [Source(*row) for row in session.execute(query)]
