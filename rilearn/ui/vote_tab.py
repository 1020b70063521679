"""Blind vote of the Compare tab: two answers without names, one vote, then the names and where the versions stand.

Every handler that writes takes the visitor from the signed cookie and the pair from the server's own session state:
the browser sends neither.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import gradio as gr

from rilearn import blind
from rilearn.errors import InputError, in_words
from rilearn.services import Services
from rilearn.ui import render
from rilearn.ui import vote_view as view
from rilearn.ui.identity import visitor
from rilearn.ui.live import BUSY, GROUP, IDLE, QUIET, paced

if TYPE_CHECKING:
    from rilearn.store.votes import Choice, Pair

HEARTBEAT = 0.5
"""Seconds between frames that show nothing new: Gradio ends a cancelled run at its next frame."""
BUTTONS: tuple[tuple[str, Choice], ...] = (
    ("A is better explained", "left"),
    ("B is better explained", "right"),
    ("Tie", "tie"),
)
SHOWN, HIDDEN = gr.update(visible=True), gr.update(visible=False)
Frame = tuple[Any, "Run", dict[str, Any], dict[str, Any], dict[str, Any]]
"""The answers, the run behind them, the start button, the Cancel button, the row of vote buttons."""


@dataclass(frozen=True)
class Run:
    """What one page is doing, kept in its session on the server: the pair to vote on and whose it is. `token` names the
    vote, so that a button pressed twice is one vote."""

    pair: Pair | None = None
    visitor: str = ""
    token: str = ""
    over: bool = False


def add(app: gr.Blocks, services: Services) -> None:
    """Put the controls, the answers, the standings and their events into the current tab."""
    on, limit, able = Handlers(services), services.settings.max_chars, blind.reasoning(services.adapters)
    possible = bool(able) and len(services.adapters) > 1
    gr.HTML(view.note(bare=len(able) == 1))
    text = gr.Textbox(
        label="Your text",
        placeholder="How was your day?",
        lines=1,  # with one line Enter sends and Shift+Enter breaks the line; app.css makes the box higher
        max_lines=12,
        elem_id="rl-vote-text",
        elem_classes="rl-input",
    )
    counter = gr.HTML(render.counter(0, limit), elem_classes="rl-counter-box")
    with gr.Row(elem_id="rl-vote-do"):
        go = gr.Button("Get two answers", variant="primary", interactive=possible, min_width=120, elem_id="rl-vote-go")
        cancel = gr.Button("Cancel", interactive=False, min_width=120, elem_id="rl-vote-cancel")
    gr.HTML(render.examples(services.task.examples[:5]))
    answers = gr.HTML(view.empty(possible), elem_id="rl-vote-result")
    with gr.Row(visible=False, elem_id="rl-vote-choices") as row:
        choices = [(gr.Button(said, min_width=140), choice) for said, choice in BUTTONS]
        skip = gr.Button("Skip", min_width=100)
    table = gr.HTML(elem_id="rl-vote-standings")
    state = gr.State(Run(over=True))
    now = partial(standings, services)
    shown = [answers, state, go, cancel, row]

    if possible:
        text.change(None, text, counter, js=f"(text) => window.rilearnCount(text, {limit})", **QUIET)
        begun = gr.on([go.click, text.submit], on.begin, None, [state, go, cancel, row], **QUIET)
        run = begun.then(
            on.run,
            text,
            shown,
            concurrency_id=GROUP,
            concurrency_limit=services.settings.parallel,
            api_visibility="private",
            show_progress="minimal",
            show_progress_on=answers,
        )
        # As in the other tabs: after every end of a run, a cancel as well.
        run.then(on.settle, state, shown, **QUIET)
        cancel.click(None, None, None, cancels=[run], **QUIET)
    for button, choice in choices:
        voted = button.click(on.voting(choice), state, [answers, state, row], **QUIET)
        voted.then(now, None, table, **QUIET)
    skip.click(on.skip, None, [answers, state, row], **QUIET)
    app.load(now, None, table, **QUIET)


class Handlers:
    """What the page's events call."""

    def __init__(self, services: Services):
        self.services = services

    def begin(self) -> tuple[Run, dict[str, Any], dict[str, Any], dict[str, Any]]:
        """A new run, and the buttons while it waits in the queue or runs; the last pair can no longer be voted on."""
        return Run(), *BUSY, HIDDEN

    def run(self, text: str, request: gr.Request) -> Iterator[Frame]:
        """Frames of one drawn pair; closed by Gradio when the visitor cancels or leaves."""
        services = self.services
        try:
            who, votes = visitor(services.visitors, request), services.store.votes()  # before any model works
            for status in services.loading():
                yield view.waiting(status.message), Run(), *BUSY, HIDDEN
            models = blind.draw(services.adapters)
            with closing(cast("Any", services.compare(text, models))) as growing:
                for now in paced(growing, lambda now: all(side.over for side in now), HEARTBEAT):
                    answers = now  # shown when both are over
                    yield view.waiting(), Run(), *BUSY, HIDDEN
            pair = votes.add_pair(text, blind.sides(answers), who)
            before = votes.given(pair.id, who)
            if before:
                yield view.revealed(before, again=True), Run(over=True), *IDLE, HIDDEN
            else:
                yield view.asked(pair), Run(pair, who, secrets.token_urlsafe(16), over=True), *IDLE, SHOWN
        except Exception as error:
            yield view.error(in_words(error)), Run(over=True), *IDLE, HIDDEN

    def settle(self, run: Run) -> Frame:
        """After a run: when it was cancelled, say so."""
        if run.over:
            return gr.skip(), run, *IDLE, gr.skip()
        return view.stopped(), replace(run, over=True), *IDLE, HIDDEN

    def voting(self, choice: Choice) -> Callable[[Run, gr.Request], tuple[Any, Run, dict[str, Any]]]:
        """The handler of one vote button."""

        def vote(run: Run, request: gr.Request) -> tuple[Any, Run, dict[str, Any]]:
            return self.vote(choice, run, request)

        return vote

    def vote(self, choice: Choice, run: Run, request: gr.Request) -> tuple[Any, Run, dict[str, Any]]:
        """Count the vote and name the models; after an error the pair stays, to be voted on again."""
        pair = None
        try:
            who = visitor(self.services.visitors, request)
            if run.pair is None:
                raise InputError("There is no pair to vote on here. Get two answers first.")
            if who != run.visitor:
                raise InputError("These answers were drawn for another visitor. Get two answers of your own.")
            pair, votes = run.pair, self.services.store.votes()
            vote = votes.given(pair.id, who) or votes.vote(pair.id, who, choice, run.token)
            return view.revealed(vote, again=vote.choice != choice), run, HIDDEN
        except Exception as error:
            return view.error(in_words(error), pair), run, SHOWN if pair else HIDDEN

    def skip(self) -> tuple[str, Run, dict[str, Any]]:
        """No vote on this pair."""
        return view.skipped(), Run(over=True), HIDDEN


def standings(services: Services) -> str:
    """Where the versions stand now, from the database, as HTML; the Results tab shows it too."""
    try:
        return view.standings(blind.standings(services.store.votes().tally()))
    except Exception as error:
        return view.no_standings(in_words(error))
