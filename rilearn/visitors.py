"""Who is who among visitors without a login: a random id, signed by the server, that the browser only carries.

The key lies in the state folder, so that a visitor stays the same one when the app starts again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import threading
from pathlib import Path

from filelock import FileLock, Timeout
from itsdangerous import BadSignature, Signer

from rilearn.errors import InputError

KEY = "visitors.key"
_BYTES = 32
NO_COOKIE = (
    "Your browser sent no cookie, so one vote a visitor cannot be told from many. Allow cookies for this page (inside "
    "another site's frame: open it in a window of its own), then reload it."
)

log = logging.getLogger(__name__)


class Visitors:
    """Gives ids and knows them again. Thread-safe; reads or makes the key in `folder` at its first use."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._key = b""
        self._lock = threading.Lock()

    @property
    def cookie(self) -> str:
        """The cookie's name. It holds a part of the key's digest: browsers share cookies between the ports of a
        host, and two apps there must not take each other's away."""
        return f"rilearn-visitor-{self._mark}"

    @property
    def login_cookie(self) -> str:
        """The name of the cookie with an annotator's session, for the same reason."""
        return f"rilearn-login-{self._mark}"

    @property
    def _mark(self) -> str:
        return hashlib.sha256(self.key).hexdigest()[:8]

    @property
    def key(self) -> bytes:
        with self._lock:
            self._key = self._key or self._read()
            return self._key

    def new(self) -> str:
        """A signed id for somebody unknown."""
        return self._signer().sign(secrets.token_urlsafe(16)).decode()

    def known(self, signed: str | None) -> str:
        """The id in `signed`.

        Raises:
            InputError: there is none, or this server did not sign it; the message says what to do.
        """
        try:
            return self._signer().unsign(signed or "").decode()
        except (BadSignature, UnicodeError):
            raise InputError(NO_COOKIE) from None

    def _signer(self) -> Signer:
        return Signer(self.key, salt="rilearn.visitor", digest_method=hashlib.sha256)

    def _read(self) -> bytes:
        path = self._folder.absolute() / KEY
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(path.with_name(f"{KEY}.lock"), timeout=10, mode=0o600):
                found = path.read_bytes() if path.exists() else b""
                if len(found) != _BYTES:  # none yet, or a crash left a part of one
                    found = secrets.token_bytes(_BYTES)
                    _write(path, found)
                return found
        except (OSError, Timeout) as error:
            log.warning("visitors will be strangers after the next start: no key can be kept in %s (%s)", path, error)
            return secrets.token_bytes(_BYTES)


def _write(path: Path, key: bytes) -> None:
    temp = path.with_name(f".{path.name}.tmp")
    temp.unlink(missing_ok=True)
    with os.fdopen(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key)
    temp.replace(path)
