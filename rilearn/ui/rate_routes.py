"""The Rate tab's requests over HTTP: who asks comes from the server's own session cookie, never from what was sent.

Routes of their own rather than Gradio events: they can set an HttpOnly cookie, they answer a page that is closing, and
a save does not wait in the queue of the models. SQLAlchemy and all that needs it is imported at the first request.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rilearn.errors import DataError, EngineError, InputError, StoreError, in_words
from rilearn.services import Services
from rilearn.ui.cookies import cookie, foreign
from rilearn.ui.identity import ELSEWHERE
from rilearn.ui.rate_reply import Reply, SignedOutError

if TYPE_CHECKING:
    from rilearn.ui.rate_api import RateApi

MOST_BYTES = 300_000
WITH_FILE = "fill-file"
"""The action whose request carries a file."""
HELD = 30 * 24 * 3600
"""Seconds that the browser keeps the cookie; the server's session ends no later."""


def routes(services: Services) -> list[Route]:
    return [Route("/rate/{action}", RateRoutes(services).answer, methods=["POST"])]


class RateRoutes:
    """Checks a request, hands it to the RateApi in a thread, and puts its answer or its error into JSON."""

    def __init__(self, services: Services):
        self._services = services
        self._api: RateApi | None = None
        self._lock = threading.Lock()

    async def answer(self, request: Request) -> Response:
        try:
            _check_origin(request)
            # Inside JSON, a file of JSON grows: each quote becomes two characters.
            with_file = request.path_params["action"] == WITH_FILE
            body = await _body(request, self._services.settings.batch_mb * 2_000_000 if with_file else MOST_BYTES)
            reply = await run_in_threadpool(self._reply, request, body)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:
            return JSONResponse({"error": _said(error)}, _status(error))
        response = JSONResponse(reply.data, headers={"cache-control": "no-store"})
        if reply.login is not None:
            name, https = self._services.visitors.login_cookie, request.url.scheme == "https"
            response.headers.append("set-cookie", cookie(name, reply.login, HELD if reply.login else 0, https))
        return response

    def _reply(self, request: Request, body: bytes) -> Reply:
        with self._lock:
            if self._api is None:
                from rilearn.ui.rate_api import RateApi

                self._api = RateApi(self._services)
        return self._api.reply(request.path_params["action"], body, request)


def _check_origin(request: Request) -> None:
    """Only pages of this app may ask: a cookie alone would let other sites' pages act for who is signed in."""
    if foreign(request) or request.headers.get("content-type", "").split(";")[0] != "application/json":
        raise SignedOutError(ELSEWHERE, 403)


async def _body(request: Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise InputError("This is too much for one request. Shorten it.")
    return bytes(body)


def _said(error: Exception) -> str:
    if isinstance(error, ValidationError):
        where = ".".join(str(part) for part in error.errors(include_input=False, include_url=False)[0]["loc"])
        return f"The request cannot be read ({where or 'no JSON'}). Reload the page."
    return in_words(error)


def _status(error: Exception) -> int:
    if isinstance(error, SignedOutError):
        return error.status
    if isinstance(error, InputError | DataError | ValidationError):
        return 400
    return 503 if isinstance(error, StoreError | EngineError) else 500
