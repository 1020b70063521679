"""The Compare tab: one text answered by several models side by side; and `compare`, the public API and MCP tool.

Many texts at once and the blind vote are parts of this tab with files of their own, many_tab.py and vote_tab.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, TypedDict, cast, get_type_hints

import gradio as gr

from rilearn.adapters import Kind
from rilearn.compare import MOST, Side, agree
from rilearn.errors import in_words
from rilearn.services import Services
from rilearn.ui import compare_view as view
from rilearn.ui import many_tab, render, vote_tab
from rilearn.ui.live import BUSY, GROUP, IDLE, LOAD_WAIT, QUIET, choices, paced

TITLE = "Compare"
Frame = tuple[Any, "Run", dict[str, Any], dict[str, Any]]
"""The columns, the run behind them, the Compare button, the Cancel button."""


@dataclass(frozen=True)
class Run:
    """What one page is doing, kept in its session: the columns shown last, the true label, whether it is over."""

    shown: tuple[Side, ...] = ()
    gold: str | None = None
    over: bool = False


class Answer(TypedDict):
    """One model's answer: `probabilities` maps each label to its share, `seconds` is the whole time.

    When the model failed, `error` says why and the label is empty.
    """

    model: str
    label: str
    probabilities: dict[str, float]
    reasoning: str
    tokens: int
    seconds: float
    error: str


class Comparison(TypedDict):
    """What the API answers: the answers in the order of the models, and whether all name the same label."""

    agree: bool
    answers: list[Answer]


def add(app: gr.Blocks, services: Services) -> None:
    """Put the tab's content and its events into the current `gr.Tab` of `app`."""
    with gr.Tabs(elem_id="rl-compare-tabs"):
        with gr.Tab("One text", id="one"):
            one_text(app, services)
        with gr.Tab("Many texts", id="many"):
            many_tab.add(services)
        with gr.Tab("Blind vote", id="vote"):
            vote_tab.add(app, services)


def one_text(app: gr.Blocks, services: Services) -> None:
    """The text box, the columns, and what happens between them."""
    on, task, limit = Handlers(services), services.task, services.settings.max_chars
    with gr.Row(elem_id="rl-compare-ask"):
        with gr.Column(elem_id="rl-compare-what"):
            text = gr.Textbox(
                label="Your text",
                placeholder="How was your day?",
                lines=1,  # with one line Enter sends and Shift+Enter breaks the line; app.css makes the box higher
                max_lines=12,
                elem_id="rl-compare-text",
                elem_classes="rl-input",
            )
            counter = gr.HTML(render.counter(0, limit), elem_classes="rl-counter-box")
        with gr.Column(elem_id="rl-compare-how"):
            models = gr.Dropdown(
                choices(services),
                value=services.pair if len(services.models) > 1 else services.models,
                multiselect=True,
                max_choices=MOST,
                label="Models",
                filterable=False,
                elem_id="rl-compare-models",
            )
            gold = gr.Dropdown(
                [("not known", ""), *((label, label) for label in task.labels)],
                value="",
                label="True label, if you know it",
                filterable=False,
                elem_id="rl-compare-gold",
            )
    with gr.Row(elem_id="rl-compare-do"):
        go = gr.Button("Compare", variant="primary", min_width=120, elem_id="rl-compare-go")
        cancel = gr.Button("Cancel", interactive=False, min_width=120, elem_id="rl-compare-cancel")
        link = gr.Button("Copy link", min_width=120, elem_id="rl-compare-link")
        copied = gr.HTML(view.copied(), elem_id="rl-compare-copied")
    columns = gr.HTML(view.empty(task, services.pair, on.kinds), elem_id="rl-compare-result")
    gr.HTML(render.examples(task.examples[:5]))
    state = gr.State(Run(over=True))
    shown = [columns, state, go, cancel]

    text.change(None, text, counter, js=f"(text) => window.rilearnCount(text, {limit})", **QUIET)
    begun = gr.on([go.click, text.submit], on.begin, gold, [state, go, cancel], **QUIET)
    run = begun.then(
        on.run,
        [text, models, gold],
        shown,
        concurrency_id=GROUP,
        concurrency_limit=services.settings.parallel,
        api_visibility="private",
        show_progress="minimal",
        show_progress_on=columns,
    )
    # Gradio runs this after every end of a run, a cancel as well, and not before the cancelled run is silent.
    run.then(on.settle, state, shown, **QUIET)
    cancel.click(None, None, None, cancels=[run], **QUIET)
    link.click(None, [text, models, gold], copied, js="(...fields) => window.rilearnLink(...fields)", **QUIET)
    app.load(on.opened, None, [text, models, gold], **QUIET)
    gr.api(on.api(), api_name="compare", concurrency_id=GROUP, concurrency_limit=services.settings.parallel)


