"""The handlers of the blind vote, called as Gradio calls them: with the right visitor, with none, with a wrong one."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from starlette.requests import Request

from rilearn.errors import EngineError
from rilearn.services import Services
from rilearn.store.database import FILE
from rilearn.ui.vote_tab import Handlers, Run, standings
from tests.conftest import REASONING, FakeEngine
from tests.ui.test_render import Reader


@pytest.fixture
def on(services: Services) -> Handlers:
    return Handlers(services)


def come(services: Services, signed: str | None = None, **headers: str) -> gr.Request:
    """A request of a new visitor, or with this cookie."""
    cookie = services.visitors.new() if signed is None else signed
    sent = {"host": "app.example", "cookie": f"{services.visitors.cookie}={cookie}; get=another cookie", **headers}
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()]
    scope = {"type": "http", "method": "POST", "scheme": "https", "path": "/", "query_string": b"", "headers": raw}
    return gr.Request(Request(scope), session_hash="same")


def ask(on: Handlers, request: gr.Request, text: str = "what a day") -> tuple[Any, ...]:
    *_, last = on.run(text, request)
    return last


def test_answers_come_together_and_without_names(on: Handlers, services: Services, engine: FakeEngine) -> None:
    engine.pause = 0.05
    *before, (html, run, *_, row) = on.run("what a day", come(services))
    assert before and all("<article" not in frame[0] and frame[-1]["visible"] is False for frame in before)
    assert "q-" not in html and REASONING in Reader(html).text and row["visible"] is True
    assert (
        run.over
        and run.pair.text == "what a day"
        and {run.pair.left.version.model, run.pair.right.version.model}
        == {
            "q-a",
            "q-ra",
        }
    )
    for side in (run.pair.left, run.pair.right):
        assert side.version.digest == services.adapters[side.version.model].ref.digest


@pytest.mark.parametrize("choice", ["left", "right", "tie"])
def test_a_vote_is_kept_and_the_same_button_again_is_the_same_vote(
    on: Handlers, services: Services, choice: Any
) -> None:
    request = come(services)
    run = ask(on, request)[1]
    for _ in range(2):
        html, _, row = on.vote(choice, run, request)
        assert "Thank you." in html and "q-ra" in html and row["visible"] is False
    html, *_ = on.vote("tie" if choice == "left" else "left", run, request)
    assert "You have voted on this pair before" in html
    (tally,) = services.store.votes().tally()
    assert tally.first_wins + tally.second_wins + tally.ties == 1 and tally.ties == (choice == "tie")
    assert "1 vote" in Reader(standings(services)).text


def test_the_same_answers_after_a_reload_are_no_second_vote(on: Handlers, services: Services) -> None:
    request = come(services)
    on.vote("left", ask(on, request)[1], request)
    html, run, *_, row = ask(on, request)
    assert "You have voted on this pair before" in html and run.pair is None and row["visible"] is False
    assert ask(on, come(services))[-1]["visible"] is True  # somebody else may


@pytest.mark.parametrize("forged", ["", "me", "me.signature"])
def test_without_a_cookie_of_ours_nothing_runs_and_nothing_is_kept(
    on: Handlers, services: Services, engine: FakeEngine, forged: str
) -> None:
    html, run, *_ = ask(on, come(services, forged))
    assert "sent no cookie" in html and run.pair is None and engine.prompts == []
    run = ask(on, come(services))[1]
    html, _, row = on.vote("left", run, come(services, forged))
    assert "sent no cookie" in html and "<article" not in html and row["visible"] is False
    assert services.store.votes().tally() == []


def test_nobody_votes_on_anothers_pair_nor_on_none(on: Handlers, services: Services) -> None:
    run = ask(on, come(services))[1]
    html, *_ = on.vote("left", run, come(services))
    assert "drawn for another visitor" in html and "<article" not in html
    html, *_ = on.vote("left", Run(over=True), come(services))
    assert "Get two answers first" in html
    assert services.store.votes().tally() == []


def test_skip_and_cancel_count_nothing_and_name_nobody(on: Handlers, services: Services) -> None:
    html, run, row = on.skip()
    assert "Skipped" in html and run.pair is None and row["visible"] is False
    html, run, *_ = on.settle(on.begin()[0])
    assert "Stopped before" in html and run.over
    open_run = ask(on, come(services))[1]
    assert on.settle(open_run)[1] == open_run  # a run that came to its end stays as it is


@pytest.mark.parametrize("text", ["", " \u200b", "x" * 1001])
def test_bad_texts_are_told_and_give_no_pair(on: Handlers, services: Services, text: str) -> None:
    html, run, *_ = ask(on, come(services), text)
    assert 'role="alert"' in html and run.pair is None


def test_a_model_that_fails_ends_it_in_words(on: Handlers, services: Services, engine: FakeEngine) -> None:
    engine.error = EngineError("The engine lost it.")
    html, run, *_ = ask(on, come(services))
    assert "nothing to vote on. The engine lost it." in html and run.pair is None


def test_an_answer_with_a_models_name_is_kept_apart(on: Handlers, services: Services, engine: FakeEngine) -> None:
    engine.reasoning = "As Q->RA I say so."
    request = come(services)
    html, *_ = on.vote("left", ask(on, request)[1], request)
    (tally,) = services.store.votes().tally()
    assert "kept apart" in html and tally.giveaways == 1
    assert "1 vote kept apart" in Reader(standings(services)).text


def test_a_lost_database_is_told_and_the_pair_stays(on: Handlers, services: Services, tmp_path: Path) -> None:
    request = come(services)
    run = ask(on, request)[1]
    with sqlite3.connect(tmp_path / "state" / FILE) as other:
        other.execute("DROP TABLE votes")
    html, kept, row = on.vote("left", run, request)
    assert 'role="alert"' in html and "q-" not in re.sub(r'<p class="rl-alert".*?</p>', "", html)
    assert REASONING in Reader(html).text and kept == run and row["visible"] is True
    assert 'class="rl-alert"' in standings(services)


def test_a_database_that_cannot_open_costs_no_models_time(services: Services, engine: FakeEngine) -> None:
    services.visitors.new()  # its key is read once
    services.store.close()
    html, run, *_ = ask(Handlers(services), come(services))
    assert "shutting down" in html and run.pair is None and engine.prompts == []
    assert "shutting down" in standings(services)


FOREIGN: tuple[dict[str, str], ...] = (
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "same-site", "origin": "https://app.example"},
    {"origin": "https://elsewhere.example"},
    {"origin": "null"},
)
"""Headers of requests that other sites' pages make, and old browsers among them."""


@pytest.mark.parametrize("headers", FOREIGN)
def test_another_sites_page_draws_and_votes_for_nobody(
    on: Handlers, services: Services, headers: dict[str, str]
) -> None:
    signed = services.visitors.new()
    run = ask(on, come(services, signed, origin="https://app.example"))[1]
    assert run.pair
    foreign = come(services, signed, **headers)
    assert "page of this app" in ask(on, foreign)[0] and "page of this app" in on.vote("left", run, foreign)[0]
    assert services.store.votes().tally() == []
