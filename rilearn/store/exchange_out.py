"""The rows that leave the database: what holds, and nothing that is held back because of a flag."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session, aliased

from rilearn.records import CRITERIA
from rilearn.store.exchange_rows import stranger
from rilearn.store.ratings import stored_rating
from rilearn.store.reasonings import stored
from rilearn.store.schema import AnnotatorRow, EditRow, PairRow, RatingRow, ReasoningRow, TextRow, VoteRow
from rilearn.store.schema_annotation import AdjudicationRow, ItemRow

_AT_ONCE = 1000
Sayings = type[RatingRow] | type[EditRow] | type[AdjudicationRow]


def rows(session: Session, kind: str) -> Iterator[dict[str, Any]]:
    """The rows of a kind of `exchange_rows.COLUMNS`, oldest first, with the annotator's name."""
    for found in session.execute(_QUERIES[kind]().execution_options(yield_per=_AT_ONCE)):
        yield _VALUES[kind](*found)


def held() -> Select[Any]:
    """The ids of reasonings that are held back: flagged and not decided on, or removed."""
    return select(ItemRow.reasoning_id).where(ItemRow.held.is_not(None))


def _sayings(model: Sayings, who: Any) -> Any:
    flagged = exists().where(ItemRow.reasoning_id == model.reasoning_id, ItemRow.held.is_not(None))
    query = select(model, ReasoningRow, AnnotatorRow.pseudonym, AnnotatorRow.name)
    query = query.join(ReasoningRow, ReasoningRow.id == model.reasoning_id).outerjoin(
        AnnotatorRow, AnnotatorRow.id == who
    )
    return query.where(model.superseded_at.is_(None), ~flagged).order_by(model.id)


def _pairs() -> Any:
    flagged = select(TextRow.text).join(ReasoningRow).where(ReasoningRow.id.in_(held()))
    left, right, text, other = aliased(ReasoningRow), aliased(ReasoningRow), aliased(TextRow), aliased(TextRow)
    compared = select(PairRow.id, text.task, left.label, text.split)
    compared = compared.join(left, left.id == PairRow.left_reasoning_id).join(text, text.id == left.text_id)
    compared = compared.join(right, right.id == PairRow.right_reasoning_id).join(other, other.id == right.text_id)
    about = compared.where(left.label == right.label, text.digest == other.digest).subquery()
    query = select(VoteRow, PairRow, about.c.task, about.c.label, about.c.split)
    query = query.join(PairRow, PairRow.id == VoteRow.pair_id).outerjoin(about, about.c.id == PairRow.id)
    return query.where(PairRow.text.not_in(flagged)).order_by(VoteRow.id)


def _rating(row: RatingRow, about: ReasoningRow, pseudonym: str, name: str) -> dict[str, Any]:
    kept = stored_rating(row)
    said = asdict(kept.rating)
    criteria = said.pop("criteria")
    return {
        **said,
        **{criterion: criteria.get(criterion) for criterion in CRITERIA},
        "guideline": kept.guideline,
        "seconds": kept.seconds,
        **_common(row, about, pseudonym, name),
    }


def _correction(row: EditRow, about: ReasoningRow, pseudonym: str, name: str) -> dict[str, Any]:
    return {"corrected": row.reasoning, **_common(row, about, pseudonym, name)}


def _adjudication(row: AdjudicationRow, about: ReasoningRow, pseudonym: str | None, name: str | None) -> dict[str, Any]:
    said = {"verdict": row.verdict, "right_label": row.right_label, "comment": row.comment}
    return {**said, **_common(row, about, pseudonym or "", name or "")}


def _common(row: Any, about: ReasoningRow, pseudonym: str, name: str) -> dict[str, Any]:
    who = {"annotator": pseudonym, "annotator_name": name, "created_at": row.created_at, "token": row.token}
    return {**asdict(stored(about).reasoning), **who}


def _pair(row: VoteRow, pair: PairRow, task: str | None, label: str | None, split: str | None) -> dict[str, Any]:
    sides = [f"{side}_{part}" for side in ("left", "right") for part in ("model", "digest", "shown")]
    about = {name: getattr(pair, name) for name in ("text", "giveaway", "key", *sides)}
    said = {"choice": row.choice, "created_at": row.created_at, "token": row.token}
    compared = {"task": task or "", "label": label or "", "split": split or ""}
    return {**about, **said, **compared, "visitor": stranger(row.visitor), "annotator_name": ""}


_QUERIES: Mapping[str, Callable[[], Any]] = {
    "ratings": lambda: _sayings(RatingRow, RatingRow.annotator_id),
    "corrections": lambda: _sayings(EditRow, EditRow.annotator_id),
    "adjudications": lambda: _sayings(AdjudicationRow, AdjudicationRow.admin_id),
    "pairs": _pairs,
}
_VALUES: Mapping[str, Callable[..., dict[str, Any]]] = {
    "ratings": _rating,
    "corrections": _correction,
    "adjudications": _adjudication,
    "pairs": _pair,
}
