"""The visitor's cookie over HTTP: given once with a page, unreadable for scripts, and what a handler makes of it."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from rilearn.errors import InputError
from rilearn.ui.identity import VisitorCookie, visitor
from rilearn.visitors import Visitors


@pytest.fixture
def visitors(tmp_path: Path) -> Visitors:
    return Visitors(tmp_path)


@pytest.fixture
def client(visitors: Visitors) -> TestClient:
    def page(request: Request) -> HTMLResponse:
        return HTMLResponse("<p>page</p>")

    def who(request: Request) -> PlainTextResponse:
        try:
            return PlainTextResponse(visitor(visitors, gr.Request(request)))
        except InputError as error:
            return PlainTextResponse(str(error), 403)

    routes = [Route("/", page), Route("/who", who, methods=["GET", "POST"])]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(VisitorCookie, visitors=visitors)]))


def test_a_page_brings_the_cookie_once_and_handlers_know_it(client: TestClient, visitors: Visitors) -> None:
    given = client.get("/").headers["set-cookie"]
    assert given.startswith(f"{visitors.cookie}=") and "; path=/" in given.casefold()
    assert "HttpOnly" in given and "samesite=lax" in given.casefold() and "secure" not in given.casefold()
    assert "set-cookie" not in client.get("/").headers
    who = client.post("/who")
    assert who.status_code == 200 and who.text == client.post("/who").text


def test_over_https_it_goes_over_https_only(client: TestClient) -> None:
    client.base_url = "https://testserver"
    assert "Secure" in client.get("/").headers["set-cookie"]


def test_nothing_but_a_page_brings_one(client: TestClient) -> None:
    answer = client.post("/who")
    assert answer.status_code == 403 and "sent no cookie" in answer.text and "set-cookie" not in answer.headers


def test_a_forged_cookie_is_refused_and_replaced(client: TestClient, visitors: Visitors) -> None:
    client.cookies.set(visitors.cookie, "me.signature")
    assert client.post("/who").status_code == 403
    assert visitors.cookie in client.get("/").headers["set-cookie"]


def test_on_a_space_it_goes_into_the_frame_and_other_sites_pages_cannot_use_it(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_ID", "owner/space")
    client.base_url = "https://testserver"
    given = client.get("/", headers={"sec-fetch-site": "cross-site"}).headers["set-cookie"]  # the frame's own load
    assert all(part in given.casefold() for part in ("samesite=none", "secure", "partitioned", "httponly"))
    assert client.post("/who", headers={"sec-fetch-site": "same-origin"}).status_code == 200
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://other.hf.space"}):
        answer = client.post("/who", headers=headers)
        assert answer.status_code == 403 and "page of this app" in answer.text