class Handlers:
    """What the page's events call."""

    def __init__(self, services: Services):
        self.services, self.task = services, services.task

    @property
    def kinds(self) -> dict[str, Kind]:
        """Of the models there are now: a promotion may have added one."""
        return {name: adapter.manifest.kind for name, adapter in self.services.adapters.items()}

    def opened(self, request: gr.Request) -> tuple[Any, Any, Any]:
        """The fields of a page opened by a link: `?text=`, `&models=` with commas, `&label=`; unknown names are passed
        over."""
        asked = request.query_params
        models = [name for name in asked.get("models", "").split(",") if name in self.services.models][:MOST]
        label = asked.get("label", "")
        return asked.get("text") or gr.skip(), models or gr.skip(), label if label in self.task.labels else gr.skip()

    def begin(self, gold: str) -> tuple[Run, dict[str, Any], dict[str, Any]]:
        """A new run, and the buttons while it waits in the queue or runs."""
        return Run(gold=gold or None), *BUSY

    def run(self, text: str, models: list[str], gold: str) -> Iterator[Frame]:
        """Frames of one comparison; closed by Gradio when the visitor cancels or leaves."""
        try:
            for status in self.services.loading():
                yield view.waiting(status.message), Run(gold=gold or None), *BUSY
            with closing(cast("Any", self.services.compare(text, models or []))) as growing:
                for now in paced(growing, stage):
                    run = Run(now, gold or None, over=all(side.over for side in now))
                    yield self.html(run), run, *(IDLE if run.over else BUSY)
        except Exception as error:
            yield view.error(in_words(error)), Run(over=True), *IDLE

    def settle(self, run: Run) -> Frame:
        """After a run: when it was cancelled, say so and keep what was written."""
        columns = gr.skip() if run.over else self.html(run, cancelled=True) if run.shown else view.stopped()
        return columns, replace(run, over=True), *IDLE

    def html(self, run: Run, cancelled: bool = False) -> str:
        return view.sides(self.task, run.shown, self.kinds, run.gold, cancelled)

    def api(self) -> Any:
        """The public function; made here because its default models are known only now."""
        services, pair = self.services, tuple(self.services.pair)

        def compare(text: str, models: list[str] = list(pair)) -> Comparison:  # noqa: B006 (Gradio reads it, none writes)
            """Classify a text with several models side by side, to see whether reasoning first changes the answer.

            Args:
                text: The text to classify, for example a message or a sentence.
                models: The names of two to four classifiers. The default is one that answers at once and one that
                    reasons before it answers.

            Returns:
                agree (whether all name the same label) and answers, one for each model: model, label, probabilities
                (label -> share, they sum to 1), reasoning, tokens, seconds, and error, empty unless it failed.
            """
            try:
                services.wait(LOAD_WAIT)
                *_, last = services.compare(text, models)
            except Exception as error:
                raise gr.Error(in_words(error), print_exception=False) from error
            return Comparison(agree=bool(agree(last)), answers=[as_answer(side) for side in last])

        # Gradio reads the annotations as they stand, and here they stand as strings.
        compare.__annotations__ = get_type_hints(compare)
        return compare


def stage(now: tuple[Side, ...]) -> tuple[tuple[bool, bool], ...]:
    """What is shown at once when it changes: a model's first word, and its end."""
    return tuple((bool(side.now and side.now.first_token_seconds is not None), side.over) for side in now)


def as_answer(side: Side) -> Answer:
    """A finished side as the API's answer."""
    now = side.now
    return Answer(
        model=side.model,
        label=side.label or "",
        probabilities=dict(now.probabilities) if now else {},
        reasoning=now.reasoning if now else "",
        tokens=now.tokens if now else 0,
        seconds=round(now.seconds, 3) if now else 0.0,
        error=side.error or "",
    )
