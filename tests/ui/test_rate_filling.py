"""Filling the queue over HTTP: a file tried and added, what the generator writes, and never for anybody but admins."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from rilearn.rationale import Chosen, Written
from rilearn.services import Services
from rilearn.settings import Settings
from rilearn.store.filling import Filled
from rilearn.store.queue import Queue
from rilearn.ui import rate_fill_view as view
from tests.conftest import FakeEngine, eventually
from tests.ui.conftest import ask, contents
from tests.ui.test_render import Reader

EVIL = "<img src=x onerror=hit()>${hit}"
PLAN: dict[str, Any] = {"ratings": 2, "everyone": 0, "dry_run": False}
ROWS = [
    {"text": "rain again", "label": "sadness", "reasoning": "Rain is grey."},
    {"text": "sun at last", "label": "joy", "reasoning": "Sun is warm.", "expected": {"verdict": "good"}},
    {"text": "rain again", "label": "sadness", "reasoning": "Rain is grey."},
    {"text": "no", "label": EVIL, "reasoning": "Hunger."},
    {"text": "x" * 30_000, "label": "joy", "reasoning": "Long."},
    {"text": "half", "label": "joy"},
]
FILE = "\n".join([*map(json.dumps, ROWS), "{no json"])


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"batch_mb": 1, "batch_rows": 20})


@pytest.fixture
def root(come: Callable[..., TestClient]) -> TestClient:
    return come("root", "admin")


def told(html: str) -> str:
    return " ".join(Reader(html).text.split())


def write(**changed: Any) -> dict[str, Any]:
    return {**PLAN, "generator": "generator", "source": "demo", "count": 3, **changed}


def test_a_file_is_tried_then_added_once_and_what_is_not_usable_says_why(root: TestClient, services: Services) -> None:
    before = contents(services)
    tried = ask(root, "fill-file", **{**PLAN, "dry_run": True}, name="mine.jsonl", text=FILE)["result"]
    assert contents(services) == before
    for part in ("7 rows", "would be new: 2 (joy 1, sadness 1)", "twice in the file: 1", "not usable: 4"):
        assert part in told(tried), part
    for reason in (
        "row 4: The label",
        "row 6: The row has no reasoning",
        "row 7: The line is not valid JSON",
        "row 5: The text has",
    ):
        assert reason in told(tried), reason
    assert "<img" not in tried and "${" not in tried
    added = told(ask(root, "fill-file", **PLAN, name="mine.jsonl", text=FILE)["result"])
    assert "new: 2" in added and "known answer: 1" in added and "already" not in added
    assert Queue(services.store.database).left() == 1  # besides the one with a known answer
    again = told(ask(root, "fill-file", **PLAN, name="mine.jsonl", text=FILE)["result"])
    assert "new: 0" in again and "in the queue already: 2" in again and Queue(services.store.database).left() == 1


def test_a_csv_is_taken_and_other_files_are_refused_in_words(root: TestClient, services: Services) -> None:
    table = 'text,label,reasoning\n"rain, again",sadness,Rain is grey.\n'
    assert "new: 1" in told(ask(root, "fill-file", **PLAN, name="../../mine.CSV", text=table)["result"])
    before = contents(services)
    for name, text, said in (
        ("mine.parquet", "PAR1", "is not a .jsonl or .csv file"),
        ("mine", FILE, "is not a .jsonl or .csv file"),
        ("mine.jsonl", "", "has no rows"),
        ("mine.jsonl", "x" * 1_100_000, "the limit is 1 MB"),
        ("mine.jsonl", "x" * 2_100_000, "too much for one request"),
    ):
        answer = root.post("/rate/fill-file", json={**PLAN, "name": name, "text": text})
        assert answer.status_code == 400 and said in answer.json()["error"]
    for wrong in ({"ratings": 0}, {"everyone": 1.5}, {"everyone": "x"}):
        assert root.post("/rate/fill-file", json={**PLAN, "name": "a.csv", "text": table, **wrong}).status_code == 400
    assert contents(services) == before


def test_the_generator_writes_shows_how_far_it_is_and_can_be_cancelled(
    root: TestClient, services: Services, engine: FakeEngine
) -> None:
    html = ask(root, "fill")["html"]
    assert 'value="generator"' in html and 'value="demo"' in html and "dair-ai/emotion" in html
    tried = told(ask(root, "fill-write", **write(dry_run=True))["result"])
    assert "would be written for: 3" in tried and Queue(services.store.database).left() == 0 and engine.opened == 0
    engine.pause = 0.03
    begun = ask(root, "fill-write", **write(count=20))
    assert begun["running"] and "of 20 rows" in told(begun["state"])
    assert "written already" in root.post("/rate/fill-write", json=write()).json()["error"]
    assert eventually(lambda: "0 added" not in told(ask(root, "fill-state")["state"]))
    assert 'data-do="fill-cancel"' in ask(root, "fill-state")["state"]
    ask(root, "fill-cancel")
    assert eventually(lambda: not ask(root, "fill-state")["running"])
    assert "Cancelled" in told(ask(root, "fill-state")["state"]) and 0 < Queue(services.store.database).left() < 20
    there = Queue(services.store.database).left()
    engine.pause = 0
    ask(root, "fill-write", **write(count=3))
    assert eventually(lambda: not ask(root, "fill-state")["running"])
    assert "Written: 3 of 3 rows, 3 added" in told(ask(root, "fill-state")["state"])
    assert Queue(services.store.database).left() == there + 3  # others than those before
    assert f"by generator before: {there + 3}" in told(ask(root, "fill-write", **write(dry_run=True))["result"])


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"generator": "q-ra"}, 400, "no generator"),
        ({"source": "../../etc"}, 400, "cannot be read"),
        ({"count": 21}, 400, "between 1 and 20"),
        ({"source": "dataset"}, 400, "could not be loaded"),
    ],
)
def test_mistakes_are_refused_in_words(
    changed: dict[str, Any], status: int, said: str, come: Callable[..., TestClient]
) -> None:
    answer = come("root", "admin").post("/rate/fill-write", json=write(**changed))
    assert answer.status_code == status and said in answer.json()["error"], answer.text


def test_without_a_model_it_says_so(settings: Settings, come: Callable[..., TestClient], services: Services) -> None:
    root = come("root", "admin")
    services.close()
    assert root.post("/rate/fill-write", json=write()).status_code == 503


def test_nobody_else_fills_or_cancels(
    root: TestClient, come: Callable[..., TestClient], services: Services, engine: FakeEngine
) -> None:
    engine.pause = 0.05
    ask(root, "fill-write", **write(count=20))
    for client, status in ((come("ann"), 403), (come(), 401)):
        for action, body in (
            ("fill", {}),
            ("fill-file", {**PLAN, "name": "mine.jsonl", "text": FILE}),
            ("fill-write", write()),
            ("fill-state", {}),
            ("fill-cancel", {}),
        ):
            assert client.post(f"/rate/{action}", json=body).status_code == status, action
    assert ask(root, "fill-state")["running"]
    ask(root, "fill-cancel")
    assert eventually(lambda: not ask(root, "fill-state")["running"])


def test_nothing_of_theirs_becomes_markup_and_long_lists_end() -> None:
    filled = Filled(proposals=1, refused=[EVIL])
    failed = Written("failed", 4, 2, 1, 0, 1, 3.0, EVIL)
    parts = [
        view.added(filled, [EVIL], dry_run=True),
        view.chosen(Chosen((), EVIL, 3, 1, 1, 0), EVIL),
        view.state(failed),
        view.forms([EVIL], {EVIL: EVIL}, 5, 500, failed),
    ]
    for html in parts:
        assert "<img" not in html and EVIL in Reader(html).text
    many = view.added(Filled(), [f"row {n}: no" for n in range(100)], dry_run=False)
    assert many.count("<li>row") == view.SHOWN and "and 80 more" in many
    assert "1 without a reasoning" in view.state(failed) and view.state(Written()) == ""
    assert "no generator here" in view.forms([], {}, 5, 500, Written())
    assert "About 2 min left" in view.state(Written("running", 9, 3, 3, seconds_left=130.0))
