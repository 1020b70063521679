"""The blind vote apart from its page: which models meet, what is shown of an answer, where the versions stand."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rilearn.adapters import Adapter
from rilearn.compare import Side
from rilearn.errors import DataError, EngineError, InputError
from rilearn.records import Prediction
from rilearn.statistics import bradley_terry, wilson

if TYPE_CHECKING:  # the votes' module brings SQLAlchemy, which the page loads at its first use only
    from rilearn.store.votes import Side as Shown
    from rilearn.store.votes import Tally, Version

NEEDED = (
    "A blind vote needs a model that reasons and a second one to compare it with. Train another one: the README says "
    "how."
)
_DRAW = random.SystemRandom()


def reasoning(adapters: Mapping[str, Adapter]) -> list[str]:
    """The models whose answers hold an explanation. With one alone its votes are against a bare label."""
    return [name for name, adapter in adapters.items() if adapter.manifest.kind == "reasoned"]


def draw(adapters: Mapping[str, Adapter]) -> list[str]:
    """Two models at random: two that reason, or where only one does, it and one that answers at once.

    Raises:
        InputError: there are not enough; the message says what to do.
    """
    able = reasoning(adapters)
    bare = [name for name in adapters if name not in able]
    if len(able) > 1:
        return _DRAW.sample(able, 2)
    if not able or not bare:
        raise InputError(NEEDED)
    return [able[0], _DRAW.choice(bare)]


def in_full(answer: Prediction) -> str:
    """All that a voter reads of an answer: the reasoning, if there is one, and on the last line the label with its
    probability. Nothing of time or tokens, which would tell who wrote it."""
    share = answer.probabilities.get(answer.label or "", 0.0)
    last = f"{answer.label} ({share * 100:.0f} %)"
    written = answer.reasoning + (" …" if answer.truncated else "")
    return f"{written}\n{last}" if written else last


def sides(answers: Sequence[Side]) -> list[Shown]:
    """Finished answers as the store takes them.

    Raises:
        EngineError: a model did not answer, so there is nothing to vote on.
    """
    from rilearn.store.votes import Side as Shown
    from rilearn.store.votes import Version

    made = []
    for answer in answers:
        if answer.error or answer.now is None:
            raise EngineError(f"One of the two models did not answer, so there is nothing to vote on. {answer.error}")
        made.append(Shown(Version(answer.model, answer.now.adapter_digest), in_full(answer.now)))
    return made


@dataclass(frozen=True)
class Standing:
    """One version: `wins` of `votes`, a tie being half a win; the 95 % interval of the share (Wilson); the
    Bradley-Terry score, None where there is none."""

    name: str
    wins: float
    votes: int
    low: float
    high: float
    score: float | None = None

    @property
    def share(self) -> float:
        """In [0, 1]; 0.5 while there is no vote."""
        return self.wins / self.votes if self.votes else 0.5


@dataclass(frozen=True)
class Standings:
    """All versions, best first, over `votes` votes, `ties` of them ties. `giveaways` were not blind and count nowhere;
    `unscored` says in words why there are no scores, where there should be some."""

    versions: tuple[Standing, ...] = ()
    votes: int = 0
    ties: int = 0
    giveaways: int = 0
    unscored: str = ""


def standings(tallies: Sequence[Tally]) -> Standings:
    """Win rates from the tallies, and with more than two versions Bradley-Terry scores."""
    met = [tally for tally in tallies if tally.first_wins + tally.second_wins + tally.ties]
    names = _names({version for tally in met for version in (tally.first, tally.second)})
    wins: Counter[str] = Counter()
    votes: Counter[str] = Counter()
    beaten: dict[tuple[str, str], float] = {}
    for tally in met:
        first, second = names[tally.first], names[tally.second]
        for winner, loser, won in ((first, second, tally.first_wins), (second, first, tally.second_wins)):
            beaten[winner, loser] = won + tally.ties / 2
            wins[winner] += 2 * won + tally.ties  # halves, so that the count stays whole
            votes[winner] += tally.first_wins + tally.second_wins + tally.ties
    scores, unscored = _scores(beaten) if len(votes) > 2 else ({}, "")
    versions = [
        Standing(name, wins[name] / 2, n, *wilson(wins[name] / 2, n), scores.get(name)) for name, n in votes.items()
    ]
    versions.sort(key=lambda one: (-(one.score or 0.0), -one.share, -one.votes, one.name))
    return Standings(
        tuple(versions),
        sum(votes.values()) // 2,
        sum(tally.ties for tally in met),
        sum(tally.giveaways for tally in tallies),
        unscored,
    )


def _scores(beaten: Mapping[tuple[str, str], float]) -> tuple[dict[str, float], str]:
    try:
        return bradley_terry(beaten), ""
    except DataError as error:
        return {}, str(error)


def _names(versions: set[Version]) -> dict[Version, str]:
    """What to call each version: its model, with the digest where several versions of that model are in it."""
    count = Counter(version.model for version in versions)
    return {v: v.model if count[v.model] == 1 else f"{v.model} ({v.digest[:8]})" for v in versions}
