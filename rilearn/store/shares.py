"""Answers that visitors share, to be rated: stored and queued once, so many a day and visitor."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from rilearn.errors import InputError
from rilearn.records import Proposal
from rilearn.store.checks import short
from rilearn.store.database import Database
from rilearn.store.filling import Plan, entry
from rilearn.store.queue_items import put
from rilearn.store.reasonings import inserting_new, keep, key
from rilearn.store.schema import now
from rilearn.store.schema_annotation import ShareRow

A_DAY = 20
"""Answers that one visitor may share within 24 hours."""


class Shares:
    """Takes what visitors share."""

    def __init__(self, database: Database):
        self._database = database

    def share(self, visitor: str, proposal: Proposal, plan: Plan) -> bool:
        """Store the answer and queue it; shared again by the same visitor it stays as it is.

        Returns:
            Whether this visitor had not shared it before.

        Raises:
            InputError: text or reasoning cannot be stored, or the visitor has shared enough today.
            StoreError: see `Database.write`.
        """
        visitor, own = short(visitor, "visitor"), key(proposal.reasoning)
        recent = ShareRow.visitor == visitor, ShareRow.created_at > now() - timedelta(days=1)
        with self._database.write() as session:
            reasoning_id = keep(session, [proposal.reasoning])[own]
            row = {"visitor": visitor, "reasoning_id": reasoning_id}
            if session.execute(inserting_new(session, ShareRow).returning(ShareRow.id), row).first() is None:
                return False
            if (session.scalar(select(func.count(ShareRow.id)).where(*recent)) or 0) > A_DAY:
                raise InputError(f"You have shared {A_DAY} answers since yesterday, thank you. Share more tomorrow.")
            put(session, {reasoning_id: entry(reasoning_id, proposal, plan)})
            return True
