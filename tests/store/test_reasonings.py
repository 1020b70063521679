"""Texts, reasonings and annotators: added again they are the same; what makes another makes another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from rilearn.errors import InputError
from rilearn.records import Sampling
from rilearn.store import reasonings as module
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.reasonings import Reasonings
from tests.store.conftest import reasoning
from tests.store.test_ratings import together

WHOLE = reasoning(
    split="train",
    adapter="generator",
    adapter_digest="ab" * 32,
    prompt_version="1",
    sampling=Sampling(max_tokens=40, temperature=0.7, seed=2**40, stop=("\n", "Text:")),
    signals={"grounding": 2, "repetition": 0.25},
)


def test_it_comes_back_as_it_was_added(reasonings: Reasonings, item: int) -> None:
    (whole,) = reasonings.add([WHOLE])
    assert reasonings.get(whole).reasoning == WHOLE and reasonings.get(item).reasoning == reasoning()
    age = datetime.now(UTC) - reasonings.get(whole).created_at
    assert timedelta(0) <= age < timedelta(minutes=1)


def test_adding_again_changes_nothing(reasonings: Reasonings) -> None:
    rows = [reasoning(n) for n in range(5)]
    ids = reasonings.add(rows)
    again, new, twice, *others = reasonings.add([rows[3], reasoning(9), rows[3], *rows])
    assert again == twice == ids[3] and others == ids and new not in ids
    first = reasonings.get(ids[0])
    assert reasonings.add([replace(rows[0], signals={"new": 1.0})]) == ids[:1] and reasonings.get(ids[0]) == first


@pytest.mark.parametrize(
    "changed",
    [
        {"label": "snow"},
        {"reasoning": "Other words."},
        {"adapter_digest": "cd" * 32},
        {"prompt_version": "2"},
        {"sampling": Sampling(seed=1)},
        {"sampling": None},
        {"split": "validation"},
        {"source": "visitor"},
        {"task": "other"},
        {"text": "blue sky"},
    ],
    ids=str,
)
def test_whatever_made_it_differently_makes_it_another(reasonings: Reasonings, changed: dict[str, object]) -> None:
    other = replace(WHOLE, **changed)  # type: ignore[arg-type]
    one, two = reasonings.add([WHOLE, other])
    assert one != two and reasonings.get(two).reasoning == other


def test_more_than_a_statement_takes(reasonings: Reasonings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 3)
    ids = reasonings.add(reasoning(n) for n in range(10))
    assert [reasonings.get(i).reasoning for i in ids] == [reasoning(n) for n in range(10)]


def test_all_of_a_text_from_whatever_source(reasonings: Reasonings) -> None:
    for row in (reasoning(2), *(rows := [reasoning(1), reasoning(1, source="visitor"), reasoning(1, label="snow")])):
        reasonings.add([row, replace(row, task="other")])
    assert [r.reasoning for r in reasonings.of_text("weather", rows[0].text)] == rows
    assert reasonings.of_text("weather", "never seen") == []


def test_what_no_database_takes_is_replaced(reasonings: Reasonings) -> None:
    odd = "nul \0, half \ud83d, whole \U0001f600, ' \" ; -- \u2028"
    (number,) = reasonings.add([reasoning(text=odd, reasoning=odd)])
    kept = reasonings.get(number).reasoning
    assert kept.text == kept.reasoning == odd.replace("\0", "\ufffd").replace("\ud83d", "\ufffd")
    assert len(reasonings.of_text("weather", odd)) == 1


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"text": " "}, "text is empty"),
        ({"label": ""}, "label is empty"),
        ({"reasoning": "x" * 20_001}, "20001 characters; at most 20000"),
        ({"signals": {"grounding": float("nan")}}, "signal 'grounding' is no number"),
    ],
    ids=str,
)
def test_bad_rows_save_none_of_the_others(reasonings: Reasonings, bad: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        reasonings.add([reasoning(1), reasoning(2, **bad)])
    assert reasonings.of_text("weather", reasoning(1).text) == []


def test_none_of_this_id(reasonings: Reasonings) -> None:
    with pytest.raises(InputError, match="no reasoning 7"):
        reasonings.get(7)


def test_several_add_the_same_at_once(reopen: Callable[[], Database]) -> None:
    """Each in another order, which must not end in a deadlock."""
    rows, stores = [reasoning(n) for n in range(400)], [Reasonings(reopen()) for _ in range(4)]
    orders = [rows, rows[::-1], rows[200:] + rows[:200], rows[::-2] + rows[::2]]
    found = together(*[lambda own=own, order=order: own.add(order) for own, order in zip(stores, orders, strict=True)])
    ids = stores[0].add(rows)
    assert len(set(ids)) == 400 and [sorted(f) for f in found] == [sorted(ids)] * 4


def test_annotators_by_name(annotators: Annotators, database: Database) -> None:
    ann = annotators.add(" ann ", "admin")
    assert (ann.name, ann.role) == ("ann", "admin") and ann.pseudonym != "ann"
    assert annotators.add("ann") == ann == annotators.find("ann")  # signing in again takes no role away
    assert annotators.add("bob").pseudonym != ann.pseudonym and annotators.find("eve") is None
    with pytest.raises(InputError, match="no role 'owner'"):
        annotators.add("eve", "owner")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="name is empty"):
        annotators.add("  ")
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM annotators")) == 2
