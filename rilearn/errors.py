"""The few errors rilearn raises on purpose; the app and the commands turn them into messages once, at the edge."""

import logging
import sys
from collections.abc import Callable

log = logging.getLogger(__name__)


class RilearnError(Exception):
    """Base of all errors whose message is written for the person who reads it."""


class ConfigError(RilearnError):
    """A setting, recipe or task file cannot be used; the message names the key and what was found."""


class WeightsError(RilearnError):
    """Base weights cannot be had; the message says what to do (network, disk, licence, token)."""


class AdapterError(RilearnError):
    """An adapter folder is missing, damaged or made for another base or prompt version."""


class DataError(RilearnError):
    """A dataset lacks a column, holds a label the task does not know, or has too little for what was asked of it."""


class InputError(RilearnError):
    """What the user sent cannot be used (empty, too long, a second vote); the message says why."""


class EngineError(RilearnError):
    """The inference engine refused or lost a request."""


class PromotionRefused(RilearnError):
    """The gate did not let a model pass and nobody overruled it with a reason; the message says what failed."""


class StoreError(RilearnError):
    """The database cannot be opened, read or written; nothing was half-written, and the message says what to do."""


def in_words(error: Exception) -> str:
    """The message for a visitor; what was not foreseen goes to the log in full and is told in general words."""
    if isinstance(error, RilearnError):
        return str(error)
    log.error("not foreseen", exc_info=error)
    return "Something went wrong inside rilearn; the log has the details. Your text was kept: try again."


def run(main: Callable[[list[str]], None]) -> None:
    """Run a command; an error meant for people ends it with one line and status 2, any other with its traceback."""
    try:
        main(sys.argv[1:])
    except RilearnError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
