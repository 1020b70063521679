"""The rows that come back: checked as those of people are, each kept once, an older one never in place of a newer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from rilearn.errors import InputError
from rilearn.records import CRITERIA, Rating, Reasoning, Sampling, Span
from rilearn.store.annotators import taken
from rilearn.store.checks import digest, short, words
from rilearn.store.queue import settle
from rilearn.store.rating_checks import check_against
from rilearn.store.ratings import rating_row, supersede
from rilearn.store.reasonings import Rows, insert_new, rows_of, save
from rilearn.store.schema import AnnotatorRow, EditRow, PairRow, RatingRow, ReasoningRow, TextRow, VoteRow
from rilearn.store.schema_annotation import AdjudicationRow
from rilearn.store.tombstones import buried

Maker = Callable[[int | None, int], Any]


@dataclass(frozen=True)
class Saying:
    """What somebody said of a reasoning; `row(annotator_id, reasoning_id)` makes the table's row of it. `outlives` the
    account of who said it: an admin's decision, which then stands without name."""

    pseudonym: str
    name: str
    about: Rows
    row: Maker
    outlives: bool


@dataclass(frozen=True)
class Ballot:
    """A vote and the pair that it is on, as columns. `about`: task, label and split of the two reasonings that were
    compared; None if the answers are not two reasonings for one label."""

    pair: dict[str, Any]
    vote: dict[str, Any]
    about: dict[str, str] | None


Read = Saying | Ballot


def read(kind: str, row: Mapping[str, Any]) -> Read:
    """A row of `exchange_rows.parsed`, checked.

    Raises:
        InputError: it makes no sense.
    """
    try:
        return _ballot(row) if kind == "pairs" else _saying(kind, row)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise InputError(f"The row cannot be read ({type(error).__name__}: {error}).") from None


def keep(session: Session, sayings: Sequence[Read]) -> list[bool | str | None]:
    """Save them in the transaction: True is new, False was there, None is left out, since who said it was deleted here;
    a text says why one cannot be kept. A pair is linked to the two reasonings that it compares if both are stored, also
    where the vote was there and they came since."""
    gone = buried(session, {s.pseudonym if isinstance(s, Saying) else s.vote["visitor"] for s in sayings})
    about = [s for s in sayings if isinstance(s, Saying) and (s.outlives or s.pseudonym not in gone)]
    ids = iter(save(session, [s.about for s in about]))
    people = _people(session, {s.pseudonym: s.name for s in about if s.pseudonym and s.pseudonym not in gone})
    done: list[bool | str | None] = []
    for one in sayings:
        try:
            if isinstance(one, Ballot):
                done.append(None if one.vote["visitor"] in gone else _keep_ballot(session, one))
            elif not one.outlives and one.pseudonym in gone:
                done.append(None)
            else:
                done.append(_keep_saying(session, one.row(people.get(one.pseudonym), next(ids))))
        except InputError as error:
            done.append(str(error))
    return done


def _saying(kind: str, row: Mapping[str, Any]) -> Saying:
    sampling = _as(Sampling | None, row, "sampling")
    names = ("task", "text", "label", "reasoning", "source", "split", "adapter", "adapter_digest", "prompt_version")
    about = Reasoning(**{name: row[name] for name in names}, sampling=sampling, signals=row["signals"])
    pseudonym, token = words(row["annotator"], "annotator", 200), short(row["token"], "token")
    outlives = kind == "adjudications"
    if not pseudonym and not outlives:
        raise InputError("The column 'annotator' is empty.")
    made = _MADE[kind](row, about, token, row["created_at"])
    return Saying(pseudonym, words(row.get("annotator_name") or "", "name", 200), rows_of(about), made, outlives)


def _rating(row: Mapping[str, Any], about: Reasoning, token: str, when: Any) -> Maker:
    rating = Rating(
        verdict=row["verdict"],
        overall=row["overall"],
        criteria={name: row[name] for name in CRITERIA if row[name] is not None},
        thumbs=_as(tuple[int, ...], row, "thumbs"),
        spans=_as(tuple[Span, ...], row, "spans"),
        comment=row["comment"],
        label_wrong=bool(row["label_wrong"]),
        right_label=row["right_label"],
        guess=row["guess"],
    )
    check_against(rating, about.reasoning, about.label)
    said = (rating, token, row["guideline"], row["seconds"])
    rating_row(0, 0, *said)  # what makes no sense is told before anything is saved

    def make(who: int | None, reasoning_id: int) -> RatingRow:
        made = rating_row(who or 0, reasoning_id, *said)
        made.created_at = when
        return made

    return make


def _correction(row: Mapping[str, Any], about: Reasoning, token: str, when: Any) -> Maker:
    text = words(row["corrected"], "corrected reasoning", empty=False)
    return lambda who, i: EditRow(annotator_id=who, reasoning_id=i, reasoning=text, token=token, created_at=when)


def _adjudication(row: Mapping[str, Any], about: Reasoning, token: str, when: Any) -> Maker:
    if row["verdict"] not in ("good", "poor"):
        raise InputError("The verdict is neither good nor poor.")
    right = row["right_label"] and short(row["right_label"], "right label")
    said = {"verdict": row["verdict"], "right_label": right, "comment": words(row["comment"], "comment")}
    return lambda who, i: AdjudicationRow(admin_id=who, reasoning_id=i, token=token, created_at=when, **said)


_MADE: Mapping[str, Callable[..., Maker]] = {
    "ratings": _rating,
    "corrections": _correction,
    "adjudications": _adjudication,
}


