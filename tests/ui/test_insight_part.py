"""The admins' part: nobody else sees or decides anything, decisions are kept, what goes wrong is said in words."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pytest

from rilearn.errors import InputError
from rilearn.records import Rating, Reasoning
from rilearn.services import Services
from rilearn.store.adjudications import Adjudications
from rilearn.store.annotators import Annotator, Annotators
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.ui.insight_part import KEEP, Docket, Handlers, add

REFUSED = "Sign in as an <admin>."


class Door:
    """Says who calls; nobody until somebody is let in."""

    def __init__(self) -> None:
        self.inside: Annotator | None = None

    def __call__(self, request: Any) -> Annotator:
        if self.inside is None:
            raise InputError(REFUSED)
        return self.inside


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def on(services: Services, door: Door) -> Handlers:
    return Handlers(services, door)


@pytest.fixture
def ids(services: Services, door: Door) -> list[int]:
    """Two disputed reasonings; the admin is let in."""
    database, (label, *_) = services.store.database, services.task.labels
    annotators, ratings = Annotators(database), Ratings(database)
    made = [Reasoning(services.task.name, f"text {i}", label, f"It says {i}.", "here") for i in range(2)]
    ids = sorted(Reasonings(database).add(made))
    for i in ids:
        for name in ("good", "poor"):
            ratings.rate(annotators.add(name).id, i, Rating(name), f"t{i}")  # type: ignore[arg-type]
    door.inside = annotators.add("root", "admin")
    return ids


def visible(frame: Any) -> bool | None:
    return frame[2].get("visible")


REQUEST: Any = None


def test_strangers_see_and_decide_nothing(on: Handlers, door: Door, ids: list[int], services: Services) -> None:
    html, dispute, docket, *_ = on.show(Docket(), REQUEST)
    assert "<svg" in html and docket.reasoning_id == ids[0] and "It says" in dispute
    door.inside = None
    html, dispute, *_ = on.show(docket, REQUEST)
    assert "Sign in as an &lt;admin&gt;." in html and "<svg" not in html and dispute == ""
    for frame in (on.decide("good", docket, "", KEEP, REQUEST), on.later(docket, REQUEST)):
        assert "Sign in as an" in frame[0] and "It says" not in frame[0]
    assert Adjudications(services.store.database).disagreements(9)[1] == 2


def test_one_after_another_is_decided(on: Handlers, ids: list[int], services: Services) -> None:
    decisions = Adjudications(services.store.database)
    _, _, docket, *_ = on.show(Docket(), REQUEST)
    frame = on.deciding("poor")(docket, "vague", KEEP, REQUEST)
    assert "Decided: poor." in frame[0] and frame[1].reasoning_id == ids[1] and visible(frame)
    (first,) = decisions.history(ids[0])
    assert (first.verdict, first.comment, first.right_label) == ("poor", "vague", None)
    on.decide("poor", docket, "vague", KEEP, REQUEST)  # a double click
    assert decisions.history(ids[0]) == [first]
    other = services.task.labels[1]
    last = on.decide("good", frame[1], "", other, REQUEST)
    assert decisions.history(ids[1])[0].right_label == other
    assert "Nothing is disputed" in last[0] and visible(last) is False and last[1].reasoning_id is None
    assert "nothing to decide" in on.decide("good", last[1], "", KEEP, REQUEST)[0]


def test_not_now_goes_on_and_comes_back(on: Handlers, ids: list[int]) -> None:
    _, _, docket, *_ = on.show(Docket(), REQUEST)
    frame = on.later(docket, REQUEST)
    assert frame[1].reasoning_id == ids[1] and frame[1].passed == (ids[0],) and frame[1].token != docket.token
    end = on.later(frame[1], REQUEST)
    assert "passed by all" in end[0] and visible(end) is False
    assert on.show(end[1], REQUEST)[2].reasoning_id == ids[0]


def test_what_goes_wrong_keeps_the_one_shown(on: Handlers, ids: list[int], services: Services) -> None:
    _, _, docket, *_ = on.show(Docket(), REQUEST)
    for label, words in (("no label of ours", "no label"), (services.task.labels[0], "called wrong")):
        html, after, *_ = on.decide("good", docket, "", label, REQUEST)
        assert words in html and 'role="alert"' in html and after == docket
    assert Adjudications(services.store.database).disagreements(9)[1] == 2


def test_without_ratings(on: Handlers, door: Door, services: Services) -> None:
    door.inside = Annotators(services.store.database).add("root", "admin")
    html, dispute, *_ = on.show(Docket(), REQUEST)
    assert "Nobody has rated yet." in html and "Nothing is disputed" in dispute


def test_no_handler_is_an_endpoint(services: Services, door: Door) -> None:
    with gr.Blocks() as app:
        add(app, services, door)
    assert len(app.fns) == 4
    assert app.get_api_info()["named_endpoints"] == {}
