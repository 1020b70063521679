"""Below the card of the Classify tab: the button that asks whether the reasoning mattered, and the report under it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, cast

import gradio as gr

from rilearn.errors import InputError, in_words
from rilearn.faithfulness import Report
from rilearn.records import Prediction
from rilearn.services import Services
from rilearn.ui import faithfulness_view as view
from rilearn.ui.live import BUSY, GROUP, IDLE, QUIET

OFF = (gr.update(interactive=False), gr.update(interactive=False))
"""The buttons when there is nothing to ask, or the report is there."""


@dataclass(frozen=True)
class Question:
    """What one page can ask about, kept in its session: a finished reasoned answer, and whether nothing runs now."""

    text: str
    answer: Prediction
    over: bool = True


Frame = tuple[Any, Question | None, dict[str, Any], dict[str, Any]]
"""The report, the question behind it, the button that asks, the Stop button."""
NOTHING: Frame = ("", None, *OFF)
"""While there is no such answer."""


def asked(text: str, answer: Prediction | None) -> Frame:
    """The part after a run: ready to ask if it ended with a reasoned answer; an earlier report goes."""
    if answer is None or not answer.done or not answer.reasoning:
        return NOTHING
    return "", Question(text, answer), *IDLE


def add(services: Services) -> tuple[list[Any], Any]:
    """Put the part where the page stands; gives what a `Frame` fills, and the running report, to be cancelled."""
    on = Handlers(services)
    with gr.Row(elem_id="rl-faith-do"):
        go = gr.Button(view.TITLE, interactive=False, min_width=200, elem_id="rl-faith-go")
        stop = gr.Button("Stop", interactive=False, min_width=56, elem_id="rl-faith-stop")
    report, question = gr.HTML("", elem_id="rl-faith"), gr.State(None)
    shown = [report, question, go, stop]

    run = go.click(on.begin, question, shown, **QUIET).then(
        on.run,
        question,
        shown,
        concurrency_id=GROUP,
        concurrency_limit=services.settings.parallel,
        api_visibility="private",
        show_progress="minimal",
        show_progress_on=report,
    )
    run.then(on.settle, question, shown, **QUIET)  # after a stop as well, see classify_tab
    stop.click(None, None, None, cancels=[run], **QUIET)
    return shown, run


class Handlers:
    """What the part's events call."""

    def __init__(self, services: Services):
        self.services = services

    def begin(self, question: Question | None) -> Frame:
        """The report is asked for; it may have to wait for others first."""
        return view.waiting(), question and replace(question, over=False), *BUSY

    def run(self, question: Question | None) -> Iterator[Frame]:
        """Frames of one report; closed by Gradio when the visitor stops it or leaves."""
        try:
            with closing(cast("Any", self.report(question))) as growing:
                for now in growing:
                    yield self.frame(cast("Question", question), now)
        except Exception as error:
            yield view.error(in_words(error)), question and replace(question, over=True), *IDLE

    def report(self, question: Question | None) -> Iterator[tuple[int, int] | Report]:
        if question is None:  # the page outlived its session
            raise InputError("The answer is no longer known here. Classify the text again, then ask.")
        return self.services.faithfulness(question.text, question.answer.reasoning, question.answer.model)

    def frame(self, question: Question, now: tuple[int, int] | Report) -> Frame:
        if isinstance(now, Report):
            return view.view(self.services.task, now), replace(question, over=True), *OFF
        return view.working(*now), replace(question, over=False), *BUSY

    def settle(self, question: Question | None) -> Frame:
        """After a run: when it was stopped, say so and let the visitor ask again."""
        if question is None or question.over:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        return view.stopped(), replace(question, over=True), *IDLE
