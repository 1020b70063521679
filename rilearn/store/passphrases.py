"""Passphrases: kept as argon2id hashes, compared in constant time, and slow to guess.

Guesses are counted in memory: an app that starts again forgets them, which gives an attacker a few more tries at most.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from rilearn.errors import InputError
from rilearn.store.checks import words

SHORTEST = 8
LONGEST = 1000
FREE = 5
"""Wrong tries of a name in a row before the next one has to wait."""
FREE_ADDRESS = 30
"""The same for one address, behind which there may be many people."""
LONGEST_WAIT = 60.0
"""Seconds; no more, since anybody can make a name wait by guessing at it."""
_REMEMBERED = 10_000
_AT_ONCE = threading.BoundedSemaphore(2)  # each computation takes 64 MB
_hasher = PasswordHasher()
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$" + "c2FsdHNhbHRzYWx0c2FsdA$" + "aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"


def hashed(passphrase: str) -> str:
    """A salted hash to keep.

    Raises:
        InputError: fewer than SHORTEST or more than LONGEST characters.
    """
    passphrase = words(passphrase, "passphrase", LONGEST)
    if len(passphrase) < SHORTEST:
        raise InputError(f"Choose a passphrase of at least {SHORTEST} characters.")
    with _AT_ONCE:
        return _hasher.hash(passphrase)


def matches(kept: str | None, passphrase: str) -> bool:
    """Whether the passphrase is the one behind the hash; takes as long where there is none."""
    try:
        with _AT_ONCE:
            return _hasher.verify(kept or _NOBODY, words(passphrase, "passphrase", LONGEST)) and kept is not None
    except (VerificationError, InvalidHashError, InputError):
        return False


class Guesses:
    """Counts wrong tries by name and by address. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock, self._lock = clock, threading.Lock()
        self._tries: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def begin(self, name: str, address: str) -> None:
        """Count a try before its passphrase is looked at, so that many at the same moment are counted too.

        Raises:
            InputError: there were too many; the message says how long to wait.
        """
        moment = self._clock()
        with self._lock:
            for key, free in self._keys(name, address):
                count, last = self._tries.get(key, (0, 0.0))
                wait = min(2.0 ** min(count - free, 10), LONGEST_WAIT) if count >= free else 0.0
                if (left := last + wait - moment) > 0:
                    raise InputError(f"Too many wrong tries. Wait {left:.0f} seconds, then try again.")
            for key, _ in self._keys(name, address):
                count, last = self._tries.pop(key, (0, moment))
                # Quiet for long enough: begun anew.
                self._tries[key] = (count + 1 if moment - last < 60 * LONGEST_WAIT else 1, moment)
            while len(self._tries) > _REMEMBERED:
                self._tries.popitem(last=False)

    def right(self, name: str, address: str) -> None:
        """It was the right passphrase: nothing is held against the name, nor this try against the address."""
        (key, _), *rest = self._keys(name, address)
        with self._lock:
            self._tries.pop(key, None)
            for other, _ in rest:
                if other in self._tries:
                    count, last = self._tries[other]
                    self._tries[other] = (count - 1, last)

    @staticmethod
    def _keys(name: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
        by_name = (("name", name.strip().casefold()[:200]), FREE)
        return (by_name, (("address", address), FREE_ADDRESS)) if address else (by_name,)
