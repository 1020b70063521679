"""Simulated annotators at the real queue: the ratings come out of the store as people's do, the same every time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from rilearn.curation import curate
from rilearn.judgements import Rules
from rilearn.records import Example, Proposal, Reasoning
from rilearn.store.database import Database, open_database
from rilearn.store.filling import Plan, fill
from rilearn.store.judged import judged
from training.bag_of_words import BagOfWords
from training.raters import Annotator, clause
from training.simulation import Simulation

LABELS = ("sadness", "joy")
WORDS = {"sadness": "miserable", "joy": "merry"}
TEXTS = [(f"i feel {WORDS[label]} about the {thing}s", label) for label in LABELS for thing in ("cat", "dog", "hen")]
PEOPLE = [Annotator("simulated-1", noise=0.0), Annotator("simulated-2", noise=0.0)]
DRAFTS = {(text, label): [f'"{WORDS[label]}" is the word that tells.'] for text, label in TEXTS}


@pytest.fixture(scope="module")
def known() -> BagOfWords:
    return BagOfWords([Example(text, label) for text, label in TEXTS], LABELS)


@contextmanager
def project(folder: Path, known: BagOfWords, corrected: float) -> Iterator[tuple[Database, Simulation]]:
    written = ('"i feel {} about" says it all.', "Feelings are what people feel.")
    made = [
        Proposal(Reasoning("emotion", text, label, words.format(WORDS[label]), "simulation", "train"), "generator")
        for text, label in TEXTS
        for words in written
    ]
    with closing(open_database(None, folder)) as database:
        random.seed(0)
        fill(database, made, Plan(ratings=1))
        yield database, Simulation(database, known, PEOPLE, DRAFTS, LABELS, corrected, "mixed", 0)


def test_ratings_and_corrections_go_through_store_and_curation(tmp_path: Path, known: BagOfWords) -> None:
    with project(tmp_path, known, corrected=1.0) as (database, work):
        assert work.go_on(12) and work.ratings == 12 and work.edits == 6
        assert not work.go_on(13)
        found, _ = judged(database)
    assert sum(len(j.opinions) for j in found) == 12
    for item in found:
        quotes = '"' in item.reasoning.reasoning
        assert [o.rating.verdict for o in item.opinions] == ["good" if quotes else "poor"]
        passage = clause(known, item.reasoning.text, item.reasoning.label)
        expected = [] if quotes else [f'"{passage}" is the word that tells.']
        assert [c.reasoning for c in item.corrections] == expected
    rows = curate(found, [], Rules("dpo", minimum=1)).rows
    assert len(rows) >= 6 and all(row.rejected == "Feelings are what people feel." for row in rows)


def test_the_same_seed_gives_the_same_project_and_nobody_corrects_who_should_not(
    tmp_path: Path, known: BagOfWords
) -> None:
    said = []
    for name in ("one", "two"):
        with project(tmp_path / name, known, corrected=0.0) as (database, work):
            assert work.go_on(5) and work.edits == 0
            said.append([(j.reasoning, [o.rating for o in j.opinions]) for j in judged(database)[0]])
    assert said[0] == said[1]
