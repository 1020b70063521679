"""The admins' part of the Retrain tab that trains: choose, preview, start, watch, cancel, resume.

Every handler asks `identify` who calls, on the server, before it reads or writes anything. The token of a start and
what is previewed are kept in the server's own session state.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from rilearn.errors import InputError, in_words
from rilearn.retraining import KIND, Choice, arguments, preview, rules
from rilearn.services import Services
from rilearn.ui import retrain_view as view
from rilearn.ui.live import QUIET

if TYPE_CHECKING:
    from rilearn.retraining import Preview
    from rilearn.store.annotators import Annotator

Identify = Callable[[gr.Request], "Annotator"]
"""Who sent the request; raises InputError unless it is an admin."""
ALL, SINCE = "All ratings", "Ratings since the last run"
NAMES = {
    "mixed": "Mixed: pairs, else good and poor",
    "dpo": "Pairs only (DPO): better against worse",
    "kto": "Good and poor ratings (KTO)",
    "sft": "Approved reasonings and corrections (SFT)",
}
EVERY = 2.0
"""Seconds between two looks at a running job."""
SHOWN, HIDDEN = gr.update(visible=True), gr.update(visible=False)
ON, OFF = gr.update(interactive=True), gr.update(interactive=False)


@dataclass(frozen=True)
class Desk:
    """What one page has before it: the previewed choice with its rows, the page of rows, and the token of a start."""

    choice: Choice | None = None
    made: Preview | None = None
    page: int = 0
    token: str = ""


def add(services: Services, identify: Identify) -> tuple[Callable[..., Any], list[Any], gr.Timer]:
    """Put the part where the page stands.

    Returns:
        The handler that fills the part, what it fills, and the timer (the last of these) that ticks while a job runs.
    """
    on = Handlers(services, identify)
    gr.HTML('<h2 class="rl-part">Retrain the generator</h2>')
    with gr.Row(elem_id="rl-retrain-choose"):
        recipe = gr.Dropdown([(name, value) for value, name in NAMES.items()], value="mixed", label="How to learn")
        ratings = gr.Radio([ALL, SINCE], value=ALL, label="From which ratings")
        practice = gr.Checkbox(
            True,
            label="Practise afterwards",
            info="It writes for texts that nobody rated and learns from the best. It takes longer.",
        )
        through = gr.Checkbox(True, label="Then train the classifier through it", info="The gate asks for it.")
    with gr.Row(elem_id="rl-retrain-do"):
        look = gr.Button("Preview", min_width=120, elem_id="rl-retrain-preview")
        start = gr.Button("Start", variant="primary", interactive=False, min_width=120, elem_id="rl-retrain-start")
    said = gr.HTML("", elem_id="rl-retrain-said")
    job = gr.HTML("", elem_id="rl-retrain-job")
    with gr.Row(elem_id="rl-retrain-jobs-do"):
        cancel = gr.Button("Cancel the job", visible=False, min_width=140, elem_id="rl-retrain-cancel")
        resume = gr.Button("Resume the job", visible=False, min_width=140, elem_id="rl-retrain-resume")
    found = gr.HTML("", elem_id="rl-retrain-found")
    with gr.Row(visible=False, elem_id="rl-retrain-turn") as turn:
        back = gr.Button("Rows before", size="sm", min_width=120)
        forth = gr.Button("More rows", size="sm", min_width=120)
    past = gr.HTML("", elem_id="rl-retrain-past")
    desk, shown, timer = gr.State(Desk()), gr.State(None), gr.Timer(EVERY, active=False)

    state = [job, cancel, resume, past, shown, timer]
    choice = [recipe, ratings, practice, through]
    look.click(on.preview, choice, [found, turn, start, desk, said], **QUIET)
    for event in (recipe.input, ratings.input, practice.input, through.input):
        event(on.changed, None, [found, turn, start, desk, said], **QUIET)
    back.click(on.turning(-1), desk, [found, desk], **QUIET)
    forth.click(on.turning(1), desk, [found, desk], **QUIET)
    start.click(on.start, desk, [said, start, desk, *state], **QUIET)
    cancel.click(on.cancel, shown, [said, *state], **QUIET)
    resume.click(on.resume, shown, [said, *state], **QUIET)
    return on.look, state, timer


class Handlers:
    """What the part's events call."""

    def __init__(self, services: Services, identify: Identify):
        self.services, self.identify = services, identify

    def look(self, request: gr.Request) -> tuple[Any, ...]:
        """The jobs as they are now: the running one or the last, the buttons, the list, the id of the job shown, and
        whether to look again."""
        try:
            self.identify(request)
            return self._state()
        except Exception as error:
            return _failed(error)

    def preview(self, recipe: str, ratings: str, practice: bool, through: bool, request: gr.Request) -> tuple[Any, ...]:
        """What a run would learn from; it can be started if that is enough."""
        try:
            self.identify(request)
            choice = self._choice(recipe, ratings, practice, through)
            task, store = self.services.task, self.services.store
            made = preview(store.database, task, choice, rules(self.services.settings, task, choice.recipe))
            desk = Desk(choice, made, 0, secrets.token_urlsafe(16))
            turn = SHOWN if view.pages(made) > 1 else HIDDEN
            return self._page(desk), turn, OFF if made.lack else ON, desk, ""
        except Exception as error:
            return view.error(in_words(error)), HIDDEN, OFF, Desk(), ""

    def changed(self) -> tuple[Any, ...]:
        """Another choice: the preview was of the one before."""
        return "", HIDDEN, OFF, Desk(), ""

    def turning(self, by: int) -> Callable[[Desk, gr.Request], tuple[str, Desk]]:
        """The handler of a button that turns the page."""

        def turn(desk: Desk, request: gr.Request) -> tuple[str, Desk]:
            try:
                self.identify(request)
                if desk.made is None:
                    raise InputError("The preview is no longer known here. Press 'Preview' again.")
                desk = replace(desk, page=min(max(0, desk.page + by), view.pages(desk.made) - 1))
                return self._page(desk), desk
            except Exception as error:
                return view.error(in_words(error)), desk

        return turn

    def start(self, desk: Desk, request: gr.Request) -> tuple[Any, ...]:
        """Start what was previewed; a double click starts it once."""

        def begin(who: Annotator) -> str:
            if desk.choice is None or desk.made is None:
                raise InputError("Press 'Preview' first, to see what would be learnt.")
            if desk.made.lack:
                raise InputError(desk.made.lack)
            in_use = self.services.uptake.models.current
            folders = (made.ref.path if made else None for made in (in_use("generator"), in_use("q-ra")))
            given = arguments(desk.choice, *folders)
            return f"Job {self.services.jobs.start(KIND, given, desk.token, who.id).id} has started."

        said, *state = self._do(begin, request)
        return said, OFF, desk, *state

    def cancel(self, shown: int | None, request: gr.Request) -> tuple[Any, ...]:
        """Ask the job that this page shows to stop."""

        def stop(who: Annotator) -> str:
            if shown is None:
                raise InputError("No job runs.")
            self.services.jobs.cancel(shown)
            return f"Job {shown} is being stopped."

        return self._do(stop, request)

    def resume(self, shown: int | None, request: gr.Request) -> tuple[Any, ...]:
        """Run the job that this page shows again, from where it stopped."""

        def again(who: Annotator) -> str:
            if shown is None:
                raise InputError("There is no job to resume.")
            self.services.jobs.resume(shown)
            return f"Job {shown} goes on."

        return self._do(again, request)

    def _do(self, what: Callable[[Annotator], str], request: gr.Request) -> tuple[Any, ...]:
        """Do something as an admin, say how it went, and show the jobs as they are then."""
        try:
            who = self.identify(request)
        except Exception as error:
            said, *state = _failed(error)
            return said, "", *state
        try:
            said = view.note(what(who))
        except Exception as error:
            said = view.error(in_words(error))
        return said, *self.look(request)

    def _state(self) -> tuple[Any, ...]:
        made = self.services.jobs.newest()
        if not made:
            return "", HIDDEN, HIDDEN, view.jobs(made), None, gr.Timer(active=False)
        # One that was resumed runs and need not be the newest.
        job = next((one for one in made if one.state == "running"), made[0])
        seen, runs = self.services.jobs.view(job), job.state == "running"
        html = view.running(seen) if runs else view.ended(seen)
        cancel = gr.update(visible=runs and not seen.elsewhere, interactive=not seen.stopping)
        resume = gr.update(visible=job.state in ("failed", "cancelled", "interrupted"))
        return html, cancel, resume, view.jobs(made), job.id, gr.Timer(active=runs)

    def _choice(self, recipe: str, ratings: str, practice: bool, through: bool) -> Choice:
        if recipe not in NAMES or ratings not in (ALL, SINCE):
            raise InputError("Choose how to learn, and from which ratings.")
        since = None
        if ratings == SINCE:
            from rilearn.store.jobs import Jobs

            last = Jobs(self.services.store.database).newest(1, KIND, "done")
            if not last:
                raise InputError("There is no finished run yet. Choose all ratings.")
            since = last[0].created_at
        return Choice(recipe, since, bool(practice), bool(through))  # type: ignore[arg-type]

    def _page(self, desk: Desk) -> str:
        from rilearn.curation_preview import summary

        assert desk.made is not None
        return view.preview(desk.made, summary(desk.made.curated), desk.page)


def _failed(error: Exception) -> tuple[Any, ...]:
    """Instead of the jobs, after a look that failed: all goes for who is no admin, else buttons, list and job stay."""
    said = view.error(in_words(error))
    if isinstance(error, InputError):
        return said, HIDDEN, HIDDEN, "", None, gr.Timer(active=False)
    return said, *(gr.skip() for _ in range(4)), gr.Timer(active=True)  # a busy database is soon free
