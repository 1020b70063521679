"""Below an answer of the Classify tab: share the text and its reasoning, so that people can rate the reasoning.

The answer is the one in the server's session state, the visitor the one of the signed cookie: the browser sends
neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from rilearn import proposals
from rilearn.errors import InputError, in_words
from rilearn.records import Prediction
from rilearn.services import Services
from rilearn.ui.identity import visitor
from rilearn.ui.live import QUIET
from rilearn.ui.render import esc

TITLE = "Share this text and its reasoning for rating"
KEPT = (
    "Kept, and shown to the people who rate: your text, the label, the reasoning and which model wrote it. The random "
    "number in this page's cookie is kept with it, nothing else about you. Share nothing private."
)
SHOWN, HIDDEN = gr.update(visible=True), gr.update(visible=False)


@dataclass(frozen=True)
class Offer:
    """What one page can share, kept in its session: a finished reasoned answer to a text."""

    text: str
    answer: Prediction


Frame = tuple[Any, Offer | None, dict[str, Any]]
"""The words below the button, the offer behind it, the button."""
NOTHING: Frame = ("", None, HIDDEN)
"""While there is no such answer."""


def offered(text: str, answer: Prediction | None) -> Frame:
    """The part after a run: ready to share if it ended with a reasoned answer."""
    if answer is None or not answer.done or not answer.reasoning:
        return NOTHING
    return _words("rl-caption", KEPT), Offer(text, answer), SHOWN


def add(services: Services) -> list[Any]:
    """Put the part where the page stands; gives what a `Frame` fills."""
    go = gr.Button(TITLE, size="sm", visible=False, elem_id="rl-share-go")
    words, offer = gr.HTML("", elem_id="rl-share"), gr.State(None)
    shown = [words, offer, go]
    go.click(Handlers(services).share, offer, shown, **QUIET)
    return shown


class Handlers:
    """What the part's event calls."""

    def __init__(self, services: Services):
        self.services = services

    def share(self, offer: Offer | None, request: gr.Request) -> Frame:
        """Store the answer and queue it; after an error the button stays, to be pressed again."""
        services = self.services
        try:
            who = visitor(services.visitors, request)
            if offer is None:  # the page outlived its session
                raise InputError("The answer is no longer known here. Classify the text again, then share it.")
            proposal = proposals.answered(services.task, offer.text, offer.answer)
            new = services.store.share(who, proposal)
        except Exception as error:
            return _words("rl-alert", in_words(error), "alert"), offer, SHOWN if offer else HIDDEN
        said = "Thank you: people can rate it now." if new else "You have shared this answer before. Thank you."
        return _words("rl-said", said), None, HIDDEN


def _words(look: str, said: str, role: str = "status") -> str:
    return f'<section class="rl-share" aria-label="{TITLE}"><p class="{look}" role="{role}">{esc(said)}</p></section>'
