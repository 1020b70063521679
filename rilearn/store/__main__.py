"""Ratings in and out, and who rates:  python -m rilearn.store COMMAND --help

    python -m rilearn.store stats
    python -m rilearn.store export --out ratings --format parquet
    python -m rilearn.store import ratings/*.parquet --dry-run

The database is the one that RILEARN_STATE or RILEARN_DATABASE_URL name. Commands that write take --dry-run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from rilearn.errors import run
from rilearn.settings import Settings
from rilearn.store.agreements import Agreements
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database, open_database
from rilearn.store.exchange import FORMATS, Exchange, Imported
from rilearn.store.hub import push
from rilearn.store.import_reasonings import import_reasonings
from rilearn.store.insight import Count, Insight
from rilearn.store.invitations import Invitations
from rilearn.store.people import People
from rilearn.store.version_commands import commands as version_commands
from rilearn.tasks import load_task

MOST_PROBLEMS = 20


def main(arguments: list[str]) -> None:
    """Run one command.

    Raises:
        RilearnError: what went wrong, in words.
    """
    parser = argparse.ArgumentParser("rilearn.store", description=__doc__, formatter_class=_Raw)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (configure, action) in COMMANDS.items():
        command = commands.add_parser(name, help=action.__doc__, description=action.__doc__)
        configure(command)
        command.set_defaults(action=action)
    chosen, settings = parser.parse_args(arguments), Settings()
    database = open_database(settings.database_url or None, settings.state_dir)
    try:
        chosen.action(database, chosen)
    finally:
        database.close()


_Raw = argparse.RawDescriptionHelpFormatter
Arguments = argparse.Namespace


def _dry_run(to: argparse.ArgumentParser) -> None:
    to.add_argument("--dry-run", action="store_true", help="say what would happen and change nothing")


def _export_arguments(to: argparse.ArgumentParser) -> None:
    to.add_argument("--out", type=Path, required=True, help="folder to write")
    to.add_argument("--format", choices=FORMATS, default="jsonl")
    to.add_argument("--names", action="store_true", help="with the annotators' names beside their pseudonyms")
    _dry_run(to)


def _export(database: Database, to: Arguments) -> None:
    """write ratings, corrections, adjudications and pairs as files"""
    exchange = Exchange(database)
    counts = exchange.count() if to.dry_run else exchange.export(to.out, to.format, to.names)
    for kind, count in counts.items():
        _say(to, f"{count:,} {kind}: {kind}.{to.format}")


def _import_arguments(to: argparse.ArgumentParser) -> None:
    to.add_argument("files", nargs="+", type=Path, help="files that export wrote")
    _dry_run(to)


def _import(database: Database, to: Arguments) -> None:
    """bring back files that export wrote; what is here already stays as it is"""
    for file in to.files:
        _say_imported(to, Exchange(database).bring(file, to.dry_run))


def _reasonings_arguments(to: argparse.ArgumentParser) -> None:
    to.add_argument("file", type=Path, help=".jsonl, .csv or .parquet with the columns text, label and reasoning")
    to.add_argument("--task", help="a file under data/tasks/; RILEARN_TASK if left out")
    to.add_argument("--source", default="", help="where the texts are from, if no column says so")
    to.add_argument("--ratings", type=int, default=0, help="put them into the queue for so many people each")
    _dry_run(to)


def _reasonings(database: Database, to: Arguments) -> None:
    """add reasonings from elsewhere"""
    task = load_task(to.task or Settings().task)
    _say_imported(to, import_reasonings(database, to.file, task, to.source, to.ratings, to.dry_run))


def _delete_arguments(to: argparse.ArgumentParser) -> None:
    to.add_argument("name", help="name or pseudonym")
    _dry_run(to)


def _delete(database: Database, to: Arguments) -> None:
    """delete an annotator with all that they said"""
    gone = People(database).delete(to.name, to.dry_run)
    _say(to, f"deleted: {gone.name}, {gone.ratings:,} ratings and {gone.corrections:,} corrections with their history")
    for version in gone.versions:
        _say(to, f"stale, since it was trained on them: {version}")
    _say(to, "Files and datasets exported before, and copies of the database, still hold them: delete these too.")


def _annotators_arguments(to: argparse.ArgumentParser) -> None:
    actions = to.add_subparsers(dest="what", required=True, metavar="list|add")
    actions.add_parser("list", help="name, pseudonym, role, ratings").set_defaults(dry_run=False)
    add = actions.add_parser("add", help="a new annotator; one who is there keeps their role")
    add.add_argument("name")
    add.add_argument("--role", choices=("annotator", "admin"), default="annotator")
    _dry_run(add)


def _annotators(database: Database, to: Arguments) -> None:
    """list or add those who rate"""
    if to.what == "list":
        for person in People(database).all():
            _say(to, "\t".join((person.name, person.pseudonym, person.role, f"{person.ratings:,} ratings")))
        return
    annotators = Annotators(database)
    found = annotators.find(to.name) or (None if to.dry_run else annotators.add(to.name, to.role))
    _say(to, f"{to.name.strip()}: {found.role if found else to.role}")


def _push_arguments(to: argparse.ArgumentParser) -> None:
    to.add_argument("repo", help="owner/name of a dataset on the Hugging Face Hub")
    to.add_argument("--public", action="store_true", help="everybody may read it")
    _dry_run(to)


def _push(database: Database, to: Arguments) -> None:
    """upload everything as a dataset, annotators by pseudonym"""
    exchange = Exchange(database)
    for kind, count in (exchange.count() if to.dry_run else push(exchange, to.repo, to.public)).items():
        _say(to, f"{count:,} {kind}")


def _stats(database: Database, to: Arguments) -> None:
    """what the ratings say"""
    found = Insight(database).overview()
    _say(to, f"{found.ratings:,} ratings of {found.reasonings:,} reasonings")
    for title in ("labels", "adapters", "annotators", "days"):
        counts: tuple[Count, ...] = getattr(found, title)
        for count in (count for count in counts if count.ratings):
            low, high = count.interval
            share = f"{count.share:.0%} good ({low:.0%} to {high:.0%})"
            _say(to, "\t".join((title, count.name or "none", f"{count.ratings:,} ratings", share)))
    for one in Agreements(database).alphas():
        said = one.missing
        if one.estimate:
            said = f"{one.estimate.value:.2f} ({one.estimate.low:.2f} to {one.estimate.high:.2f})"
        _say(to, "\t".join(("Krippendorff's alpha", one.name, said)))


def _say_imported(to: Arguments, done: Imported) -> None:
    _say(to, f"{done.kind}: {done.new:,} new, {done.known:,} here already, {len(done.problems):,} left out")
    for problem in done.problems[:MOST_PROBLEMS]:
        _say(to, f"  row {problem.number}: {problem.reason}")
    if len(done.problems) > MOST_PROBLEMS:
        _say(to, f"  and {len(done.problems) - MOST_PROBLEMS:,} more")


def _say(to: Arguments, words: str) -> None:
    """A line; signs in people's texts that a terminal would obey are shown as a replacement sign."""
    before = "would be: " if getattr(to, "dry_run", False) else ""
    print(before + "".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in words))


def _invite_arguments(to: argparse.ArgumentParser) -> None:
    to.add_argument("--role", choices=("annotator", "admin"), default="annotator")
    to.add_argument("--uses", type=int, default=1, help="how many people may join with it")
    to.add_argument("--days", type=int, default=7, help="how long it holds")


def _invite(database: Database, to: Arguments) -> None:
    """make an invitation: a link, shown once, that lets somebody join on the Rate tab"""
    secret = Invitations(database).make(to.role, to.uses, to.days)
    print(f"Put this behind the app's address:  /?tab=rate#invite={secret}")


COMMANDS: Mapping[
    str, tuple[Callable[[argparse.ArgumentParser], object], Callable[[Database, argparse.Namespace], None]]
] = {
    "export": (_export_arguments, _export),
    "import": (_import_arguments, _import),
    "import-reasonings": (_reasonings_arguments, _reasonings),
    "delete-annotator": (_delete_arguments, _delete),
    "annotators": (_annotators_arguments, _annotators),
    "invite": (_invite_arguments, _invite),
    "push": (_push_arguments, _push),
    "stats": (lambda to: None, _stats),
    **version_commands(_say),
}
"""Name -> its arguments, and what it does; its docstring is the help."""

if __name__ == "__main__":
    run(main)
