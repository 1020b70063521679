"""Accounts on the Rate tab: one's own passphrase and sessions; for admins, who may sign in."""

from __future__ import annotations

from rilearn.errors import InputError
from rilearn.services import Services
from rilearn.store.accounts import OWNERS, Accounts
from rilearn.store.logins import OWNER
from rilearn.store.passphrases import Guesses
from rilearn.ui import rate_account_view as view
from rilearn.ui import rate_requests as sent
from rilearn.ui.rate_caller import Action, Caller
from rilearn.ui.rate_reply import Reply


class AccountActions:
    """Handlers; who is changed is the caller, or whom an admin names."""

    def __init__(self, services: Services, guesses: Guesses):
        self._services, self._guesses = services, guesses

    def actions(self) -> dict[str, Action]:
        return {
            "account": Action("annotator", sent.Nothing, self.account),
            "change-passphrase": Action("annotator", sent.ChangePassphrase, self.change_passphrase),
            "sign-out-everywhere": Action("annotator", sent.Nothing, self.sign_out_everywhere),
            "people": Action("admin", sent.Nothing, self.people),
            "set-active": Action("admin", sent.Active, self.set_active),
            "reset-passphrase": Action("admin", sent.ResetPassphrase, self.reset_passphrase),
        }

    def account(self, caller: Caller, given: sent.Nothing) -> Reply:
        return Reply({"html": self._own(caller)})

    def change_passphrase(self, caller: Caller, given: sent.ChangePassphrase) -> Reply:
        """Change it; this browser gets a new session, all others have to sign in again."""
        if given.new != given.again:
            raise InputError("The two new passphrases are not the same. Type them again.")
        secret = self._accounts.change_passphrase(caller.me.id, given.old, given.new, caller.address)
        said = "Saved. You stay signed in here, and are signed out everywhere else."
        return Reply({"html": self._own(caller), "said": said}, login=secret)

    def sign_out_everywhere(self, caller: Caller, given: sent.Nothing) -> Reply:
        """End all sessions. A Hugging Face login in another browser is not ours to end; here it ends too."""
        self._accounts.sign_out(caller.me.id)
        caller.forget_provider()
        return Reply({}, login="")

    def people(self, caller: Caller, given: sent.Nothing) -> Reply:
        return Reply({"html": self._everybody(caller)})

    def set_active(self, caller: Caller, given: sent.Active) -> Reply:
        self._accounts.set_active(caller.me.id, given.annotator_id, given.active)
        said = "They may sign in again." if given.active else "They are signed out and cannot sign in any more."
        return Reply({"html": self._everybody(caller), "said": said})

    def reset_passphrase(self, caller: Caller, given: sent.ResetPassphrase) -> Reply:
        self._accounts.reset_passphrase(caller.me.id, given.annotator_id, given.passphrase)
        said = "Saved. They are signed out everywhere: tell them the new passphrase."
        return Reply({"html": self._everybody(caller), "said": said})

    def _own(self, caller: Caller) -> str:
        owner = OWNERS if caller.me.name == OWNER else ""
        return view.own(caller.me.name, self._accounts.has_passphrase(caller.me.id), owner)

    def _everybody(self, caller: Caller) -> str:
        return view.people(self._accounts.all(), caller.me.id, OWNER)

    @property
    def _accounts(self) -> Accounts:
        return Accounts(self._services.store.database, self._guesses)
