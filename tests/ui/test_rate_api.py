"""The Rate tab's requests over HTTP: what each does, and that nobody does what is not theirs to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, update
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from rilearn.records import Reasoning
from rilearn.services import Services
from rilearn.settings import Settings
from rilearn.store.annotators import Annotators
from rilearn.store.edits import Edits
from rilearn.store.invitations import Invitations
from rilearn.store.options import Choices, Options
from rilearn.store.queue import Entry, Queue
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.store.schema import Base, now
from rilearn.store.schema_annotation import LoginRow
from rilearn.ui.rate_api import RateApi
from rilearn.ui.rate_routes import MOST_BYTES, routes
from tests.conftest import FakeEngine
from tests.ui.conftest import ask, contents
from tests.ui.test_render import Reader

TEXT, EVIL = "grey clouds all day", "<script>window.hit=1</script>"
TOKEN = "token-000000000000"
PHRASE = "grey clouds bring rain"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"admin_passphrase": SecretStr("the owner's own")})


@pytest.fixture
def items(services: Services) -> list[int]:
    """Three reasonings in the queue, the last one with markup in it."""
    made = [
        (TEXT, "sadness", "The clouds are grey. Grey is gloomy."),
        ("what a day", "joy", "It is a day."),
        (EVIL,) * 3,
    ]
    store = Reasonings(services.store.database)
    ids = [store.add([Reasoning("emotion", text, label, why, "test")])[0] for text, label, why in made]
    Queue(services.store.database).add([Entry(i, "generator") for i in ids])
    Choices(services.store.database).choose(
        Annotators(services.store.database).add("setup").id, Options(order="oldest")
    )
    return ids


def first(client: TestClient, token: str = TOKEN, **more: Any) -> dict[str, Any]:
    return ask(client, "next", token=token, **more)["card"]


def rating(item: int, verdict: str = "good", token: str = TOKEN, **content: Any) -> dict[str, Any]:
    fields = {"reasoning_id": item, "token": token, "verdict": verdict, "guideline": "0", "seconds": 2.5}
    return {**fields, "content": content}


def bodies(item: int) -> dict[str, dict[str, Any]]:
    """A body that each action takes, so that nothing but the asker's identity can be what it is refused for."""
    content: dict[str, Any] = {"comment": "mine"}
    return {
        "next": {"token": "token-of-another-one"},
        "keep": {"tokens": [TOKEN]},
        "release": {"tokens": [TOKEN]},
        "draft": {"reasoning_id": item, "content": content},
        "guess": {"reasoning_id": item, "label": "joy"},
        "reveal": {"reasoning_id": item},
        "rate": rating(item),
        "skip": {"reasoning_id": item, "token": TOKEN, "kind": "skip"},
        "undo": {"token": "token-of-another-one"},
        "diff": {"reasoning_id": item, "text": "new"},
        "mine": {},
        "open": {"reasoning_id": item},
        "progress": {"minutes": 0},
        "guidelines": {},
        "project": {},
        "save-options": {"blind": True, "calibration": 0.5, "feedback": True, "order": "mixed"},
        "save-guidelines": {"text": "# New", "base": "0"},
        "invite": {"role": "admin", "uses": 5, "days": 5},
        "account": {},
        "change-passphrase": {"old": "", "new": PHRASE, "again": PHRASE},
        "sign-out-everywhere": {},
        "people": {},
        "set-active": {"annotator_id": 1, "active": False},
        "reset-passphrase": {"annotator_id": 1, "passphrase": PHRASE},
        "fill": {},
        "fill-file": {**PLAN, "name": "mine.jsonl", "text": json.dumps(ROW)},
        "fill-write": {**PLAN, "generator": "generator", "source": "demo", "count": 2, "dry_run": True},
        "fill-state": {},
        "fill-cancel": {},
        "flags": {},
        "decide-flag": {"reasoning_id": item, "token": TOKEN, "decision": "put back"},
    }


PLAN: dict[str, Any] = {"ratings": 1, "everyone": 0, "dry_run": False}
ROW = {"text": "rain again", "label": "sadness", "reasoning": "Rain is grey."}
ADMIN = ("project", "save-options", "save-guidelines", "invite", "people", "set-active", "reset-passphrase", "fill")
ADMIN += ("fill-file", "fill-write", "fill-state", "fill-cancel", "flags", "decide-flag")
OTHERS = ("draft", "guess", "reveal", "rate", "skip", "diff", "open")
"""Actions on one item, which must be the asker's own."""


