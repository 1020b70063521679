"""What the page knows of the versions at this moment: the gate's word with the votes so far, and what may be done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rilearn.adapters import load_adapter
from rilearn.errors import AdapterError, InputError
from rilearn.gate import ROLES, Role, Verdict
from rilearn.kept import KINDS, folder_of
from rilearn.services import Services

if TYPE_CHECKING:  # the store's modules bring SQLAlchemy
    from rilearn.store.version_rows import StoredVersion
    from rilearn.store.versions import Versions


@dataclass(frozen=True)
class Standing:
    """Where a version stands: the gate's word on it, which of promote and overrule is open to it, whether it was
    measured against another than the one in use, and whether it is what a rollback would take out of use."""

    verdict: Verdict | None = None
    open: Literal["", "promote", "overrule"] = ""
    outdated: bool = False
    back: bool = False


class State:
    """Reads versions, verdicts and what is in use. What asks the database raises StoreError; see `Database.read`."""

    def __init__(self, services: Services):
        self.services = services

    @property
    def versions(self) -> Versions:
        from rilearn.store.versions import Versions

        return Versions(self.services.store.database)

    def one(self, digest: str | None) -> StoredVersion:
        """Raises InputError: there is no such version."""
        if found := self.versions.find(digest or ""):
            return found
        raise InputError("There is no such version. Choose one of the list.")

    def folder(self, one: StoredVersion) -> Path:
        """See `kept.folder_of`."""
        return folder_of(self.services.settings, one.digest, Path(one.folder))

    def elsewhere(self, one: StoredVersion) -> str:
        """What a version learnt from that is not of this database, as its manifest says (plain text); "" where what is
        behind it is known here, or was, and where there are no files any more."""
        if one.ratings or one.edits or one.votes:
            return ""
        try:
            data = load_adapter(self.folder(one)).manifest.data
        except AdapterError:
            return ""
        count = data.get("ratings", 0)
        if not isinstance(count, int) or count == 0 or "behind" in data:
            return ""
        whose = "of simulated annotators" if data.get("simulated") else "of an export"
        return f"{count:,} ratings, corrections or votes {whose}"

    def verdict(self, one: StoredVersion) -> Verdict | None:
        """What the gate says of a version with people's votes as they stand; the verdict kept with it may be older."""
        from rilearn.promotion import counted

        if one.verdict is None:
            return None
        kept = Verdict.model_validate(one.verdict)
        return counted(self.services.store.database, self.services.settings, kept.evidence)

    def holders(self, role: Role) -> list[str]:
        """See `promotion.holders`."""
        from rilearn.promotion import holders

        came = self.services.uptake.models.came
        return holders(self.services.store.database, self.services.task.name, role, came)

    def answers(self, role: Role, digest: str) -> bool:
        """Whether this version answers here; the engine may have refused one that is promoted."""
        found = self.services.uptake.models.current(role)
        return found is not None and found.ref.digest == digest

    def in_use(self) -> dict[str, bool]:
        """Digest -> whether it answers, of all that is in use: what answers, and what is promoted and does not."""
        promoted = [(role, digest) for role in ROLES for digest in self.holders(role)[-1:]]
        current = [self.services.uptake.models.current(role) for role in ROLES]
        found = {digest: self.answers(role, digest) for role, digest in promoted}
        return found | {adapter.ref.digest: True for adapter in current if adapter}

    def standing(self, one: StoredVersion) -> Standing:
        """What the page offers for a version."""
        verdict = self.verdict(one)
        if one.kind not in KINDS.values() or one.task not in ("", self.services.task.name):
            return Standing(verdict)
        *before, now = self.holders(role_of(one)) or [""]
        if now == one.digest:
            return Standing(verdict, back=bool(before))
        if verdict is None:
            return Standing()
        outdated = verdict.current != now
        return Standing(verdict, "promote" if verdict.passed and not outdated else "overrule", outdated)


def role_of(one: StoredVersion) -> Role:
    """The role that a version can have.

    Raises:
        InputError: none.
    """
    if role := next((role for role, kind in KINDS.items() if kind == one.kind), None):
        return role
    raise InputError(f"A {one.kind} adapter has no role that it could be promoted to.")
