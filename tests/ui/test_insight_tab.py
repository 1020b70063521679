"""The Insight tab knows its admins by the session cookie alone: strangers, annotators, forged cookies are refused."""

from __future__ import annotations

import gradio as gr
import pytest
from starlette.requests import Request

from rilearn.errors import InputError
from rilearn.services import Services
from rilearn.store.annotators import Annotators, Role
from rilearn.store.logins import Logins
from rilearn.store.passphrases import Guesses
from rilearn.ui import insight_tab


def sent(services: Services, cookie: str | None, **more: str) -> gr.Request:
    headers = [] if cookie is None else [(b"cookie", f"{services.visitors.login_cookie}={cookie}".encode())]
    headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in more.items()]
    return gr.Request(Request({"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": b""}))


def login(services: Services, name: str, role: Role) -> str:
    who = Annotators(services.store.database).add(name, role)
    return Logins(services.store.database, Guesses()).begin(who.id)


def test_an_admin_is_known_by_the_cookie(services: Services) -> None:
    secret = login(services, "root", "admin")
    found = insight_tab.admin(services, sent(services, secret))
    assert (found.name, found.role) == ("root", "admin")
    Logins(services.store.database, Guesses()).end(secret)
    with pytest.raises(InputError, match="for admins"):
        insight_tab.admin(services, sent(services, secret))


def test_nobody_else_is(services: Services) -> None:
    for cookie in (None, "", "made-up", login(services, "ann", "annotator")):
        with pytest.raises(InputError, match="for admins"):
            insight_tab.admin(services, sent(services, cookie))


def test_another_sites_page_does_not_act_for_an_admin(services: Services) -> None:
    secret = login(services, "root", "admin")
    assert insight_tab.admin(services, sent(services, secret, sec_fetch_site="same-origin"))
    with pytest.raises(InputError, match="for admins"):
        insight_tab.admin(services, sent(services, secret, sec_fetch_site="cross-site"))
