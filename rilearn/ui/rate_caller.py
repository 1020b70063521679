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


@dataclass(frozen=True)
class Action:
    """`handler` gets the caller and the checked `fields`."""

    access: Literal["anyone", "annotator", "admin"]
    fields: type[Sent]
    handler: Callable[[Caller, Any], Reply]
