"""Who was deleted, known by a digest of their pseudonym alone, so that an old export does not bring them back."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from rilearn.store.checks import digest
from rilearn.store.schema_annotation import TombstoneRow


def bury(session: Session, pseudonym: str) -> None:
    """The annotator of this pseudonym (or voter's name in exports) is being deleted. Inside a transaction."""
    session.add(TombstoneRow(digest=_of(pseudonym)))


def buried(session: Session, pseudonyms: Iterable[str]) -> set[str]:
    """Those of the pseudonyms whose annotators were deleted."""
    named = {_of(pseudonym): pseudonym for pseudonym in pseudonyms}
    found = session.scalars(select(TombstoneRow.digest).where(TombstoneRow.digest.in_(named)))
    return {named[one] for one in found}


def _of(pseudonym: str) -> str:
    return digest("deleted annotator", pseudonym)
