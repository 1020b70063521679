"""That it mattered: what an annotator said that is in a version, or in one that it goes on from, and what the version
writes now for the same label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from rilearn.store.ancestry import before
from rilearn.store.annotators import known_pseudonym
from rilearn.store.database import Database
from rilearn.store.reasonings import StoredReasoning, stored
from rilearn.store.schema import EditRow, PairRow, RatingRow, ReasoningRow, TextRow, VoteRow
from rilearn.store.schema_versions import VersionEditRow, VersionRatingRow, VersionRow
from rilearn.store.votes import Choice


@dataclass(frozen=True)
class Mattered:
    """A reasoning that the annotator rated or corrected, which a version or one before it was trained on.

    `correction` is theirs (empty: they rated only), `new` what the version writes for the text and label (None: nothing
    is stored yet). `chosen` is their blind vote between the two: "old", "new" or "tie" (empty: none yet). Until then a
    page asks for it first (`Duels.pair`), since it is blind no more once both were shown by name.
    """

    old: StoredReasoning
    correction: str
    new: StoredReasoning | None
    chosen: str


class Matters:
    """Finds what of an annotator's is in a version and in those that it goes on from."""

    def __init__(self, database: Database):
        self._database = database

    def of(self, annotator_id: int, version: str, limit: int) -> list[Mattered]:
        """The latest first, corrections before mere ratings.

        Args:
            version: its digest.

        Raises:
            InputError: nobody has the id.
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            who = known_pseudonym(session, annotator_id)
            line = before(session, version)
            ids = _said(session, annotator_id, line)[:limit]
            return [_mattered(session, i, annotator_id, who, line) for i in ids]


def _said(session: Session, annotator_id: int, line: Sequence[str]) -> list[int]:
    corrected = select(EditRow.reasoning_id).join(VersionEditRow).join(VersionRow)
    corrected = corrected.where(EditRow.annotator_id == annotator_id, VersionRow.digest.in_(line))
    rated = select(RatingRow.reasoning_id).join(VersionRatingRow).join(VersionRow)
    rated = rated.where(RatingRow.annotator_id == annotator_id, VersionRow.digest.in_(line))
    found = [
        *session.scalars(corrected.order_by(EditRow.id.desc())),
        *session.scalars(rated.order_by(RatingRow.id.desc())),
    ]
    return list(dict.fromkeys(found))


def _mattered(session: Session, reasoning_id: int, annotator_id: int, who: str, line: Sequence[str]) -> Mattered:
    old = session.get_one(ReasoningRow, reasoning_id)
    edits = select(EditRow.reasoning).join(VersionEditRow).join(VersionRow).order_by(EditRow.id.desc())
    mine = (EditRow.annotator_id == annotator_id, EditRow.reasoning_id == old.id, VersionRow.digest.in_(line))
    same = select(ReasoningRow).join(TextRow).where(TextRow.digest == old.text.digest, ReasoningRow.label == old.label)
    new = session.scalars(same.where(ReasoningRow.adapter_digest == line[0]).order_by(ReasoningRow.id)).first()
    return Mattered(
        stored(old),
        session.scalars(edits.where(*mine)).first() or "",
        stored(new) if new else None,
        _chosen(session, who, old.id, new.id) if new else "",
    )


def _chosen(session: Session, who: str, old: int, new: int) -> str:
    sides = (PairRow.left_reasoning_id, PairRow.right_reasoning_id)
    query = select(VoteRow.choice, *sides).join(PairRow).where(VoteRow.visitor == who)
    query = query.where(or_((sides[0] == old) & (sides[1] == new), (sides[0] == new) & (sides[1] == old)))
    found = session.execute(query).tuples().first()
    if found is None:
        return ""
    choice, left, right = cast("tuple[Choice, int, int]", found)
    return "tie" if choice == "tie" else "new" if (left if choice == "left" else right) == new else "old"
