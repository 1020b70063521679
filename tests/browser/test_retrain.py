"""The Retrain tab in a real browser: preview, start, live progress over a reload, cancel; texts stay texts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rilearn.services import Services
from tests.browser.pages import NEEDS, PATIENCE, poor_contrast, sync_api
from tests.retrain_world import World

pytestmark = NEEDS
expect = sync_api.expect
LONG = 6 * PATIENCE
"""ms; a job starts with what little the page and the tests leave of the machine."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "world")
    made.services.start()
    made.steps, made.pause = 2000, 0.05
    yield made
    for job in made.services.jobs.newest():
        made.services.jobs.files(job).signal(9)
    made.services.close()


@pytest.fixture
def services(world: World) -> Services:
    return world.services


def enter(visit: Any, world: World, name: str, **options: Any) -> Any:
    secret = world.login(name)
    return visit(path="?tab=retrain", cookies={world.services.visitors.login_cookie: secret}, **options)


def test_preview_start_reload_cancel(visit: Any, world: World) -> None:
    page = enter(visit, world, "root")
    expect(page.locator("#rl-retrain-admin")).to_be_visible(timeout=LONG)
    start = page.locator("#rl-retrain-start")
    expect(start).to_be_disabled()
    page.locator("#rl-retrain-preview").click()
    expect(page.locator("#rl-retrain-found")).to_contain_text("12 approved", timeout=LONG)
    row = page.locator("#rl-retrain-found details", has_text="number 0").first
    if row.count():
        row.locator("summary").click()
    assert page.locator("#rl-retrain-found img").count() == 0 and page.evaluate("window.hit") is None
    start.click()
    job = page.locator("#rl-retrain-job")
    expect(job).to_contain_text("Job 1 is running", timeout=LONG)
    expect(job).to_contain_text("<b>loss</b>", timeout=LONG)
    expect(job).to_contain_text("min left")
    before = job.locator("pre").inner_text()
    page.wait_for_function("(old) => document.querySelector('#rl-retrain-job pre').innerText !== old", arg=before)
    page.reload()
    expect(job).to_contain_text("Job 1 is running", timeout=LONG)
    expect(start).to_be_disabled()
    assert poor_contrast(page) == []
    visitor = visit()  # whom the job does not keep waiting
    visitor.locator("#rl-text textarea").fill("what a day")
    visitor.locator("#rl-text textarea").press("Enter")
    expect(visitor.locator(".rl-card.is-done .rl-label")).to_be_visible(timeout=LONG)
    assert world.services.jobs.newest()[0].state == "running" and visitor.trouble == []
    page.locator("#rl-retrain-cancel").click()
    expect(job).to_contain_text("Job 1 was cancelled", timeout=LONG)
    expect(page.locator("#rl-retrain-resume")).to_be_visible()
    assert page.trouble == []


@pytest.mark.parametrize("options", [{}, {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}])
def test_an_annotator_votes_blind_and_sees_no_admins_part(visit: Any, world: World, options: Any) -> None:
    world.promoted()
    page = enter(visit, world, "ann", **options)
    expect(page.locator("#rl-changed")).to_contain_text("24 ratings and 6 corrections", timeout=LONG)
    expect(page.locator("#rl-retrain-admin")).to_be_hidden()
    page.locator("#rl-changed-left").click()
    expect(page.locator("#rl-changed-said")).to_contain_text("Counted: you chose", timeout=LONG)
    expect(page.locator("#rl-changed-list")).to_contain_text("generator v2 writes now")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") and poor_contrast(page) == []
    assert page.trouble == []


def test_a_stranger_is_told_to_sign_in(visit: Any, world: World) -> None:
    page = visit(path="?tab=retrain")
    expect(page.locator("#rl-changed")).to_contain_text("Sign in on the Rate tab", timeout=LONG)
    expect(page.locator("#rl-retrain-admin")).to_be_hidden()
