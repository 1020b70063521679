"""Flagged items over HTTP: listed for admins, put back or removed by them once, and by nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from rilearn.records import Reasoning
from rilearn.services import Services
from rilearn.store.annotators import Annotators
from rilearn.store.flags import Decision, Flag, Flagged, Flags
from rilearn.store.queue import Entry, Queue
from rilearn.store.reasonings import Reasonings, StoredReasoning
from rilearn.ui import rate_flag_view as view
from rilearn.ui import rate_flags
from rilearn.ui.rate_items import ELSEWHERE, HELD, HERE
from tests.ui.conftest import ask, contents
from tests.ui.test_rate_api import FOREIGN
from tests.ui.test_render import Reader

EVIL = "<img src=x onerror=hit()>${hit}"
TOKEN = "token-000000000000"


@pytest.fixture
def item(services: Services) -> int:
    """A reasoning in the queue, wanted twice."""
    return add(services, "grey clouds all day")


@pytest.fixture
def ann(come: Callable[..., TestClient]) -> TestClient:
    return come("ann")


@pytest.fixture
def root(come: Callable[..., TestClient]) -> TestClient:
    return come("root", "admin")


def add(services: Services, text: str) -> int:
    (made,) = Reasonings(services.store.database).add([Reasoning("emotion", text, "sadness", "It is grey.", "test")])
    Queue(services.store.database).add([Entry(made, "generator", ratings=2)])
    return made


def flag(client: TestClient, item: int, token: str = TOKEN, kind: str = "harmful", reason: str = "rude") -> None:
    assert ask(client, "next", token=token)["card"]["id"] == item
    ask(client, "skip", reasoning_id=item, token=token, kind=kind, reason=reason)


def decision(item: int, made: str = "put back", **changed: Any) -> dict[str, Any]:
    return {"reasoning_id": item, "token": TOKEN, "decision": made, "comment": "", **changed}


def told(html: str) -> str:
    return " ".join(Reader(html).text.split())


def pseudonym(services: Services, name: str) -> str:
    found = Annotators(services.store.database).find(name)
    assert found
    return found.pseudonym


def test_an_admin_sees_who_flagged_what_and_why_and_puts_it_back_once(
    ann: TestClient, root: TestClient, come: Callable[..., TestClient], services: Services, item: int
) -> None:
    assert "Nothing waits for you" in ask(root, "flags")["html"]
    flag(ann, item)
    bob = come("bob")
    assert ask(bob, "next", token=TOKEN + "bob")["card"] is None
    shown = told(ask(root, "flags")["html"])
    for part in ("grey clouds all day", "sadness", "It is grey.", "harmful", "rude", pseudonym(services, "ann")):
        assert part in shown, part
    assert "ann ·" not in shown and "Removed" not in shown
    for _ in range(2):  # the second is a retry
        done = ask(root, "decide-flag", **decision(item, comment="a quotation"))
        assert "annotators get it again" in done["said"] and "Nothing waits for you" in done["html"]
    assert ask(bob, "next", token=TOKEN + "bob-2")["card"]["id"] == item
    assert ask(ann, "next", token=TOKEN + "ann-2")["card"] is None  # who flagged it does not get it again
    (made,) = Flags(services.store.database).history(item).decisions
    assert (made.decision, made.comment, made.admin) == ("put back", "a quotation", "root")


def test_what_is_removed_is_folded_away_with_a_way_back(
    ann: TestClient, root: TestClient, come: Callable[..., TestClient], item: int
) -> None:
    flag(ann, item, kind="private", reason="")
    done = ask(root, "decide-flag", **decision(item, "removed"))
    assert "nobody gets it" in done["said"] and "<details" in done["html"] and "Removed: 1" in told(done["html"])
    assert 'value="put back"' in done["html"] and 'value="removed"' not in done["html"]
    assert "names a private person" in told(done["html"]) and "decided on before" in told(done["html"])
    ask(root, "decide-flag", **decision(item, token=TOKEN + "2"))
    assert "Removed" not in told(ask(root, "flags")["html"])
    assert ask(come("bob"), "next", token=TOKEN + "bob")["card"]["id"] == item


def test_the_buttons_say_how_many_wait_to_admins_alone(ann: TestClient, root: TestClient, item: int) -> None:
    assert ask(root, "progress", minutes=0)["flagged"] == "" and "rl-waits" not in ask(root, "project")["html"]
    flag(ann, item)
    assert told(ask(root, "progress", minutes=0)["flagged"]) == "1 flagged"
    assert "Flagged items 1 flagged" in told(ask(root, "project")["html"])
    assert ask(ann, "progress", minutes=0)["flagged"] == ""
    assert "rl-flagged" in ask(root, "state")["html"] and "rl-flagged" not in ask(ann, "state")["html"]


def test_nobody_else_sees_or_decides(
    ann: TestClient, root: TestClient, come: Callable[..., TestClient], services: Services, item: int
) -> None:
    flag(ann, item)
    bob, stranger = come("bob"), come()
    who = Annotators(services.store.database).find("root")
    assert who
    before = contents(services)
    for client, status in ((ann, 403), (bob, 403), (stranger, 401)):
        for action, body in (("flags", {}), ("decide-flag", decision(item))):
            answer = client.post(f"/rate/{action}", json=body)
            assert answer.status_code == status and "grey clouds" not in answer.text, action
    headers: dict[str, str]
    for headers in FOREIGN:  # another site's page, in the admin's browser
        sent = {"content-type": "application/json", **headers}
        answer = root.post("/rate/decide-flag", content=json.dumps(decision(item)), headers=sent)
        assert answer.status_code == 403, headers
    for body in ({"admin_id": who.id}, {"annotator": "root"}):  # who asks, is not the page's to say
        assert bob.post("/rate/decide-flag", json=decision(item, **body)).status_code == 403
        assert root.post("/rate/decide-flag", json=decision(item, **body)).status_code == 400
    assert contents(services) == before and Flags(services.store.database).is_held(item)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"decision": "burnt"}, "cannot be read"),
        ({"token": "x"}, "cannot be read"),
        ({"comment": "x" * 1001}, "comment"),
        ({"reasoning_id": 10**6}, "not held back"),
        ({"token": TOKEN + "other", "reasoning_id": 0}, "cannot be read"),
    ],
)
def test_mistakes_are_refused_in_words_and_save_nothing(
    changed: dict[str, Any], said: str, ann: TestClient, root: TestClient, services: Services, item: int
) -> None:
    flag(ann, item)
    before = contents(services)
    answer = root.post("/rate/decide-flag", json=decision(item, **changed))
    assert answer.status_code == 400 and said in answer.json()["error"], answer.text
    assert contents(services) == before


def test_two_admins_at_once_decide_one_after_the_other(
    ann: TestClient, root: TestClient, come: Callable[..., TestClient], item: int
) -> None:
    flag(ann, item)
    ask(root, "decide-flag", **decision(item))
    late = come("late", "admin").post("/rate/decide-flag", json=decision(item, "removed"))
    assert late.status_code == 400 and "an admin has put it back" in late.json()["error"]
    again = root.post("/rate/decide-flag", json=decision(item, "removed"))
    assert again.status_code == 400 and "another decision" in again.json()["error"]


def test_an_undo_says_whether_the_item_is_here_again_held_back_or_with_somebody_else(
    ann: TestClient, come: Callable[..., TestClient], item: int
) -> None:
    bob = come("bob")
    flag(ann, item)
    undone = ask(ann, "undo", token=TOKEN + "undo")
    assert undone["card"]["lease"] and HERE in undone["said"]
    rated = {"reasoning_id": item, "verdict": "good", "content": {}, "guideline": "0", "seconds": 1.0}
    ask(ann, "rate", token=TOKEN + "rate", **rated)
    assert ask(bob, "next", token=TOKEN + "bob")["card"]["id"] == item
    undone = ask(ann, "undo", token=TOKEN + "undo-2")
    assert not undone["card"]["lease"] and ELSEWHERE in undone["said"]
    ask(ann, "rate", token=TOKEN + "rate-2", **rated)  # it counts all the same
    ask(bob, "skip", reasoning_id=item, token=TOKEN + "skip", kind="private")
    undone = ask(ann, "undo", token=TOKEN + "undo-3")
    assert not undone["card"]["lease"] and HELD in undone["said"]
    ask(ann, "rate", token=TOKEN + "rate-3", **rated)
    assert "nothing (more) to undo" in ask(come("cleo"), "undo", token=TOKEN + "cleo")["said"]


def test_long_lists_show_the_oldest_and_how_many_there_are(
    ann: TestClient, root: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_flags, "MOST", 2)
    made = [add(services, f"text number {number}") for number in range(5)]
    for number in made:
        card = ask(ann, "next", token=f"{TOKEN}{number}")["card"]
        ask(ann, "skip", reasoning_id=card["id"], token=f"{TOKEN}{number}", kind="harmful")
    assert "The oldest 2 of 5." in told(ask(root, "flags")["html"])
    for number in made[:3]:
        html = ask(root, "decide-flag", **decision(number, "removed", token=f"{TOKEN}{number}"))["html"]
    assert "The oldest 2 of 3." in told(html) and "of 2." not in told(html)  # of those removed; two wait
    assert "text number 4" in told(html)


def test_nothing_of_theirs_becomes_markup() -> None:
    moment = datetime(2026, 11, 24, tzinfo=UTC)
    made = StoredReasoning(7, Reasoning(EVIL, EVIL, EVIL, EVIL, EVIL), moment)
    flags = (Flag("harmful", EVIL, EVIL, EVIL, moment, True), Flag(EVIL, EVIL, EVIL, EVIL, moment, False))
    one = Flagged(made, flags, (Decision("put back", EVIL, EVIL, moment), Decision("removed", "", None, moment)))
    html = view.lists([one], [replace(one, flags=())], 1, 1)
    assert "<img" not in html and "${" not in html and Reader(html).text.count(EVIL) >= 8
    assert view.BY_COMMAND in Reader(html).text and view.UNKNOWN in Reader(html).text and "Item 7" in html
