"""Promotion and rollback, atomic: an adapter folder is kept under its digest, then one row says that it is in use.

The row is the truth. A kill before it leaves the old version in use and at most a folder that nobody asks for; a kill
after it leaves the new one in use, whole and on disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rilearn.adapters import Adapter
from rilearn.errors import InputError, PromotionRefused
from rilearn.gate import Evidence, Role, Thresholds, Verdict, judge
from rilearn.kept import candidate, find, first_choice, keep_files, shipped
from rilearn.settings import Settings
from rilearn.store.database import Database
from rilearn.store.duels import Duels
from rilearn.store.promotions import Promotion, Promotions, Turn, by_token, check_admin, keep_turn, line, rows
from rilearn.store.version_rows import Behind, StoredVersion, register_shipped, registered, row_of
from rilearn.store.versions import Versions

OUTDATED = (
    "Another model came into use since this one was measured. Retrain to have one that is measured against that, or "
    "overrule the gate with a written reason."
)
GONE = "Another version came into use meanwhile. Reload the page."


def register(database: Database, settings: Settings, adapter: Adapter, behind: Behind | None = None) -> StoredVersion:
    """See `Versions.register`; what came with rilearn is registered before it, so that versions count from there."""
    versions = Versions(database)
    versions.register_shipped(shipped(settings)[0])
    return versions.register(adapter, behind)


def counted(database: Database, settings: Settings, evidence: Evidence) -> Verdict:
    """The gate's verdict on the evidence, with people's blind votes as they stand.

    Raises:
        StoreError: see `Database.read`.
    """
    votes = Duels(database).counts(evidence.candidate, evidence.current)
    return judge(evidence.model_copy(update={"votes": votes}), Thresholds.of(settings))


def judged(database: Database, settings: Settings, evidence: Evidence) -> Verdict:
    """See `counted`; the verdict is kept with the version.

    Raises:
        InputError: the candidate is no version yet (see `register`).
        StoreError: see `Database.write`.
    """
    verdict = counted(database, settings, evidence)
    Versions(database).keep_verdict(evidence.candidate, verdict.model_dump(mode="json"))
    return verdict


def holders(database: Database, task: str, role: Role, came: Sequence[Adapter]) -> list[str]:
    """Digests of what had the role, the one that has it last; where two are left, a rollback is possible. A version
    that the engine refuses has it all the same: see `models.Now` for what answers.

    Args:
        came: the adapters that came with rilearn.

    Raises:
        StoreError: see `Database.read`.
    """
    return _held(Promotions(database).history(task, role)[::-1], first_choice(came, role, task))


def promote(
    database: Database,
    settings: Settings,
    role: Role,
    folder: Path,
    verdict: Verdict,
    who: int,
    token: str,
    overrule_reason: str = "",
) -> Promotion:
    """Put the adapter of a folder in use; when this returns, it is.

    Args:
        who: an admin's id.
        token: names this request; sent again it gets the same promotion.
        overrule_reason: why an admin overrules a verdict that did not pass, or one against an older version.

    Raises:
        PromotionRefused: the verdict did not pass and no reason is given, or it is about other adapters.
        AdapterError: the folder cannot be used; see `kept.candidate`.
        InputError: not an admin; or it is in use already.
        StoreError: it could not be kept; the version in use stays.
    """
    reason = overrule_reason.strip()
    with database.read() as session:
        check_admin(session, who)  # before anything is copied; what counts is the check below
        if done := by_token(session, token):
            return done
    if not verdict.passed and not reason:
        raise PromotionRefused(f"Not promoted. {' '.join(verdict.refusals)} An admin can overrule with a reason.")
    adapter = candidate(settings, role, folder)
    if verdict.role != role or verdict.candidate != adapter.ref.digest:
        raise PromotionRefused("The verdict is about another model or role. Measure this one and ask again.")
    came, _ = shipped(settings)
    first = first_choice(came, role, settings.task)
    keep_files(settings, adapter)
    with database.write() as session:
        check_admin(session, who)
        if done := by_token(session, token):
            return done
        register_shipped(session, came)
        past = rows(session, settings.task, role)
        now = next(reversed(_held(past, first)), "")
        if now == adapter.ref.digest:
            raise InputError(f"'{adapter.name}' ({now[:12]}) is in use already.")
        if now != verdict.current and not reason:
            raise PromotionRefused(OUTDATED)
        version, previous = registered(session, adapter), row_of(session, now)
        said = verdict.model_dump(mode="json")
        turn = Turn(settings.task, role, "promote", version, previous, who, token, reason, past, said)
        return keep_turn(session, turn)


def rollback(
    database: Database, settings: Settings, role: Role, who: int, token: str, instead_of: str, reason: str = ""
) -> Promotion:
    """Put the version back in use that the one in use replaced; once more goes one further back.

    Args:
        instead_of: digest of the version that is to go: of two who ask at once, one is told that it is gone.

    Raises:
        InputError: not an admin; nothing was promoted; or another version is in use by now.
        AdapterError: the files of the version before are gone or damaged; the one in use stays.
        StoreError: see `Database.write`; the one in use stays.
    """
    with database.read() as session:
        check_admin(session, who)
        if done := by_token(session, token):
            return done
        past = rows(session, settings.task, role)
    came, _ = shipped(settings)
    digests = _held(past, first_choice(came, role, settings.task))
    if len(digests) < 2:
        raise InputError("There is no version before this one to go back to.")
    *_, then, now = digests
    if now != instead_of:
        raise InputError(GONE)
    find(settings, role, then, came)
    with database.write() as session:
        check_admin(session, who)
        if done := by_token(session, token):
            return done
        if rows(session, settings.task, role) != past:
            raise InputError(GONE)
        register_shipped(session, came)
        target, gone = row_of(session, then), row_of(session, instead_of)
        assert target is not None  # promoted or shipped, so it has one
        turn = Turn(settings.task, role, "rollback", target, gone, who, token, reason.strip(), past)
        return keep_turn(session, turn)


def _held(past: Sequence[Promotion], first: Adapter | None) -> list[str]:
    """See `line`, without what is not known. The beginning is what comes with rilearn by now, which an update may have
    changed."""
    begun, *promoted = line(past) or [""]
    return [digest for digest in (first.ref.digest if first else begun if promoted else "", *promoted) if digest]