def test_every_action_is_tried_here(services: Services) -> None:
    everyone = {name for name, action in RateApi(services).actions.items() if action.access == "anyone"}
    assert everyone == {"state", "sign-in", "join", "sign-out"}
    assert set(RateApi(services).actions) == everyone | set(bodies(1))
    assert {n for n, a in RateApi(services).actions.items() if a.access == "admin"} == set(ADMIN)


@pytest.mark.parametrize("cookie", ["", "made up", "ended", "expired", "deactivated"])
def test_without_a_session_nothing_is_done(
    cookie: str, come: Callable[..., TestClient], services: Services, items: list[int]
) -> None:
    ann = come("ann", "admin")
    first(ann)
    stranger = come()
    if cookie == "made up":
        stranger.cookies.set(services.visitors.login_cookie, cookie)
    elif cookie:
        stranger = come("gone", "admin")
        if cookie == "ended":
            secret = stranger.cookies[services.visitors.login_cookie]
            ask(stranger, "sign-out")
            stranger.cookies.set(services.visitors.login_cookie, secret)
        with services.store.database.write() as session:
            gone = Annotators(services.store.database).find("gone")
            assert gone
            if cookie == "expired":
                session.execute(update(LoginRow).filter_by(annotator_id=gone.id).values(expires_at=now()))
            if cookie == "deactivated":
                table = Base.metadata.tables["annotators"]
                session.execute(update(table).where(table.c.id == gone.id).values(deactivated_at=now()))
    before = contents(services)
    for action, body in bodies(items[0]).items():
        answer = stranger.post(f"/rate/{action}", json=body)
        assert answer.status_code == 401 and "not signed in" in answer.json()["error"], action
    assert contents(services) == before


def test_on_anothers_item_nothing_is_done(
    come: Callable[..., TestClient], services: Services, items: list[int]
) -> None:
    ann, bob = come("ann"), come("bob")
    item = first(ann)["id"]
    ask(ann, "rate", **rating(item))
    before = contents(services)
    for action in OTHERS:
        assert bob.post(f"/rate/{action}", json=bodies(item)[action]).status_code == 400, action
    assert contents(services) == before


def test_anothers_lease_is_neither_kept_nor_released_nor_taken(
    come: Callable[..., TestClient], services: Services, items: list[int]
) -> None:
    ann, bob = come("ann"), come("bob")
    card = first(ann)
    before = contents(services)
    assert ask(bob, "keep", tokens=[TOKEN]) == {"held": []}
    ask(bob, "release", tokens=[TOKEN])
    assert bob.post("/rate/next", json={"token": TOKEN}).status_code == 400
    assert ask(bob, "undo", token="token-of-another-one")["card"] is None
    assert contents(services) == before and ask(ann, "keep", tokens=[TOKEN]) == {"held": [TOKEN]}
    assert first(bob, "token-of-another-one")["id"] != card["id"]


def test_admins_things_are_for_admins(come: Callable[..., TestClient], services: Services, items: list[int]) -> None:
    ann = come("ann")
    first(ann)
    ask(ann, "skip", reasoning_id=items[0], token=TOKEN, kind="harmful")
    before = contents(services)
    for action in ADMIN:
        assert ann.post(f"/rate/{action}", json=bodies(items[0])[action]).status_code == 403, action
    assert contents(services) == before
    root = come("root", "admin")
    assert all(ask(root, action, **bodies(items[0])[action]) for action in ADMIN)
    assert contents(services) != before


FOREIGN = (
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"origin": "https://elsewhere.example"},
    {"content-type": "text/plain"},
)


def test_other_sites_pages_can_do_nothing(
    come: Callable[..., TestClient], services: Services, items: list[int]
) -> None:
    ann = come("ann")
    before = contents(services)
    body = json.dumps({"token": TOKEN})
    for headers in FOREIGN:
        answer = ann.post("/rate/next", content=body, headers={"content-type": "application/json", **headers})
        assert answer.status_code == 403, headers
    assert contents(services) == before
    ours = {"content-type": "application/json", "sec-fetch-site": "same-origin", "origin": "https://proxy.example"}
    assert ann.post("/rate/next", content=body, headers=ours).status_code == 200


def test_signing_in_sets_a_cookie_that_no_script_reads(come: Callable[..., TestClient], services: Services) -> None:
    client = come()
    html = ask(client, "state")["html"]
    assert 'data-form="sign-in"' in html and 'data-form="join" hidden' in html
    answer = client.post("/rate/sign-in", json={"name": "admin", "passphrase": "the owner's own"})
    cookie = answer.headers["set-cookie"].casefold()
    assert answer.status_code == 200 and "httponly" in cookie and "samesite=lax" in cookie and "secure" not in cookie
    state = ask(client, "state")
    assert state["me"] and "Sign out" in state["html"] and "Project" in state["html"]
    assert client.post("/rate/sign-out", json={}).headers["set-cookie"].startswith(services.visitors.login_cookie)
    assert ask(client, "state")["me"] is None
    client.base_url = "https://testserver"
    body = {"name": "admin", "passphrase": "the owner's own"}
    assert "Secure" in client.post("/rate/sign-in", json=body).headers["set-cookie"]


