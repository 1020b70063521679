"""The Insight tab: what the ratings say, for admins who are signed in on the Rate tab."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import gradio as gr

from rilearn.errors import InputError
from rilearn.services import Services
from rilearn.ui import insight_part

if TYPE_CHECKING:
    from rilearn.store.annotators import Annotator

TITLE = "Insight"
NOBODY = "This part is for admins. Sign in as one on the Rate tab, then press the button again."


def add(app: gr.Blocks, services: Services) -> None:
    """Put the tab's content and its events into the current `gr.Tab` of `app`."""
    insight_part.add(app, services, partial(admin, services))


def admin(services: Services, request: gr.Request) -> Annotator:
    """The admin who sent `request`, by the session cookie that the Rate tab's sign-in gave.

    Raises:
        InputError: it is nobody, or no admin.
        StoreError: see `Database.read`.
    """
    from rilearn.ui.rate_people import People  # brings SQLAlchemy, which the page loads at its first use only

    found = People(services).who(request.request) if request.request else None
    if found is None or found.role != "admin":
        raise InputError(NOBODY)
    return found
