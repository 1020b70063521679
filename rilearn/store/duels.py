"""Old against new: an annotator reads two versions' reasonings for one text and label, blind, and says which is better.

A duel is drawn once for each annotator and kept as drawn. Votes are those of votes.py; the voter is the pseudonym.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CompoundSelect, and_, case, exists, func, select, union
from sqlalchemy.orm import Session, aliased

from rilearn.errors import InputError
from rilearn.gate import Duel
from rilearn.store.ancestry import before as line
from rilearn.store.annotators import known_pseudonym
from rilearn.store.checks import digest
from rilearn.store.database import Database
from rilearn.store.reasonings import StoredReasoning, insert_new, stored
from rilearn.store.schema import EditRow, PairRow, RatingRow, ReasoningRow, TextRow, VoteRow
from rilearn.store.schema_versions import VersionEditRow, VersionRatingRow, VersionRow, VersionVoteRow
from rilearn.store.votes import DUEL, Choice, Vote, keep_vote


@dataclass(frozen=True)
class BlindPair:
    """What an annotator sees: two reasonings for a text and a label, and nothing of who wrote which."""

    pair_id: int
    text: str
    label: str
    left: str
    right: str


class Duels:
    """Draws duels, takes votes, counts them."""

    def __init__(self, database: Database):
        self._database = database

    def next(self, annotator_id: int, new: str, old: str, seed: int = 0) -> BlindPair | None:
        """The next held-out text on which this annotator has not voted; None: they have seen all.

        Held out are the texts about which nothing is behind the new version or those that it goes on from. Texts come
        in an order of the annotator's own, and sides are drawn; both repeat with the seed.

        Args:
            new: digest of the new version.
            old: digest of the old one.

        Raises:
            InputError: nobody has the id.
            StoreError: see `Database.write`.
        """
        with self._database.read() as session:
            who = known_pseudonym(session, annotator_id)
            voted = select(PairRow.left_reasoning_id, PairRow.right_reasoning_id).join(VoteRow)
            done = {i for row in session.execute(voted.where(VoteRow.visitor == who)) for i in row}
            waiting = [both for both in session.execute(_met(session, new, old)).tuples() if not done & set(both)]
        if not waiting:
            return None
        old_id, new_id = random.Random(f"{seed} {who}").choice(waiting)
        return self.pair(annotator_id, old_id, new_id, seed)

    def pair(self, annotator_id: int, old_id: int, new_id: int, seed: int = 0) -> BlindPair:
        """Two reasonings as drawn for this annotator: asked again, they stand as before.

        Raises:
            InputError: nobody or nothing has an id, or the two are for different texts or labels.
            StoreError: see `Database.write`.
        """
        with self._database.write() as session:
            who = known_pseudonym(session, annotator_id)
            old, new = session.get(ReasoningRow, old_id), session.get(ReasoningRow, new_id)
            if old is None or new is None or (old.text.digest, old.label) != (new.text.digest, new.label):
                raise InputError("Two reasonings for the same text and label can be compared, and these are not.")
            key = _key(who, old_id, new_id)
            left, right = (old, new) if random.Random(f"{seed} {key}").random() < 0.5 else (new, old)
            row = {
                "text": old.text.text,
                "giveaway": False,  # both are by one model's name, so naming it gives nothing away
                "key": key,
                **_side("left", left),
                **_side("right", right),
            }
            insert_new(session, PairRow, [row], "key")
            kept = session.scalars(select(PairRow).filter_by(key=key)).one()
            return BlindPair(kept.id, kept.text, old.label, kept.left_shown, kept.right_shown)

    def vote(self, annotator_id: int, pair_id: int, choice: Choice, token: str) -> Vote:
        """Save a vote, one for each annotator and duel; then it may be told who wrote what (`Vote.winner`).

        Args:
            token: names this request among the annotator's; sent again it gets the same vote.

        Raises:
            InputError: nobody has the id; the pair is not this annotator's; or see `Votes.vote`.
            StoreError: see `Database.write`; the same request may be sent again.
        """
        with self._database.write() as session:
            who = known_pseudonym(session, annotator_id)
            pair = session.get(PairRow, pair_id, with_for_update={"key_share": True})
            ids = sorted(i for i in (pair.left_reasoning_id, pair.right_reasoning_id) if i) if pair else []
            if pair is None or len(ids) != 2 or pair.key != _key(who, *ids):
                raise InputError("These two reasonings were not shown to you. Reload the page.")
            return keep_vote(session, pair, who, choice, token)

    def unwritten(self, new: str, old: str, limit: int) -> list[StoredReasoning]:
        """Reasonings of the old version on held-out texts (see `next`) to which the new one has written no counterpart
        yet, the oldest first, one for a text and label.

        Raises:
            StoreError: see `Database.read`.
        """
        other, text = aliased(ReasoningRow), aliased(TextRow)
        same = and_(other.label == ReasoningRow.label, text.digest == TextRow.digest)
        written = exists().where(other.text_id == text.id, other.adapter_digest == new, same)
        first = select(func.min(ReasoningRow.id)).join(TextRow).group_by(TextRow.digest, ReasoningRow.label)
        first = first.where(ReasoningRow.adapter_digest == old, ~written)
        query = select(ReasoningRow).order_by(ReasoningRow.id).limit(limit)
        with self._database.read() as session:
            first = first.where(TextRow.digest.not_in(_learnt(session, new)))
            query = query.where(ReasoningRow.id.in_(first))
            return [stored(row) for row in session.scalars(query)]

    def counts(self, new: str, old: str) -> Duel:
        """Wins, losses and ties of the new version's reasonings on held-out texts (see `next`), over all annotators.

        Raises:
            StoreError: see `Database.read`.
        """
        left_new = and_(PairRow.left_digest == new, PairRow.right_digest == old)
        right_new = and_(PairRow.right_digest == new, PairRow.left_digest == old)
        side = case((left_new, "left"), else_="right")
        left = aliased(ReasoningRow)
        query = select(VoteRow.choice, side, func.count()).join(PairRow).group_by(VoteRow.choice, side)
        query = query.join(left, left.id == PairRow.left_reasoning_id).join(TextRow, TextRow.id == left.text_id)
        found = {"won": 0, "lost": 0, "tie": 0}
        with self._database.read() as session:
            query = query.where(left_new | right_new, TextRow.digest.not_in(_learnt(session, new)))
            for choice, new_side, count in session.execute(query):
                found["tie" if choice == "tie" else "won" if choice == new_side else "lost"] += count
        return Duel(wins=found["won"], losses=found["lost"], ties=found["tie"])


def _met(session: Session, new: str, old: str) -> Any:
    """(id of the old reasoning, id of the new one) for each held-out text and label on which they differ."""
    before, after = aliased(ReasoningRow), aliased(ReasoningRow)
    text_of_old, text_of_new = aliased(TextRow), aliased(TextRow)
    query = select(func.min(before.id), func.min(after.id))
    query = query.join(text_of_old, text_of_old.id == before.text_id)
    query = query.join(text_of_new, text_of_new.digest == text_of_old.digest)
    query = query.join(after, and_(after.text_id == text_of_new.id, after.label == before.label))
    query = query.where(before.adapter_digest == old, after.adapter_digest == new)
    query = query.where(before.reasoning != after.reasoning, text_of_old.digest.not_in(_learnt(session, new)))
    return query.group_by(text_of_old.digest, before.label).order_by(func.min(after.id))


def _learnt(session: Session, version: str) -> CompoundSelect[Any]:
    """Digests of the texts whose reasonings were rated, corrected or voted on for a version, or one it goes on from."""
    of, learnt = select(TextRow.digest).join(ReasoningRow), VersionRow.digest.in_(line(session, version))
    rated = of.join(RatingRow).join(VersionRatingRow).join(VersionRow).where(learnt)
    corrected = of.join(EditRow).join(VersionEditRow).join(VersionRow).where(learnt)
    # Both sides of a duel are of one text, so its left one names it.
    compared = of.join(PairRow, PairRow.left_reasoning_id == ReasoningRow.id).join(VoteRow).join(VersionVoteRow)
    return union(rated, corrected, compared.join(VersionRow).where(learnt))


def _key(who: str, *reasonings: int) -> str:
    return f"{DUEL}{digest(who, sorted(reasonings))}"


def _side(side: str, row: ReasoningRow) -> dict[str, Any]:
    about = {"model": row.adapter, "digest": row.adapter_digest, "shown": row.reasoning, "reasoning_id": row.id}
    return {f"{side}_{name}": value for name, value in about.items()}
