"""The admins' part: what the ratings say, and where annotators disagree, to be decided one after another.

Every handler asks `identify` who calls, on the server, before it reads or writes anything. What is being decided is
kept in the server's own session state: the browser sends neither the reasoning nor the token.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from rilearn.errors import InputError, in_words
from rilearn.services import Services
from rilearn.ui import admin_view as view
from rilearn.ui.live import QUIET

if TYPE_CHECKING:
    from rilearn.records import Verdict
    from rilearn.store.annotators import Annotator

Identify = Callable[[gr.Request], "Annotator"]
"""Who sent the request; raises InputError unless it is an admin."""

NEWEST = 20_000
"""Ratings that agreement and cards are over: they compare each with each, and the page is to open within a second."""
PAIRS, RANKED, DAYS = 12, 5, 60
KEEP = "The label is right"
HIDDEN, SHOWN = gr.update(visible=False), gr.update(visible=True)


@dataclass(frozen=True)
class Docket:
    """What this page decides on: the reasoning shown (None: none), its token, and those passed by."""

    reasoning_id: int | None = None
    token: str = ""
    passed: tuple[int, ...] = ()


Frame = tuple[str, Docket, dict[str, Any], dict[str, Any], dict[str, Any]]
"""The disputed reasoning, what is being decided, the row of buttons, the comment and the label (both cleared)."""


def add(app: gr.Blocks, services: Services, identify: Identify) -> None:
    """Put the part where the page stands."""
    on = Handlers(services, identify)
    refresh = gr.Button("Show what the ratings say", min_width=200, elem_id="rl-insight-show")
    dispute = gr.HTML("", elem_id="rl-insight-dispute")
    with gr.Column(visible=False, elem_id="rl-insight-decide") as decide:
        label = gr.Dropdown([KEEP, *services.task.labels], value=KEEP, label="Dataset's label", interactive=True)
        comment = gr.Textbox(label="Why (optional)", lines=1, max_length=2000)
        with gr.Row():
            good = gr.Button("Good", min_width=100, elem_id="rl-insight-good")
            poor = gr.Button("Poor", min_width=100, elem_id="rl-insight-poor")
            later = gr.Button("Not now", min_width=100, elem_id="rl-insight-later")
    numbers = gr.HTML("", elem_id="rl-insight")
    docket = gr.State(Docket())
    frame = [dispute, docket, decide, comment, label]
    shown = [numbers, *frame]

    refresh.click(on.show, docket, shown, **QUIET)
    good.click(on.deciding("good"), [docket, comment, label], frame, **QUIET)
    poor.click(on.deciding("poor"), [docket, comment, label], frame, **QUIET)
    later.click(on.later, docket, frame, **QUIET)


class Handlers:
    """What the part's events call."""

    def __init__(self, services: Services, identify: Identify):
        self.services, self.identify = services, identify

    def show(self, docket: Docket, request: gr.Request) -> tuple[Any, ...]:
        """The numbers, and the first disputed reasoning."""
        try:
            self.identify(request)
            return view.findings(self.findings()), *self.next(Docket())
        except Exception as error:
            return view.error(in_words(error)), *self.empty("", docket)

    def deciding(self, verdict: Verdict) -> Callable[[Docket, str, str, gr.Request], Frame]:
        """The handler of one button."""

        def decide(docket: Docket, comment: str, label: str, request: gr.Request) -> Frame:
            return self.decide(verdict, docket, comment, label, request)

        return decide

    def decide(self, verdict: Verdict, docket: Docket, comment: str, label: str, request: gr.Request) -> Frame:
        """Save the decision and show the next one; after an error the same one stays."""
        from rilearn.store.adjudications import Adjudications

        try:
            admin = self.identify(request)
            if docket.reasoning_id is None:
                raise InputError("There is nothing to decide here. Press 'Show what the ratings say' first.")
            if label != KEEP and label not in self.services.task.labels:
                raise InputError(f"There is no label '{label}'.")
            right = None if label == KEEP else label
            what = (admin.id, docket.reasoning_id, verdict, docket.token)
            Adjudications(self.services.store.database).adjudicate(*what, right_label=right, comment=comment)
            return self.next(docket, view.decided(f"Decided: {verdict}."))
        except Exception as error:
            return view.alert(in_words(error)), docket, gr.skip(), gr.skip(), gr.skip()

    def later(self, docket: Docket, request: gr.Request) -> Frame:
        """Pass one by on this page; it stays disputed."""
        try:
            self.identify(request)
            if docket.reasoning_id is not None:
                docket = replace(docket, passed=(*docket.passed, docket.reasoning_id))
            return self.next(docket)
        except Exception as error:
            return self.empty(view.alert(in_words(error)), docket)

    def next(self, docket: Docket, said: str = "") -> Frame:
        """The most evenly split reasoning that was not passed by, under what is `said`."""
        from rilearn.store.adjudications import Adjudications

        found, waiting = Adjudications(self.services.store.database).disagreements(1, docket.passed)
        one = found[0] if found else None
        html = said + view.dispute(one, waiting)
        if one is None:
            return self.empty(html, replace(docket, reasoning_id=None))
        made = replace(docket, reasoning_id=one.reasoning.id, token=secrets.token_urlsafe(16))
        return html, made, SHOWN, gr.update(value=""), gr.update(value=KEEP)

    def empty(self, html: str, docket: Docket) -> Frame:
        """Nothing to decide."""
        return html, docket, HIDDEN, gr.skip(), gr.skip()

    def findings(self) -> view.Findings:
        """All numbers of the view, from the database."""
        from rilearn.store.agreements import Agreements
        from rilearn.store.annotator_cards import Cards
        from rilearn.store.insight import Insight

        database = self.services.store.database
        agreements = Agreements(database)
        return view.Findings(
            overview=Insight(database).overview(RANKED, DAYS),
            alphas=agreements.alphas(NEWEST),
            kappas=agreements.kappas(PAIRS, NEWEST),
            cards=Cards(database).all(NEWEST),
            newest=NEWEST,
        )
