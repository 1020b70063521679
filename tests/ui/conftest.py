"""What the tests of the Rate tab's requests share: browsers of strangers and annotators, asking, all that is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from rilearn.services import Services
from rilearn.store.annotators import Annotators
from rilearn.store.logins import Logins
from rilearn.store.passphrases import Guesses
from rilearn.store.schema import Base
from rilearn.ui.rate_routes import routes


@pytest.fixture
def come(services: Services) -> Callable[..., TestClient]:
    """A browser of its own: a stranger's, or that of a new annotator with this name."""

    def come(name: str = "", role: Any = "annotator") -> TestClient:
        client = TestClient(Starlette(routes=routes(services)))
        if name:
            who = Annotators(services.store.database).add(name, role)
            client.cookies.set(services.visitors.login_cookie, Logins(services.store.database, Guesses()).begin(who.id))
        return client

    return come


def ask(client: TestClient, action: str, **body: Any) -> dict[str, Any]:
    answer = client.post(f"/rate/{action}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def contents(services: Services) -> str:
    """All rows of all tables but the sign-ins."""
    with services.store.database.read() as session:
        tables = [t for t in Base.metadata.sorted_tables if t.name != "logins"]
        return repr([(t.name, session.execute(select(t).order_by(*t.primary_key)).all()) for t in tables])
