"""Guidelines for those who rate: Markdown that the owner edits, in versions; a rating names the one it was made
under. Append-only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from rilearn.errors import InputError
from rilearn.store.checks import words
from rilearn.store.database import Database
from rilearn.store.reasonings import insert_new
from rilearn.store.schema_annotation import GuidelineRow

FIRST = """\
You see a text, a label, and a reasoning that leads from the one to the other. Judge the **reasoning**.

- **Good**: it speaks of this text, it leads to this label, and it is true and clear.
- **Poor**: it would fit any text, leads elsewhere, invents something, or cannot be understood.

When the *label* does not fit the text, mark "the label is wrong". That never counts against the reasoning.

Mark the words that are wrong where there are some. A corrected reasoning is worth more than a long comment.
Skip what you cannot judge, and flag what could harm somebody or names private people.
"""
MEANWHILE = "Somebody saved version {version} meanwhile. Copy your text, reload the page, and put it in again."


@dataclass(frozen=True)
class Guideline:
    """`version` counts from 1; "0" is what rilearn brings along."""

    version: str
    text: str
    created_at: datetime | None


class Guidelines:
    """Finds and saves guidelines."""

    def __init__(self, database: Database):
        self._database = database

    def latest(self) -> Guideline:
        """The version that holds.

        Raises:
            StoreError: see `Database.read`.
        """
        with self._database.read() as session:
            row = session.scalars(select(GuidelineRow).order_by(GuidelineRow.id.desc()).limit(1)).one_or_none()
        return Guideline(row.version, row.text, row.created_at) if row else Guideline("0", FIRST, None)

    def save(self, admin_id: int, text: str, base: str) -> Guideline:
        """A new version, made from version `base`; the same text again makes none.

        Raises:
            InputError: empty or too long, or somebody else saved a version meanwhile.
            StoreError: see `Database.write`.
        """
        text = words(text, "guidelines", empty=False)
        latest = self.latest()
        if text == latest.text:
            return latest
        if base != latest.version:
            raise InputError(MEANWHILE.format(version=latest.version))
        version = str(int(base) + 1)
        with self._database.write() as session:
            # Two may save at the same moment: the first one has the version.
            insert_new(session, GuidelineRow, [{"version": version, "text": text, "made_by": admin_id}], "version")
            row = session.scalars(select(GuidelineRow).filter_by(version=version)).one()
            if row.text != text:
                raise InputError(MEANWHILE.format(version=version))
            return Guideline(row.version, row.text, row.created_at)
