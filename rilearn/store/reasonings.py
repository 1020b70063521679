"""Texts and their reasonings: added as often as one likes, kept once, each with everything that made it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from rilearn.errors import InputError
from rilearn.records import Reasoning, Sampling
from rilearn.store.checks import digest, numbers, short, words
from rilearn.store.database import Database
from rilearn.store.schema import Base, ReasoningRow, TextRow

AT_ONCE = 500  # rows a statement: databases limit how many values one may bind


@dataclass(frozen=True)
class StoredReasoning:
    id: int
    reasoning: Reasoning
    created_at: datetime


class Reasonings:
    """Adds and finds reasonings."""

    def __init__(self, database: Database):
        self._database = database

    def add(self, reasonings: Iterable[Reasoning]) -> list[int]:
        """Ids in the order given, all saved together. One that is there already keeps its id, signals and date.

        Two are the same when text (with task, source and split), label, words, adapter digest, prompt version and
        sampling with its seed are.

        Raises:
            InputError: empty text, label or reasoning; a signal that is no finite number.
            StoreError: see `Database.write`.
        """
        made = [rows_of(reasoning) for reasoning in reasonings]
        with self._database.write() as session:
            return save(session, made)

    def get(self, reasoning_id: int) -> StoredReasoning:
        """One reasoning with its text.

        Raises:
            InputError: there is none of this id.
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            row = session.get(ReasoningRow, reasoning_id)
            if row is None:
                raise InputError(f"There is no reasoning {reasoning_id}.")
            return stored(row)

    def of_text(self, task: str, text: str) -> list[StoredReasoning]:
        """All reasonings about these words, from whatever source, oldest first.

        Raises:
            StoreError: see `Database.read`.
        """
        query = select(ReasoningRow).join(TextRow).where(TextRow.digest == digest(task, words(text, "text")))
        with self._database.read() as session:
            return [stored(row) for row in session.scalars(query.order_by(ReasoningRow.id))]

    def texts_of(self, task: str, adapter_digest: str) -> list[str]:
        """The texts that an adapter has written about, each once.

        Raises:
            StoreError: see `Database.read`.
        """
        query = select(TextRow.text).join(ReasoningRow).distinct()
        query = query.where(TextRow.task == task, ReasoningRow.adapter_digest == adapter_digest)
        with self._database.read() as session:
            return list(session.scalars(query))


def key(reasoning: Reasoning) -> str:
    """What makes a reasoning the same one; raises InputError as `Reasonings.add`."""
    return str(rows_of(reasoning)[1]["key"])


def keep(session: Session, reasonings: Iterable[Reasoning]) -> dict[str, int]:
    """`Reasonings.add` inside a transaction of the caller: key -> id."""
    made = [rows_of(reasoning) for reasoning in reasonings]
    return dict(zip((row["key"] for _, row in made), save(session, made), strict=True))


def known(session: Session, keys: Iterable[str]) -> dict[str, int]:
    """key -> id of those that are stored."""
    query = select(ReasoningRow.key, ReasoningRow.id).where(ReasoningRow.key.in_(keys))
    return dict(session.execute(query).tuples().all())


def insert_new(session: Session, model: type[Base], rows: Sequence[dict[str, Any]], unique: str) -> None:
    """Insert the rows whose `unique` column is new and leave the others as they are; others may insert meanwhile."""
    session.execute(inserting_new(session, model, unique), rows)


def inserting_new(session: Session, model: type[Base], unique: str | None = None) -> sqlite.Insert | postgresql.Insert:
    """An insert that leaves out rows whose `unique` column is not new; None: whichever unique column."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    return dialect.insert(model).on_conflict_do_nothing(index_elements=unique and [unique])


def _ids_by_key(session: Session, model: type[TextRow | ReasoningRow], rows: list[dict[str, Any]]) -> dict[str, int]:
    # In the order of the keys: two writers that wait for each other's rows would be a deadlock.
    unique = {row["key"]: row for row in rows}
    ids: dict[str, int] = {}
    for first in range(0, len(unique), AT_ONCE):
        keys = sorted(unique)[first : first + AT_ONCE]
        insert_new(session, model, [unique[key] for key in keys], "key")
        ids.update(session.execute(select(model.key, model.id).where(model.key.in_(keys))).tuples().all())
    return ids


Rows = tuple[dict[str, Any], dict[str, Any]]
"""The row of a text and that of its reasoning, cleaned, each with its key."""


def save(session: Session, made: Sequence[Rows]) -> list[int]:
    """Add those that are not there; ids in the order given."""
    ids = _ids_by_key(session, TextRow, [text for text, _ in made])
    ids = _ids_by_key(session, ReasoningRow, [{**row, "text_id": ids[text["key"]]} for text, row in made])
    return [ids[row["key"]] for _, row in made]


def rows_of(reasoning: Reasoning) -> Rows:
    """What `save` takes. Raises InputError as `Reasonings.add` does."""
    text: dict[str, Any] = {
        "task": short(reasoning.task, "task"),
        "text": words(reasoning.text, "text", empty=False),
        "source": short(reasoning.source, "source"),
        "split": words(reasoning.split, "split", 200),
    }
    made_by: dict[str, Any] = {
        "label": short(reasoning.label, "label"),
        "reasoning": words(reasoning.reasoning, "reasoning", empty=False),
        "adapter_digest": words(reasoning.adapter_digest, "adapter digest", 200),
        "prompt_version": words(reasoning.prompt_version, "prompt version", 200),
        "sampling": asdict(reasoning.sampling) if reasoning.sampling else {},
    }
    made_by["seed"] = made_by["sampling"].pop("seed", None)
    text |= {"key": digest(text), "digest": digest(text["task"], text["text"])}
    whole = digest(text["key"], made_by)
    adapter, signals = words(reasoning.adapter, "adapter", 200), numbers(reasoning.signals, "signal")
    return text, {**made_by, "adapter": adapter, "signals": signals, "key": whole}


def stored(row: ReasoningRow) -> StoredReasoning:
    """The row as a value."""
    sampling = None
    if row.sampling:
        sampling = Sampling(**{**row.sampling, "stop": tuple(row.sampling["stop"])}, seed=row.seed or 0)
    reasoning = Reasoning(
        task=row.text.task,
        text=row.text.text,
        label=row.label,
        reasoning=row.reasoning,
        source=row.text.source,
        split=row.text.split,
        adapter=row.adapter,
        adapter_digest=row.adapter_digest,
        prompt_version=row.prompt_version,
        sampling=sampling,
        signals=row.signals,
    )
    return StoredReasoning(row.id, reasoning, row.created_at)
