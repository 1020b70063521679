"""The annotators' part of the Retrain tab: what their ratings changed, old against new, and blind votes on them.

Every handler asks `identify` who calls, on the server. The pair that is shown is kept in the server's own session
state: the browser sends only the choice.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from rilearn.errors import InputError, in_words
from rilearn.services import Services
from rilearn.ui import changed_view as view
from rilearn.ui.live import QUIET
from rilearn.ui.retrain_view import error, note

if TYPE_CHECKING:
    from rilearn.store.annotators import Annotator
    from rilearn.store.duels import BlindPair
    from rilearn.store.votes import Choice

Identify = Callable[[gr.Request], "Annotator"]
"""Who sent the request; raises InputError unless somebody is signed in."""
MOST = 10
"""Ratings and corrections shown."""
SHOWN, HIDDEN = gr.update(visible=True), gr.update(visible=False)


@dataclass(frozen=True)
class Ballot:
    """The comparison on this page: the pair, the digest of the newer side, and the token of the vote."""

    pair: BlindPair | None = None
    new: str = ""
    token: str = ""


def add(services: Services, identify: Identify) -> tuple[Callable[..., Any], list[Any]]:
    """Put the part where the page stands; gives the handler that fills it and what it fills."""
    on = Handlers(services, identify)
    page = gr.HTML("", elem_id="rl-changed")
    said = gr.HTML("", elem_id="rl-changed-said")
    duel = gr.HTML("", elem_id="rl-changed-duel")
    with gr.Row(visible=False, elem_id="rl-changed-vote") as row:
        left = gr.Button("A is better", min_width=100, elem_id="rl-changed-left")
        tie = gr.Button("No difference", min_width=100, elem_id="rl-changed-tie")
        right = gr.Button("B is better", min_width=100, elem_id="rl-changed-right")
    changes = gr.HTML("", elem_id="rl-changed-list")
    ballot = gr.State(Ballot())
    shown = [page, changes, duel, row, ballot]
    for button, choice in ((left, "left"), (tie, "tie"), (right, "right")):
        button.click(on.voting(choice), ballot, [said, *shown], **QUIET)  # type: ignore[arg-type]
    return on.show, shown


class Handlers:
    """What the part's events call."""

    def __init__(self, services: Services, identify: Identify):
        self.services, self.identify = services, identify

    def show(self, request: gr.Request) -> tuple[Any, ...]:
        """What is in the generator in use of who asks, and the next comparison."""
        try:
            return self._page(self.identify(request))
        except InputError as problem:
            return view.nothing(str(problem)), "", "", HIDDEN, Ballot()
        except Exception as problem:
            return error(in_words(problem)), "", "", HIDDEN, Ballot()

    def voting(self, choice: Choice) -> Callable[..., tuple[Any, ...]]:
        """The handler of one button."""

        def vote(ballot: Ballot, request: gr.Request) -> tuple[Any, ...]:
            try:
                me = self.identify(request)
                if ballot.pair is None:
                    raise InputError("There is nothing to vote on here. Open the tab again.")
                made = self._duels.vote(me.id, ballot.pair.pair_id, choice, ballot.token)
                winner = self._name(made.winner.digest) if made.winner else ""
                return note(view.told(winner, self._name(ballot.new))), *self._page(me)
            except Exception as problem:
                return error(in_words(problem)), *(gr.skip() for _ in range(4)), ballot

        return vote

    def _page(self, me: Annotator) -> tuple[Any, ...]:
        from rilearn.store.impact import Impact

        active, previous, promoted = self._in_use()
        found = self.services.mattered(me.id, MOST) if promoted else []
        name, counted = self._name(active), view.nothing(view.NONE_YET)
        if promoted:
            parts = Impact(self.services.store.database).parts(me.id, active)
            counted = view.counted(name, [(self._name(p.version), p.ratings, p.corrections) for p in parts])
        html = counted, view.changes(name, found)
        ballot = Ballot()
        own = next(((one.old.id, one.new.id) for one in found if one.new is not None and view.waits(one)), None)
        if own:
            ballot = Ballot(self._duels.pair(me.id, *own), active, secrets.token_urlsafe(16))
        for new, old in () if own else self._rivals(active, previous):
            if pair := self._duels.next(me.id, new, old):
                ballot = Ballot(pair, new, secrets.token_urlsafe(16))
                break
        if ballot.pair is None:
            return *html, "", HIDDEN, ballot
        return *html, view.pair(ballot.pair), SHOWN, ballot

    def _in_use(self) -> tuple[str, str, bool]:
        """Digests of the generator in use and of the one that was in use before it in the line of promotions (empty:
        none), and whether any was ever promoted. What a rollback took out of use is newer and not the one before."""
        from rilearn.store.promotions import Promotions, line

        past = Promotions(self.services.store.database).history(self.services.task.name, "generator")
        if digests := line(past[::-1]):
            return digests[-1], digests[-2] if len(digests) > 1 else "", True
        generator = self.services.generator
        return generator.ref.digest if generator else "", "", False

    def _rivals(self, active: str, previous: str) -> list[tuple[str, str]]:
        """(new, old) whose held-out reasonings are to be compared: first the newest candidate, which needs votes."""
        from rilearn.store.versions import Versions

        made = [one for one in Versions(self.services.store.database).all("generator") if not one.shipped]
        rivals = [(made[-1].digest, active)] if made and active and made[-1].digest not in (active, previous) else []
        return [*rivals, *([(active, previous)] if active and previous else [])]

    def _name(self, digest: str) -> str:
        from rilearn.store.versions import Versions

        found = Versions(self.services.store.database).find(digest)
        return f"{found.name} v{found.number}" if found else digest[:12]

    @property
    def _duels(self) -> Any:
        from rilearn.store.duels import Duels

        return Duels(self.services.store.database)
