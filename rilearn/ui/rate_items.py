"""The Rate tab's work: items given out, drafts, guesses, ratings, skips, undo, and one's own ratings again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rilearn.errors import ConfigError, InputError
from rilearn.services import Services
from rilearn.store.desk import Desk
from rilearn.store.flags import Flags
from rilearn.store.guidelines import Guidelines
from rilearn.store.options import Choices
from rilearn.store.progress import Progress
from rilearn.store.queue import Queue
from rilearn.store.reasonings import Reasonings
from rilearn.store.schema import now
from rilearn.store.submissions import Submissions, entered
from rilearn.tasks import load_task
from rilearn.ui import rate_panels as panels
from rilearn.ui import rate_parts as parts
from rilearn.ui import rate_requests as sent
from rilearn.ui import rate_view as view
from rilearn.ui.rate_caller import Action, Caller
from rilearn.ui.rate_reply import Reply

PAGE = 30
NOTHING = "There is nothing (more) to undo. The last ten can be undone."
HERE = "Change it and send it again."
HELD = "It was flagged, and is held back until an admin puts it back. You can still change it and send it: it is kept."
ELSEWHERE = "Somebody else has this item now. You can still change it and send it: it counts too."


class Items:
    """Handlers of what annotators do."""

    def __init__(self, services: Services):
        self._services = services
        self._of: Any = None
        self._lent: Queue | None = None

    def actions(self) -> dict[str, Action]:
        return {
            "next": Action("annotator", sent.Next, self.next),
            "keep": Action("annotator", sent.Leases, self.keep),
            "release": Action("annotator", sent.Leases, self.release),
            "draft": Action("annotator", sent.Draft, self.draft),
            "guess": Action("annotator", sent.Guess, self.guess),
            "reveal": Action("annotator", sent.Item, self.reveal),
            "rate": Action("annotator", sent.Rate, self.rate),
            "skip": Action("annotator", sent.Skip, self.skip),
            "undo": Action("annotator", sent.Undo, self.undo),
            "diff": Action("annotator", sent.Edited, self.diff),
            "mine": Action("annotator", sent.Page, self.mine),
            "open": Action("annotator", sent.Item, self.open),
            "progress": Action("annotator", sent.Day, self.progress),
            "guidelines": Action("annotator", sent.Nothing, self.guidelines),
        }

    def next(self, caller: Caller, given: sent.Next) -> Reply:
        """The next card, lent to who asks; in blind mode without text and label."""
        options = Choices(self._database).now()
        desk = Desk(self._database, self._queue)
        lease = desk.next(caller.me.id, given.token, options.order, given.have, options.calibration)
        if lease is None:
            return Reply({"card": None})
        blind = options.blind if given.blind is None else given.blind
        return Reply({"card": self._card(caller.me.id, lease.reasoning_id, lease.token, blind)})

    def keep(self, caller: Caller, given: sent.Leases) -> Reply:
        """A sign of life of the page: which of its leases still hold."""
        return Reply({"held": [token for token in given.tokens if self._queue.keep(caller.me.id, token)]})

    def release(self, caller: Caller, given: sent.Leases) -> Reply:
        for token in given.tokens:
            self._queue.release(caller.me.id, token)
        return Reply({})

    def draft(self, caller: Caller, given: sent.Draft) -> Reply:
        Desk(self._database).save_draft(caller.me.id, given.reasoning_id, given.content.model_dump())
        return Reply({})

    def guess(self, caller: Caller, given: sent.Guess) -> Reply:
        """Keep the guess, then show text and label."""
        labels = self._looks(Reasonings(self._database).get(given.reasoning_id).reasoning.task)
        if given.label not in labels:
            raise InputError(f"There is no label '{given.label}'.")
        Submissions(self._database).guess(caller.me.id, given.reasoning_id, given.label)
        return Reply({"card": self._card(caller.me.id, given.reasoning_id, "", blind=False)})

    def reveal(self, caller: Caller, given: sent.Item) -> Reply:
        """The whole card of an item that lies on the page blind."""
        Desk(self._database).given(caller.me.id, given.reasoning_id)
        return Reply({"card": self._card(caller.me.id, given.reasoning_id, "", blind=False)})

    def rate(self, caller: Caller, given: sent.Rate) -> Reply:
        """Save a rating with its correction; `feedback` says how a known answer was, where the owner wants it told."""
        stored = Reasonings(self._database).get(given.reasoning_id).reasoning
        content, right = given.content, given.content.right_label
        labels = self._looks(stored.task)
        if right is not None and labels and right not in labels:
            raise InputError(f"There is no label '{right}'.")
        correction = content.edit if content.edit is not None and content.edit.strip() != stored.reasoning else None
        Submissions(self._database).rate(
            caller.me.id,
            given.reasoning_id,
            content.rating(given.verdict),
            given.token,
            correction,
            given.guideline,
            given.seconds,
        )
        expected = Desk(self._database).expected(given.reasoning_id)
        told = expected and Choices(self._database).now().feedback
        return Reply({"feedback": view.feedback(expected or {}, given.verdict) if told else None})

    def skip(self, caller: Caller, given: sent.Skip) -> Reply:
        Submissions(self._database).skip(caller.me.id, given.reasoning_id, given.kind, given.reason, given.token)
        return Reply({})

    def undo(self, caller: Caller, given: sent.Undo) -> Reply:
        """The last submission taken back, its card with all that was entered; None: there is nothing to undo."""
        undone = Submissions(self._database).undo(caller.me.id, given.token)
        if undone is None:
            return Reply({"card": None, "said": NOTHING})
        said = HERE
        if not undone.token:
            said = HELD if Flags(self._database).is_held(undone.reasoning_id) else ELSEWHERE
        card = self._card(caller.me.id, undone.reasoning_id, undone.token, blind=False)
        return Reply({"card": card, "said": f"Taken back. {said}"})

    def diff(self, caller: Caller, given: sent.Edited) -> Reply:
        """The reasoning against its correction, word by word."""
        Desk(self._database).given(caller.me.id, given.reasoning_id)
        before = Reasonings(self._database).get(given.reasoning_id).reasoning
        return Reply({"html": view.diff(before.reasoning, given.text) + view.misquotations(before.text, given.text)})

    def mine(self, caller: Caller, given: sent.Page) -> Reply:
        """A page of one's own ratings."""
        rated = Progress(self._database).rated(caller.me.id, given.before, PAGE)
        more = rated[-1].rating.id if len(rated) == PAGE else None
        return Reply({"html": panels.mine(rated, first=given.before is None), "more": more})

    def open(self, caller: Caller, given: sent.Item) -> Reply:
        """One's own rating on a card, to be changed."""
        found = Progress(self._database).one(caller.me.id, given.reasoning_id)
        card = self._card(caller.me.id, given.reasoning_id, "", blind=False)
        drafted = Desk(self._database).draft(caller.me.id, given.reasoning_id)
        said = drafted or entered(found.rating.rating, found.correction)
        return Reply({"card": {**card, "content": _plain(said), "verdict": found.rating.rating.verdict}})

    def progress(self, caller: Caller, given: sent.Day) -> Reply:
        """The counts; for admins, how many flagged items wait as well."""
        behind = timedelta(minutes=given.minutes)
        midnight = (now() - behind).replace(hour=0, minute=0, second=0, microsecond=0) + behind
        counts = Progress(self._database).counts(caller.me.id, midnight)
        flagged = Flags(self._database).count("flagged") if caller.me.role == "admin" else 0
        return Reply({"html": panels.progress(counts, self._queue.left()), "flagged": parts.waits(flagged)})

    def guidelines(self, caller: Caller, given: sent.Nothing) -> Reply:
        latest = Guidelines(self._database).latest()
        return Reply({"html": panels.guidelines(latest, caller.me.role == "admin")})

    @property
    def _queue(self) -> Queue:
        """One for all requests, since it remembers which items may come next; another one with another database."""
        database = self._database
        if self._lent is None or self._of is not database:
            self._of, self._lent = database, Queue(database)
        return self._lent

    @property
    def _database(self) -> Any:
        return self._services.store.database

    def _looks(self, name: str) -> view.Looks:
        try:
            task = self._services.task if name == self._services.task.name else load_task(name)
        except ConfigError:  # reasonings may be imported for a task that is not here
            return {}
        return {label: task.display[label] for label in task.labels}

    def _card(self, annotator_id: int, reasoning_id: int, lease: str, blind: bool) -> dict[str, Any]:
        stored = Reasonings(self._database).get(reasoning_id)
        looks = self._looks(stored.reasoning.task)
        draft = Desk(self._database).draft(annotator_id, reasoning_id)
        blind = blind and not draft and len(looks) > 1
        html = view.blind(stored, looks) if blind else view.card(stored, looks, draft.get("guess"))
        version = Guidelines(self._database).latest().version
        fields = {"id": reasoning_id, "lease": lease, "blind": blind, "guideline": version, "html": html}
        return {**fields, "reasoning": stored.reasoning.reasoning, "content": _plain(draft)}


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != "guess"}
