"""What an annotator sends off: a rating with its correction, a skip, a flag; and the undoing of the last ten.

Each is one transaction and is known again by its token. Nothing is deleted but drafts: what is undone stays in the
history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from sqlalchemy import Select, delete, literal, select, union_all, update
from sqlalchemy.orm import Session

from rilearn.errors import InputError
from rilearn.records import Rating
from rilearn.store.checks import short, words
from rilearn.store.database import Database
from rilearn.store.desk import keep_draft, require_given, take
from rilearn.store.flags import hold, let_go
from rilearn.store.queue_counts import recount
from rilearn.store.ratings import StoredRating, keep_rating, rating_row, stored_rating, supersede
from rilearn.store.schema import AnnotatorRow, EditRow, LeaseRow, RatingRow, now
from rilearn.store.schema_annotation import DraftRow, SkipRow

Kind = Literal["skip", "harmful", "private"]
LAST = 10
"""How many of their last submissions somebody can undo."""


@dataclass(frozen=True)
class Undone:
    """What was undone: the item, which the annotator holds again by `token` (empty: somebody else holds it now, or it
    is held back because of a flag)."""

    reasoning_id: int
    token: str


class Submissions:
    """Takes ratings, skips and flags, and takes them back."""

    def __init__(self, database: Database):
        self._database = database

    def rate(
        self,
        annotator_id: int,
        reasoning_id: int,
        rating: Rating,
        token: str,
        correction: str | None = None,
        guideline: str = "",
        seconds: float = 0.0,
    ) -> StoredRating:
        """Save a rating and the corrected reasoning if there is one; an earlier rating and correction are superseded.

        The guess is the one that `guess` kept, whatever the rating holds. The arguments are those of `Ratings.rate`.

        Raises:
            InputError: as `Ratings.rate`, or the annotator was never given this reasoning.
            StoreError: see `Database.write`; nothing was saved, and the same request may be sent again.
        """
        with self._database.write() as session:
            require_given(session, annotator_id, reasoning_id)
            rating = replace(rating, guess=_guess(session, annotator_id, reasoning_id))
            row = rating_row(annotator_id, reasoning_id, rating, token, guideline, seconds)
            made, new = keep_rating(session, row, rating)
            if new:
                self._correct(session, annotator_id, reasoning_id, token, correction)
                session.execute(delete(DraftRow).filter_by(annotator_id=annotator_id, reasoning_id=reasoning_id))
            return stored_rating(made)

    def _correct(
        self, session: Session, annotator_id: int, reasoning_id: int, token: str, correction: str | None
    ) -> None:
        if correction is None:
            mine = update(EditRow).filter_by(annotator_id=annotator_id, reasoning_id=reasoning_id, superseded_at=None)
            session.execute(mine.values(superseded_at=now()))
            return
        text = words(correction, "corrected reasoning", empty=False)
        supersede(session, EditRow(annotator_id=annotator_id, reasoning_id=reasoning_id, token=token, reasoning=text))

    def guess(self, annotator_id: int, reasoning_id: int, label: str) -> str:
        """Keep the label guessed before text and label were shown; the first guess stays.

        Returns:
            The guess that is kept.

        Raises:
            InputError: the annotator was never given this reasoning, or has rated it without a guess.
            StoreError: see `Database.write`.
        """
        with self._database.write() as session:
            require_given(session, annotator_id, reasoning_id)
            if (before := _guess(session, annotator_id, reasoning_id)) is not None:
                return before
            rated = select(RatingRow.id).filter_by(annotator_id=annotator_id, reasoning_id=reasoning_id).limit(1)
            if session.scalars(rated).first() is not None:
                raise InputError("You have rated this one with its label in view: it cannot be guessed any more.")
            draft = select(DraftRow).filter_by(annotator_id=annotator_id, reasoning_id=reasoning_id)
            content = row.content if (row := session.scalars(draft).one_or_none()) else {}
            keep_draft(session, annotator_id, reasoning_id, {**content, "guess": short(label, "guess")})
            return label

    def skip(self, annotator_id: int, reasoning_id: int, kind: Kind, reason: str, token: str) -> None:
        """Pass an item by or flag it: it does not come back to this annotator, and a flagged one goes to nobody.

        Raises:
            InputError: an unknown kind, a reason too long, or the annotator was never given this reasoning.
            StoreError: see `Database.write`.
        """
        if kind not in get_args(Kind):
            raise InputError(f"There is no kind '{kind}': {', '.join(get_args(Kind))}.")
        reason, token = words(reason, "reason", 1000), short(token, "token")
        with self._database.write() as session:
            _lock(session, annotator_id)
            require_given(session, annotator_id, reasoning_id)
            sent = select(SkipRow.id).filter_by(annotator_id=annotator_id, token=token)
            if session.scalars(sent).one_or_none() is not None:
                return
            session.add(
                SkipRow(annotator_id=annotator_id, reasoning_id=reasoning_id, kind=kind, reason=reason, token=token)
            )
            if kind != "skip":
                hold(session, reasoning_id)
            mine = update(LeaseRow).filter_by(annotator_id=annotator_id, reasoning_id=reasoning_id, released_at=None)
            session.execute(mine.values(released_at=now()))

    def undo(self, annotator_id: int, token: str) -> Undone | None:
        """Take the last submission back: the item comes back with what was entered. None: nothing (more) to undo.

        Args:
            token: names this request and the lease on the item.

        Raises:
            InputError: nobody has the id.
            StoreError: see `Database.write`.
        """
        token = short(token, "token")
        with self._database.write() as session:
            _lock(session, annotator_id)
            sent = select(LeaseRow.reasoning_id).filter_by(annotator_id=annotator_id, token=token)
            if (before := session.scalars(sent).one_or_none()) is not None:
                return Undone(before, token)
            last = session.execute(_submitted(annotator_id)).tuples().all()
            found = next(((kind, key) for kind, key, _, undone in last if undone is None), None)
            if found is None:
                return None
            reasoning_id = _take_back(session, annotator_id, *found)
            lease = take(session, annotator_id, reasoning_id, token)
            return Undone(reasoning_id, lease.token if lease else "")


def entered(rating: Rating, correction: str | None = None) -> dict[str, Any]:
    """A rating as the content of a draft: without its verdict, with its correction."""
    return {**{k: v for k, v in asdict(rating).items() if k != "verdict"}, "edit": correction}


def _take_back(session: Session, annotator_id: int, kind: str, key: int) -> int:
    if kind == "skip":
        skip = session.get_one(SkipRow, key)
        skip.undone_at = now()
        if skip.kind != "skip":
            let_go(session, skip.reasoning_id)
        return skip.reasoning_id
    rating = session.get_one(RatingRow, key)
    rating.superseded_at = now()
    edits = update(EditRow).filter_by(annotator_id=annotator_id, reasoning_id=rating.reasoning_id, superseded_at=None)
    edit = session.scalars(edits.values(superseded_at=now()).returning(EditRow.reasoning)).one_or_none()
    recount(session, [rating.reasoning_id])
    content: Mapping[str, Any] = entered(stored_rating(rating).rating, edit)
    keep_draft(session, annotator_id, rating.reasoning_id, content)
    return rating.reasoning_id


def _submitted(annotator_id: int) -> Select[Any]:
    """(kind, id, time, time of its end) of the last submissions, newest first; those undone are among them, so that
    undoing does not reach further back with each time."""
    rated = select(literal("rating").label("kind"), RatingRow.id, RatingRow.created_at, RatingRow.superseded_at)
    skipped = select(literal("skip"), SkipRow.id, SkipRow.created_at, SkipRow.undone_at)
    both = union_all(
        rated.filter_by(annotator_id=annotator_id), skipped.filter_by(annotator_id=annotator_id)
    ).subquery()
    return select(both).order_by(both.c.created_at.desc(), both.c.id.desc()).limit(LAST)


def _guess(session: Session, annotator_id: int, reasoning_id: int) -> str | None:
    """From the draft, or from the last rating: a change of mind, or a request sent again, keeps it."""
    draft = select(DraftRow.content).filter_by(annotator_id=annotator_id, reasoning_id=reasoning_id)
    content = session.scalars(draft).one_or_none()
    if content and content.get("guess") is not None:
        return str(content["guess"])
    last = select(RatingRow.guess).filter_by(annotator_id=annotator_id, reasoning_id=reasoning_id)
    return session.scalars(last.order_by(RatingRow.id.desc()).limit(1)).first()


def _lock(session: Session, annotator_id: int) -> None:
    """Requests of one annotator take turns (PostgreSQL; a SQLite write is alone anyway)."""
    if not session.get(AnnotatorRow, annotator_id, with_for_update={"key_share": True}):
        raise InputError("You are not known as an annotator. Sign in again.")
