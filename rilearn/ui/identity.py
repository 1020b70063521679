"""The visitor behind a request: the middleware that gives the page's cookie, and the look into it.

What Gradio itself offers will not do: `session_hash` is another one at each load and the browser chooses it, State is
lost at a reload, BrowserState belongs to the browser. Starlette's SessionMiddleware would take `request.session` away
from Gradio's own login. So the cookie is our own: signed by the server, so that nobody can write an id, HttpOnly, so
that no script on the page reads it, SameSite=Lax, so that no other site's page votes with it. Who deletes it is a new
visitor: without a login nothing more can be known.
"""

from __future__ import annotations

from typing import Any

import gradio as gr
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rilearn.errors import InputError
from rilearn.visitors import Visitors

YEAR = 365 * 24 * 3600


class VisitorCookie:
    """ASGI middleware: a page (HTML) that goes to somebody without a valid cookie brings one."""

    def __init__(self, app: ASGIApp, visitors: Visitors):
        self.app, self.visitors = app, visitors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_known(Request(scope)):
            await self.app(scope, receive, send)
            return

        async def give(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.append("set-cookie", self._cookie(secure=scope.get("scheme") == "https"))
            await send(message)

        await self.app(scope, receive, give)

    def _is_known(self, request: Request) -> bool:
        try:
            self.visitors.known(request.cookies.get(self.visitors.cookie))
        except InputError:
            return False
        return True

    def _cookie(self, secure: bool) -> str:
        made = Response()
        made.set_cookie(
            self.visitors.cookie, self.visitors.new(), max_age=YEAR, httponly=True, samesite="lax", secure=secure
        )
        return made.headers["set-cookie"]


def visitor(visitors: Visitors, request: gr.Request) -> str:
    """The id of who sent `request`.

    Raises:
        InputError: no valid cookie came with it.
    """
    # Read by iteration: Gradio makes the cookies attributes of an object, where one named "get" would hide `get`.
    cookies: dict[str, Any] = dict(iter(request.cookies))
    return visitors.known(cookies.get(visitors.cookie))
