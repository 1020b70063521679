"""The cookies' headers here and on a Space, and which requests are another site's."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from rilearn.ui.cookies import cookie, foreign


def parts(header: str) -> set[str]:
    return {part.strip().casefold() for part in header.split(";")}


@pytest.mark.parametrize("https", [False, True])
def test_here_a_cookie_is_lax_and_as_secure_as_the_page(https: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    made = parts(cookie("who", "me", 60, https))
    assert made - {"secure"} == {"who=me", "httponly", "samesite=lax", "max-age=60", "path=/"}
    assert ("secure" in made) == https


@pytest.mark.parametrize(("value", "age"), [("me", 60), ("", 0)])
def test_on_a_space_it_goes_into_the_frame(value: str, age: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "owner/space")
    made = parts(cookie("who", value, age, https=False))  # the proxy in front of a Space speaks HTTPS
    fixed = {"httponly", "samesite=none", "secure", "partitioned", "path=/", f"max-age={age}"}
    assert fixed < made and len(made - fixed) == 1 and next(iter(made - fixed)).startswith("who=")


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, False),
        ({"sec-fetch-site": "same-origin", "origin": "https://proxy.example"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "same-site", "origin": "https://app.example"}, True),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"origin": "https://app.example"}, False),
        ({"origin": "https://app.example:8443"}, True),
        ({"origin": "https://elsewhere.example"}, True),
        ({"origin": "null"}, True),
    ],
)
def test_the_browser_says_whose_page_asks(headers: dict[str, str], wanted: bool) -> None:
    raw = [(name.encode(), value.encode()) for name, value in {"host": "app.example", **headers}.items()]
    scope = {"type": "http", "method": "POST", "scheme": "https", "path": "/", "query_string": b"", "headers": raw}
    assert foreign(Request(scope)) is wanted
