"""What came of what people said: how much of an annotator's is in a version and those before it, and the ratings a
version learnt from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from rilearn.store.ancestry import before
from rilearn.store.database import Database
from rilearn.store.schema import AnnotatorRow, EditRow, RatingRow, ReasoningRow, TextRow
from rilearn.store.schema_versions import VersionEditRow, VersionRatingRow, VersionRow


@dataclass(frozen=True)
class Part:
    """How much of an annotator's is in the version of this digest."""

    version: str
    ratings: int
    corrections: int


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

    def parts(self, annotator_id: int, version: str) -> list[Part]:
        """What of the annotator's is in the version of this digest and in those that it goes on from, the nearest
        first, without those that hold nothing of theirs. What several hold counts in the nearest one.

        Raises:
            StoreError: see `Database.read`.
        """
        ratings = select(RatingRow.id, VersionRow.digest).select_from(RatingRow).join(VersionRatingRow).join(VersionRow)
        edits = select(EditRow.id, VersionRow.digest).select_from(EditRow).join(VersionEditRow).join(VersionRow)
        with self._database.read() as session:
            line = before(session, version)
            places = []
            for query, row in ((ratings, RatingRow), (edits, EditRow)):
                mine = query.where(row.annotator_id == annotator_id, VersionRow.digest.in_(line))
                nearest: dict[int, int] = {}
                for item, digest in session.execute(mine).tuples():
                    nearest[item] = min(line.index(digest), nearest.get(item, len(line)))
                places.append(Counter(nearest.values()))
        rated, corrected = places
        return [Part(one, rated[n], corrected[n]) for n, one in enumerate(line) if rated[n] or corrected[n]]

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
