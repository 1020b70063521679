"""How the app's cookies go out, and which requests they count for: those of its own pages alone.

On a Space the page stands inside a frame of huggingface.co, where browsers keep SameSite=Lax cookies back. There they
are SameSite=None, and Partitioned (CHIPS), so that each site which frames the app has cookies of its own. That leaves
other Spaces in a frame of the same site, and browsers that do not know Partitioned: their requests bring the cookies
along, and Gradio's CORS answers every origin. So whoever asks who sent a request looks at `foreign` first.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response


def cookie(name: str, value: str, max_age: int, https: bool) -> str:
    """A Set-Cookie header's value: HttpOnly, for the whole app; `max_age` in seconds, 0 removes the cookie."""
    made, space = Response(), bool(os.environ.get("SPACE_ID"))
    made.set_cookie(
        name, value, max_age=max_age, httponly=True, samesite="none" if space else "lax", secure=https or space
    )
    # http.cookies knows Partitioned from Python 3.14 on only.
    return made.headers["set-cookie"] + ("; Partitioned" if space else "")


def foreign(request: Request) -> bool:
    """Whether another site's page sent this request, as the browser says; programs that are none send neither header.

    For requests that do something: a link from elsewhere to the page itself is foreign too.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site:
        return site not in ("same-origin", "none")
    return bool(origin) and urlsplit(origin).netloc != request.url.netloc
