"""The Rate tab's panels in a real browser: an admin fills the queue and manages people, anybody their own account."""

from __future__ import annotations

import json
from typing import Any

from rilearn.services import Services
from rilearn.store.annotators import Annotators
from rilearn.store.logins import Logins
from rilearn.store.passphrases import Guesses
from rilearn.store.queue import Queue
from tests.browser.pages import NEEDS, PATIENCE, poor_contrast, sync_api
from tests.conftest import FakeEngine

pytestmark = NEEDS
expect = sync_api.expect
OLD, NEW = "grey clouds bring rain", "white clouds bring none"
ROWS = [
    {"text": "rain again", "label": "sadness", "reasoning": "Rain is grey."},
    {"text": "<img src=x onerror=window.hit=1>", "label": "<img src=x onerror=window.hit=1>", "reasoning": "No."},
]


def panel(page: Any, name: str) -> Any:
    button = f'[data-do="panel"][data-value="{name}"]'
    inside = page.locator(f".rl-panel[open] {button}")
    (inside if inside.count() else page.locator(button)).first.click()
    expect(page.locator(f'.rl-panel[data-name="{name}"] h2')).to_be_visible(timeout=PATIENCE)
    return page.locator(".rl-panel")


def test_an_admin_tries_a_file_adds_it_and_gets_its_card(enter: Any, services: Services) -> None:
    page = enter("root", "admin")
    expect(page.locator(".rl-done")).to_contain_text("Nothing is waiting")
    panel(page, "project")
    panel(page, "fill")
    form = page.locator('[data-form="fill-file"]')
    text = "\n".join(map(json.dumps, ROWS)).encode()
    file = {"name": "mine.jsonl", "mimeType": "application/jsonl", "buffer": text}
    form.locator("[type=file]").set_input_files(file)
    form.get_by_role("button", name="Show what it would add").click()
    result = form.locator(".rl-result")
    expect(result).to_contain_text("would be new: 1", timeout=PATIENCE)
    expect(result).to_contain_text("not usable: 1")
    assert Queue(services.store.database).left() == 0 and result.locator("img").count() == 0
    form.get_by_role("button", name="Add to the queue").click()
    expect(result).to_contain_text("new: 1 (sadness 1)", timeout=PATIENCE)
    form.locator("[type=file]").set_input_files({**file, "buffer": b"\xff\xfe"})
    form.get_by_role("button", name="Add to the queue").click()
    expect(page.locator(".rl-panel .rl-alert")).to_contain_text("UTF-8", timeout=PATIENCE)
    page.locator('[data-do="close"]').click()
    expect(page.locator(".rl-rate-text")).to_have_text("rain again", timeout=PATIENCE)
    assert page.evaluate("window.hit") is None and page.trouble == []


def test_the_generator_writes_with_progress_and_stops_at_a_cancel(
    enter: Any, services: Services, engine: FakeEngine
) -> None:
    engine.pause = 0.03
    page = enter("root", "admin")
    panel(page, "project")
    panel(page, "fill")
    form, state = page.locator('[data-form="fill-write"]'), page.locator(".rl-fill-state")
    form.locator("[name=count]").fill("40")
    form.get_by_role("button", name="Show what it would add").click()
    expect(form.locator(".rl-result")).to_contain_text("would be written for: 40", timeout=PATIENCE)
    form.get_by_role("button", name="Write and add").click()
    expect(state).to_contain_text("of 40 rows", timeout=PATIENCE)
    expect(state.get_by_role("progressbar")).to_be_visible()
    expect(state).not_to_contain_text("0 of 40", timeout=PATIENCE)
    page.reload()  # it goes on without the page
    expect(page.locator(".rl-rate-card")).to_be_visible(timeout=PATIENCE)
    panel(page, "project")
    panel(page, "fill")
    state.get_by_role("button", name="Cancel").click()
    expect(state).to_contain_text("Cancelled", timeout=PATIENCE)
    assert 0 < Queue(services.store.database).left() < 40 and page.trouble == []


def test_one_changes_ones_passphrase_and_signs_out_everywhere(enter: Any, visit: Any, services: Services) -> None:
    page = enter("ann")
    form = panel(page, "account").locator('[data-form="change-passphrase"]')
    form.locator("[name=new]").fill(OLD)
    form.locator("[name=again]").fill(NEW)
    form.get_by_role("button").click()
    expect(page.locator(".rl-panel .rl-alert")).to_contain_text("not the same", timeout=PATIENCE)
    form.locator("[name=again]").fill(OLD)
    form.get_by_role("button").click()
    expect(page.locator(".rl-panel .rl-told")).to_contain_text("stay signed in here", timeout=PATIENCE)
    form.locator("[name=old]").fill(OLD)
    for name in ("new", "again"):
        form.locator(f"[name={name}]").fill(NEW)
    form.get_by_role("button").click()
    expect(form.locator("[name=old]")).to_have_value("", timeout=PATIENCE)
    other = visit(path="?tab=rate")
    entry = other.locator('[data-form="sign-in"]')
    entry.locator("[name=name]").fill("ann")
    entry.locator("[name=passphrase]").fill(NEW)
    entry.get_by_role("button").click()
    expect(other.locator(".rl-who")).to_have_text("ann", timeout=PATIENCE)
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.locator('[data-form="sign-in"]')).to_be_visible(timeout=PATIENCE)
    other.reload()
    expect(other.locator('[data-form="sign-in"]')).to_be_visible(timeout=PATIENCE)
    assert all("400" in said for said in page.trouble)  # the refusal above


def test_an_admin_lets_somebody_out_on_a_phone(enter: Any, services: Services) -> None:
    ann = Annotators(services.store.database).add("ann with a name of some length, to see it wrap")
    held = Logins(services.store.database, Guesses()).begin(ann.id)
    page = enter("root", "admin", viewport={"width": 390, "height": 700}, has_touch=True)
    for name in ("account", "project", "fill"):
        panel(page, name)
        assert poor_contrast(page) == []
        if name == "account":
            page.locator('[data-do="close"]').tap()
    panel(page, "project")
    panel(page, "people")
    page.get_by_role("button", name=f"Deactivate {ann.name}").tap()
    expect(page.get_by_role("button", name=f"Reactivate {ann.name}")).to_be_visible(timeout=PATIENCE)
    assert Logins(services.store.database, Guesses()).who(held) is None
    page.locator(".rl-people summary").first.tap()
    assert poor_contrast(page) == [] and page.evaluate("document.documentElement.scrollWidth") <= 390
    wide = page.locator(".rl-panel").evaluate("panel => panel.scrollWidth - panel.clientWidth")
    assert wide <= 0 and page.trouble == []
