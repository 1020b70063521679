"""Known answers: fields of a rating that are known, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from rilearn.errors import InputError
from rilearn.records import Proposal
from rilearn.store.database import Database
from rilearn.store.desk import Desk
from rilearn.store.filling import Plan, fill
from rilearn.store.known_answers import known_answer
from rilearn.store.queue import Entry, Queue
from tests.store.conftest import reasoning

WRONG: list[tuple[Any, str]] = [
    ("good", "known verdict"),
    ({}, "known verdict"),
    ({"verdict": "fine"}, "known verdict"),
    ({"verdict": ["good"]}, "known verdict"),
    ({"verdict": "good", "mood": 1}, "not 'mood'"),
    ({"verdict": "good", "guess": "rain"}, "not 'guess'"),
    ({"verdict": "good", "overall": 9}, "from 1 to 5"),
    ({"verdict": "good", "overall": "much"}, "from 1 to 5"),
    ({"verdict": "good", "criteria": {"style": True}}, "no criterion 'style'"),
    ({"verdict": "good", "criteria": {"about_text": "no"}}, "no rating has"),
    ({"verdict": "good", "criteria": ["about_text"]}, "no rating has"),
    ({"verdict": "good", "label_wrong": "false"}, "no rating has"),
    ({"verdict": "good", "comment": 3}, "no rating has"),
    ({"verdict": "good", "right_label": "snow"}, "marked as wrong"),
    ({"verdict": "good", "label_wrong": True, "right_label": "rain"}, "is the label that was marked"),
]


def test_what_is_known_is_kept_and_what_is_none_is_left_out() -> None:
    whole = {
        "verdict": "poor",
        "overall": 2,
        "criteria": {"about_text": False},
        "label_wrong": True,
        "right_label": "snow",
        "comment": "It fits any text.",
    }
    assert known_answer(whole, "rain") == whole
    assert known_answer({"verdict": "good", **dict.fromkeys([*whole][1:])}, "rain") == {"verdict": "good"}
    parquet = {"verdict": "good", "criteria": {"about_text": True, "leads_to_label": None}}
    assert known_answer(parquet, "rain") == {"verdict": "good", "criteria": {"about_text": True}}


@pytest.mark.parametrize(("found", "told"), WRONG)
def test_what_no_rating_can_be_is_refused(found: Any, told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        known_answer(found, "rain")
    assert "`expected`" in str(caught.value)


def test_the_queue_takes_no_other(database: Database, item: int) -> None:
    queue = Queue(database)
    for found, told in WRONG:
        with pytest.raises(InputError, match=told):
            queue.add([Entry(item, "import", expected=found)])
    assert queue.add([Entry(item, "import", expected={"verdict": "poor", "overall": None})]) == 1
    assert Desk(database).expected(item) == {"verdict": "poor"}


def test_filling_tells_which_proposals_have_none_and_keeps_the_others(database: Database) -> None:
    rows = [Proposal(reasoning(n), "import", expected=found) for n, (found, _) in enumerate(WRONG)]
    rows.append(Proposal(reasoning(99), "import", expected={"verdict": "good"}))
    filled = fill(database, rows, Plan(), dry_run=True)
    assert fill(database, rows, Plan()) == filled
    assert (filled.added, filled.calibration, len(filled.refused)) == (1, 1, len(WRONG))
    assert filled.refused[0].startswith("proposal 1: `expected` must hold")
