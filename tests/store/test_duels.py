"""Old against new: drawn once, blind, one vote each; only held-out texts count; people read what came of theirs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from rilearn.adapters import Adapter, load_adapter
from rilearn.errors import InputError
from rilearn.gate import Duel
from rilearn.records import Rating
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.duels import BlindPair, Duels
from rilearn.store.edits import Edits
from rilearn.store.exchange import Exchange
from rilearn.store.judged import judged
from rilearn.store.mattered import Matters
from rilearn.store.people import People
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from rilearn.store.schema import now
from rilearn.store.version_rows import Behind
from rilearn.store.versions import Versions
from rilearn.store.votes import Choice, Votes
from tests.candidates import make_candidate
from tests.store.conftest import reasoning

OLD, NEW = "old digest", "new digest"


@pytest.fixture
def duels(database: Database) -> Duels:
    return Duels(database)


@pytest.fixture
def written(reasonings: Reasonings) -> Callable[..., list[int]]:
    def written(digest: str, count: int, words: str = "", source: str = "almanac") -> list[int]:
        made = (
            reasoning(
                n, reasoning=words or f"{digest} says {n}", adapter="generator", adapter_digest=digest, source=source
            )
            for n in range(count)
        )
        return reasonings.add(made)

    return written


def choice(pair: BlindPair, of: str) -> Choice:
    return "left" if pair.left.startswith(of) else "right"


def test_each_text_comes_once_and_wins_are_the_new_ones(
    duels: Duels, written: Callable[..., list[int]], ann: int, bob: int
) -> None:
    written(OLD, 4)
    written(NEW, 4)
    seen: list[str] = []
    for n in range(4):
        pair = duels.next(ann, NEW, OLD)
        assert pair and pair == duels.next(ann, NEW, OLD)  # asking again changes nothing
        assert {pair.left.split()[0], pair.right.split()[0]} == {"old", "new"} and pair.label == "rain"
        said: Choice = "tie" if n == 0 else choice(pair, OLD if n == 1 else NEW)
        vote = duels.vote(ann, pair.pair_id, said, f"t{n}")
        assert (vote.winner.digest if vote.winner else None) == (None, OLD, NEW, NEW)[n]
        seen.append(pair.text)
    assert len(set(seen)) == 4 and duels.next(ann, NEW, OLD) is None
    assert duels.counts(NEW, OLD) == Duel(wins=2, losses=1, ties=1)
    assert duels.counts(OLD, NEW) == Duel(wins=1, losses=2, ties=1)
    assert duels.counts(NEW, "another") == Duel()
    assert duels.next(bob, NEW, OLD) is not None  # others are asked as well


def test_sides_are_drawn_both_ways_and_kept(duels: Duels, written: Callable[..., list[int]], ann: int) -> None:
    pairs = list(zip(written(OLD, 40), written(NEW, 40), strict=True))
    drawn = [duels.pair(ann, *ids) for ids in pairs]
    left = Counter(pair.left.split()[0] for pair in drawn)
    assert min(left["old"], left["new"]) >= 8
    assert [duels.pair(ann, *ids) for ids in pairs] == drawn == [duels.pair(ann, *ids, seed=9) for ids in pairs]


def test_the_seed_decides_the_draw(
    duels: Duels, written: Callable[..., list[int]], ann: int, annotators: Annotators
) -> None:
    (old,), (new,) = written(OLD, 1), written(NEW, 1)
    seeds = {duels.pair(annotators.add(f"a{n}").id, old, new, seed=n).left for n in range(20)}
    assert len(seeds) == 2


def test_one_vote_a_duel_and_a_request_sent_again_is_the_same(
    duels: Duels, written: Callable[..., list[int]], ann: int, bob: int
) -> None:
    written(OLD, 1)
    written(NEW, 1)
    pair = duels.next(ann, NEW, OLD)
    assert pair
    first = duels.vote(ann, pair.pair_id, "left", "one")
    assert duels.vote(ann, pair.pair_id, "left", "one") == first
    with pytest.raises(InputError, match="voted on this pair already"):
        duels.vote(ann, pair.pair_id, "right", "two")
    with pytest.raises(InputError, match="sent before with another vote"):
        duels.vote(ann, pair.pair_id, "right", "one")
    theirs = duels.next(bob, NEW, OLD)
    assert theirs and theirs.pair_id != pair.pair_id
    for who, other in ((ann, theirs.pair_id), (bob, pair.pair_id), (ann, 999)):
        with pytest.raises(InputError, match="not shown to you"):
            duels.vote(who, other, "left", "three")
    with pytest.raises(InputError, match="no choice"):
        duels.vote(bob, theirs.pair_id, "both", "b")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="not known"):
        duels.next(99, NEW, OLD)


def test_pairs_of_visitors_are_not_duels_and_the_other_way_round(
    duels: Duels, votes: Votes, written: Callable[..., list[int]], ann: int, database: Database, tmp_path: Path
) -> None:
    from tests.store.test_votes import SIDES

    mine = votes.add_pair("grey clouds", SIDES, "visitor-1")
    with pytest.raises(InputError, match="not shown to you"):
        duels.vote(ann, mine.id, "left", "one")
    written(OLD, 1)
    written(NEW, 1)
    pair = duels.next(ann, NEW, OLD)
    assert pair
    duels.vote(ann, pair.pair_id, "left", "one")
    assert votes.tally() == []
    Exchange(database).export(tmp_path / "out", "jsonl")
    People(database).delete("ann")
    assert duels.counts(NEW, OLD) == Duel()  # with all that they said
    Exchange(database).bring(tmp_path / "out" / "pairs.jsonl")
    assert votes.tally() == []


def test_only_held_out_texts_are_asked_and_count(
    duels: Duels,
    written: Callable[..., list[int]],
    ratings: Ratings,
    edits: Edits,
    database: Database,
    ann: int,
    bob: int,
    tmp_path: Path,
) -> None:
    old = written(OLD, 4)
    adapter = load_adapter(make_candidate(tmp_path / "generator-2", "generator", seed=1))
    new = written(adapter.ref.digest, 4)
    for a, b in zip(old, new, strict=True):
        pair = duels.pair(bob, a, b)
        duels.vote(bob, pair.pair_id, choice(pair, adapter.ref.digest), f"b{a}")
    assert duels.counts(adapter.ref.digest, OLD) == Duel(wins=4)
    rating = ratings.rate(ann, old[0], Rating("poor"), "t").id
    edit = edits.edit(ann, old[1], "Better words.", "t").id
    learnt = duels.pair(ann, old[3], written("before that", 4)[3])  # a vote on other reasonings for the same text
    vote = duels.vote(ann, learnt.pair_id, choice(learnt, OLD), "learnt").id
    Versions(database).register(adapter, Behind(ratings=(rating,), edits=(edit,), votes=(vote,)))
    assert duels.counts(adapter.ref.digest, OLD) == Duel(wins=1)
    open_one = duels.next(ann, adapter.ref.digest, OLD)
    assert open_one and open_one.text == reasoning(2).text
    duels.vote(ann, open_one.pair_id, "tie", "t")
    assert duels.next(ann, adapter.ref.digest, OLD) is None
    child = make_candidate(tmp_path / "generator-3", "generator", seed=2, parents={"generator": adapter.ref.digest})
    further = Versions(database).register(load_adapter(child), Behind()).digest  # what it goes on from has learnt them
    assert [one.id for one in duels.unwritten(further, OLD, 9)] == [old[2]]
    for one, other in zip(old, written(further, 4), strict=True):
        both = duels.pair(bob, one, other)
        duels.vote(bob, both.pair_id, choice(both, further), f"further{one}")
    assert duels.counts(further, OLD) == Duel(wins=1)


def test_the_same_words_are_no_duel(duels: Duels, written: Callable[..., list[int]], ann: int) -> None:
    written(OLD, 1, "The same.")
    written(NEW, 1, "The same.")
    assert duels.next(ann, NEW, OLD) is None and duels.unwritten(NEW, OLD, 9) == []


def test_the_text_counts_and_not_where_it_is_from(duels: Duels, written: Callable[..., list[int]], ann: int) -> None:
    written(OLD, 1)
    assert [one.reasoning.text for one in duels.unwritten(NEW, OLD, 9)] == [reasoning(0).text]
    written(NEW, 1, source="elsewhere")
    assert duels.next(ann, NEW, OLD) is not None and duels.unwritten(NEW, OLD, 9) == []


def test_what_waits_to_be_written_comes_in_steps(duels: Duels, written: Callable[..., list[int]]) -> None:
    old = written(OLD, 3)
    written(OLD, 3, "Said otherwise.")
    assert [one.id for one in duels.unwritten(NEW, OLD, 2)] == sorted(old)[:2]
    written(NEW, 1)
    assert [one.id for one in duels.unwritten(NEW, OLD, 9)] == sorted(old[1:])


def test_reasonings_for_other_labels_or_texts_do_not_meet(
    duels: Duels, reasonings: Reasonings, written: Callable[..., list[int]], ann: int
) -> None:
    (old,) = written(OLD, 1)
    fields = {"adapter": "generator", "adapter_digest": NEW, "reasoning": "new"}
    other = reasonings.add([reasoning(0, label="sun", **fields), reasoning(5, **fields)])
    assert duels.next(ann, NEW, OLD) is None
    for one in (*other, 999):
        with pytest.raises(InputError, match="same text and label"):
            duels.pair(ann, old, one)


def test_an_annotator_sees_what_came_of_what_they_said(
    database: Database,
    duels: Duels,
    written: Callable[..., list[int]],
    ratings: Ratings,
    edits: Edits,
    ann: int,
    bob: int,
    tmp_path: Path,
) -> None:
    old, adapter = written(OLD, 4), load_adapter(make_candidate(tmp_path / "generator-2", "generator", seed=1))
    behind = Behind(
        ratings=tuple(ratings.rate(ann, i, Rating("poor"), f"r{i}").id for i in old[:3]),
        edits=(edits.edit(ann, old[0], "Grey clouds hold rain.", "e").id, edits.edit(bob, old[3], "Mine.", "e").id),
    )
    ratings.rate(ann, old[3], Rating("good"), "later")  # not in the version
    Versions(database).register(adapter, behind)
    matters, digest = Matters(database), adapter.ref.digest
    found = matters.of(ann, digest, 9)
    assert [one.old.id for one in found] == [old[0], old[2], old[1]]
    assert [one.correction for one in found] == ["Grey clouds hold rain.", "", ""]
    assert [one.new for one in found] == [None] * 3 and matters.of(ann, digest, 1) == found[:1]
    new = written(digest, 1)
    pair = duels.pair(ann, old[0], new[0])
    (first, *_) = matters.of(ann, digest, 9)
    assert first.new and first.new.id == new[0] and first.chosen == ""
    duels.vote(ann, pair.pair_id, choice(pair, digest), "t")
    assert matters.of(ann, digest, 1)[0].chosen == "new"
    assert [one.old.id for one in matters.of(bob, digest, 9)] == [old[3]]
    assert matters.of(ann, "another", 9) == []
    with pytest.raises(InputError, match="not known"):
        matters.of(99, digest, 9)


def test_votes_can_be_behind_a_version(
    database: Database, duels: Duels, written: Callable[..., list[int]], ann: int, tmp_path: Path
) -> None:
    written(OLD, 1)
    written(NEW, 1)
    pair = duels.next(ann, NEW, OLD)
    assert pair
    vote = duels.vote(ann, pair.pair_id, "left", "t")
    adapter: Adapter = load_adapter(make_candidate(tmp_path / "generator-2", "generator", seed=1))
    assert Versions(database).register(adapter, Behind(votes=(vote.id,))).votes == 1
    assert People(database).delete("ann", dry_run=True).versions == (f"generator-2 ({adapter.ref.digest[:12]})",)
    assert duels.counts(NEW, OLD) != Duel()
    People(database).delete("ann")
    found = Versions(database).find(adapter.ref.digest)
    assert found and found.stale_at and found.votes == 0


def test_a_vote_is_a_preference_to_learn_from_and_a_tie_is_none(
    database: Database, duels: Duels, written: Callable[..., list[int]], ann: int
) -> None:
    written(OLD, 3)
    written(NEW, 3)
    chosen: dict[str, str] = {}
    for n, wanted in enumerate((NEW, OLD, "")):
        pair = duels.next(ann, NEW, OLD)
        assert pair
        duels.vote(ann, pair.pair_id, choice(pair, wanted) if wanted else "tie", f"t{n}")
        if wanted:
            chosen[pair.text] = wanted
    _, votes = judged(database)
    assert {vote.text: vote.chosen.split(" says")[0] for vote in votes} == chosen
    assert all(vote.rejected.split(" says")[0] in {OLD, NEW} - {chosen[vote.text]} for vote in votes)
    assert all(vote.ref.startswith("vote:") and vote.label == "rain" for vote in votes)
    assert judged(database, since=now())[1] == []
