"""A big made-up annotation project, written in bulk: texts, reasonings, items, annotators, ended leases, ratings.

Same numbers and seed, same rows. Everything goes past the store's own functions (they take milliseconds a row), so
that a million ratings take a minute and not an hour; what is measured then goes through them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from rilearn.records import Sampling
from rilearn.store.database import Database
from rilearn.store.schema import AnnotatorRow, Base, LeaseRow, RatingRow, ReasoningRow, TextRow
from rilearn.store.schema_annotation import ItemRow

LABELS, ADAPTERS, DAYS, CHUNK = 6, 3, 90, 50_000
AHEAD = 1
"""The annotator who is far ahead of the others: every second reasoning that still waits, they have rated."""
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
SAMPLED = {name: value for name, value in asdict(Sampling(max_tokens=64)).items() if name != "seed"}


def fill(database: Database, reasonings: int, ratings: int, annotators: int, seed: int = 0) -> None:
    """Each reasoning is rated by `ratings // reasonings` people; one in four still waits for one or two more."""
    each, draw = ratings // reasonings, random.Random(seed)
    people = range(AHEAD + 1, annotators + 1)

    def rated() -> Iterator[tuple[int, int]]:
        for i in range(1, reasonings + 1):
            who = draw.sample(people, each)
            if who and i % 8 == 0:
                who[0] = AHEAD
            yield from ((i, person) for person in who)

    def moments(i: int) -> datetime:
        return BEGUN + timedelta(seconds=i * DAYS * 86_400 / max(1, ratings))

    pairs = list(rated())
    _write(
        database,
        AnnotatorRow,
        ({"name": f"a{i}", "pseudonym": f"p{i}", "role": "annotator"} for i in range(1, annotators + 1)),
    )
    _write(
        database,
        TextRow,
        (
            {"task": "bench", "text": f"text {i} " + "so many words " * 8, "source": "made up", "split": "train"}
            | {"digest": f"d{i}", "key": f"k{i}"}
            for i in range(1, reasonings + 1)
        ),
    )
    _write(database, ReasoningRow, (_reasoning(i) for i in range(1, reasonings + 1)))
    _write(database, ItemRow, (_item(i, each, not ratings or i % 4 == 0, draw) for i in range(1, reasonings + 1)))
    _write(
        database,
        LeaseRow,
        (
            {"annotator_id": who, "reasoning_id": i, "token": f"l{n}", "reason": "oldest"}
            | {"expires_at": moments(n), "released_at": moments(n)}
            for n, (i, who) in enumerate(pairs)
        ),
    )
    _write(
        database, RatingRow, (_rating(n, i, who, draw) | {"created_at": moments(n)} for n, (i, who) in enumerate(pairs))
    )


def _reasoning(i: int) -> dict[str, Any]:
    return {
        "text_id": i,
        "label": f"label {i % LABELS}",
        "reasoning": f"reasoning {i} " + "because of these words " * 6,
        "adapter": f"adapter {i % ADAPTERS}",
        "adapter_digest": f"{i % ADAPTERS}" * 64,
        "prompt_version": "1",
        "sampling": SAMPLED,
        "signals": {"grounding": i % 5, "repetition": 0.0, "words": 20},
        "key": f"k{i}",
    }


def _item(i: int, rated: int, waits: bool, draw: random.Random) -> dict[str, Any]:
    left = 1 + i % 8 // 4 if waits else 0
    return {
        "reasoning_id": i,
        "origin": "generator",
        "label": f"label {i % LABELS}",
        "adapter": f"adapter {i % ADAPTERS}",
        "wanted": rated + left,
        "ratings_left": left,
        "everyone": i % 1000 == 0,
        "uncertainty": draw.random(),
        "disagreement": draw.random(),
        "quality": draw.random(),
        "shuffle": draw.random(),
    }


def _rating(n: int, reasoning: int, who: int, draw: random.Random) -> dict[str, Any]:
    return {
        "annotator_id": who,
        "reasoning_id": reasoning,
        "token": f"r{n}",
        "verdict": "good" if draw.random() < 0.7 else "poor",
        "overall": draw.randint(1, 5),
        "criteria": {"about_text": True, "leads_to_label": draw.random() < 0.8},
        "thumbs": [1, 0],
        "spans": [],
        "comment": "",
        "label_wrong": draw.random() < 0.02,
        "guideline": "1",
        "seconds": draw.uniform(2, 30),
    }


def _write(database: Database, model: type[Base], rows: Iterable[dict[str, Any]]) -> None:
    chunk: list[dict[str, Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            _save(database, model, chunk)
            chunk = []
    if chunk:
        _save(database, model, chunk)


def _save(database: Database, model: type[Base], rows: list[dict[str, Any]]) -> None:
    with database.write() as session:
        session.execute(insert(model), rows)
