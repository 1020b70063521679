"""What the events of the Retrain tab's part about versions call: look, promote, overrule, roll back.

Every handler asks `identify` who calls, on the server. What is to be confirmed is kept in the server's own session
state with the token of the request, so that a double click does it once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import gradio as gr

from rilearn.errors import AdapterError, InputError, in_words
from rilearn.gate import Role, Verdict
from rilearn.services import Services
from rilearn.ui import versions_view as view
from rilearn.ui.retrain_view import error, note
from rilearn.ui.versions_state import Standing, State, role_of

if TYPE_CHECKING:
    from rilearn.store.annotators import Annotator
    from rilearn.store.version_rows import StoredVersion

Identify = Callable[[gr.Request], "Annotator"]
PAGE = 20
SHOWN, HIDDEN = gr.update(visible=True), gr.update(visible=False)


@dataclass(frozen=True)
class Pending:
    """What waits for a yes: promote `digest`, or roll `role` back from `digest`."""

    action: Literal["", "promote", "overrule", "rollback"] = ""
    role: Role = "generator"
    digest: str = ""
    token: str = ""


class Handlers:
    """What the part's events call."""

    def __init__(self, services: Services, identify: Identify):
        self.services, self.identify, self.state = services, identify, State(services)

    def show(self, digest: str | None, request: gr.Request) -> tuple[Any, ...]:
        """The picture, the list to choose from, and the version looked at: the one chosen, else the newest."""
        try:
            self.identify(request)
            self.services.uptake.refresh()  # another process may have promoted a moment ago
            self.state.versions.register_shipped(self.services.uptake.models.came)
            found = self.state.versions.lineage()
            choices = [(view.name(one), one.digest) for one in reversed(found.versions)]
            known = {one.digest for one in found.versions}
            digest = digest if digest in known else choices[0][1] if choices else None
            passed = {one.digest: verdict.passed for one in found.versions if (verdict := self.state.verdict(one))}
            picture = view.lineage(found, self.state.in_use(), passed)
            return picture, gr.update(choices=choices, value=digest, visible=bool(choices)), *self._look(digest)
        except Exception as problem:
            return error(in_words(problem)), gr.update(choices=[], value=None), *_nothing()

    def choose(self, digest: str | None, request: gr.Request) -> tuple[Any, ...]:
        """Look at another version."""
        try:
            self.identify(request)
            return self._look(digest)
        except Exception as problem:
            return error(in_words(problem)), *_nothing()[1:]

    def more(self, digest: str | None, last: int, request: gr.Request) -> tuple[Any, ...]:
        """The next ratings behind the version looked at."""
        try:
            self.identify(request)
            return self._ratings(self.state.one(digest), last)
        except Exception as problem:
            return error(in_words(problem)), HIDDEN, last

    def of_rating(self, number: float | None, request: gr.Request) -> tuple[str, str]:
        """The versions that learnt from a rating, and those that go on from them, in which it still is."""
        try:
            self.identify(request)
            if not number or number < 1:
                return "", ""
            found = self.state.versions.of_rating(int(number))
            return view.of_rating(int(number), found), view.onward(self.state.versions.going_on_from(found))
        except Exception as problem:
            return error(in_words(problem)), ""

    def asking(self, action: Literal["promote", "overrule", "rollback"]) -> Callable[..., tuple[Any, ...]]:
        """The handler of a button that asks before anything is done."""

        def ask(digest: str | None, request: gr.Request) -> tuple[Any, ...]:
            try:
                self.identify(request)
                one = self.state.one(digest)
                role = role_of(one)
                standing = self.state.standing(one)
                # Votes may have changed since the page was drawn which of the two is open; the question says it.
                now = action if action == "rollback" else standing.open or action
                pending = Pending(now, role, one.digest, secrets.token_urlsafe(16))
                return *self._question(now, one, standing), SHOWN, pending, ""
            except Exception as problem:
                return "", gr.skip(), HIDDEN, Pending(), error(in_words(problem))

        return ask

    def never_mind(self) -> tuple[Any, ...]:
        """No."""
        return HIDDEN, Pending()

    def do(self, pending: Pending, reason: str, digest: str | None, request: gr.Request) -> tuple[Any, ...]:
        """Yes: promote, overrule or roll back, then show what is in use."""
        try:
            who = self.identify(request)
        except Exception as problem:
            return error(in_words(problem)), "", gr.update(choices=[], value=None), *_nothing()
        try:
            said = note(self._done(pending, reason.strip(), who))
        except Exception as problem:
            said = error(in_words(problem))
        return said, *self.show(digest, request)

    def _done(self, pending: Pending, reason: str, who: Annotator) -> str:
        from rilearn.promotion import judged

        if not pending.action:
            raise InputError("There is nothing to confirm. Choose a version and what to do with it again.")
        one = self.state.one(pending.digest)
        if pending.action == "rollback":
            made = self.services.uptake.rollback(pending.role, who.id, pending.token, one.digest, reason)
            back = self.state.one(made.digest)
            return self._answering(back, f"{view.name(back)} is in use again in place of {view.name(one)}.")
        if pending.action == "overrule" and not reason:
            raise InputError("Write why the gate is overruled; it is kept with the version.")
        if one.verdict is None:
            raise InputError("Nothing was measured for this version, so it cannot be promoted. Retrain it.")
        evidence = Verdict.model_validate(one.verdict).evidence
        verdict = judged(self.services.store.database, self.services.settings, evidence)
        overruling = reason if pending.action == "overrule" else ""
        self.services.uptake.promote(pending.role, self.state.folder(one), verdict, who.id, pending.token, overruling)
        return self._answering(one, f"{view.name(one)} is in use now.")

    def _answering(self, one: StoredVersion, said: str) -> str:
        """`said`, if the version that was just put in use answers.

        Raises:
            AdapterError: it does not, and why.
        """
        if self.state.answers(role_of(one), one.digest):
            return said
        left_out = " ".join(self.services.problems)
        why = f"Left out: {left_out}" if left_out else "Another one may be in use since. Reload the page."
        raise AdapterError(f"{view.name(one)} was put in use, but it does not answer. {why}")

    def _question(self, action: str, one: StoredVersion, standing: Standing) -> tuple[Any, Any]:
        now = self.state.versions.find(next(reversed(self.state.holders(role_of(one))), ""))
        label = "Why the gate is overruled (required)" if action == "overrule" else "Why (optional)"
        held = view.held(standing.verdict, standing.outdated)
        return view.question(action, one, now, held), gr.update(value="", label=label, visible=action != "promote")

    def _look(self, digest: str | None) -> tuple[Any, ...]:
        from rilearn.store.promotions import Promotions

        if digest is None:
            return _nothing()
        one = self.state.one(digest)
        standing = self.state.standing(one)
        elsewhere = self.state.elsewhere(one)
        history = Promotions(self.services.store.database).history(self.services.task.name)
        return (
            view.version(one, standing.verdict, history, standing.outdated, elsewhere),
            gr.update(visible=standing.open == "promote"),
            gr.update(visible=standing.open == "overrule"),
            gr.update(visible=standing.back),
            *self._ratings(one, 0, elsewhere),
            HIDDEN,
            Pending(),
        )

    def _ratings(self, one: StoredVersion, after: int, elsewhere: str = "") -> tuple[Any, ...]:
        from rilearn.store.impact import Impact

        found = Impact(self.services.store.database).sources(one.digest, after, PAGE)
        full = len(found) == PAGE
        return (
            view.sources(found, one.ratings, elsewhere),
            SHOWN if full or after else HIDDEN,
            found[-1].rating_id if full else 0,
        )


def _nothing() -> tuple[Any, ...]:
    return "", HIDDEN, HIDDEN, HIDDEN, "", HIDDEN, 0, HIDDEN, Pending()
