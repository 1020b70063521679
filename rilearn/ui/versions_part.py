"""The admins' part of the Retrain tab about versions: the lineage, the gate's verdict, promote, overrule, roll back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from rilearn.services import Services
from rilearn.ui.live import QUIET
from rilearn.ui.versions_acts import Handlers, Identify, Pending


def add(services: Services, identify: Identify) -> tuple[Callable[..., Any], gr.Dropdown, list[Any]]:
    """Put the part where the page stands.

    Returns:
        The handler that fills the part, its input (the version looked at), and what it fills.
    """
    on = Handlers(services, identify)
    said = gr.HTML("", elem_id="rl-versions-said")
    picture = gr.HTML("", elem_id="rl-versions")
    chosen = gr.Dropdown([], label="Look at a version", interactive=True, elem_id="rl-versions-choose")
    detail = gr.HTML("", elem_id="rl-versions-detail")
    with gr.Row(elem_id="rl-versions-do"):
        promote = gr.Button("Promote …", visible=False, min_width=130, elem_id="rl-versions-promote")
        overrule = gr.Button("Overrule the gate …", visible=False, min_width=170, elem_id="rl-versions-overrule")
        back = gr.Button("Roll back …", visible=False, min_width=130, elem_id="rl-versions-back")
    with gr.Column(visible=False, elem_id="rl-versions-confirm") as confirm:
        ask = gr.HTML("")
        reason = gr.Textbox(label="Reason", lines=2, max_length=2000, elem_id="rl-versions-reason")
        with gr.Row():
            yes = gr.Button("Yes, do it", variant="primary", min_width=120, elem_id="rl-versions-yes")
            no = gr.Button("No", min_width=120, elem_id="rl-versions-no")
    ratings = gr.HTML("", elem_id="rl-versions-ratings")
    with gr.Row(visible=False) as turn:
        more = gr.Button("More of its ratings", size="sm", min_width=160)
    with gr.Accordion("Which versions learnt from a rating?", open=False, elem_id="rl-versions-rating"):
        number = gr.Number(label="Number of the rating", precision=0, minimum=1, value=None)
        versions, later = gr.HTML(""), gr.HTML("")
    pending, last = gr.State(Pending()), gr.State(0)

    looks = [detail, promote, overrule, back, ratings, turn, last, confirm, pending]
    shown = [picture, chosen, *looks]
    asked = [ask, reason, confirm, pending, said]
    chosen.input(on.choose, chosen, looks, **QUIET)
    promote.click(on.asking("promote"), chosen, asked, **QUIET)
    overrule.click(on.asking("overrule"), chosen, asked, **QUIET)
    back.click(on.asking("rollback"), chosen, asked, **QUIET)
    no.click(on.never_mind, None, [confirm, pending], **QUIET)
    yes.click(on.do, [pending, reason, chosen], [said, *shown], **QUIET)
    more.click(on.more, [chosen, last], [ratings, turn, last], **QUIET)
    number.input(on.of_rating, number, [versions, later], **QUIET)
    return on.show, chosen, shown
