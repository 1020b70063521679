"""The Rate tab: the place where its script puts the card, and on a Space the button of the Hugging Face login.

Everything else comes over the routes of rate_routes.py when the tab is first opened, so that the start does not wait
for the database.
"""

from __future__ import annotations

import gradio as gr

from rilearn.services import Services
from rilearn.ui.rate_reply import hugging_face

TITLE = "Rate"


def add(app: gr.Blocks, services: Services) -> None:
    """Put the tab's content into the current `gr.Tab` of `app`."""
    if hugging_face():  # elsewhere Gradio would make up a login
        gr.LoginButton(elem_id="rl-rate-login")
    gr.HTML('<div class="rl-rate-box"></div>', elem_id="rl-rate")
