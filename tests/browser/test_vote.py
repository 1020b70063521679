"""The blind vote in a real browser: two answers without names, a vote, the names, and no second vote after a reload."""

from __future__ import annotations

import re
from typing import Any

import pytest

from rilearn.services import Services
from tests.browser.pages import NEEDS, PATIENCE, poor_contrast, sync_api
from tests.conftest import REASONING, FakeEngine

pytestmark = NEEDS
expect = sync_api.expect
EVIL = "<img src=x onerror=window.hit=1> ${window.hit=1} {{window.hit}}"


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(pause=0.05)


def blind(page: Any) -> None:
    page.get_by_role("tab", name="Blind vote").click()
    expect(page.locator("#rl-vote-go")).to_be_enabled(timeout=PATIENCE)


def ask(page: Any, text: str = "what a day") -> None:
    page.locator("#rl-vote-text textarea").fill(text)
    page.locator("#rl-vote-go").click()


def state(page: Any, name: str) -> Any:
    found = page.locator(f".rl-blind.is-{name}")
    expect(found).to_be_visible(timeout=PATIENCE)
    return found


def test_a_vote_reveals_the_names_and_counts_once_even_after_a_reload(visit: Any, services: Services) -> None:
    page = visit(path="?tab=compare")
    blind(page)
    assert "your text, both answers and your vote" in page.locator(".rl-kept").inner_text()
    expect(page.locator("#rl-vote-standings")).to_contain_text("Nobody has voted yet", timeout=PATIENCE)
    ask(page)
    assert page.locator("#rl-vote-choices").is_hidden() and state(page, "waiting").locator("article").count() == 0
    asked = state(page, "open")
    assert "q-" not in asked.inner_html()
    assert REASONING in asked.inner_text() and "No reasoning was given." in asked.inner_text()
    a, b = (page.get_by_role("button", name=f"{side} is better explained") for side in "AB")
    tie, skip = (page.get_by_role("button", name=name, exact=True) for name in ("Tie", "Skip"))
    a.focus()
    for button in (b, tie, skip):
        page.keyboard.press("Tab")
        expect(button).to_be_focused()
    a.focus()
    page.keyboard.press("Enter")
    voted = state(page, "voted")
    (tally,) = services.store.votes().tally()
    chosen = tally.first if tally.first_wins else tally.second
    assert f"Thank you. You chose {chosen.model}." in voted.inner_text()
    assert chosen.model in page.get_by_label("Answer A").inner_text() and page.locator("#rl-vote-choices").is_hidden()
    expect(page.locator("#rl-vote-standings .rl-wins")).to_contain_text(re.compile("1 of 1 vote"), timeout=PATIENCE)

    page.reload()
    page.get_by_role("tab", name="Compare").click()
    blind(page)
    ask(page)
    assert "You have voted on this pair before" in state(page, "voted").inner_text()
    assert page.locator("#rl-vote-choices").is_hidden()
    assert services.store.votes().tally() == [tally]
    page.get_by_role("tab", name="Results").click()
    expect(page.locator("#rl-results-votes")).to_contain_text("1 vote", timeout=PATIENCE)

    stranger = visit(path="?tab=compare")
    blind(stranger)
    ask(stranger)
    state(stranger, "open")
    stranger.get_by_role("button", name="Tie", exact=True).dblclick()
    assert "You called it a tie." in state(stranger, "voted").inner_text()
    (after,) = services.store.votes().tally()
    assert (after.ties, after.first_wins + after.second_wins) == (1, 1) and page.trouble == stranger.trouble == []


def test_skip_cancel_and_mistakes_leave_no_vote(visit: Any, services: Services, engine: FakeEngine) -> None:
    page = visit(path="?tab=compare")
    blind(page)
    ask(page, " ")
    assert "There is no text yet" in state(page, "error").inner_text()
    ask(page)
    state(page, "open")
    page.get_by_role("button", name="Skip").click()
    assert "q-" not in state(page, "skipped").inner_html() and page.locator("#rl-vote-choices").is_hidden()
    engine.pause = 0.3
    ask(page, "another day")
    state(page, "waiting")
    page.locator("#rl-vote-cancel").click()
    assert "Stopped before both answers" in state(page, "stopped").inner_text()
    assert services.store.votes().tally() == [] and page.trouble == []


def test_a_phone_reads_it_without_sideways_scroll_and_nothing_runs(visit: Any, engine: FakeEngine) -> None:
    engine.reasoning, engine.pause = EVIL, 0.0
    page = visit(path="?tab=compare", viewport={"width": 360, "height": 740})
    blind(page)
    ask(page, f"{EVIL} {'x' * 200}")
    asked = state(page, "open")
    assert asked.locator("img").count() == 0 and EVIL in asked.inner_text()
    page.get_by_role("button", name="B is better explained").click()
    state(page, "voted")
    expect(page.locator("#rl-vote-standings .rl-wins")).to_be_visible(timeout=PATIENCE)
    page.mouse.move(0, 0)
    assert page.evaluate("window.hit") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= 360 and poor_contrast(page) == []
    assert page.trouble == []
