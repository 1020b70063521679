"""The Rate tab in a real browser: sign in, rate by keyboard, edit, undo, drafts, two people, a phone, a lost server."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import SecretStr

from rilearn.records import Reasoning
from rilearn.services import Services
from rilearn.settings import Settings
from rilearn.store.annotators import Annotators
from rilearn.store.edits import Edits
from rilearn.store.invitations import Invitations
from rilearn.store.logins import Logins
from rilearn.store.options import Choices, Options
from rilearn.store.passphrases import Guesses
from rilearn.store.queue import Entry, Queue
from rilearn.store.ratings import Ratings, StoredRating
from rilearn.store.reasonings import Reasonings
from tests.browser.pages import NEEDS, PATIENCE, poor_contrast, sync_api
from tests.conftest import eventually

pytestmark = NEEDS
expect = sync_api.expect
PHRASE = "grey clouds bring rain"
EVIL = "<img src=x onerror=window.hit=1> ${window.hit=1} {{window.hit}}"
WHY = "Somebody walks downstairs. The writer is alone."


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admin_passphrase": SecretStr(PHRASE)})


@pytest.fixture
def texts(services: Services) -> list[str]:
    """Eight items in the queue, in this order; the first with markup in it."""
    database = services.store.database
    texts = [f"text {EVIL}", *(f"text number {number}" for number in range(1, 8))]
    for text in texts:
        queued = Reasonings(database).add([Reasoning("emotion", text, "fear", WHY, "test")])
        Queue(database).add([Entry(i, "generator") for i in queued])
    Choices(database).choose(Annotators(database).add("setup").id, Options(order="oldest"))
    return texts


def live(services: Services, count: int) -> list[StoredRating]:
    """The ratings that hold, once there are so many."""
    store = Ratings(services.store.database)
    assert eventually(lambda: len(store.live_ratings()) == count), store.live_ratings()
    return store.live_ratings()


def shows(page: Any, text: str) -> None:
    expect(page.locator(".rl-rate-text")).to_have_text(text, timeout=PATIENCE)


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_sign_in_then_rate_by_keyboard_alone(visit: Any, services: Services, texts: list[str]) -> None:
    page = visit(path="?tab=rate")
    form = page.locator('[data-form="sign-in"]')
    form.locator("[name=name]").fill("admin")
    form.locator("[name=passphrase]").fill(PHRASE)
    press(page, "Enter")
    shows(page, texts[0])
    assert page.locator(".rl-rate-card img").count() == 0 and page.evaluate("window.hit") is None
    assert "rilearn-login" not in page.evaluate(
        "document.cookie + JSON.stringify({...localStorage, ...sessionStorage})"
    )
    press(page, "g")
    shows(page, texts[1])
    (made,) = live(services, 1)
    assert made.rating.verdict == "good" and made.guideline == "0" and 0 < made.seconds < 60
    press(page, "j", "+", "j", "-", "4", "a", "s", "s", "d", "d", "d")
    press(page, "m", "ArrowRight", "Shift+ArrowRight", "m")
    press(page, "l")
    page.get_by_role("button", name="joy", exact=True).click()
    press(page, "c")
    page.keyboard.type("gp? no keys here")
    press(page, "Escape", "p")
    shows(page, texts[2])
    rating = live(services, 2)[-1].rating
    assert (rating.verdict, rating.overall, rating.comment) == ("poor", 4, "gp? no keys here")
    assert rating.criteria == {"about_text": True, "leads_to_label": False} and rating.thumbs == (1, -1)
    assert (rating.label_wrong, rating.right_label) == (True, "joy")
    assert [WHY[span.start : span.end] for span in rating.spans] == ["walks downstairs."]
    press(page, "?")
    assert "undo" in page.locator(".rl-panel").inner_text()
    press(page, "Escape", "x", "1")
    shows(page, texts[3])
    expect(page.locator(".rl-counts")).to_contain_text("2 today · 2 yours · 2 in the project", timeout=PATIENCE)
    assert len(live(services, 2)) == 2 and page.trouble == []


def test_a_correction_shows_its_diff_and_undo_brings_it_all_back(
    enter: Any, services: Services, texts: list[str]
) -> None:
    page = enter("ann")
    press(page, "e")
    page.locator('[data-field="edit"]').fill("Somebody creeps downstairs. The writer is alone.")
    expect(page.locator(".rl-diff del")).to_have_text("walks", timeout=PATIENCE)
    expect(page.locator(".rl-diff ins")).to_have_text("creeps")
    press(page, "Escape", "3", "g")
    shows(page, texts[1])
    (made,) = live(services, 1)
    (edit,) = Edits(services.store.database).history(made.reasoning_id)
    assert edit.reasoning.startswith("Somebody creeps")
    press(page, "z")
    shows(page, texts[0])
    expect(page.locator('[data-field="edit"]')).to_have_value(edit.reasoning)
    expect(page.locator('[data-do="overall"][data-value="3"]')).to_have_attribute("aria-pressed", "true")
    assert live(services, 0) == []
    press(page, "p")
    shows(page, texts[1])
    assert live(services, 1)[0].rating.verdict == "poor"
    press(page, "h")
    page.locator(".rl-mine button").click()
    shows(page, texts[0])
    press(page, "g")
    shows(page, texts[1])
    assert eventually(lambda: live(services, 1)[0].rating.verdict == "good")
    assert len(Ratings(services.store.database).history(made.annotator_id, made.reasoning_id)) == 3
    assert page.trouble == []


def test_a_draft_survives_a_reload(enter: Any, services: Services, texts: list[str]) -> None:
    page = enter("ann")
    press(page, "g")
    shows(page, texts[1])
    press(page, "2", "c")
    page.keyboard.type("so far")
    page.reload()
    shows(page, texts[1])
    expect(page.locator('[data-field="comment"]')).to_have_value("so far")
    expect(page.locator('[data-do="overall"][data-value="2"]')).to_have_attribute("aria-pressed", "true")
    press(page, "g")
    # The page before may not have given its prefetched item back yet: then the one after it comes.
    expect(page.locator(".rl-rate-text")).to_have_text(re.compile("^text number [23]$"), timeout=PATIENCE)
    assert live(services, 2)[-1].rating.comment == "so far" and page.trouble == []


def test_two_at_once_never_see_the_same_item(enter: Any, services: Services, texts: list[str]) -> None:
    ann, bob = enter("ann"), enter("bob")
    seen: list[str] = []
    for turn in range(6):
        page = (ann, bob)[turn % 2]
        expect(page.locator(".rl-rate-card")).to_be_visible(timeout=PATIENCE)
        text = page.locator(".rl-rate-text").inner_text()
        assert text not in seen
        seen.append(text)
        press(page, "g")
        live(services, turn + 1)
    assert len({made.reasoning_id for made in live(services, 6)}) == 6
    ann.get_by_role("button", name="Sign out").click()  # gives its items back
    expect(ann.locator('[data-form="sign-in"]')).to_be_visible(timeout=PATIENCE)
    for _ in range(2):
        expect(bob.locator(".rl-rate-card")).to_be_visible(timeout=PATIENCE)
        press(bob, "p")
        bob.wait_for_timeout(1500)
        if bob.locator('[data-do="look"]').count():
            bob.locator('[data-do="look"]').click()
    expect(bob.locator(".rl-done")).to_contain_text("Nothing is waiting", timeout=PATIENCE)
    assert {made.rating.verdict for made in live(services, 8)} == {"good", "poor"} and ann.trouble == bob.trouble == []


def test_a_strangers_request_is_refused(visit: Any, services: Services, texts: list[str]) -> None:
    page = visit(path="?tab=rate")
    assert page.locator(".rl-rate-card").count() == 0
    status = page.evaluate("""async () => {
      const item = {reasoning_id: 1, token: "token-of-a-stranger", content: {}};
      const body = {...item, verdict: "good", guideline: "0", seconds: 1};
      const headers = {"content-type": "application/json"};
      return (await fetch("/rate/rate", {method: "POST", headers, body: JSON.stringify(body)})).status;
    }""")
    assert status == 401 and live(services, 0) == []
    form = page.locator('[data-form="sign-in"]')
    form.locator("[name=name]").fill("admin")
    form.locator("[name=passphrase]").fill("not the one")
    form.get_by_role("button").click()
    expect(page.locator(".rl-signin .rl-alert")).to_contain_text("wrong", timeout=PATIENCE)


def test_an_invitation_link_lets_somebody_in(visit: Any, services: Services, texts: list[str]) -> None:
    secret = Invitations(services.store.database).make()
    page = visit(path=f"?tab=rate#invite={secret}")
    form = page.locator('[data-form="join"]')
    form.locator("[name=name]").fill("cleo")
    form.locator("[name=passphrase]").fill(PHRASE)
    form.get_by_role("button").click()
    shows(page, texts[0])
    assert "cleo" in page.locator(".rl-who").inner_text() and secret not in page.url and page.trouble == []


def test_blind_guess_hides_text_and_label_until_the_guess(enter: Any, services: Services, texts: list[str]) -> None:
    page = enter("ann")
    press(page, "b", "g")
    expect(page.locator(".rl-rate-card.is-blind")).to_be_visible(timeout=PATIENCE)
    assert "text number" not in page.locator("#rl-rate").inner_text()
    press(page, "2")
    expect(page.locator(".rl-guessed")).to_contain_text(f"You guessed {services.task.labels[1]}", timeout=PATIENCE)
    press(page, "g")
    assert live(services, 2)[-1].rating.guess == services.task.labels[1] and page.trouble == []


def test_what_cannot_be_saved_stays_on_the_page(enter: Any, services: Services, texts: list[str]) -> None:
    page = enter("ann")
    press(page, "c")
    page.keyboard.type("precious")
    page.route(re.compile("/rate/(rate|draft)"), lambda route: route.abort())
    press(page, "Escape", "g")
    expect(page.locator(".rl-rating > .rl-alert")).to_contain_text("stays on this page", timeout=PATIENCE)
    shows(page, texts[0])
    expect(page.locator('[data-field="comment"]')).to_have_value("precious")
    assert live(services, 0) == []
    page.unroute(re.compile("/rate/(rate|draft)"))
    press(page, "g")
    shows(page, texts[1])
    assert live(services, 1)[0].rating.comment == "precious"
    expect(page.locator(".rl-rating > .rl-alert")).to_be_hidden()


def test_a_session_that_ends_keeps_the_work_until_the_next_sign_in(
    visit: Any, services: Services, texts: list[str]
) -> None:
    page = visit(path="?tab=rate")

    def sign_in() -> None:
        form = page.locator('[data-form="sign-in"]')
        form.locator("[name=name]").fill("admin")
        form.locator("[name=passphrase]").fill(PHRASE)
        form.get_by_role("button").click()

    sign_in()
    shows(page, texts[0])
    cookie = next(c for c in page.context.cookies() if c["name"] == services.visitors.login_cookie)
    Logins(services.store.database, Guesses()).end(cookie["value"])
    press(page, "c")
    page.keyboard.type("precious")
    expect(page.locator(".rl-signin .rl-alert")).to_contain_text("still here", timeout=PATIENCE)
    sign_in()
    shows(page, texts[0])
    expect(page.locator('[data-field="comment"]')).to_have_value("precious")
    press(page, "g")
    assert live(services, 1)[0].rating.comment == "precious"


def test_a_phone_shows_it_whole_with_the_verdict_in_reach(enter: Any, services: Services, texts: list[str]) -> None:
    page = enter("ann", viewport={"width": 390, "height": 700}, has_touch=True)
    expect(page.locator(".rl-good")).to_be_in_viewport(ratio=1)
    page.locator('[data-do="wrong"]').tap()
    page.locator('[data-do="edit"]').tap()
    page.locator('[data-do="thumb"]').first.tap()
    page.locator('[data-do="overall"]').last.tap()
    page.wait_for_timeout(800)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390 and poor_contrast(page) == []
    for name in ("mine", "guidelines", "keys", "skip"):
        page.locator(f'[data-do="panel"][data-value="{name}"]').tap()
        expect(page.locator(".rl-panel h2")).to_be_visible()
        assert poor_contrast(page) == []
        page.locator('[data-do="close"]').tap()
    page.locator(".rl-good").tap()
    shows(page, texts[1])
    assert live(services, 1)[0].rating.thumbs == (1, 0) and page.trouble == []
