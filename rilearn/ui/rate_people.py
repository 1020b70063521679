"""Signing in and out of the Rate tab: a passphrase, an invitation, open mode, and on a Space the Hugging Face login."""

from __future__ import annotations

import os
import time

from starlette.requests import Request

from rilearn.errors import InputError
from rilearn.services import Services
from rilearn.store.annotators import Annotator, Role
from rilearn.store.invitations import Invitations
from rilearn.store.logins import Logins
from rilearn.store.options import Choices
from rilearn.store.passphrases import Guesses
from rilearn.ui import rate_panels as panels
from rilearn.ui import rate_requests as sent
from rilearn.ui.cookies import foreign
from rilearn.ui.rate_caller import Action, Caller
from rilearn.ui.rate_reply import Reply, hugging_face

CLOSED = "Joining needs an invitation here. Ask the owner of this project for a link."


class People:
    """Knows who sent a request, and lets people in and out."""

    def __init__(self, services: Services):
        self._services, self.guesses = services, Guesses()

    def actions(self) -> dict[str, Action]:
        return {
            "state": Action("anyone", sent.Nothing, self.state),
            "sign-in": Action("anyone", sent.SignIn, self.sign_in),
            "join": Action("anyone", sent.Join, self.join),
            "sign-out": Action("anyone", sent.Nothing, self.sign_out),
        }

    def who(self, request: Request) -> Annotator | None:
        """The annotator behind the request's session cookie, or behind its Hugging Face login on a Space; None:
        nobody, or another site's page sent it.

        Raises:
            StoreError: see `Database.read`.
        """
        if foreign(request):
            return None
        if secret := self._secret(request):
            found = self._logins().who(secret)
            if found is not None:
                return found
        return self._hugging_face(request)

    def state(self, caller: Caller, given: sent.Nothing) -> Reply:
        """The page's frame for who asks: the sign-in forms, or the place where cards lie."""
        if (me := caller.annotator) is None:
            return Reply({"me": None, "html": panels.signed_out(self._services.settings.open, hugging_face())})
        blind = Choices(self._services.store.database).now().blind
        return Reply({"me": me.id, "blind": blind, "html": panels.frame(me.name, me.role == "admin")})

    def sign_in(self, caller: Caller, given: sent.SignIn) -> Reply:
        owner = self._services.settings.admin_passphrase.get_secret_value()
        secret = self._logins().sign_in(given.name, given.passphrase, caller.address, owner)
        return Reply({}, login=secret)

    def join(self, caller: Caller, given: sent.Join) -> Reply:
        """Join by invitation, or without one in open mode.

        Raises:
            InputError: see `Invitations.join`, or the mode is not open.
        """
        invitations = Invitations(self._services.store.database)
        if given.invitation:
            return Reply({}, login=invitations.join(given.invitation, given.name, given.passphrase))
        if not self._services.settings.open:
            raise InputError(CLOSED)
        return Reply({}, login=invitations.join_open(given.name, given.passphrase))

    def sign_out(self, caller: Caller, given: sent.Nothing) -> Reply:
        if secret := self._secret(caller.request):
            self._logins().end(secret)
        caller.forget_provider()
        return Reply({}, login="")

    def _logins(self) -> Logins:
        return Logins(self._services.store.database, self.guesses)

    def _secret(self, request: Request) -> str:
        return request.cookies.get(self._services.visitors.login_cookie, "")

    def _hugging_face(self, request: Request) -> Annotator | None:
        # Gradio's own login keeps the profile in a signed session cookie; off Spaces it would be a made-up one.
        if not hugging_face() or "session" not in request.scope:
            return None
        info = request.session.get("oauth_info") or {}
        profile = info.get("userinfo") or {}
        if not profile.get("sub") or info.get("expires_at", 0) < time.time():
            return None
        name = str(profile.get("preferred_username") or profile["sub"])
        role: Role = "admin" if name == os.environ.get("SPACE_AUTHOR_NAME") else "annotator"
        return self._logins().of_subject(f"huggingface:{profile['sub']}", name, role)