def _as(kind: Any, row: Mapping[str, Any], column: str) -> Any:
    """The value of a JSON column, its fields checked."""
    try:
        json.dumps(row[column], allow_nan=False)
        return TypeAdapter(kind).validate_python(row[column])
    except ValueError:
        raise InputError(f"The column '{column}' does not hold what the export writes there.") from None


def _ballot(row: Mapping[str, Any]) -> Ballot:
    if row["choice"] not in ("left", "right", "tie"):
        raise InputError("The choice is neither left nor right nor tie.")
    pair = {"text": words(row["text"], "text", empty=False), "giveaway": bool(row["giveaway"])}
    for side in ("left", "right"):
        # No model wrote what people did, and a new version is compared with that too.
        pair[f"{side}_model"] = words(row[f"{side}_model"], "model", 200)
        pair[f"{side}_digest"] = words(row[f"{side}_digest"], "digest", 200)
        pair[f"{side}_shown"] = words(row[f"{side}_shown"], "answer", empty=False)
    pair |= {"key": short(row["key"], "key"), "created_at": row["created_at"]}
    vote = {"choice": row["choice"], "created_at": row["created_at"]}
    vote |= {"visitor": short(row["visitor"], "visitor"), "token": short(row["token"], "token")}
    about = None
    if row["label"]:
        about = {"task": short(row["task"], "task"), "label": short(row["label"], "label")}
        about["split"] = words(row["split"], "split", 200)
    return Ballot(pair, vote, about)


def _people(session: Session, names: Mapping[str, str]) -> dict[str, int]:
    """Pseudonym -> id; who is new joins as an annotator, by name if that is given and nobody else's."""
    query = select(AnnotatorRow.pseudonym, AnnotatorRow.id).where(AnnotatorRow.pseudonym.in_(names))
    known = dict(session.execute(query).tuples().all())
    for pseudonym in sorted(set(names) - set(known)):
        # Somebody may have joined under the pseudonym before: never their row. Nobody can sign in as who came by import
        # (no passphrase, no login provider's subject) before an admin sets a passphrase.
        wishes = (names[pseudonym], pseudonym, *(f"{pseudonym} {number}" for number in range(2, 100)))
        name = next((wish for wish in wishes if wish and not taken(session, wish)), pseudonym)
        insert_new(session, AnnotatorRow, [{"name": name, "pseudonym": pseudonym, "role": "annotator"}], "pseudonym")
    return dict(session.execute(query).tuples().all())


def _keep_saying(session: Session, row: RatingRow | EditRow | AdjudicationRow) -> bool:
    model, who = type(row), "admin_id" if isinstance(row, AdjudicationRow) else "annotator_id"
    mine = {who: getattr(row, who)}
    known = session.scalars(select(model).filter_by(token=row.token, **mine)).first() is not None
    place = {"reasoning_id": row.reasoning_id} | ({} if isinstance(row, AdjudicationRow) else mine)
    live = session.scalars(select(model).filter_by(superseded_at=None, **place)).one_or_none()
    if not known and live is not None and live.created_at > row.created_at:
        row.superseded_at = live.created_at
        session.add(row)
        session.flush()
        return True
    if isinstance(row, AdjudicationRow):
        if not known:
            session.execute(update(model).filter_by(superseded_at=None, **place).values(superseded_at=row.created_at))
            session.add(row)
            session.flush()
        return not known
    if isinstance(row, EditRow):
        return supersede(session, row)[0] is row
    made, first = supersede(session, row)
    if first:
        settle(session, row.annotator_id, row.reasoning_id)
    return made is row


def _keep_ballot(session: Session, one: Ballot) -> bool:
    insert_new(session, PairRow, [one.pair], "key")
    pair = session.scalars(select(PairRow).filter_by(key=one.pair["key"])).one()
    # Keys are made of a database's own ids, so that another one's pair can have the same.
    if any(getattr(pair, name) != one.pair[name] for name in _DRAWN):
        raise InputError("This pair is here already, with other answers.")
    _link(session, pair, one)
    if before := session.scalars(select(VoteRow).filter_by(pair_id=pair.id, token=one.vote["token"])).one_or_none():
        if before.choice != one.vote["choice"]:
            raise InputError("This vote is here already, with another choice.")
        return False
    clash = (VoteRow.visitor == one.vote["visitor"]) & (
        (VoteRow.pair_id == pair.id) | (VoteRow.token == one.vote["token"])
    )
    if session.scalars(select(VoteRow.id).where(clash)).first() is not None:
        raise InputError("This visitor has voted on the pair, or sent the request for another one.")
    session.add(VoteRow(pair_id=pair.id, **one.vote))
    session.flush()
    return True


_DRAWN = ("text", *(f"{side}_{part}" for side in ("left", "right") for part in ("model", "digest", "shown")))


def _link(session: Session, pair: PairRow, one: Ballot) -> None:
    """To the reasonings with these words by these versions: those of the vote's split first, then the oldest."""
    if one.about is None or pair.left_reasoning_id is not None:
        return
    task, label, split = (one.about[name] for name in ("task", "label", "split"))
    query = select(ReasoningRow.id).join(TextRow).order_by(TextRow.split != split, ReasoningRow.id).limit(1)
    query = query.where(TextRow.digest == digest(task, pair.text), ReasoningRow.label == label)

    def found(version: str, shown: str) -> int | None:
        return session.scalar(query.where(ReasoningRow.adapter_digest == version, ReasoningRow.reasoning == shown))

    left, right = found(pair.left_digest, pair.left_shown), found(pair.right_digest, pair.right_shown)
    if left is not None and right is not None and left != right:
        pair.left_reasoning_id, pair.right_reasoning_id = left, right
