"""Accounts over HTTP: one's own passphrase and sessions, and what admins do to others'; never for anybody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from rilearn.services import Services
from rilearn.settings import Settings
from rilearn.store.accounts import Account
from rilearn.store.annotators import Annotators
from rilearn.store.logins import Logins
from rilearn.store.passphrases import Guesses
from rilearn.ui import rate_account_view as view
from tests.ui.conftest import ask, contents
from tests.ui.test_render import Reader

OLD, NEW = "grey clouds bring rain", "white clouds bring none"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admin_passphrase": SecretStr("the owner's own")})


@pytest.fixture
def ann(come: Callable[..., TestClient], services: Services) -> TestClient:
    """Ann's browser; her passphrase is OLD."""
    come("ann")
    Logins(services.store.database, Guesses()).set_passphrase(number("ann", services), OLD)
    client = come()
    ask(client, "sign-in", name="ann", passphrase=OLD)
    return client


def number(name: str, services: Services) -> int:
    found = Annotators(services.store.database).find(name)
    assert found
    return found.id


def refused(client: TestClient, action: str, **body: Any) -> str:
    answer = client.post(f"/rate/{action}", json=body)
    assert answer.status_code == 400 and "set-cookie" not in answer.headers, answer.text
    return str(answer.json()["error"])


def test_a_new_passphrase_keeps_this_browser_and_ends_the_others(
    ann: TestClient, come: Callable[..., TestClient], services: Services
) -> None:
    elsewhere = come()
    ask(elsewhere, "sign-in", name="ann", passphrase=OLD)
    assert "Your passphrase now" in Reader(ask(ann, "account")["html"]).text
    assert "wrong" in refused(ann, "change-passphrase", old="a guess at it", new=NEW, again=NEW)
    assert "not the same" in refused(ann, "change-passphrase", old=OLD, new=NEW, again=OLD)
    assert "at least" in refused(ann, "change-passphrase", old=OLD, new="short", again="short")
    assert ask(elsewhere, "state")["me"]
    answer = ann.post("/rate/change-passphrase", json={"old": OLD, "new": NEW, "again": NEW})
    assert answer.status_code == 200 and "httponly" in answer.headers["set-cookie"].casefold()
    assert NEW not in answer.text and OLD not in answer.text
    assert ask(ann, "state")["me"] and ask(elsewhere, "state")["me"] is None
    assert "wrong" in refused(come(), "sign-in", name="ann", passphrase=OLD)
    ask(come(), "sign-in", name="ann", passphrase=NEW)


def test_who_came_without_one_sets_the_first(come: Callable[..., TestClient]) -> None:
    bob = come("bob")
    html = ask(bob, "account")["html"]
    assert "You have none yet" in html and "Your passphrase now" not in html
    ask(bob, "change-passphrase", old="", new=NEW, again=NEW)
    ask(come(), "sign-in", name="bob", passphrase=NEW)


def test_the_owner_is_sent_to_the_settings(come: Callable[..., TestClient], services: Services) -> None:
    owner, root = come(), come("root", "admin")
    ask(owner, "sign-in", name="admin", passphrase="the owner's own")
    html = ask(owner, "account")["html"]
    assert "RILEARN_ADMIN_PASSPHRASE" in html and 'data-form="change-passphrase"' not in html
    assert "RILEARN_ADMIN_PASSPHRASE" in refused(owner, "change-passphrase", old="", new=NEW, again=NEW)
    who = number("admin", services)
    assert "RILEARN_ADMIN_PASSPHRASE" in refused(root, "reset-passphrase", annotator_id=who, passphrase=NEW)
    assert "RILEARN_ADMIN_PASSPHRASE" in refused(root, "set-active", annotator_id=who, active=False)
    assert ask(owner, "state")["me"] == who


def test_signing_out_everywhere_ends_all_of_ones_sessions(
    ann: TestClient, come: Callable[..., TestClient], services: Services
) -> None:
    elsewhere, bob = come(), come("bob")
    ask(elsewhere, "sign-in", name="ann", passphrase=OLD)
    answer = ann.post("/rate/sign-out-everywhere", json={})
    assert answer.headers["set-cookie"].startswith(f'{services.visitors.login_cookie}=""')
    assert ask(ann, "state")["me"] is None and ask(elsewhere, "state")["me"] is None and ask(bob, "state")["me"]


def test_an_admin_lets_people_out_and_in_and_sets_a_passphrase(
    ann: TestClient, come: Callable[..., TestClient], services: Services
) -> None:
    root, who = come("root", "admin"), number("ann", services)
    assert "2 of 2 may sign in" in Reader(ask(root, "people")["html"]).text
    out = ask(root, "set-active", annotator_id=who, active=False)
    assert "signed out" in out["said"] and "Reactivate" in out["html"] and "deactivated" in out["html"]
    assert ask(ann, "state")["me"] is None and "wrong" in refused(come(), "sign-in", name="ann", passphrase=OLD)
    assert "Deactivate" in ask(root, "set-active", annotator_id=who, active=True)["html"]
    ask(ann, "sign-in", name="ann", passphrase=OLD)
    assert "tell them" in ask(root, "reset-passphrase", annotator_id=who, passphrase=NEW)["said"]
    assert ask(ann, "state")["me"] is None
    ask(ann, "sign-in", name="ann", passphrase=NEW)
    assert "yourself" in refused(root, "set-active", annotator_id=number("root", services), active=False)
    assert "no such annotator" in refused(root, "set-active", annotator_id=10**6, active=False)


def test_nobody_changes_anothers_account(come: Callable[..., TestClient], ann: TestClient, services: Services) -> None:
    bob, stranger, who = come("bob"), come(), number("ann", services)
    before = contents(services)
    for client, status in ((bob, 403), (stranger, 401)):
        for action, body in (
            ("people", {}),
            ("set-active", {"annotator_id": who, "active": False}),
            ("reset-passphrase", {"annotator_id": who, "passphrase": NEW}),
        ):
            assert client.post(f"/rate/{action}", json=body).status_code == status, action
    for body in (
        {"old": OLD, "new": NEW, "again": NEW, "annotator_id": who},  # whose it is, is not the page's to say
        {"old": OLD, "new": NEW, "again": NEW, "name": "ann"},
    ):
        assert bob.post("/rate/change-passphrase", json=body).status_code == 400
    assert contents(services) == before and ask(ann, "state")["me"] == who


def test_the_list_offers_no_change_of_oneself_or_the_owner_and_escapes_names() -> None:
    evil = "<img src=x onerror=hit()>${hit}"
    moment = datetime(2026, 11, 24, tzinfo=UTC)
    made = [
        Account(1, "admin", "admin", True, 0, moment),
        Account(2, "me", "admin", True, 0, moment),
        Account(3, evil, "annotator", False, 1, None),
    ]
    html = view.people(made, me=2, owner="admin")
    assert "<img" not in html and evil in Reader(html).text and "${" not in html
    assert html.count('data-form="set-active"') == html.count('data-form="reset-passphrase"') == 1
    assert 'value="3" data-number' in html and "1 rating ·" in html and "never seen" in html and "2026-11-24" in html
    assert "<img" not in view.own(evil, passphrase=True, owner="")
