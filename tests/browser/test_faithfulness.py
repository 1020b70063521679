"""Did the reasoning matter? In a real browser: ask, read the line, stop, and begin anew with another text."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.pages import NEEDS, PATIENCE, poor_contrast, sync_api
from tests.conftest import FakeEngine, eventually

pytestmark = NEEDS
expect = sync_api.expect
EVIL = "so hopeful <img src=x onerror=window.hit=1> ${window.hit=1} {{window.hit}}"


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(pause=0.02)


def answer(page: Any, text: str) -> None:
    page.locator("#rl-text textarea").fill(text)
    page.locator("#rl-text textarea").press("Enter")
    expect(page.locator("#rl-faith-go")).to_be_enabled(timeout=PATIENCE)


def test_answer_ask_and_read_by_keyboard_then_a_new_text_clears_it(visit: Any, engine: FakeEngine) -> None:
    page = visit()
    ask = page.get_by_role("button", name="Did the reasoning matter?")
    expect(ask).to_be_disabled()
    answer(page, EVIL)
    ask.focus()  # scrolls
    before = page.locator(".rl-card").bounding_box()
    page.keyboard.press("Enter")
    expect(page.locator(".rl-faith")).to_contain_text("Writing comparison reasonings", timeout=PATIENCE)
    expect(page.locator("#rl-faith-stop")).to_be_enabled(timeout=PATIENCE)
    report = page.get_by_role("region", name="Did the reasoning matter?")
    line = "Without the reasoning the answer would have been sadness"
    expect(report.locator(".rl-said")).to_contain_text(line, timeout=PATIENCE)
    expect(report.locator("mark")).to_have_text(["hopeful"])
    assert EVIL in report.inner_text() and page.evaluate("window.hit") is None
    expect(report.locator("svg.rl-curve")).to_be_visible()
    expect(ask).to_be_disabled(timeout=PATIENCE)  # it is there already
    assert page.locator(".rl-card").bounding_box() == before
    written = engine.opened
    answer(page, "what a hopeful day")
    expect(page.locator(".rl-faith")).to_have_count(0, timeout=PATIENCE)
    ask.click()
    expect(report.locator("mark")).to_have_text(["hopeful"], timeout=PATIENCE)
    assert engine.opened == written + 1  # the donors are kept
    assert page.trouble == []


def test_stop_and_a_new_text_end_what_runs(visit: Any, engine: FakeEngine) -> None:
    page = visit()
    answer(page, "what a day")
    engine.pause = 0.1
    ask, stop = page.locator("#rl-faith-go"), page.locator("#rl-faith-stop")
    ask.click()
    expect(page.locator(".rl-faith")).to_contain_text("Writing comparison reasonings 1/", timeout=PATIENCE)
    stop.click()
    expect(page.locator(".rl-faith")).to_contain_text("Stopped", timeout=PATIENCE)
    assert eventually(lambda: engine.running == 0)
    ask.click()
    expect(page.locator(".rl-faith")).to_contain_text("Writing comparison reasonings", timeout=PATIENCE)
    answer(page, "another day")
    page.wait_for_timeout(1000)
    expect(page.locator(".rl-faith")).to_have_count(0, timeout=PATIENCE)  # nothing comes after it
    assert engine.opened < 2 + len(page.locator(".rl-example").all())
    expect(stop).to_be_disabled()
    assert page.trouble == []


def test_a_model_without_reasoning_cannot_be_asked(visit: Any) -> None:
    page = visit()
    page.get_by_label("Model").click()
    page.get_by_role("option", name="q-a · answers at once").click()
    page.locator("#rl-text textarea").fill("what a day")
    page.locator("#rl-text textarea").press("Enter")
    expect(page.locator(".rl-card.is-done")).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(500)
    expect(page.locator("#rl-faith-go")).to_be_disabled()
    assert page.trouble == []


def test_on_a_phone_it_fits_and_has_contrast(visit: Any, engine: FakeEngine) -> None:
    engine.pause = 0.0
    page = visit(viewport={"width": 360, "height": 740})
    answer(page, "hopeful " + "w" * 300)
    card, ask = page.locator(".rl-card"), page.locator("#rl-faith-go")
    height, at = card.bounding_box()["height"], ask.bounding_box()["y"] - card.bounding_box()["y"]
    ask.click()
    expect(page.locator(".rl-curve")).to_be_visible(timeout=PATIENCE)
    assert card.bounding_box()["height"] == height
    assert ask.bounding_box()["y"] - card.bounding_box()["y"] == at
    first, second = ask.bounding_box(), page.locator("#rl-faith-stop").bounding_box()
    assert (first["y"], first["height"]) == (second["y"], second["height"])
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert poor_contrast(page) == []
    assert page.trouble == []
