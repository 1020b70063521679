"""Fills the queue with proposed reasonings: stored once, queued once, counted; what the command and the admin call.

filled = fill(database, proposals, Plan(ratings=2, everyone=0.05))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from rilearn.errors import InputError
from rilearn.records import Proposal
from rilearn.signals import quality
from rilearn.store.database import Database
from rilearn.store.known_answers import known_answer
from rilearn.store.queue_items import Entry, put
from rilearn.store.reasonings import AT_ONCE, keep, key, known
from rilearn.store.schema_annotation import ItemRow


@dataclass(frozen=True)
class Plan:
    """`ratings`: how many different people rate an item; `everyone`: the share of items that all of them do, chosen by
    the items' content, so that filling again chooses the same ones. Neither counts for calibration items."""

    ratings: int = 1
    everyone: float = 0.0


@dataclass
class Filled:
    """What became of the proposals. `refused` holds why some could not be stored, in words; `twice` were among the
    others already; `there` were in the queue before. Of those added, `everyone` and `calibration` items, and labels."""

    proposals: int = 0
    twice: int = 0
    reasonings: int = 0
    there: int = 0
    added: int = 0
    everyone: int = 0
    calibration: int = 0
    refused: list[str] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)


def fill(database: Database, proposals: Iterable[Proposal], plan: Plan, dry_run: bool = False) -> Filled:
    """Store the reasonings and queue them, some hundred a transaction: begun again, it goes on where it stopped.

    A `dry_run` counts the same and writes nothing.

    Raises:
        InputError: a plan that makes no sense.
        StoreError: see `Database.write`.
    """
    if plan.ratings < 1:
        raise InputError("At least one person must rate an item.")
    if not 0 <= plan.everyone <= 1:
        raise InputError("The share of items for everyone lies between 0 and 1.")
    filled, seen, left = Filled(), set[str](), iter(proposals)
    while chunk := list(islice(left, AT_ONCE)):
        found = _by_key(chunk, seen, filled)
        with database.read() if dry_run else database.write() as session:
            counted = _fill(session, found, plan, dry_run)
        filled.reasonings += counted.reasonings
        filled.there += counted.there
        filled.added += counted.added
        filled.everyone += counted.everyone
        filled.calibration += counted.calibration
        filled.labels += counted.labels
    return filled


def _by_key(proposals: Iterable[Proposal], seen: set[str], filled: Filled) -> dict[str, Proposal]:
    found: dict[str, Proposal] = {}
    for proposal in proposals:
        filled.proposals += 1
        try:
            own = key(proposal.reasoning)
            if proposal.expected is not None:
                known_answer(proposal.expected, proposal.reasoning.label)
        except InputError as error:
            filled.refused.append(f"proposal {filled.proposals}: {error}")
            continue
        filled.twice += own in seen
        if own not in seen:
            found[own] = proposal
            seen.add(own)
    return found


def _fill(session: Session, found: Mapping[str, Proposal], plan: Plan, dry_run: bool) -> Filled:
    stored = known(session, found)
    queued = set(session.scalars(select(ItemRow.reasoning_id).where(ItemRow.reasoning_id.in_(stored.values()))))
    new = {own: proposal for own, proposal in found.items() if stored.get(own) not in queued}
    entries = {own: _for_everyone(own, plan) for own in new}
    if not dry_run:
        ids = keep(session, (proposal.reasoning for proposal in found.values()))
        put(session, {ids[own]: entry(ids[own], new[own], plan, everyone) for own, everyone in entries.items()})
    return Filled(
        reasonings=len(found) - len(stored),
        there=len(found) - len(new),
        added=len(new),
        everyone=sum(everyone and new[own].expected is None for own, everyone in entries.items()),
        calibration=sum(proposal.expected is not None for proposal in new.values()),
        labels=Counter(proposal.reasoning.label for proposal in new.values()),
    )


def _for_everyone(own: str, plan: Plan) -> bool:
    return int(own[:8], 16) / 16**8 < plan.everyone


def entry(reasoning_id: int, proposal: Proposal, plan: Plan, everyone: bool = False) -> Entry:
    """The proposal as the queue takes it, once its reasoning is stored."""
    signals = proposal.reasoning.signals
    return Entry(
        reasoning_id,
        proposal.origin,
        ratings=plan.ratings,
        everyone=everyone,
        expected=proposal.expected,
        uncertainty=proposal.uncertainty,
        disagreement=proposal.disagreement,
        quality=quality(signals) if signals else None,
    )
