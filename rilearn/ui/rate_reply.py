"""What a request of the Rate tab is answered with, and whether people can sign in with Hugging Face here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from gradio.utils import get_space

from rilearn.errors import InputError


class SignedOutError(InputError):
    """Nobody is signed in, or not as who may do this; `status` is 401 or 403."""

    def __init__(self, message: str, status: int):
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Reply:
    """JSON for the page; `login` sets the session cookie, or removes it where it is empty."""

    data: dict[str, Any]
    login: str | None = None


def hugging_face() -> bool:
    """Whether people can sign in with Hugging Face: on a Space whose front matter asks for it (`hf_oauth: true`)."""
    return bool(get_space() and os.environ.get("OAUTH_CLIENT_ID"))