def test_on_a_space_the_cookie_goes_into_the_frame_and_stays_safe(
    come: Callable[..., TestClient], services: Services, items: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_ID", "owner/space")
    client = come()
    client.base_url = "https://testserver"
    body = {"name": "admin", "passphrase": "the owner's own"}
    given = client.post("/rate/sign-in", json=body).headers["set-cookie"].casefold()
    assert all(part in given for part in ("samesite=none", "secure", "partitioned", "httponly"))
    assert first(client)
    before = contents(services)
    for headers in FOREIGN:
        content = json.dumps({"role": "admin", "uses": 5, "days": 5})
        sent = {"content-type": "application/json", **headers}
        assert client.post("/rate/invite", content=content, headers=sent).status_code == 403, headers
        assert client.post("/rate/sign-in", json=body, headers=headers).status_code == 403, headers
    assert contents(services) == before
    gone = client.post("/rate/sign-out", json={}).headers["set-cookie"].casefold()
    assert "max-age=0" in gone and "partitioned" in gone  # a cookie without it would be another one
    assert ask(client, "state")["me"] is None


def test_a_wrong_passphrase_sets_none_and_soon_has_to_wait(come: Callable[..., TestClient]) -> None:
    client = come()
    answers = [client.post("/rate/sign-in", json={"name": "admin", "passphrase": "wrong one"}) for _ in range(10)]
    assert all(answer.status_code == 400 and "set-cookie" not in answer.headers for answer in answers)
    assert any("Too many wrong tries" in answer.json()["error"] for answer in answers)  # how soon: test_logins.py


def test_joining_needs_an_invitation_unless_the_owner_opened_it(
    come: Callable[..., TestClient], services: Services, settings: Settings
) -> None:
    client = come()
    answer = client.post("/rate/join", json={"name": "eve", "passphrase": PHRASE})
    assert answer.status_code == 400 and "invitation" in answer.json()["error"]
    secret = Invitations(services.store.database).make()
    ask(client, "join", name="cleo", passphrase=PHRASE, invitation=secret)
    assert "cleo" in ask(client, "state")["html"]
    assert (
        come().post("/rate/join", json={"name": "dan", "passphrase": PHRASE, "invitation": secret}).status_code == 400
    )
    opened = Services(settings.model_copy(update={"open": True}), lambda *_: FakeEngine())
    guest = TestClient(Starlette(routes=routes(opened)))
    assert 'data-form="join" >' in ask(guest, "state")["html"]
    ask(guest, "join", name="guest", passphrase="")
    assert ask(guest, "state")["me"]
    opened.close()


def test_the_hugging_face_login_counts_on_a_space_alone(
    services: Services, monkeypatch: pytest.MonkeyPatch, items: list[int]
) -> None:
    import time

    profile = {"sub": "42", "preferred_username": "cleo"}

    def login(request: Request) -> Response:
        left = float(request.query_params["left"])
        request.session["oauth_info"] = {"userinfo": profile, "expires_at": time.time() + left}
        return Response()

    app = Starlette(
        routes=[Route("/login", login), *routes(services)], middleware=[Middleware(SessionMiddleware, secret_key="key")]
    )
    client = TestClient(app)
    client.get("/login?left=60")
    assert ask(client, "state")["me"] is None
    monkeypatch.setenv("SYSTEM", "spaces")
    monkeypatch.setenv("SPACE_ID", "cleo/space")
    monkeypatch.setenv("OAUTH_CLIENT_ID", "client")
    found = Annotators(services.store.database)
    me = ask(client, "state")["me"]
    assert me and ask(client, "state")["me"] == me
    cleo = found.find("cleo")
    assert cleo and (cleo.id, cleo.role) == (me, "annotator")
    assert first(client)
    client.get("/login?left=-1")
    assert ask(client, "state")["me"] is None
    client.get("/login?left=60")
    ask(client, "sign-out")
    assert ask(client, "state")["me"] is None
    profile |= {"sub": "43", "preferred_username": "owner"}
    monkeypatch.setenv("SPACE_AUTHOR_NAME", "owner")
    client.get("/login?left=60")
    assert "Project" in ask(client, "state")["html"]


def test_a_card_is_rated_with_everything_and_the_next_one_comes(
    come: Callable[..., TestClient], services: Services, items: list[int]
) -> None:
    ann = come("ann")
    card = first(ann)
    assert card["id"] == min(items) and card["lease"] == TOKEN and TEXT in Reader(card["html"]).text
    said: dict[str, Any] = {
        "overall": 2,
        "criteria": {"about_text": True},
        "thumbs": [1, -1],
        "spans": [{"start": 4, "end": 10, "note": "no"}],
        "comment": "hm",
        "label_wrong": True,
        "right_label": "fear",
        "edit": "The clouds are dark.",
    }
    ask(ann, "draft", reasoning_id=card["id"], content=said)
    assert first(ann, "token-of-another-one")["content"] == said  # after a reload
    for _ in range(2):
        ask(ann, "rate", **rating(card["id"], "poor", **said))
    (kept,) = Ratings(services.store.database).live_ratings()
    assert (kept.rating.verdict, kept.rating.overall, kept.rating.right_label) == ("poor", 2, "fear")
    assert (kept.guideline, kept.seconds) == ("0", 2.5)
    (edit,) = Edits(services.store.database).history(card["id"])
    assert edit.reasoning == "The clouds are dark."
    assert first(ann, "token-of-the-next-one")["id"] != card["id"]
    again = ask(ann, "open", reasoning_id=card["id"])["card"]
    assert again["verdict"] == "poor" and again["content"] == said
    listed = ask(ann, "mine")
    assert "poor" in Reader(listed["html"]).text and "corrected" in listed["html"] and listed["more"] is None
    assert "1 yours" in Reader(ask(ann, "progress", minutes=-60)["html"]).text
    undone = ask(ann, "undo", token="token-of-the-undo")["card"]
    assert undone["id"] == card["id"] and undone["content"] == said and "verdict" not in undone
    assert Ratings(services.store.database).live_ratings() == []


def test_an_unchanged_text_is_no_correction(
    come: Callable[..., TestClient], services: Services, items: list[int]
) -> None:
    ann = come("ann")
    card = first(ann)
    ask(ann, "rate", **rating(card["id"], edit=f" {card['reasoning']}\n"))
    assert Edits(services.store.database).history(card["id"]) == []
    assert "Nothing is changed" in ask(ann, "diff", reasoning_id=card["id"], text=card["reasoning"])["html"]
    assert "does not say “nonsense”" in ask(ann, "diff", reasoning_id=card["id"], text='It says "nonsense".')["html"]


def test_a_blind_card_shows_neither_text_nor_label_before_the_guess(
    come: Callable[..., TestClient], services: Services, items: list[int]
) -> None:
    ann = come("ann")
    card = first(ann, blind=True)
    assert card["blind"] and TEXT not in json.dumps(card) and "Label" not in Reader(card["html"]).text
    assert ann.post("/rate/guess", json={"reasoning_id": card["id"], "label": "hunger"}).status_code == 400
    seen = ask(ann, "guess", reasoning_id=card["id"], label="joy")["card"]
    assert TEXT in seen["html"] and "You guessed joy." in seen["html"] and not seen["blind"]
    ask(ann, "draft", reasoning_id=card["id"], content={"comment": "hm"})
    ask(ann, "rate", **rating(card["id"]))
    (kept,) = Ratings(services.store.database).live_ratings()
    assert kept.rating.guess == "joy"
    Choices(services.store.database).choose(kept.annotator_id, Options(blind=True, order="oldest"))
    other = first(ann, "token-of-the-next-one")
    assert other["blind"] and not ask(ann, "reveal", reasoning_id=other["id"])["card"]["blind"]
    assert not first(ann, "token-of-the-last-one", blind=False, have=[other["id"]])["blind"]


def test_feedback_on_known_answers_is_told_where_the_owner_wants_it(
    come: Callable[..., TestClient], services: Services, items: list[int]
) -> None:
    database = services.store.database
    known = Reasonings(database).add([Reasoning("emotion", "a", "joy", f"It is {n}.", "test") for n in range(3)])
    ann, me = come("ann"), Annotators(database).add("ann").id
    Queue(database).add([Entry(i, "import", everyone=True, expected={"verdict": "poor"}) for i in known])
    told = []
    for number, (verdict, feedback) in enumerate((("good", False), ("good", True), ("poor", True))):
        Choices(database).choose(me, Options(feedback=feedback, order="oldest", calibration=1.0))
        card = first(ann, f"token-number-{number}")
        assert card["id"] in known and "poor" not in str(card["content"]) and "expected" not in card
        told.append(ask(ann, "rate", **rating(card["id"], verdict, f"token-number-{number}"))["feedback"])
    assert told[0] is None and not told[1]["right"] and "known answer: poor" in told[1]["said"] and told[2]["right"]


def test_markup_in_texts_runs_nowhere(come: Callable[..., TestClient], items: list[int]) -> None:
    ann = come(EVIL)
    answers = [ask(ann, "state")["html"]]
    for number in range(len(items)):
        card = first(ann, f"token-number-{number}")
        answers += [card["html"], ask(ann, "diff", reasoning_id=card["id"], text=EVIL)["html"]]
        ask(ann, "rate", **rating(card["id"], token=f"token-number-{number}", comment=EVIL, edit=EVIL))
        answers.append(ask(ann, "open", reasoning_id=card["id"])["card"]["html"])
    answers.append(ask(ann, "mine")["html"])
    root = come("root", "admin")
    answers.append(ask(root, "save-guidelines", text=f"# Hi {EVIL}\n\n[x](javascript:hit)", base="0")["html"])
    answers.append(ask(ann, "guidelines")["html"])
    assert not any("<script" in html or 'href="javascript' in html for html in answers)
    assert sum("&lt;script" in html for html in answers) >= 5


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("next", {}),
        ("next", {"token": "x"}),
        ("next", {"token": TOKEN, "annotator": 1}),
        ("rate", {**rating(1), "verdict": "fine"}),
        ("rate", {**rating(1), "reasoning_id": "1"}),
        ("rate", {**rating(1), "content": {"guess": "joy"}}),
        ("rate", rating(1, overall=6)),
        ("rate", rating(1, right_label="hunger", label_wrong=True)),
        ("rate", rating(1, right_label="joy")),
        ("rate", rating(1, spans=[{"start": 5, "end": 500}])),
        ("rate", rating(1, criteria={"funny": True})),
        ("rate", rating(1, edit=" ")),
        ("skip", {"reasoning_id": 1, "token": TOKEN, "kind": "boring"}),
        ("draft", {"reasoning_id": 10**6, "content": {}}),
        ("nonsense", {}),
    ],
)
def test_mistakes_are_refused_in_words_and_save_nothing(
    action: str, body: dict[str, Any], come: Callable[..., TestClient], services: Services, items: list[int]
) -> None:
    ann = come("ann")
    card = first(ann)
    if body.get("reasoning_id") == 1:
        body = {**body, "reasoning_id": card["id"]}
    before = contents(services)
    answer = ann.post(f"/rate/{action}", json=body)
    assert answer.status_code == 400 and "Traceback" not in answer.text and answer.json()["error"]
    assert contents(services) == before


