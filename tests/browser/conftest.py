"""Fixtures of the browser tests: one browser, and `visit`, which opens the app over the services."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from rilearn.services import Services


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    from tests.browser.pages import CHROMIUM, sync_api

    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any, services: Services, live_app: Any) -> Iterator[Any]:
    """`visit()` opens the app in a context of its own and gives the page; trouble is what no page may have."""
    from tests.browser.pages import open_page

    with ExitStack() as stack:
        url = stack.enter_context(live_app(services))
        yield lambda **context: open_page(browser, url, stack, **context)


@pytest.fixture
def enter(visit: Any, services: Services) -> Any:
    """Opens the Rate tab as a new annotator of this name, with a card on it."""
    from rilearn.store.annotators import Annotators, Role
    from rilearn.store.logins import Logins
    from rilearn.store.passphrases import Guesses
    from tests.browser.pages import PATIENCE, sync_api

    def enter(name: str, role: Role = "annotator", **options: Any) -> Any:
        who = Annotators(services.store.database).add(name, role)
        secret = Logins(services.store.database, Guesses()).begin(who.id)
        page = visit(path="?tab=rate", cookies={services.visitors.login_cookie: secret}, **options)
        sync_api.expect(page.locator(".rl-rate-card, .rl-done")).to_be_visible(timeout=PATIENCE)
        return page

    return enter
