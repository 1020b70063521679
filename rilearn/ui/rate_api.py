"""The Rate tab's actions: who may ask for each, its fields, and its handler. Who asks is looked up before all else."""

from __future__ import annotations

from starlette.requests import Request

from rilearn.errors import InputError
from rilearn.services import Services
from rilearn.ui.rate_accounts import AccountActions
from rilearn.ui.rate_caller import Action, Caller
from rilearn.ui.rate_filling import Filling
from rilearn.ui.rate_flags import FlaggedItems
from rilearn.ui.rate_items import Items
from rilearn.ui.rate_people import People
from rilearn.ui.rate_project import Project
from rilearn.ui.rate_reply import Reply, SignedOutError

SIGN_IN = "You are not signed in, or your sign-in has ended. Sign in; what you entered stays on this page."
ADMINS = "Only an admin may do this."


class RateApi:
    """Answers requests. Thread-safe."""

    def __init__(self, services: Services):
        self._people = People(services)
        self.actions: dict[str, Action] = {
            **self._people.actions(),
            **Items(services).actions(),
            **Project(services).actions(),
            **AccountActions(services, self._people.guesses).actions(),
            **Filling(services).actions(),
            **FlaggedItems(services).actions(),
        }

    def reply(self, name: str, body: bytes, request: Request) -> Reply:
        """The answer to an action.

        Raises:
            SignedOutError: nobody is signed in, or somebody who may not do this; nothing was done.
            ValidationError: the body does not hold the action's fields.
            InputError, StoreError: see the handlers.
        """
        if (action := self.actions.get(name)) is None:
            raise InputError(f"There is no action '{name}'. Reload the page.")
        caller = Caller(self._people.who(request), request)
        if action.access != "anyone" and caller.annotator is None:
            raise SignedOutError(SIGN_IN, 401)
        if action.access == "admin" and caller.me.role != "admin":
            raise SignedOutError(ADMINS, 403)
        return action.handler(caller, action.fields.model_validate_json(body))
