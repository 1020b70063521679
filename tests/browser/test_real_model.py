"""The whole thing once: packaged base, shipped adapters, a browser; a sentence goes in, an answer streams out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rilearn.services import Services
from rilearn.settings import Settings
from rilearn.signals import grounding
from tests.browser.pages import NEEDS

pytestmark = [NEEDS, pytest.mark.model]
TEXT = "i finally got the keys to my own little flat and i cannot stop smiling about it"
PATIENCE = 120_000  # ms: the first start on a machine fetches the base


@pytest.fixture
def services() -> Iterator[Services]:
    made = Services(Settings(threads=1))
    made.start()
    yield made
    made.close()


def test_a_sentence_is_reasoned_about_and_labelled(browser: Any, services: Services, live_app: Any) -> None:
    with live_app(services) as url:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(url)
        page.locator("#rl-text textarea").fill(TEXT)
        page.locator("#rl-text textarea").press("Enter")
        grown: list[str] = []
        card = page.locator(".rl-card")
        while "is-done" not in (card.get_attribute("class") or ""):
            assert "is-error" not in (card.get_attribute("class") or ""), card.inner_text()
            text = page.locator(".rl-reasoning").all_inner_texts()
            grown += [t for t in text if t and t not in grown[-1:]]
            page.wait_for_timeout(30)
        reasoning = page.locator(".rl-reasoning").inner_text().strip()
        label = card.locator(".rl-label").text_content()
        shares = card.locator(".rl-bars li").all_inner_texts()
        facts = page.locator(".rl-facts").inner_text()
        page.close()
    assert len(grown) >= 3, "the reasoning came all at once"
    assert all(reasoning.startswith(part.strip().rstrip("▍")) for part in grown[:-1] if part.strip())
    assert grounding(TEXT, reasoning) > 0
    assert label == "joy" and len(shares) == len(services.task.labels)
    assert "q-ra" in facts and "llamacpp" in facts
