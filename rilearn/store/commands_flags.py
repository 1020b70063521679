"""The command about items that somebody flagged as harmful or private: list them, put one back, remove one."""

from __future__ import annotations

import argparse
import secrets

from rilearn.errors import InputError
from rilearn.store.commands import Arguments, Commands, dry_run, say
from rilearn.store.database import Database
from rilearn.store.flags import Decided, Flagged, Flags

_DECISIONS: dict[str, Decided] = {"put-back": "put back", "remove": "removed"}


def _flagged_arguments(to: argparse.ArgumentParser) -> None:
    actions = to.add_subparsers(dest="what", required=True, metavar="list|put-back|remove")
    listed = actions.add_parser("list", help="number, text, label and reasoning, and who flagged it why")
    listed.add_argument("--removed", action="store_true", help="those that were removed, not those that wait")
    listed.add_argument("--limit", type=int, default=100, help="at most so many")
    listed.set_defaults(dry_run=False)
    for name, does in (("put-back", "annotators get it again"), ("remove", "nobody gets it, no export holds it")):
        one = actions.add_parser(name, help=does)
        one.add_argument("number", type=int, help="of the reasoning, as listed")
        one.add_argument("--comment", default="", help="why, for the history")
        dry_run(one)


def _flagged(database: Database, to: Arguments) -> None:
    """list what annotators flagged as harmful or private, and put it back or remove it"""
    flags = Flags(database)
    if to.what == "list":
        for one in flags.removed(to.limit) if to.removed else flags.waiting(to.limit):
            _tell(to, one)
        return
    if not to.dry_run:
        flags.decide(None, to.number, _DECISIONS[to.what], secrets.token_hex(16), to.comment)
    elif not flags.is_held(to.number):
        raise InputError(f"Reasoning {to.number} is not held back.")
    say(to, f"{_DECISIONS[to.what]}: {to.number}")


def _tell(to: Arguments, one: Flagged) -> None:
    about = one.reasoning.reasoning
    say(to, "\t".join((str(one.reasoning.id), about.label, about.text, about.reasoning)))
    for flag in one.flags:
        before = "" if flag.open else ", decided on before"
        say(to, "\t".join(("", f"{flag.kind}{before}", flag.annotator, flag.reason)))
    for made in one.decisions:
        say(to, "\t".join(("", made.decision, made.admin or "by command, or a deleted admin", made.comment)))


COMMANDS: Commands = {"flagged": (_flagged_arguments, _flagged)}
