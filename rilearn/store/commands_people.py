"""Commands about those who rate: who they are, how they sign in, and how they go."""

from __future__ import annotations

import argparse
import sys
from getpass import getpass

from rilearn.errors import InputError
from rilearn.store.annotators import Annotators
from rilearn.store.commands import Arguments, Commands, dry_run, say
from rilearn.store.database import Database
from rilearn.store.invitations import Invitations
from rilearn.store.logins import Logins
from rilearn.store.passphrases import Guesses, hashed
from rilearn.store.people import People


def _name_arguments(to: argparse.ArgumentParser) -> None:
    to.add_argument("name", help="name or pseudonym")
    dry_run(to)


def _delete(database: Database, to: Arguments) -> None:
    """delete an annotator with all that they said"""
    gone = People(database).delete(to.name, to.dry_run)
    say(to, f"deleted: {gone.name}, {gone.ratings:,} ratings and {gone.corrections:,} corrections with their history")
    for version in gone.versions:
        say(to, f"stale, since it was trained on them: {version}")
    for version in gone.descendants:
        say(to, f"stale, since it comes from a stale one: {version}")
    say(to, "Files and datasets exported before, and copies of the database, still hold them: delete these too.")


def _annotators_arguments(to: argparse.ArgumentParser) -> None:
    actions = to.add_subparsers(dest="what", required=True, metavar="list|add")
    actions.add_parser("list", help="name, pseudonym, role, ratings").set_defaults(dry_run=False)
    add = actions.add_parser("add", help="a new annotator; one who is there keeps their role")
    add.add_argument("name")
    add.add_argument("--role", choices=("annotator", "admin"), default="annotator")
    dry_run(add)


def _annotators(database: Database, to: Arguments) -> None:
    """list or add those who rate"""
    if to.what == "list":
        for person in People(database).all():
            off = ("deactivated",) if person.deactivated_at else ()
            say(to, "\t".join((person.name, person.pseudonym, person.role, f"{person.ratings:,} ratings", *off)))
        return
    annotators = Annotators(database)
    found = annotators.find(to.name) or (None if to.dry_run else annotators.add(to.name, to.role))
    say(to, f"{to.name.strip()}: {found.role if found else to.role}")


def _invite_arguments(to: argparse.ArgumentParser) -> None:
    to.add_argument("--role", choices=("annotator", "admin"), default="annotator")
    to.add_argument("--uses", type=int, default=1, help="how many people may join with it")
    to.add_argument("--days", type=int, default=7, help="how long it holds")


def _invite(database: Database, to: Arguments) -> None:
    """make an invitation: a link, shown once, that lets somebody join on the Rate tab"""
    secret = Invitations(database).make(to.role, to.uses, to.days)
    print(f"Put this behind the app's address:  /?tab=rate#invite={secret}")


def _passphrase(database: Database, to: Arguments) -> None:
    """set somebody's passphrase, asked for or read from the standard input; it ends their sign-ins"""
    person = Annotators(database).called(to.name)
    passphrase = _asked()
    if to.dry_run:
        hashed(passphrase)  # whether it is long enough
    else:
        Logins(database, Guesses()).set_passphrase(person.id, passphrase)
    say(to, f"passphrase set: {person.name}")


def _asked() -> str:
    # Never an argument: others on the machine see those, and the shell keeps them.
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    passphrase = getpass("Passphrase: ")
    if getpass("Once more: ") != passphrase:
        raise InputError("The two are not the same. Nothing was changed.")
    return passphrase


def _deactivate(database: Database, to: Arguments) -> None:
    """sign somebody out and let them sign in no more; their ratings stay"""
    person = Annotators(database).called(to.name)
    if not to.dry_run:
        People(database).deactivate(to.name)
    say(to, f"deactivated: {person.name}")


def _reactivate(database: Database, to: Arguments) -> None:
    """let somebody sign in again who was deactivated"""
    person = Annotators(database).called(to.name)
    if not to.dry_run:
        People(database).reactivate(to.name)
    say(to, f"reactivated: {person.name}")


COMMANDS: Commands = {
    "annotators": (_annotators_arguments, _annotators),
    "invite": (_invite_arguments, _invite),
    "passphrase": (_name_arguments, _passphrase),
    "deactivate": (_name_arguments, _deactivate),
    "reactivate": (_name_arguments, _reactivate),
    "delete-annotator": (_name_arguments, _delete),
}
