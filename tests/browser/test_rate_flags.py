"""Flagged items in a real browser: out of everybody's sight at once, until an admin puts them back; also on a phone."""

from __future__ import annotations

from typing import Any

from rilearn.records import Reasoning
from rilearn.services import Services
from rilearn.store.annotators import Annotators
from rilearn.store.flags import Flags
from rilearn.store.queue import Entry, Queue
from rilearn.store.reasonings import Reasonings
from rilearn.store.submissions import Submissions
from tests.browser.pages import NEEDS, PATIENCE, poor_contrast, sync_api
from tests.browser.test_rate_admin import panel

pytestmark = NEEDS
expect = sync_api.expect
EVIL = "<img src=x onerror=window.hit=1>"
WHY = "Somebody walks downstairs. The writer is alone."


def add(services: Services, text: str) -> int:
    (made,) = Reasonings(services.store.database).add([Reasoning("emotion", text, "fear", WHY, "test")])
    Queue(services.store.database).add([Entry(made, "generator", ratings=2)])
    return made


def flag(services: Services, item: int, reason: str) -> None:
    who = Annotators(services.store.database).add(f"cleo {item}").id
    assert Queue(services.store.database).lease(who, f"token of {item}")
    Submissions(services.store.database).skip(who, item, "private", reason, f"token of {item}")


def test_a_flagged_item_goes_to_nobody_until_an_admin_puts_it_back(enter: Any, services: Services) -> None:
    item = add(services, f"text {EVIL}")
    ann = enter("ann")
    ann.locator('.rl-rate-card [data-value="skip"]').click()
    ann.locator(".rl-panel .rl-why").fill(f"rude {EVIL}")
    ann.get_by_role("button", name="Flag: harmful").click()
    expect(ann.locator(".rl-done")).to_be_visible(timeout=PATIENCE)
    bob, root = enter("bob"), enter("root", "admin")
    for page in (bob, root):
        expect(page.locator(".rl-done")).to_contain_text("Nothing is waiting")
    expect(root.locator('.rl-rate-menu [data-value="project"]')).to_contain_text("1", timeout=PATIENCE)
    panel(root, "project")
    expect(root.locator('.rl-panel [data-value="flags"] .rl-waits')).to_contain_text("1")
    listed = panel(root, "flags")
    expect(listed.locator(".rl-flags > li")).to_contain_text(f"rude {EVIL}")
    assert listed.locator("img").count() == 0 and listed.locator("dd").first.inner_text() == f"text {EVIL}"
    lost = "**/rate/decide-flag"
    root.route(lost, lambda route: (route.fetch(), route.abort()))  # it is done, the answer is lost
    root.locator("[name=comment]").fill("a quotation")
    root.get_by_role("button", name="Put back").click()
    expect(root.locator(".rl-panel .rl-alert")).to_contain_text("stays on this page", timeout=PATIENCE)
    expect(root.locator("[name=comment]")).to_have_value("a quotation")
    root.unroute(lost)
    root.get_by_role("button", name="Put back").click()
    expect(root.locator(".rl-panel .rl-told")).to_contain_text("annotators get it again", timeout=PATIENCE)
    expect(listed).to_contain_text("Nothing waits for you")
    (made,) = Flags(services.store.database).history(item).decisions
    assert (made.decision, made.comment, made.admin) == ("put back", "a quotation", "root")
    root.locator('[data-do="close"]').click()
    expect(root.locator(".rl-rate-menu .rl-waits")).to_have_count(0, timeout=PATIENCE)
    root.get_by_role("button", name="Sign out").click()  # gives the card back, which came to the admin's page
    expect(root.locator('[data-form="sign-in"]')).to_be_visible(timeout=PATIENCE)
    bob.locator('[data-do="look"]').click()
    expect(bob.locator(".rl-rate-text")).to_have_text(f"text {EVIL}", timeout=PATIENCE)
    assert bob.evaluate("window.hit") is root.evaluate("window.hit") is None and ann.trouble == bob.trouble == []


def test_on_a_phone_an_admin_removes_an_item_and_puts_it_back(enter: Any, services: Services) -> None:
    long = "a text of some length with a word that doesnotendbutgoesonandonandonandonandonandonandon " * 12
    for text, reason in ((long, ""), ("it rained on Main Street 5", "names somebody who lives there, with the street")):
        flag(services, add(services, text), reason)
    page = enter("root", "admin", viewport={"width": 390, "height": 700}, has_touch=True)
    panel(page, "project")
    assert poor_contrast(page) == []
    dialog = panel(page, "flags")
    for _ in range(2):
        assert poor_contrast(page) == [] and page.evaluate("document.documentElement.scrollWidth") <= 390
        assert dialog.evaluate("panel => panel.scrollWidth - panel.clientWidth") <= 0
        page.get_by_role("button", name="Remove").last.tap()
        expect(dialog.locator(".rl-told")).to_be_in_viewport(timeout=PATIENCE)
        expect(dialog.locator(".rl-told")).to_contain_text("nobody gets it")
    expect(dialog.locator(".rl-removed summary")).to_have_text("Removed: 2")
    dialog.locator("summary").tap()
    assert poor_contrast(page) == []
    page.get_by_role("button", name="Put back").first.tap()
    expect(dialog.locator(".rl-removed summary")).to_have_text("Removed: 1", timeout=PATIENCE)
    assert Queue(services.store.database).left() == 1 and page.trouble == []
