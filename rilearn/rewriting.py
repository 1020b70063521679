"""Reasonings written again by a newer generator, so that old and new can be compared on the same text and label."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rilearn.adapters import Adapter
from rilearn.engines.base import Engine
from rilearn.proposals import write
from rilearn.records import Example
from rilearn.store.database import Database
from rilearn.store.reasonings import Reasonings, StoredReasoning
from rilearn.tasks import Task


def rewrite(database: Database, engine: Engine, generator: Adapter, task: Task, old: Sequence[StoredReasoning]) -> int:
    """Write and store what the generator says to the texts and labels of older reasonings; greedily, so that doing it
    again stores nothing new.

    Returns:
        How many were stored; what came out empty is not.

    Raises:
        AdapterError: the adapter is no generator.
        EngineError: the engine cannot write.
        StoreError: see `Database.write`.
    """

    def origin(one: StoredReasoning) -> tuple[str, str]:
        return one.reasoning.source, one.reasoning.split

    made = []
    for (source, split), some in groupby(sorted(old, key=origin), origin):
        examples = [Example(one.reasoning.text, one.reasoning.label) for one in some]
        made += write(engine, generator, task, examples, source, split)
    return len(Reasonings(database).add(proposal.reasoning for proposal in made)) if made else 0
