"""Flagged items on the Rate tab: an admin sees what annotators flagged as harmful or private, and decides."""

from __future__ import annotations

from rilearn.services import Services
from rilearn.store.flags import Flags
from rilearn.ui import rate_flag_view as view
from rilearn.ui import rate_requests as sent
from rilearn.ui.rate_caller import Action, Caller
from rilearn.ui.rate_reply import Reply

MOST = 50
"""Items of either list that the panel shows at once; deciding on some brings the next ones."""


class FlaggedItems:
    """Handlers of what admins do."""

    def __init__(self, services: Services):
        self._services = services

    def actions(self) -> dict[str, Action]:
        return {
            "flags": Action("admin", sent.Nothing, self.panel),
            "decide-flag": Action("admin", sent.FlagDecision, self.decide),
        }

    def panel(self, caller: Caller, given: sent.Nothing) -> Reply:
        return Reply({"html": self._lists()})

    def decide(self, caller: Caller, given: sent.FlagDecision) -> Reply:
        """Put an item back or remove it; the lists as they are then."""
        self._flags.decide(caller.me.id, given.reasoning_id, given.decision, given.token, given.comment)
        return Reply({"html": self._lists(), "said": view.decided(given.reasoning_id, given.decision)})

    def _lists(self) -> str:
        flags = self._flags
        waiting, removed = flags.waiting(MOST), flags.removed(MOST)
        return view.lists(waiting, removed, flags.count("flagged"), flags.count("removed"))

    @property
    def _flags(self) -> Flags:
        return Flags(self._services.store.database)
