"""What people said of reasonings, as rilearn.curation takes it: out of the database, or out of exported files.

judged(database)
judged_from_export(Path("export"))
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from rilearn.errors import DataError, InputError
from rilearn.judgements import Correction, Judged, Opinion, Preference
from rilearn.records import Reasoning, Verdict
from rilearn.row_files import ENDINGS, read_records
from rilearn.store import exchange
from rilearn.store.database import Database
from rilearn.store.exchange_in import Saying
from rilearn.store.exchange_rows import COLUMNS
from rilearn.store.ratings import stored_rating
from rilearn.store.reasonings import stored
from rilearn.store.schema import AnnotatorRow, EditRow, RatingRow, ReasoningRow, TextRow
from rilearn.store.schema_annotation import AdjudicationRow, SkipRow

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

    A text that somebody flagged as private makes all reasonings about it flagged.

    Args:
        since: only reasonings of which something was said after this moment, but then all that was said of them.

    Raises:
        StoreError: see `Database.read`.
    """
    said: dict[int, _Sayings] = defaultdict(_Sayings)
    with database.read() as session:
        for rating, who in session.execute(_live(RatingRow, RatingRow.annotator_id, since)):
            opinion = Opinion(who, stored_rating(rating).rating, f"rating:{rating.id}")
            said[rating.reasoning_id].opinions.append(opinion)
        for edit, who in session.execute(_live(EditRow, EditRow.annotator_id, since)):
            said[edit.reasoning_id].corrections.append(Correction(who, edit.reasoning, f"edit:{edit.id}"))
        for made, _ in session.execute(_live(AdjudicationRow, AdjudicationRow.admin_id, since)):
            decided = (cast(Verdict, made.verdict), made.right_label, f"adjudication:{made.id}")
            said[made.reasoning_id].decided = decided
        flagged, private = _flagged(session)
        found = []
        about = select(ReasoningRow).where(ReasoningRow.id.in_(_spoken_of(since))).order_by(ReasoningRow.id)
        for row in session.scalars(about.execution_options(yield_per=_AT_ONCE)):
            if row.id in said:
                said[row.id].flagged = row.id in flagged or row.text.digest in private
                found.append(said[row.id].of(stored(row).reasoning))
        return found, preferences(session, since)


def preferences(session: Session, since: datetime | None) -> list[Preference]:
    """Blind votes between two stored reasonings: none, as pairs do not say yet which reasonings they showed."""
    return []


def judged_from_export(path: Path) -> Found:
    """What exported files hold (see `exchange`): a folder of them, or one file, which is then all that is read.

    Refs are made of the annotator's pseudonym and the token, "rating:PSEUDONYM/TOKEN"; a row that comes twice counts
    once. Exports hold nothing that is flagged as private, and of blind votes not which reasonings they compared.

    Raises:
        DataError: no such files, or a row of them cannot be read; the message names it.
    """
    rows: dict[str, dict[str, Any]] = {}
    said: dict[str, _Sayings] = defaultdict(_Sayings)
    refs = set[str]()
    for kind, one in _exported(path):
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
    return [said[key].of(_reasoning(row)) for key, row in rows.items()], []


_REFS = {"ratings": "rating", "corrections": "edit", "adjudications": "adjudication"}
_FIELDS = ("task", "text", "label", "reasoning", "source", "split", "adapter", "adapter_digest", "prompt_version")


def _reasoning(row: Mapping[str, Any]) -> Reasoning:
    return Reasoning(**{name: row[name] for name in _FIELDS})


def _exported(path: Path) -> Iterator[tuple[str, Saying]]:
    """Kind and saying of each row, the votes left out."""
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
                one = exchange.read(kind, cells, file.suffix.lower() == ".csv")
            except InputError as error:
                raise DataError(f"'{file.name}', row {number}: {error} Mend or delete the row.") from error
            if isinstance(one, Saying):
                yield kind, one


def _live(model: type[Any], who: Any, since: datetime | None) -> Select[Any]:
    query = select(model, AnnotatorRow.pseudonym).outerjoin(AnnotatorRow, AnnotatorRow.id == who)
    query = query.where(model.superseded_at.is_(None))
    if since is not None:
        query = query.where(model.reasoning_id.in_(_spoken_of(since)))
    return query.order_by(model.id).execution_options(yield_per=_AT_ONCE)


def _spoken_of(since: datetime | None) -> Any:
    """The ids of reasonings of which something was said that holds, after the moment if one is given."""
    queries = [select(model.reasoning_id).where(model.superseded_at.is_(None)) for model in _SAID]
    if since is not None:
        queries = [query.where(model.created_at > since) for query, model in zip(queries, _SAID, strict=True)]
    return queries[0].union(*queries[1:])


def _flagged(session: Session) -> tuple[set[int], set[str]]:
    """The ids of reasonings that somebody flagged, and the digests of texts that somebody flagged as private."""
    query = select(SkipRow.reasoning_id, SkipRow.kind, TextRow.digest)
    query = query.join(ReasoningRow, ReasoningRow.id == SkipRow.reasoning_id).join(TextRow)
    rows = session.execute(query.where(SkipRow.kind != "skip", SkipRow.undone_at.is_(None))).tuples().all()
    return {i for i, _, _ in rows}, {digest for _, kind, digest in rows if kind == "private"}
