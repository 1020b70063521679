"""The Retrain tab: above, what an annotator's ratings changed; below, for admins, retraining, versions, promotion.

It is filled when it is opened, so that the start of the page does not wait for the database.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.context import get_render_context

from rilearn.errors import InputError
from rilearn.services import Services
from rilearn.ui import changed_part, retrain_part, versions_part
from rilearn.ui.insight_tab import admin
from rilearn.ui.live import QUIET

if TYPE_CHECKING:
    from rilearn.store.annotators import Annotator

TITLE = "Retrain"
NOBODY = "Sign in on the Rate tab, then open this tab again to see what your ratings changed."
SHOWN, HIDDEN = gr.update(visible=True), gr.update(visible=False)


def add(app: gr.Blocks, services: Services) -> None:
    """Put the tab's content and its events into the current `gr.Tab` of `app`."""
    tab = get_render_context()
    assert isinstance(tab, gr.Tab)
    identify = partial(admin, services)
    show_changed, changed = changed_part.add(services, partial(annotator, services))
    with gr.Column(visible=False, elem_id="rl-retrain-admin") as admins:
        look, jobs, timer = retrain_part.add(services, identify)
        show_versions, chosen, versions = versions_part.add(services, identify)

    def opened(digest: str | None, request: gr.Request) -> tuple[Any, ...]:
        """Everything that who asks may see."""
        mine = show_changed(request)
        try:
            identify(request)
        except Exception:  # the part above says what is missing
            return *mine, HIDDEN, *(gr.skip() for _ in (*jobs, *versions))
        return *mine, SHOWN, *look(request), *show_versions(digest, request)

    def tick(digest: str | None, request: gr.Request) -> tuple[Any, ...]:
        """The running job; when it has ended, what it made too."""
        state = look(request)
        ended = not state[-1].active
        return *state, *(show_versions(digest, request) if ended else (gr.skip() for _ in versions))

    tab.select(opened, chosen, [*changed, admins, *jobs, *versions], **QUIET)
    timer.tick(tick, chosen, [*jobs, *versions], **QUIET)


def annotator(services: Services, request: gr.Request) -> Annotator:
    """Who sent `request`, by the session cookie that the Rate tab's sign-in gave.

    Raises:
        InputError: it is nobody.
        StoreError: see `Database.read`.
    """
    from rilearn.ui.rate_people import People  # brings SQLAlchemy, which the page loads at its first use only

    found = People(services).who(request.request) if request.request else None
    if found is None:
        raise InputError(NOBODY)
    return found
