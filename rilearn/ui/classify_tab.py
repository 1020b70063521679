"""The Classify tab: type, watch the reasoning, read the label; and `classify`, the public API and MCP tool.

Handlers call the services and render.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, TypedDict, cast, get_type_hints

import gradio as gr

from rilearn.errors import in_words
from rilearn.records import Prediction
from rilearn.services import Services
from rilearn.ui import faithfulness_part, render, share_part
from rilearn.ui.live import BUSY, GROUP, IDLE, LOAD_WAIT, QUIET, choices, paced

TITLE = "Classify"
Frame = tuple[Any, "Run", dict[str, Any], dict[str, Any]]
"""The card, the run behind it, the Classify button, the Cancel button."""


@dataclass(frozen=True)
class Run:
    """What one page is doing, kept in its session: the prediction shown last, whether the run came to its end, the
    text."""

    shown: Prediction | None = None
    over: bool = False
    text: str = ""


class Classification(TypedDict):
    """What the API answers: `probabilities` maps each label to its share, `seconds` is the whole time."""

    label: str
    probabilities: dict[str, float]
    reasoning: str
    model: str
    seconds: float


def add(app: gr.Blocks, services: Services) -> None:
    """Put the tab's content and its events into the current `gr.Tab` of `app`."""
    on = Handlers(services)
    limit, names = services.settings.max_chars, services.models
    banner = gr.HTML(visible=False, elem_id="rl-banner")
    retry = gr.Button("Try again", visible=False, elem_id="rl-retry")
    with gr.Row(elem_id="rl-columns"):  # a grid of three in app.css: on a phone the result comes before the examples
        with gr.Column(elem_id="rl-ask"):
            text = gr.Textbox(
                label="Your text",
                placeholder="How was your day?",
                lines=1,  # with one line Enter sends and Shift+Enter breaks the line; app.css makes the box higher
                max_lines=12,
                autofocus=True,
                elem_id="rl-text",
                elem_classes="rl-input",
            )
            counter = gr.HTML(render.counter(0, limit), elem_id="rl-counter")
            model: gr.Dropdown | gr.State = gr.State(services.default)
            if len(names) > 1:
                model = gr.Dropdown(choices(services), value=services.default, label="Model", filterable=False)
            with gr.Row():
                go = gr.Button("Classify", variant="primary", min_width=120, elem_id="rl-go")
                cancel = gr.Button("Cancel", interactive=False, min_width=120, elem_id="rl-cancel")
        with gr.Column(elem_id="rl-result"):
            card = gr.HTML(render.empty(services.task))
            question, report = faithfulness_part.add(services)
            after = [*question, *share_part.add(services)]
        with gr.Column(elem_id="rl-more"):
            gr.HTML(render.examples(services.task.examples[:10]))
    state = gr.State(Run(over=True))
    timer = gr.Timer(1.0, active=False)

    text.change(None, text, counter, js=f"(text) => window.rilearnCount(text, {limit})", **QUIET)
    # A new text ends the question about the last one, and the offer to share it.
    begun = gr.on([go.click, text.submit], on.begin, None, [state, go, cancel, *after], cancels=[report], **QUIET)
    run = begun.then(
        on.run,
        [text, model],
        [card, state, go, cancel],
        concurrency_id=GROUP,
        concurrency_limit=services.settings.parallel,
        api_visibility="private",
        show_progress="minimal",
        show_progress_on=card,
    )
    # Gradio runs this after every end of a run, a cancel as well, and not before the cancelled run is silent.
    run.then(on.settle, state, [card, state, go, cancel, *after], **QUIET)
    cancel.click(None, None, None, cancels=[run], **QUIET)
    gr.on([app.load, timer.tick], on.status, None, [banner, retry, timer], **QUIET)
    retry.click(on.retry, None, [banner, retry, timer], **QUIET)
    gr.api(on.api(), api_name="classify", concurrency_id=GROUP, concurrency_limit=services.settings.parallel)


class Handlers:
    """What the page's events call."""

    def __init__(self, services: Services):
        self.services, self.task = services, services.task

    def begin(self) -> tuple[Any, ...]:
        """A new run, the buttons while it waits in the queue or runs, and nothing to ask about or to share."""
        return Run(), *BUSY, *faithfulness_part.NOTHING, *share_part.NOTHING

    def run(self, text: str, model: str) -> Iterator[Frame]:
        """Frames of one classification; closed by Gradio when the visitor cancels or leaves."""
        try:
            for status in self.services.loading():
                yield render.waiting(self.task, status.message), Run(), *BUSY
            with closing(cast("Any", self.services.predict(text, model))) as growing:
                for now in paced(growing, stage):
                    yield render.prediction(self.task, now), Run(now, now.done, text), *(IDLE if now.done else BUSY)
        except Exception as error:
            yield render.error(self.task, in_words(error)), Run(over=True), *IDLE

    def settle(self, run: Run) -> tuple[Any, ...]:
        """After a run: when it was cancelled, say so and keep what was written; else its reasoning can be asked
        about and shared."""
        card = gr.skip() if run.over else render.stopped(self.task, run.shown)
        asked, offered = faithfulness_part.asked(run.text, run.shown), share_part.offered(run.text, run.shown)
        return card, replace(run, over=True), *IDLE, *asked, *offered

    def status(self) -> tuple[dict[str, Any], dict[str, Any], gr.Timer]:
        """The banner, the retry button, and the timer that asks again while the model loads."""
        status = self.services.status
        html = render.banner(status, self.services.problems)
        return (
            gr.update(value=html, visible=bool(html)),
            gr.update(visible=status.state == "failed"),
            gr.Timer(active=status.state == "loading"),
        )

    def retry(self) -> tuple[dict[str, Any], dict[str, Any], gr.Timer]:
        self.services.start()
        return self.status()

    def api(self) -> Any:
        """The public function; made here because its default model is known only now."""
        services, default = self.services, self.services.default

        def classify(text: str, model: str = default) -> Classification:
            """Classify a text and explain why: the model writes its reasoning first, then chooses the label.

            Args:
                text: The text to classify, for example a message or a sentence.
                model: The name of the classifier. The default reasons before it answers.

            Returns:
                label, probabilities (label -> share, they sum to 1), reasoning, model and seconds.
            """
            try:
                services.wait(LOAD_WAIT)
                *_, last = services.predict(text, model)
            except Exception as error:
                raise gr.Error(in_words(error), print_exception=False) from error
            return as_classification(last)

        # Gradio reads the annotations as they stand, and here they stand as strings.
        classify.__annotations__ = get_type_hints(classify)
        return classify


def stage(now: Prediction) -> tuple[bool, bool]:
    """What is shown at once when it changes: the model's first word, and the end."""
    return now.first_token_seconds is not None, now.done


def as_classification(last: Prediction) -> Classification:
    """A finished prediction as the API's answer."""
    return Classification(
        label=last.label or "",
        probabilities=dict(last.probabilities),
        reasoning=last.reasoning,
        model=last.model,
        seconds=round(last.seconds, 3),
    )