def test_too_much_and_no_json_are_refused(come: Callable[..., TestClient], items: list[int]) -> None:
    ann, headers = come("ann"), {"content-type": "application/json"}
    for body in ("x" * (MOST_BYTES + 1), "{", "[]", "", "\xff"):
        answer = ann.post("/rate/next", content=body.encode("latin-1"), headers=headers)
        assert answer.status_code == 400 and answer.json()["error"]


def test_a_lost_database_is_told_with_503(
    come: Callable[..., TestClient], services: Services, items: list[int]
) -> None:
    ann = come("ann")
    card = first(ann)
    services.store.close()
    for action, body in (("rate", rating(card["id"])), ("state", {}), ("next", {"token": TOKEN})):
        answer = ann.post(f"/rate/{action}", json=body)
        assert answer.status_code == 503 and "shutting down" in answer.json()["error"]


def test_what_an_admin_sets_holds(come: Callable[..., TestClient], services: Services, items: list[int]) -> None:
    root = come("root", "admin")
    ask(root, "save-options", blind=True, calibration=0.25, feedback=True, order="uncertain")
    assert Choices(services.store.database).now() == Options(True, 0.25, True, "uncertain")
    html = ask(root, "project")["html"]
    assert 'value="0.25"' in html and "RILEARN_OPEN=1" in html and "uncertain" in html
    wrong = {"blind": True, "calibration": 2.0, "feedback": True, "order": "mixed"}
    assert root.post("/rate/save-options", json=wrong).status_code == 400
    assert ask(root, "save-guidelines", text="# One", base="0")["said"] == "Saved as version 1."
    assert first(come("ann"))["guideline"] == "1"
    secret = ask(root, "invite", role="annotator", uses=1, days=1)["secret"]
    ask(come(), "join", name="cleo", passphrase=PHRASE, invitation=secret)
    with services.store.database.read() as session:
        assert session.scalar(select(func.count(Base.metadata.tables["invitations"].c.id))) == 1
