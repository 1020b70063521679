"""Blind votes: sides drawn and kept, one vote a visitor a pair, giveaways apart, the tally by version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from rilearn.errors import InputError
from rilearn.store import votes as module
from rilearn.store.database import Database
from rilearn.store.votes import Pair, Side, Tally, Version, Vote, Votes
from tests.store.test_ratings import together

QA, QRA, NEW = Version("q-a", "aa" * 32), Version("q-ra", "bb" * 32), Version("q-ra", "cc" * 32)
SIDES = (Side(QA, "rain (90 %)"), Side(QRA, "Grey clouds bring rain. rain (80 %)"))


@pytest.fixture
def pair(votes: Votes) -> Pair:
    return votes.add_pair("grey clouds", SIDES, "visitor-1")


def test_a_pair_holds_what_was_shown(pair: Pair) -> None:
    assert pair.text == "grey clouds" and {pair.left, pair.right} == set(SIDES) and not pair.giveaway


def test_sides_are_drawn_at_random_and_kept(votes: Votes) -> None:
    drawn = [votes.add_pair("grey clouds", SIDES, f"visitor-{n}") for n in range(60)]
    left = Counter(p.left.version.model for p in drawn)
    assert left["q-a"] + left["q-ra"] == 60 and min(left.values()) >= 10  # 60 coins fall outside once in 10 million
    again = [votes.add_pair("grey clouds", SIDES[::-1], f"visitor-{n}") for n in range(60)]
    assert again == drawn  # nor does asking twice draw again


def test_the_draw_is_the_stores(votes: Votes, monkeypatch: pytest.MonkeyPatch) -> None:
    for coin, side in ((0, SIDES[0]), (1, SIDES[1])):
        monkeypatch.setattr(module.secrets, "randbelow", lambda n, coin=coin: coin)
        assert votes.add_pair("grey clouds", SIDES, f"visitor-{coin}").left == side


def test_another_text_or_answer_is_another_pair(votes: Votes, pair: Pair) -> None:
    others = [
        votes.add_pair("blue sky", SIDES, "visitor-1"),
        votes.add_pair("grey clouds", (SIDES[0], Side(QRA, "Other words.")), "visitor-1"),
        votes.add_pair("grey clouds", (SIDES[0], Side(NEW, SIDES[1].shown)), "visitor-1"),
        votes.add_pair("grey clouds", SIDES, "visitor-2"),
    ]
    assert len({p.id for p in (pair, *others)}) == 5


def test_what_a_visitor_has_voted_is_found_again(votes: Votes, pair: Pair) -> None:
    other = votes.add_pair("blue sky", SIDES, "visitor-1")
    assert votes.given(pair.id, "visitor-1") is None
    vote = votes.vote(pair.id, "visitor-1", "tie", "one")
    assert votes.given(pair.id, "visitor-1") == vote
    assert votes.given(pair.id, "visitor-2") is None and votes.given(other.id, "visitor-1") is None


@pytest.mark.parametrize("choice", ["left", "right", "tie"])
def test_a_vote_names_the_winner_behind_the_side(votes: Votes, pair: Pair, choice: str) -> None:
    vote = votes.vote(pair.id, "visitor-1", choice, "one")  # type: ignore[arg-type]
    winner = {"left": pair.left.version, "right": pair.right.version, "tie": None}[choice]
    assert (vote.pair, vote.choice, vote.winner) == (pair, choice, winner)
    first, second = int(winner == QA), int(winner == QRA)
    assert votes.tally() == [Tally(QA, QRA, first, second, 1 - first - second, 0)]


def test_a_retried_request_is_one_vote_and_a_second_is_refused(votes: Votes, pair: Pair) -> None:
    first = votes.vote(pair.id, "visitor-1", "left", "one")
    assert votes.vote(pair.id, "visitor-1", "left", "one") == first
    for choice in ("left", "right"):
        with pytest.raises(InputError, match="voted on this pair already"):
            votes.vote(pair.id, "visitor-1", choice, "two")  # type: ignore[arg-type]
    votes.vote(pair.id, "visitor-2", "left", "one")  # whoever else was shown it, with whatever token
    (tally,) = votes.tally()
    assert tally.first_wins + tally.second_wins == 2


def test_a_token_is_for_one_vote(votes: Votes, pair: Pair) -> None:
    votes.vote(pair.id, "visitor-1", "left", "one")
    other = votes.add_pair("blue sky", SIDES, "visitor-1")
    for pair_id, choice in ((pair.id, "right"), (other.id, "left")):
        with pytest.raises(InputError, match="another vote"):
            votes.vote(pair_id, "visitor-1", choice, "one")  # type: ignore[arg-type]


def test_votes_at_once(reopen: Callable[[], Database], pair: Pair) -> None:
    stores = [Votes(reopen()) for _ in range(2)]
    same = [lambda own=own: own.vote(pair.id, "visitor-1", "left", "one") for own in stores * 3]
    others = [lambda own=own, n=n: own.vote(pair.id, "visitor-2", "tie", f"{n}") for n, own in enumerate(stores * 2)]
    results = together(*same, *others)
    refused = [r for r in results if isinstance(r, InputError)]
    assert len(refused) == 3 and sum(isinstance(r, Vote) for r in results) == 7
    (tally,) = stores[0].tally()
    assert tally.first_wins + tally.second_wins == 1 and tally.ties == 1


def test_a_pair_shown_twice_at_once_is_one(reopen: Callable[[], Database]) -> None:
    stores = [Votes(reopen()) for _ in range(2)]
    drawn = together(*[lambda own=own: own.add_pair("grey clouds", SIDES, "visitor-1") for own in stores * 3])
    assert len(drawn) == 6 and all(p == drawn[0] for p in drawn)


def test_the_tally_counts_by_version_and_leaves_giveaways_out(votes: Votes) -> None:
    def meet(a: Side, b: Side, winner: Version | None, times: int) -> None:
        for n in range(times):
            visitor = f"{a}{b}{winner}{n}"[-150:]
            pair = votes.add_pair(f"text {winner} {n}", (a, b), visitor)
            choice = "tie" if winner is None else "left" if pair.left.version == winner else "right"
            votes.vote(pair.id, visitor, choice, "one")  # type: ignore[arg-type]

    new, telling = Side(NEW, "Clouds."), Side(QRA, "As Q->RA I say rain.")
    meet(*SIDES, QA, 3)
    meet(*SIDES, QRA, 5)
    meet(*SIDES, None, 2)
    meet(new, SIDES[1], NEW, 4)
    meet(SIDES[0], telling, QRA, 6)
    votes.add_pair("never voted on", SIDES, "visitor-1")
    assert votes.tally() == [Tally(QA, QRA, 3, 5, 2, 6), Tally(QRA, NEW, 0, 4, 0, 0)]


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ("Here speaks q-ra.", True),
        ("Q->RA: clouds", True),
        ("the Q→A model", True),
        ("qra", True),
        ("From Q RA", True),
        ("a quarrel about rain", False),
        ("a qa-like", True),
        ("faq about", False),
        ("no names", False),
    ],
)
def test_what_gives_a_model_away(shown: str, told: bool, votes: Votes) -> None:
    """Either model named on either side."""
    for sides in ((Side(QA, shown), Side(QRA, "Clouds.")), (Side(QA, "Clouds."), Side(QRA, shown))):
        assert votes.add_pair("grey clouds", sides, "visitor-1").giveaway is told


def test_a_name_of_signs_alone_gives_nothing_away(votes: Votes) -> None:
    assert not votes.add_pair("x", (Side(Version("--", "1"), "a -- b"), SIDES[0]), "visitor-1").giveaway


def test_what_makes_no_sense_is_told(votes: Votes, pair: Pair) -> None:
    for sides in (SIDES[:1], (*SIDES, Side(NEW, "x")), (SIDES[0], Side(QA, "other words"))):
        with pytest.raises(InputError, match="two versions: give two"):
            votes.add_pair("grey clouds", sides, "visitor-1")
    with pytest.raises(InputError, match="answer is empty"):
        votes.add_pair("grey clouds", (SIDES[0], Side(QRA, "")), "visitor-1")
    with pytest.raises(InputError, match="visitor is empty"):
        votes.add_pair("grey clouds", SIDES, "")
    with pytest.raises(InputError, match="no choice 'both'"):
        votes.vote(pair.id, "visitor-1", "both", "one")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=f"no pair {pair.id + 1}"):
        votes.vote(pair.id + 1, "visitor-1", "left", "one")
    assert votes.tally() == []
