"""The Classify tab in a real browser, over a slow fake engine: what a visitor sees, and what stops when they leave."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import Any

import pytest

from rilearn.errors import WeightsError
from rilearn.services import Services
from rilearn.settings import Settings
from tests.browser.pages import NEEDS, PATIENCE, open_page, poor_contrast, sync_api
from tests.conftest import REASONING, FakeEngine, eventually

pytestmark = NEEDS
expect = sync_api.expect


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(pause=0.1)


def send(page: Any, text: str) -> None:
    page.locator("#rl-text textarea").fill(text)
    page.locator("#rl-text textarea").press("Enter")


def card(page: Any, state: str) -> Any:
    found = page.locator(f".rl-card.is-{state}")
    expect(found).to_be_visible(timeout=PATIENCE)
    return found


def test_reasoning_grows_then_the_label_stands_and_nothing_jumps(visit: Any) -> None:
    page = visit()
    before = page.locator(".rl-card").bounding_box()
    send(page, "i finally got the keys and i cannot stop smiling")
    lengths = []
    for _ in range(200):
        lengths.append(len(page.locator(".rl-body").inner_text().strip()) if page.locator(".rl-caret").count() else 0)
        if page.locator(".rl-card.is-done").count():
            break
        page.wait_for_timeout(50)
    grown = [n for n in dict.fromkeys(lengths) if n]
    assert len(grown) >= 4 and grown == sorted(grown)
    done = card(page, "done")
    assert done.locator(".rl-reasoning").inner_text() == REASONING
    assert done.locator(".rl-label").text_content() == "joy"
    assert "leaned to sadness" in done.locator(".rl-lean").inner_text()
    assert done.locator(".rl-bars li").count() == 6
    assert "q-ra" in done.locator(".rl-facts").inner_text() and "fake" in done.locator(".rl-facts").inner_text()
    after = page.locator(".rl-card").bounding_box()
    assert before == after
    assert page.locator("#rl-text textarea").input_value().startswith("i finally")
    expect(page.locator("#rl-go")).to_be_enabled()
    expect(page.locator("#rl-cancel")).to_be_disabled()
    assert page.trouble == []


def test_scripts_of_users_and_models_do_not_run(visit: Any, engine: FakeEngine) -> None:
    evil = "<img src=x onerror=window.hit=1><script>window.hit=1</script> ${window.hit=1} {{window.hit}}"
    engine.reasoning = evil
    page = visit()
    send(page, evil)
    assert card(page, "done").locator(".rl-reasoning").inner_text() == evil
    assert page.evaluate("window.hit") is None and page.locator(".rl-card img").count() == 0
    assert page.trouble == []


def test_cancel_stops_the_engine_and_keeps_what_was_written(visit: Any, engine: FakeEngine) -> None:
    engine.pause = 1.0  # a busy machine takes seconds between the first words and the click
    page = visit()
    send(page, "what a day")
    expect(page.locator(".rl-reasoning")).to_contain_text("The words", timeout=PATIENCE)
    page.locator("#rl-cancel").click()
    engine.pause = 0.1
    stopped = card(page, "stopped")
    assert eventually(lambda: engine.running == 0)
    assert (engine.closed, engine.finished) == (1, 0)
    assert "The words" in stopped.inner_text() and "Stopped" in stopped.inner_text()
    expect(page.locator("#rl-go")).to_be_enabled()
    send(page, "and again")  # a cancelled run leaves nothing in the way of the next
    card(page, "done")
    assert engine.finished == 1 and page.trouble == []


def test_two_visitors_stream_at_once_and_a_third_sees_the_queue(visit: Any, engine: FakeEngine) -> None:
    engine.pause = 1.0
    first, second, third = visit(), visit(), visit()
    for page in (first, second, third):
        send(page, "what a day")
    for page in (first, second):
        expect(page.locator(".rl-reasoning")).to_contain_text("The", timeout=PATIENCE)
    assert engine.running == engine.together == 2
    expect(third.get_by_text(re.compile("queue: 1/1"))).to_be_visible(timeout=PATIENCE)
    first.locator("#rl-cancel").click()  # its slot goes to the third while the third cancels too
    third.locator("#rl-cancel").click()
    engine.pause = 0.1
    card(first, "stopped")
    card(third, "stopped")
    third.wait_for_timeout(500)
    for page in (first, third):  # Gradio's own mark of a failed call
        assert page.locator("#rl-result .error").count() == 0
    card(second, "done")
    assert eventually(lambda: engine.running == 0) and engine.finished == 1
    assert first.trouble == second.trouble == third.trouble == []


def test_a_closed_page_stops_its_generation(visit: Any, engine: FakeEngine) -> None:
    engine.reasoning = " ".join(["word"] * 90)
    page = visit()
    send(page, "what a day")
    expect(page.locator(".rl-reasoning")).to_contain_text("word", timeout=PATIENCE)
    assert engine.running == 1
    page.close()
    assert eventually(lambda: engine.running == 0, 5) and (engine.closed, engine.finished) == (1, 0)


def test_mistakes_are_answered_in_words_and_the_text_stays(visit: Any) -> None:
    page = visit()
    page.locator("#rl-go").click()
    assert "There is no text yet" in card(page, "error").inner_text()
    page.locator("#rl-text textarea").fill("x" * 1001)
    expect(page.locator(".rl-counter.is-over")).to_have_text("1,001 / 1,000 characters")
    page.locator("#rl-go").click()
    expect(page.locator(".rl-alert")).to_contain_text("1 more than the limit", timeout=PATIENCE)
    assert len(page.locator("#rl-text textarea").input_value()) == 1001
    assert page.trouble == []


def test_enter_sends_shift_enter_breaks_the_line_and_examples_send(visit: Any, engine: FakeEngine) -> None:
    engine.pause = 0.0
    page = visit()
    box = page.locator("#rl-text textarea")
    box.press_sequentially("one")
    box.press("Shift+Enter")
    box.press_sequentially("two")
    assert box.input_value() == "one\ntwo" and engine.opened == 0
    expect(page.locator(".rl-counter")).to_have_text("7 / 1,000 characters")
    box.press("Enter")
    card(page, "done")
    example = page.locator(".rl-example").nth(1)
    example.click()
    expect(box).to_have_value(example.inner_text())
    assert eventually(lambda: any(example.inner_text() in prompt for prompt in engine.prompts))
    assert page.trouble == []


def test_choosing_the_direct_model(visit: Any) -> None:
    page = visit()
    page.get_by_label("Model").click()
    page.get_by_role("option", name=re.compile("q-a")).click()
    send(page, "what a day")
    assert "without reasoning" in card(page, "done").inner_text()
    assert page.trouble == []


def test_a_phone_needs_no_sideways_scroll_and_text_has_contrast(visit: Any) -> None:
    page = visit(viewport={"width": 360, "height": 740})
    before = page.locator(".rl-card").bounding_box()["height"]
    send(page, "w" * 300)
    assert card(page, "done").bounding_box()["height"] == before
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert poor_contrast(page) == []
    assert page.trouble == []


def test_every_control_has_a_name_and_motion_can_be_reduced(visit: Any) -> None:
    page = visit(reduced_motion="reduce")
    for role, name in (("textbox", "Your text"), ("button", "Classify"), ("button", "Cancel")):
        expect(page.get_by_role(role, name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("list", name="Probabilities")).to_be_visible()
    send(page, "what a day")
    expect(page.locator(".rl-caret")).to_be_visible(timeout=PATIENCE)
    assert page.evaluate("getComputedStyle(document.querySelector('.rl-caret')).animationName") == "none"
    page.locator("#rl-text textarea").focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_page_opens_before_the_model_and_offers_a_retry(
    browser: Any, settings: Settings, engine: FakeEngine, live_app: Any
) -> None:
    outcomes: list[Any] = [WeightsError("No network. Check it and start again."), engine]

    def load(_settings: Any, _adapters: Any, report: Any) -> FakeEngine:
        report("Downloading the model (93 MB)", 0.4)
        eventually(lambda: bool(gate), 20)
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    gate: list[int] = []
    services = Services(settings, load)
    services.start()
    with live_app(services) as url, ExitStack() as stack:
        page = open_page(browser, url, stack)
        expect(page.get_by_role("progressbar", name="Loading the model")).to_have_attribute("aria-valuenow", "40")
        gate.append(1)
        expect(page.get_by_role("alert")).to_contain_text("No network", timeout=PATIENCE)
        gate.clear()
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("progressbar")).to_be_visible(timeout=PATIENCE)
        send(page, "what a day")
        card(page, "waiting")
        gate.append(1)
        card(page, "done")
        expect(page.locator(".rl-banner")).to_have_count(0, timeout=PATIENCE)
        page.wait_for_timeout(1500)
        calls: list[str] = []
        page.on("request", lambda request: calls.append(request.url))
        page.wait_for_timeout(2500)
        assert calls == [], "the timer goes on asking although the model is ready"
        assert page.trouble == []
