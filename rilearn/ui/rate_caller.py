"""Who sent a request of the Rate tab, as the server knows it, and what an action is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from starlette.requests import Request

from rilearn.store.annotators import Annotator
from rilearn.ui.rate_reply import Reply
from rilearn.ui.rate_requests import Sent


@dataclass(frozen=True)
class Caller:
    """`annotator` is None for somebody who is not signed in."""

    annotator: Annotator | None
    request: Request

    @property
    def me(self) -> Annotator:
        assert self.annotator is not None, "the action's access was not checked"
        return self.annotator

    @property
    def address(self) -> str:
        """Where the request comes from; empty: not known."""
        return self.request.client.host if self.request.client else ""

    def forget_provider(self) -> None:
        """End the login of a login provider in this browser, where there is one."""
        if "session" in self.request.scope:
            self.request.session.pop("oauth_info", None)


@dataclass(frozen=True)
class Action:
    """`handler` gets the caller and the checked `fields`."""

    access: Literal["anyone", "annotator", "admin"]
    fields: type[Sent]
    handler: Callable[[Caller, Any], Reply]
