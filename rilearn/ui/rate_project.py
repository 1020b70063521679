"""What admins set on the Rate tab: options, guidelines, invitations."""

from __future__ import annotations

from rilearn.services import Services
from rilearn.store.flags import Flags
from rilearn.store.guidelines import Guidelines
from rilearn.store.invitations import Invitations
from rilearn.store.options import Choices, Options
from rilearn.ui import rate_panels as panels
from rilearn.ui import rate_requests as sent
from rilearn.ui.rate_caller import Action, Caller
from rilearn.ui.rate_reply import Reply


class Project:
    """Handlers of what admins do."""

    def __init__(self, services: Services):
        self._services = services

    def actions(self) -> dict[str, Action]:
        return {
            "project": Action("admin", sent.Nothing, self.project),
            "save-options": Action("admin", sent.ProjectOptions, self.save_options),
            "save-guidelines": Action("admin", sent.GuidelineText, self.save_guidelines),
            "invite": Action("admin", sent.Invite, self.invite),
        }

    def project(self, caller: Caller, given: sent.Nothing) -> Reply:
        options = Choices(self._services.store.database).now()
        flagged = Flags(self._services.store.database).count("flagged")
        return Reply({"html": panels.project(options, self._services.settings.open, flagged)})

    def save_options(self, caller: Caller, given: sent.ProjectOptions) -> Reply:
        Choices(self._services.store.database).choose(caller.me.id, Options(**given.model_dump()))
        return Reply({"said": "Saved."})

    def save_guidelines(self, caller: Caller, given: sent.GuidelineText) -> Reply:
        """A new version; who has a card open goes on under the version that they were shown."""
        saved = Guidelines(self._services.store.database).save(caller.me.id, given.text, given.base)
        return Reply({"html": panels.guidelines(saved, admin=True), "said": f"Saved as version {saved.version}."})

    def invite(self, caller: Caller, given: sent.Invite) -> Reply:
        """A new invitation's secret; the page makes the link of it, since it knows its own address."""
        invitations = Invitations(self._services.store.database)
        return Reply({"secret": invitations.make(given.role, given.uses, given.days, caller.me.id)})
