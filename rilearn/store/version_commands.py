"""What `python -m rilearn.store versions`, `promote` and `rollback` do. A running app follows within seconds."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from rilearn.errors import InputError, PromotionRefused
from rilearn.gate import ROLES, read_evidence
from rilearn.kept import candidate, first_choice, shipped
from rilearn.promotion import counted, judged, promote, register, rollback
from rilearn.settings import Settings
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.promotions import Promotions
from rilearn.store.versions import Versions

Arguments = argparse.Namespace
Command = tuple[Callable[[argparse.ArgumentParser], object], Callable[[Database, Arguments], None]]


def commands(say: Callable[[Arguments, str], None]) -> Mapping[str, Command]:
    """Name -> its arguments and what it does, telling it line by line through `say`."""
    return {
        "versions": (lambda to: None, _told(say, _versions)),
        "promote": (_promote_arguments, _told(say, _promote)),
        "rollback": (_rollback_arguments, _told(say, _rollback)),
    }


def _told(
    say: Callable[[Arguments, str], None], lines: Callable[[Database, Arguments], Iterator[str]]
) -> Callable[[Database, Arguments], None]:
    def action(database: Database, to: Arguments) -> None:
        for line in lines(database, to):
            say(to, line)

    action.__doc__ = lines.__doc__
    return action


def _versions(database: Database, to: Arguments) -> Iterator[str]:
    """list the model versions: what is behind each, and which one is in use"""
    settings = Settings()
    came, _ = shipped(settings)
    versions, promotions = Versions(database), Promotions(database)
    versions.register_shipped(came)
    in_use = {}
    for role in ROLES:
        promoted, first = promotions.active(settings.task, role), first_choice(came, role, settings.task)
        in_use[promoted.digest if promoted else first.ref.digest if first else ""] = role
    for one in versions.all():
        behind = f"{one.ratings:,} ratings, {one.edits:,} corrections, {one.votes:,} votes"
        from_ = ", ".join(f"{role} {digest[:12]}" for role, digest in one.parents.items()) or "no parents"
        notes = [f"in use as {in_use[one.digest]}"] if one.digest in in_use else []
        notes += ["stale: something in it was deleted"] if one.stale_at else []
        yield "\t".join((f"{one.name} v{one.number}", one.kind, one.digest[:12], from_, behind, *notes))
    for done in reversed(promotions.history(settings.task)):
        change = f"{done.role}: {done.previous[:12] or 'none'} -> {done.digest[:12]}"
        yield "\t".join((f"{done.created_at:%Y-%m-%d %H:%M}", done.action, change, done.who or "unknown", done.reason))


def _promote_arguments(to: argparse.ArgumentParser) -> None:
    to.add_argument("folder", type=Path, help="the candidate's adapter folder")
    to.add_argument("--role", choices=ROLES, required=True)
    to.add_argument("--evidence", type=Path, required=True, help="JSON of what was measured (rilearn.gate.Evidence)")
    to.add_argument("--overrule", default="", metavar="REASON", help="promote it although the gate refuses")
    to.add_argument("--as", dest="admin", required=True, metavar="ADMIN", help="an admin's name")
    to.add_argument("--dry-run", action="store_true", help="say what the gate says and change nothing")


def _promote(database: Database, to: Arguments) -> Iterator[str]:
    """hold a candidate against the gate and put it in use"""
    settings, evidence = Settings(), read_evidence(to.evidence)
    who, adapter = _admin(database, to.admin), candidate(settings, to.role, to.folder)
    if adapter.ref.digest != evidence.candidate:
        raise PromotionRefused(f"The evidence is about {evidence.candidate[:12]}, not {adapter.ref.digest[:12]}.")
    if to.dry_run:
        verdict = counted(database, settings, evidence)
    else:
        register(database, settings, adapter)
        verdict = judged(database, settings, evidence)
    for check in verdict.checks:
        yield f"{'passed' if check.passed else 'failed'}\t{check.words}"
    if to.dry_run:
        yield f"{adapter.name}: {'promoted' if verdict.passed or to.overrule.strip() else 'refused'}"
        return
    done = promote(database, settings, to.role, to.folder, verdict, who, secrets.token_hex(16), to.overrule)
    yield f"{adapter.name} ({done.digest[:12]}) is in use as {done.role}; it replaced {done.previous[:12] or 'none'}"


def _rollback_arguments(to: argparse.ArgumentParser) -> None:
    to.add_argument("--role", choices=ROLES, required=True)
    to.add_argument("--reason", default="", help="kept with it")
    to.add_argument("--as", dest="admin", required=True, metavar="ADMIN", help="an admin's name")


def _rollback(database: Database, to: Arguments) -> Iterator[str]:
    """put the version back in use that the one in use replaced"""
    settings, who = Settings(), _admin(database, to.admin)
    now = Promotions(database).active(settings.task, to.role)
    gone = now.digest if now else ""
    done = rollback(database, settings, to.role, who, secrets.token_hex(16), gone, to.reason)
    yield f"{done.digest[:12]} is in use as {done.role} again; {done.previous[:12]} is not"


def _admin(database: Database, name: str) -> int:
    found = Annotators(database).find(name)
    if found is None:
        raise InputError(f"There is no annotator '{name}'. See all:  python -m rilearn.store annotators list")
    return found.id
