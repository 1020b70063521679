"""The visitor behind a request: the middleware that gives the page's cookie, and the look into it.

What Gradio itself offers will not do: `session_hash` is another one at each load and the browser chooses it, State is
lost at a reload, BrowserState belongs to the browser. Starlette's SessionMiddleware would take `request.session` away
from Gradio's own login. So the cookie is our own: signed by the server, so that nobody can write an id, HttpOnly, so
that no script on the page reads it, and worth nothing in a request of another site's page (see cookies.py). Who
deletes it is a new visitor: without a login nothing more can be known.
"""

from __future__ import annotations

import gradio as gr
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rilearn.errors import InputError
from rilearn.ui.cookies import cookie, foreign
from rilearn.visitors import Visitors

YEAR = 365 * 24 * 3600
ELSEWHERE = "This request does not come from a page of this app. Open the app itself, then try again."


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
                    https = scope.get("scheme") == "https"
                    headers.append("set-cookie", cookie(self.visitors.cookie, self.visitors.new(), YEAR, https))
            await send(message)

        await self.app(scope, receive, give)

    def _is_known(self, request: Request) -> bool:
        try:
            self.visitors.known(request.cookies.get(self.visitors.cookie))
        except InputError:
            return False
        return True


def visitor(visitors: Visitors, request: gr.Request) -> str:
    """The id of who sent `request`.

    Raises:
        InputError: no valid cookie came with it, or another site's page sent it.
    """
    came = request.request
    if came is None or foreign(came):
        raise InputError(ELSEWHERE)
    return visitors.known(came.cookies.get(visitors.cookie))
