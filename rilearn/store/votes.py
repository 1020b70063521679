"""Blind votes: which of two answers to one text is better explained. The sides are drawn here and kept as drawn."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal, NamedTuple, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rilearn.errors import InputError
from rilearn.store.checks import digest, short, words
from rilearn.store.database import Database
from rilearn.store.reasonings import insert_new
from rilearn.store.schema import PairRow, VoteRow

Choice = Literal["left", "right", "tie"]
DUEL = "duel:"
"""What the keys of pairs begin with that are two reasonings for one label (see duels.py), also after an import."""


class Version(NamedTuple):
    """A model by its name and the digest of its adapter: trained anew it is another version."""

    model: str
    digest: str


@dataclass(frozen=True)
class Side:
    """One answer: which version gave it, and what the visitor reads before the vote."""

    version: Version
    shown: str


@dataclass(frozen=True)
class Pair:
    """Two answers as drawn. `giveaway`: what is shown names one of the models, so the vote is not blind."""

    id: int
    text: str
    left: Side
    right: Side
    giveaway: bool


@dataclass(frozen=True)
class Vote:
    """A visitor's choice; `winner` is the version behind it, None in a tie."""

    id: int
    pair: Pair
    choice: Choice
    winner: Version | None
    created_at: datetime


@dataclass(frozen=True)
class Tally:
    """Votes between two versions, in the order of their names. `giveaways` were not blind and count nowhere else."""

    first: Version
    second: Version
    first_wins: int
    second_wins: int
    ties: int
    giveaways: int


class Votes:
    """Draws pairs, takes votes, counts them."""

    def __init__(self, database: Database):
        self._database = database

    def add_pair(self, text: str, sides: Sequence[Side], visitor: str) -> Pair:
        """Draw which of the two sides is left, and keep it. The same answers shown to the same visitor again are the
        same pair with the same left side, so nobody votes twice by asking twice.

        Args:
            visitor: an opaque id of who reads them.

        Raises:
            InputError: not two sides, both of one version, or one with nothing to read.
            StoreError: see `Database.write`.
        """
        first, second = (_clean(side) for side in sides) if len(sides) == 2 else (None, None)
        if first is None or second is None or first.version == second.version:
            raise InputError("A vote compares the answers of two versions: give two.")
        text = words(text, "text", empty=False)
        if secrets.randbelow(2):
            first, second = second, first
        row = {
            "text": text,
            **{f"left_{k}": v for k, v in _columns(first).items()},
            **{f"right_{k}": v for k, v in _columns(second).items()},
            "giveaway": gives_away((first, second)),
            "key": digest(short(visitor, "visitor"), text, sorted(map(str, (asdict(first), asdict(second))))),
        }
        with self._database.write() as session:
            insert_new(session, PairRow, [row], "key")
            return _pair(session.scalars(select(PairRow).filter_by(key=row["key"])).one())

    def vote(self, pair_id: int, visitor: str, choice: Choice, token: str) -> Vote:
        """Save a visitor's one vote on a pair; the same request sent again gets the same vote.

        Args:
            token: names this request among the visitor's.

        Raises:
            InputError: an unknown choice or pair; the visitor has voted on it; the token was another vote's.
            StoreError: see `Database.write`; nothing was saved, and the same request may be sent again.
        """
        with self._database.write() as session:
            pair = session.get(PairRow, pair_id, with_for_update={"key_share": True})  # votes on it take turns
            if pair is None:
                raise InputError(f"There is no pair {pair_id} to vote on. Compare the answers again.")
            return keep_vote(session, pair, visitor, choice, token)

    def given(self, pair_id: int, visitor: str) -> Vote | None:
        """What the visitor has voted on this pair, if anything.

        Raises:
            StoreError: see `Database.read`.
        """
        query = select(VoteRow, PairRow).join(PairRow, PairRow.id == VoteRow.pair_id)
        with self._database.read() as session:
            found = session.execute(query.where(VoteRow.pair_id == pair_id, VoteRow.visitor == visitor)).one_or_none()
            return _vote(*found) if found else None

    def tally(self) -> list[Tally]:
        """Wins and ties for each two versions that met, by name; votes on reasonings (see duels.py) do not count.

        Raises:
            StoreError: see `Database.read`.
        """
        sides = (PairRow.left_model, PairRow.left_digest, PairRow.right_model, PairRow.right_digest)
        kinds = (*sides, VoteRow.choice, PairRow.giveaway)
        query = select(*kinds, func.count()).join(PairRow, PairRow.id == VoteRow.pair_id).group_by(*kinds)
        query = query.where(PairRow.key.not_like(f"{DUEL}%"))
        counts: dict[tuple[Version, Version], Counter[Version | str]] = {}
        with self._database.read() as session:
            for left_model, left_digest, right_model, right_digest, choice, giveaway, n in session.execute(query):
                left, right = Version(left_model, left_digest), Version(right_model, right_digest)
                met = counts.setdefault((min(left, right), max(left, right)), Counter())
                met["giveaway" if giveaway else {"left": left, "right": right}.get(choice, "tie")] += n
        return [Tally(a, b, met[a], met[b], met["tie"], met["giveaway"]) for (a, b), met in sorted(counts.items())]


def keep_vote(session: Session, pair: PairRow, visitor: str, choice: Choice, token: str) -> Vote:
    """See `Votes.vote`; inside a transaction of the caller, which holds the pair."""
    if choice not in ("left", "right", "tie"):
        raise InputError(f"There is no choice '{choice}': left, right or tie.")
    visitor, token = short(visitor, "visitor"), short(token, "token")
    before = session.scalars(select(VoteRow).filter_by(visitor=visitor, token=token)).one_or_none()
    if before and (before.pair_id, before.choice) != (pair.id, choice):
        raise InputError("This request was sent before with another vote. Reload the page and vote again.")
    if not before:
        if session.scalars(select(VoteRow).filter_by(pair_id=pair.id, visitor=visitor)).one_or_none():
            raise InputError("You have voted on this pair already. One vote a visitor counts.")
        before = VoteRow(pair_id=pair.id, visitor=visitor, choice=choice, token=token)
        session.add(before)
        session.flush()
    return _vote(before, pair)


def gives_away(sides: Sequence[Side]) -> bool:
    """Whether what either side shows names either model, however the parts of the name are joined ("Q->RA", "q ra")."""
    for side in sides:
        parts = re.findall(r"[^\W_]+", side.version.model)
        name = r"(?<![^\W_])" + r"[\W_]{0,4}".join(map(re.escape, parts)) + r"(?![^\W_])"
        if parts and any(re.search(name, other.shown, re.IGNORECASE) for other in sides):
            return True
    return False


def _clean(side: Side) -> Side:
    version = Version(short(side.version.model, "model"), words(side.version.digest, "digest", 200))
    return Side(version, words(side.shown, "answer", empty=False))


def _columns(side: Side) -> dict[str, str]:
    return {"model": side.version.model, "digest": side.version.digest, "shown": side.shown}


def _pair(row: PairRow) -> Pair:
    left = Side(Version(row.left_model, row.left_digest), row.left_shown)
    right = Side(Version(row.right_model, row.right_digest), row.right_shown)
    return Pair(row.id, row.text, left, right, row.giveaway)


def _vote(row: VoteRow, pair: PairRow) -> Vote:
    drawn = _pair(pair)
    winner = {"left": drawn.left.version, "right": drawn.right.version}.get(row.choice)
    return Vote(row.id, drawn, cast(Choice, row.choice), winner, row.created_at)
