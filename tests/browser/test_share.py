"""From a visitor's answer to an annotator's card: the visitor shares it on the Classify tab, an annotator rates it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from rilearn.services import Services
from rilearn.store.ratings import Ratings
from rilearn.store.schema_annotation import ItemRow
from tests.browser.pages import NEEDS, PATIENCE, sync_api
from tests.conftest import REASONING, eventually

pytestmark = NEEDS
expect = sync_api.expect
TEXT = "i finally got the keys <img src=x onerror=window.hit=1>"


def items(services: Services) -> list[ItemRow]:
    with services.store.database.read() as session:
        found = list(session.scalars(select(ItemRow)))
        session.expunge_all()
        return found


def test_what_a_visitor_shares_an_annotator_rates(visit: Any, enter: Any, services: Services) -> None:
    visitor = visit()
    share = visitor.locator("#rl-share-go")
    visitor.locator("#rl-text textarea").fill(TEXT)
    visitor.locator("#rl-text textarea").press("Enter")
    expect(share).to_be_visible(timeout=PATIENCE)
    expect(visitor.locator("#rl-share")).to_contain_text("Share nothing private")
    assert items(services) == []  # nothing is kept before the visitor agrees
    share.click()
    expect(visitor.locator("#rl-share")).to_contain_text("people can rate it now", timeout=PATIENCE)
    expect(share).to_be_hidden()
    (item,) = items(services)
    assert (item.origin, item.adapter, item.ratings_left) == ("visitor", "q-ra", 1)

    page = enter("ann")
    expect(page.locator(".rl-rate-text")).to_have_text(TEXT)
    assert page.locator(".rl-sentence").all_inner_texts()[0].startswith(REASONING[:40])
    assert page.locator(".rl-rate-label .rl-label").text_content() == item.label
    look = services.task.display[item.label]
    expect(page.locator(".rl-rate-label .rl-badge")).to_contain_text(look.emoji)
    page.keyboard.press("g")
    store = Ratings(services.store.database)
    assert eventually(lambda: [one.reasoning_id for one in store.live_ratings()] == [item.reasoning_id])
    assert page.evaluate("window.hit") is None and visitor.trouble == page.trouble == []


def test_without_a_visitors_cookie_nothing_is_shared(visit: Any, services: Services) -> None:
    page = visit()
    page.locator("#rl-text textarea").fill(TEXT)
    page.locator("#rl-text textarea").press("Enter")
    expect(page.locator("#rl-share-go")).to_be_visible(timeout=PATIENCE)
    page.context.clear_cookies()  # visitors cannot be told from each other then
    page.locator("#rl-share-go").click()
    expect(page.locator("#rl-share [role=alert]")).to_contain_text("sent no cookie", timeout=PATIENCE)
    assert items(services) == []
