"""The Insight tab in a real browser: an admin sees the plots and decides what is disputed, nobody else sees either."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from rilearn.records import Rating, Reasoning
from rilearn.services import Services
from rilearn.settings import Settings
from rilearn.store.adjudications import Adjudications
from rilearn.store.annotators import Annotators, Role
from rilearn.store.logins import Logins
from rilearn.store.passphrases import Guesses
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from tests.browser.pages import NEEDS, PATIENCE, poor_contrast, sync_api
from tests.conftest import eventually

pytestmark = NEEDS
expect = sync_api.expect
PHRASE = "grey clouds bring rain"
EVIL = "<img src=x onerror=window.hit=1> ${window.hit=1}"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admin_passphrase": SecretStr(PHRASE)})


@pytest.fixture
def disputed(services: Services) -> list[int]:
    """Six reasonings that two people rated; of the first two they say different things, one of them with markup."""
    database, label = services.store.database, services.task.labels[0]
    made = [Reasoning(services.task.name, f"text {i} {EVIL}", label, f"It says {i}.", "test") for i in range(6)]
    ids = [i for one in made for i in Reasonings(database).add([one])]
    for who in ("ann", "bob"):
        for i in ids:
            poor = (who == "bob" and i in ids[:2]) or i == ids[5]
            said = Rating("poor" if poor else "good", 2, {"about_text": not poor}, comment=f"{who} {EVIL}")
            Ratings(database).rate(Annotators(database).add(who).id, i, said, f"token-{i}")
    return ids


def sign_in(page: Any) -> None:
    form = page.locator('[data-form="sign-in"]')
    form.locator("[name=name]").fill("admin")
    form.locator("[name=passphrase]").fill(PHRASE)
    page.keyboard.press("Enter")
    expect(page.locator(".rl-who")).to_contain_text("admin", timeout=PATIENCE)


def login(services: Services, name: str, role: Role = "annotator") -> dict[str, str]:
    """The cookie of somebody's session."""
    who = Annotators(services.store.database).add(name, role)
    return {services.visitors.login_cookie: Logins(services.store.database, Guesses()).begin(who.id)}


def show(page: Any) -> None:
    page.get_by_role("tab", name="Insight").click()
    page.locator("#rl-insight-show").click()


def test_an_admin_signs_in_sees_the_plots_and_decides(visit: Any, services: Services, disputed: list[int]) -> None:
    page = visit(path="?tab=rate")
    sign_in(page)
    show(page)
    numbers, dispute = page.locator("#rl-insight"), page.locator("#rl-insight-dispute")
    expect(numbers.locator("svg.rl-stacks")).to_be_visible(timeout=PATIENCE)
    assert numbers.locator("svg.rl-stacks").get_attribute("aria-label").endswith(": 8 good, 4 poor")
    for section in ("Ratings", "Quality", "Agreement", "Annotators", "Reasonings"):
        expect(numbers.get_by_role("region", name=section, exact=True)).to_be_visible()
    assert numbers.locator(".rl-interval").count() > 8
    expect(dispute).to_contain_text("2 disputed")
    expect(dispute).to_contain_text("It says 0.")
    assert {"ann", "bob"} == set(dispute.locator(".rl-sayings b").all_inner_texts())
    page.get_by_label("Why (optional)").fill("bob is right")
    page.locator("#rl-insight-poor").click()
    expect(dispute).to_contain_text("Decided: poor.", timeout=PATIENCE)
    expect(dispute).to_contain_text("It says 1.")
    expect(page.get_by_label("Why (optional)")).to_have_value("")
    page.locator("#rl-insight-good").dblclick()
    expect(dispute).to_contain_text("Nothing is disputed", timeout=PATIENCE)
    expect(page.locator("#rl-insight-decide")).to_be_hidden()
    decisions = Adjudications(services.store.database)
    made = [[(one.verdict, one.comment) for one in decisions.history(i)] for i in disputed[:2]]
    assert made == [[("poor", "bob is right")], [("good", "")]]
    assert len(Ratings(services.store.database).live_ratings()) == 12
    assert page.locator("#rl-insight img, #rl-insight-dispute img").count() == 0
    assert page.evaluate("window.hit") is None and page.trouble == []


def test_who_is_no_admin_is_refused(visit: Any, services: Services, disputed: list[int]) -> None:
    page = visit(path="?tab=insight")
    numbers = page.locator("#rl-insight")

    def refused() -> None:
        show(page)
        expect(numbers.get_by_role("alert")).to_contain_text("This part is for admins", timeout=PATIENCE)
        assert page.locator("svg.rl-stacks, .rl-disputed").count() == 0 and "It says" not in page.content()
        expect(page.locator("#rl-insight-decide")).to_be_hidden()

    refused()
    (cookie,) = login(services, "ann").items()
    page.context.add_cookies([{"name": cookie[0], "value": cookie[1], "url": page.url}])
    page.reload()
    refused()
    assert page.trouble == []


def test_who_is_admin_no_more_decides_nothing(visit: Any, services: Services, disputed: list[int]) -> None:
    cookie = login(services, "root", "admin")
    page = visit(path="?tab=insight", cookies=cookie)
    show(page)
    dispute = page.locator("#rl-insight-dispute")
    expect(dispute).to_contain_text("It says 0.", timeout=PATIENCE)
    Logins(services.store.database, Guesses()).end(*cookie.values())
    page.locator("#rl-insight-good").click()
    expect(dispute.get_by_role("alert")).to_contain_text("This part is for admins", timeout=PATIENCE)
    assert "It says" not in dispute.inner_text() and Adjudications(services.store.database).history(disputed[0]) == []


def test_a_phone_shows_it_whole(visit: Any, services: Services, disputed: list[int]) -> None:
    phone = {"viewport": {"width": 390, "height": 700}}
    page = visit(path="?tab=insight", cookies=login(services, "root", "admin"), **phone)
    page.locator("#rl-insight-show").click()
    expect(page.locator("svg.rl-stacks")).to_be_visible(timeout=PATIENCE)
    assert eventually(lambda: poor_contrast(page) == []), poor_contrast(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390 and page.trouble == []
