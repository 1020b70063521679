"""What people said of reasonings, as rilearn.curation takes it: out of the database, or out of exported files.

judged(database)
judged_from_export(Path("export"))
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, aliased

from rilearn.errors import DataError, InputError
from rilearn.judgements import Correction, Judged, Opinion, Preference
from rilearn.records import Reasoning, Verdict
from rilearn.row_files import ENDINGS, read_records
from rilearn.store import exchange
from rilearn.store.database import Database
from rilearn.store.exchange_in import Ballot, Read
from rilearn.store.exchange_rows import COLUMNS
from rilearn.store.ratings import stored_rating
from rilearn.store.schema import AnnotatorRow, EditRow, PairRow, RatingRow, ReasoningRow, TextRow, VoteRow
from rilearn.store.schema_annotation import AdjudicationRow, ItemRow, SkipRow

_AT_ONCE = 1000
_SAID = (RatingRow, EditRow, AdjudicationRow)
Found = tuple[list[Judged], list[Preference]]


@dataclass
class _Sayings:
    """What was said of one reasoning."""

    opinions: list[Opinion] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    decided: tuple[Verdict | None, str | None, str] = (None, None, "")
    flagged: bool = False

    def of(self, reasoning: Reasoning) -> Judged:
        verdict, right_label, ref = self.decided
        said = (tuple(self.opinions), tuple(self.corrections))
        return Judged(reasoning, *said, verdict, right_label, self.flagged, ref)


def judged(database: Database, since: datetime | None = None) -> Found:
    """What holds, by reasoning, oldest first; annotators go by their pseudonyms, refs are "rating:ID" and the like.

    Reasonings come without sampling and signals. A text that somebody flagged as private makes all reasonings about it
    flagged.

    Args:
        since: only reasonings of which something was said after this moment, but then all that was said of them.

    Raises:
        StoreError: see `Database.read`.
    """
    said: dict[int, _Sayings] = defaultdict(_Sayings)
    with database.read() as session:
        for row in session.execute(_live(RatingRow, RatingRow.annotator_id, since)):
            rating = stored_rating(cast(RatingRow, row)).rating
            said[row.reasoning_id].opinions.append(Opinion(row.pseudonym, rating, f"rating:{row.id}"))
        for row in session.execute(_live(EditRow, EditRow.annotator_id, since)):
            said[row.reasoning_id].corrections.append(Correction(row.pseudonym, row.reasoning, f"edit:{row.id}"))
        for row in session.execute(_live(AdjudicationRow, AdjudicationRow.admin_id, since)):
            decided = (cast(Verdict, row.verdict), row.right_label, f"adjudication:{row.id}")
            said[row.reasoning_id].decided = decided
        flagged, private = _flagged(session)
        found = []
        for row in session.execute(_about(since)):
            if row.id in said:
                said[row.id].flagged = row.id in flagged or row.digest in private
                found.append(said[row.id].of(_reasoning(row._asdict())))
        return found, preferences(session, since, flagged, private)


def preferences(
    session: Session, since: datetime | None, flagged: Collection[int] = (), private: Collection[str] = ()
) -> list[Preference]:
    """Blind votes between two stored reasonings for the same text and label, oldest first; a tie prefers nothing.

    Args:
        flagged: ids of reasonings, and `private` digests of texts, that are held back.
    """
    left, right = aliased(ReasoningRow), aliased(ReasoningRow)
    query = select(VoteRow, left, right).join(PairRow, PairRow.id == VoteRow.pair_id)
    query = query.join(left, left.id == PairRow.left_reasoning_id).join(right, right.id == PairRow.right_reasoning_id)
    query = query.where(VoteRow.choice != "tie", left.label == right.label).order_by(VoteRow.id)
    if since is not None:
        query = query.where(VoteRow.created_at > since)
    found = []
    for vote, one, other in session.execute(query).tuples():
        if one.text.digest != other.text.digest or one.text.digest in private or {one.id, other.id} & {*flagged}:
            continue
        chosen, rejected = (one, other) if vote.choice == "left" else (other, one)
        words = (chosen.reasoning, rejected.reasoning)
        about = (one.text.task, one.text.text, one.label)
        found.append(Preference(*about, *words, vote.visitor, f"vote:{vote.id}", one.text.split))
    return found


def judged_from_export(path: Path) -> Found:
    """What exported files hold (see `exchange`): a folder of them, or one file, which is then all that is read.

    Refs are made of the pseudonym and the token, "rating:PSEUDONYM/TOKEN"; a row that comes twice counts once. Exports
    hold nothing that is held back for a flag, nor any vote on a text of which a reasoning is. Votes are those of
    `preferences`, but voters go by the pseudonym in the pairs, which is not that of their ratings; files written before
    the pairs had labels hold none.

    Raises:
        DataError: no such files, or a row of them cannot be read; the message names it.
    """
    rows: dict[str, dict[str, Any]] = {}
    said: dict[str, _Sayings] = defaultdict(_Sayings)
    refs = set[str]()
    votes: list[Preference] = []
    for kind, one in _exported(path):
        if isinstance(one, Ballot):
            vote = _preference(one)
            if vote and vote.ref not in refs:
                refs.add(vote.ref)
                votes.append(vote)
            continue
        text, reasoning = one.about
        rows.setdefault(reasoning["key"], {**text, **reasoning})
        row = one.row(0, 0)
        ref = f"{_REFS[kind]}:{one.pseudonym}/{row.token}"
        if ref in refs:
            continue
        refs.add(ref)
        about = said[reasoning["key"]]
        if isinstance(row, RatingRow):
            about.opinions.append(Opinion(one.pseudonym, stored_rating(row).rating, ref))
        elif isinstance(row, EditRow):
            about.corrections.append(Correction(one.pseudonym, row.reasoning, ref))
        else:
            about.decided = (cast(Verdict, row.verdict), row.right_label, ref)
    return [said[key].of(_reasoning(row)) for key, row in rows.items()], votes


def _preference(one: Ballot) -> Preference | None:
    """None: a tie, or no vote between two reasonings for one label."""
    pair, vote = one.pair, one.vote
    if one.about is None or vote["choice"] == "tie":
        return None
    chosen, rejected = ("left", "right") if vote["choice"] == "left" else ("right", "left")
    ref = f"{_REFS['pairs']}:{vote['visitor']}/{vote['token']}"
    sides = {"chosen": pair[f"{chosen}_shown"], "rejected": pair[f"{rejected}_shown"]}
    return Preference(text=pair["text"], voter=vote["visitor"], ref=ref, **sides, **one.about)


_REFS = {"ratings": "rating", "corrections": "edit", "adjudications": "adjudication", "pairs": "vote"}
_FIELDS = ("task", "text", "label", "reasoning", "source", "split", "adapter", "adapter_digest", "prompt_version")


def _reasoning(row: Mapping[str, Any]) -> Reasoning:
    """Without sampling and signals, which no rule of curation asks for."""
    return Reasoning(**{name: row[name] for name in _FIELDS})


def _exported(path: Path) -> Iterator[tuple[str, Read]]:
    """Kind and content of each row."""
    files = (
        [f for kind in _REFS for end in ENDINGS if (f := path / f"{kind}{end}").exists()] if path.is_dir() else [path]
    )
    kinds = [file.stem.partition(".")[0] for file in files]
    if not files or not path.exists() or set(kinds) - set(COLUMNS):
        raise DataError(
            f"There are no exported ratings in '{path.name}'. `python -m rilearn.store export` writes them: "
            f"{', '.join(_REFS)}, as {', '.join(ENDINGS)}."
        )
    for kind, file in zip(kinds, files, strict=True):
        for number, cells in read_records(file):
            try:
                yield kind, exchange.read(kind, cells, file.suffix.lower() == ".csv")
            except InputError as error:
                raise DataError(f"'{file.name}', row {number}: {error} Mend or delete the row.") from error


def _live(model: type[Any], who: Any, since: datetime | None) -> Select[Any]:
    """Its columns and not its objects, which take three times as long."""
    query = select(*model.__table__.c, AnnotatorRow.pseudonym).outerjoin(AnnotatorRow, AnnotatorRow.id == who)
    query = query.where(model.superseded_at.is_(None))
    if since is not None:
        query = query.where(model.reasoning_id.in_(_spoken_of(since)))
    return query.order_by(model.id).execution_options(yield_per=_AT_ONCE)


def _about(since: datetime | None) -> Select[Any]:
    """The reasonings of which something was said, with their texts."""
    owner = {name: TextRow if hasattr(TextRow, name) else ReasoningRow for name in _FIELDS}
    columns = [getattr(owner[name], name) for name in _FIELDS]
    query = select(ReasoningRow.id, TextRow.digest, *columns).join(TextRow, TextRow.id == ReasoningRow.text_id)
    query = query.where(ReasoningRow.id.in_(_spoken_of(since))).order_by(ReasoningRow.id)
    return query.execution_options(yield_per=_AT_ONCE)


def _spoken_of(since: datetime | None) -> Any:
    """The ids of reasonings of which something was said that holds, after the moment if one is given."""
    queries = [select(model.reasoning_id).where(model.superseded_at.is_(None)) for model in _SAID]
    if since is not None:
        queries = [query.where(model.created_at > since) for query, model in zip(queries, _SAID, strict=True)]
    return queries[0].union(*queries[1:])


def _flagged(session: Session) -> tuple[set[int], set[str]]:
    """The ids of reasonings that are held back for a flag, and the digests of texts flagged as private among them.

    What an admin has put back counts no more, what has been removed does.
    """
    holds = or_(SkipRow.decision_id.is_(None), ItemRow.held.is_not(None))
    query = select(SkipRow.reasoning_id, SkipRow.kind, TextRow.digest)
    query = query.join(ReasoningRow, ReasoningRow.id == SkipRow.reasoning_id).join(TextRow)
    query = query.outerjoin(ItemRow, ItemRow.reasoning_id == SkipRow.reasoning_id)
    rows = session.execute(query.where(SkipRow.kind != "skip", SkipRow.undone_at.is_(None), holds)).tuples().all()
    # The flags of somebody who was deleted are gone, and what they held back still is.
    held = session.scalars(select(ItemRow.reasoning_id).where(ItemRow.held.is_not(None)))
    return {i for i, _, _ in rows} | set(held), {digest for _, kind, digest in rows if kind == "private"}
