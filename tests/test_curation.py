"""From ratings to rows: each rule on a small case, and what holds for any ratings in any order."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rilearn.curation import (
    ALONE,
    Correction,
    Curated,
    Judged,
    Opinion,
    Preference,
    Recipe,
    Rules,
    TrainingRow,
    Why,
    curate,
    missing,
    sort_out,
)
from rilearn.errors import DataError
from rilearn.prompts import text_key
from rilearn.records import Rating, Reasoning

RECIPES = get_args(Recipe)
WRONG = Rating("poor", label_wrong=True, right_label="snow")


def judged(
    number: int,
    said: dict[str, Rating | str] | None = None,
    corrected: dict[str, str] | None = None,
    *,
    text: str = "",
    label: str = "rain",
    reasoning: str = "",
    split: str = "train",
    **other: Any,
) -> Judged:
    """A reasoning with ratings (or bare verdicts) and corrections by annotator; refs are "r<number>-<annotator>"."""
    about = Reasoning("weather", text or f"text {number}", label, reasoning or f"because {number}", "almanac", split)
    ratings = {who: Rating(r) if isinstance(r, str) else r for who, r in (said or {}).items()}  # type: ignore[arg-type]
    return Judged(
        about,
        tuple(Opinion(who, rating, f"r{number}-{who}") for who, rating in ratings.items()),
        tuple(Correction(who, words, f"c{number}-{who}") for who, words in (corrected or {}).items()),
        **other,
    )


def vote(
    number: int, chosen: str, rejected: str, voter: str = "v", text: str = "text 1", split: str = ""
) -> Preference:
    return Preference("weather", text, "rain", chosen, rejected, f"{voter}", f"v{number}", split)


def made(items: Sequence[Judged], votes: Sequence[Preference] = (), recipe: Recipe = "mixed", **rules: Any) -> Curated:
    return sort_out(items, votes, Rules(recipe, **{"cap": 1.0, **rules}))


def brief(rows: Iterable[TrainingRow]) -> set[tuple[Any, ...]]:
    return {(r.kind, r.reasoning, r.rejected, r.desirable, r.because) for r in rows}


def left(curated: Curated) -> dict[str, set[str]]:
    """Reason -> refs."""
    found: dict[str, set[str]] = {}
    for one in curated.left_out:
        found.setdefault(one.reason, set()).update(one.because)
    return found


# -- recipes


MIXED_BAG = [
    judged(1, {"ann": "good"}),
    judged(2, {"ann": "poor"}),
    judged(3, {"ann": "poor"}, {"bob": "clouds say so"}),
    judged(4, {"ann": "good"}, {"bob": "it is wet"}),
]


def test_sft_takes_what_is_approved_and_corrections() -> None:
    curated = made(MIXED_BAG, recipe="sft")
    assert brief(curated.rows) == {
        ("sft", "because 1", None, True, ("r1-ann",)),
        ("sft", "clouds say so", None, True, ("c3-bob",)),
        ("sft", "because 4", None, True, ("r4-ann",)),
        ("sft", "it is wet", None, True, ("c4-bob",)),
    }
    assert left(curated) == {Why.NOT_FOR_SFT: {"r2-ann", "r3-ann"}}


def test_kto_takes_good_and_poor() -> None:
    rows = brief(made(MIXED_BAG, recipe="kto").rows)
    assert {r for r in rows if not r[3]} == {
        ("kto", "because 2", None, False, ("r2-ann",)),
        ("kto", "because 3", None, False, ("r3-ann",)),
    }
    assert {r[1] for r in rows if r[3]} == {"because 1", "because 4", "clouds say so", "it is wet"}


def test_dpo_sets_a_correction_against_what_it_corrects_unless_that_is_approved() -> None:
    curated = made(MIXED_BAG, recipe="dpo")
    assert brief(curated.rows) == {("pair", "clouds say so", "because 3", True, ("c3-bob", "r3-ann"))}
    assert left(curated) == {Why.NO_PAIR: {"r1-ann", "r2-ann", "r4-ann", "c4-bob"}}


def test_dpo_needs_no_verdict_beside_a_correction() -> None:
    curated = made([judged(1, {"ann": "good", "bob": "poor"}, {"bob": "better"})], recipe="dpo")
    assert brief(curated.rows) == {("pair", "better", "because 1", True, ("c1-bob",))}
    assert left(curated) == {Why.TIED: {"r1-ann", "r1-bob"}}


def test_dpo_sets_the_best_against_the_worst_of_one_text_and_label() -> None:
    grades = {1: 3, 2: 5, 3: 2, 4: 1}
    items = [
        judged(n, {"ann": Rating("good" if n < 3 else "poor", overall=grade)}, text="same")
        for n, grade in grades.items()
    ]
    items.append(judged(5, {"ann": "poor"}, text="same", label="sun"))
    curated = made(items, recipe="dpo")
    assert brief(curated.rows) == {
        ("pair", "because 2", "because 4", True, ("r2-ann", "r4-ann")),
        ("pair", "because 1", "because 3", True, ("r1-ann", "r3-ann")),
    }
    assert left(curated) == {Why.NO_PAIR: {"r5-ann"}}


def test_dpo_takes_the_winners_of_blind_votes() -> None:
    votes = [
        vote(1, "a", "b", "v"),
        vote(2, "a", "b", "w"),
        vote(3, "b", "a", "x"),
        vote(4, "c", "d"),
        vote(5, "d", "c", "w"),
    ]
    curated = made([], votes, "dpo")
    assert brief(curated.rows) == {("pair", "a", "b", True, ("v1", "v2"))}
    assert left(curated) == {Why.OUTVOTED: {"v3"}, Why.TIED: {"v4", "v5"}}
    assert left(made([], votes, "kto")) == {Why.VOTES: {"v1", "v2"}, Why.OUTVOTED: {"v3"}, Why.TIED: {"v4", "v5"}}


def test_a_vote_and_ratings_that_say_the_same_make_one_pair_and_the_opposite_none() -> None:
    items = [judged(1, {"ann": "good"}, text="same"), judged(2, {"ann": "poor"}, text="same")]
    agreed = made(items, [vote(1, "because 1", "because 2", text="Same")], "dpo")
    assert brief(agreed.rows) == {("pair", "because 1", "because 2", True, ("r1-ann", "r2-ann", "v1"))}
    opposed = made(items, [vote(1, "because 2", "because 1", text="same")], "dpo")
    assert not opposed.rows and left(opposed) == {Why.CONTRADICTED: {"r1-ann", "r2-ann", "v1"}}


def test_mixed_makes_pairs_and_takes_the_rest_as_kto() -> None:
    assert brief(made(MIXED_BAG).rows) == {
        ("pair", "clouds say so", "because 3", True, ("c3-bob", "r3-ann")),
        ("kto", "because 1", None, True, ("r1-ann",)),
        ("kto", "because 4", None, True, ("r4-ann",)),
        ("kto", "it is wet", None, True, ("c4-bob",)),
        ("kto", "because 2", None, False, ("r2-ann",)),
    }


def test_mixed_never_praises_what_lost_a_pair_nor_blames_what_won_one() -> None:
    items = [
        judged(1, {"ann": "good"}),
        judged(2, {"ann": "good"}, text="text 2"),
        judged(3, {"ann": "poor"}, text="text 3"),
    ]
    votes = [vote(1, "other", "because 1"), vote(2, "because 3", "other", text="text 3")]
    curated = made([*items, judged(4, {"ann": "poor"})], votes)
    assert left(curated) == {Why.OTHER_SIDE: {"r1-ann", "r3-ann"}}


def test_mixed_leaves_out_what_would_only_praise_beside_pairs() -> None:
    curated = made([judged(1, {"ann": "good"}), judged(2, {"ann": "poor"}, {"bob": "better"})])
    assert [r.kind for r in curated.rows] == ["pair"] and left(curated) == {Why.ONE_SIDED: {"r1-ann"}}


# -- several annotators


def test_the_majority_counts_and_the_outvoted_are_left_out() -> None:
    curated = made([judged(1, {"ann": "good", "bob": "good", "cid": "poor"})], recipe="sft")
    assert brief(curated.rows) == {("sft", "because 1", None, True, ("r1-ann", "r1-bob"))}
    assert left(curated) == {Why.OUTVOTED: {"r1-cid"}}


def test_a_tie_is_left_out() -> None:
    curated = made([judged(1, {"ann": "good", "bob": "poor"})], recipe="kto")
    assert not curated.rows and left(curated) == {Why.TIED: {"r1-ann", "r1-bob"}}


def test_one_who_agrees_with_the_others_outweighs_one_who_does_not() -> None:
    """Dan contradicts three people forty times; where he and Ann stand alone, hers counts."""
    items = [judged(n, {"ann": "good", "bob": "good", "cid": "good", "dan": "poor"}) for n in range(40)]
    items.append(judged(99, {"ann": "poor", "dan": "good"}))
    curated = made(items, recipe="kto")
    assert ("kto", "because 99", None, False, ("r99-ann",)) in brief(curated.rows)


def test_an_unanimous_row_weighs_more_than_a_disputed_or_a_single_one() -> None:
    items = [judged(1, {"ann": "good", "bob": "good"}), judged(2, {"cid": "good"})]
    items.append(judged(3, {"ann": "good", "cid": "good", "bob": "poor"}))
    weight = {r.reasoning: r.weight for r in made(items, recipe="sft").rows}
    assert weight["because 1"] > weight["because 2"] and weight["because 1"] > weight["because 3"]


def test_an_adjudication_overrides() -> None:
    item = judged(1, {"ann": "good", "bob": "good", "cid": "poor"}, adjudicated="poor", decision="d1")
    curated = made([item], recipe="kto")
    assert brief(curated.rows) == {("kto", "because 1", None, False, ("d1", "r1-cid"))}
    assert curated.rows[0].weight == 1 and left(curated) == {Why.OVERRULED: {"r1-ann", "r1-bob"}}


def test_who_says_two_things_of_the_same_words_has_said_neither() -> None:
    items = [
        judged(1, {"ann": "good", "bob": "good"}),
        judged(2, {"ann": "poor"}, text=" Text 1", reasoning="because  1"),
    ]
    curated = made(items, recipe="kto")
    assert brief(curated.rows) == {("kto", "because  1", None, True, ("r1-bob",))}
    assert left(curated) == {Why.BOTH: {"r1-ann", "r2-ann"}}


# -- rules


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    "item",
    [
        judged(1, {"ann": Rating("good", label_wrong=True)}, {"ann": "better"}),
        judged(1, {"ann": WRONG, "bob": WRONG, "cid": "good"}, {"cid": "better"}),
        judged(1, {"ann": "good"}, {"ann": "better"}, adjudicated="good", right_label="snow", decision="d"),
    ],
    ids=["one", "majority", "decision"],
)
def test_a_reasoning_for_a_wrong_label_becomes_nothing(item: Judged, recipe: Recipe) -> None:
    votes = [vote(1, "because 1", "other"), vote(2, "other", "third", "w")]
    curated = made([item, judged(2, {"dan": WRONG}, text="text 1")], votes, recipe)
    assert not curated.rows and set(left(curated)) == {Why.WRONG_LABEL}


def test_a_decision_on_the_label_holds_for_all_reasonings_of_the_text() -> None:
    items = [judged(1, right_label="snow", decision="d"), judged(2, {"ann": "good"}, text="text 1")]
    assert left(made(items)) == {Why.WRONG_LABEL: {"d", "r2-ann"}}


def test_the_label_is_wrong_never_counts_against_the_reasoning() -> None:
    curated = made([judged(1, {"ann": WRONG, "bob": "good", "cid": "good"})], recipe="kto")
    assert brief(curated.rows) == {("kto", "because 1", None, True, ("r1-bob", "r1-cid"))}
    assert left(curated) == {Why.NOT_THE_REASONING: {"r1-ann"}}
    alone = judged(1, {"ann": WRONG})
    for recipe in RECIPES:
        curated = made([alone, judged(2, {"ann": "good"}, text="text 1")], recipe=recipe)
        assert not any(r.rejected == "because 1" or not r.desirable for r in curated.rows)


def test_a_label_that_annotators_are_split_on_gives_nothing() -> None:
    curated = made([judged(1, {"ann": WRONG, "bob": "good"})], recipe="sft")
    assert not curated.rows and left(curated) == {Why.UNSURE_LABEL: {"r1-ann", "r1-bob"}}


@pytest.mark.parametrize("recipe", RECIPES)
def test_texts_of_evaluation_splits_never_become_rows(recipe: Recipe) -> None:
    items = [
        judged(1, {"ann": "poor"}, {"ann": "better"}, split="validation"),
        judged(2, {"ann": "good"}, split="test"),
        judged(3, {"ann": "good"}, text="TEXT  2 ", split="visitor"),
        judged(4, {"ann": "good"}, text="Held out\u200b"),
    ]
    votes = [vote(1, "a", "b"), vote(2, "a", "b", text="text 5", split="test")]
    curated = made(items, votes, recipe, held_out=frozenset({"held  OUT"}))
    assert not curated.rows and set(left(curated)) == {Why.HELD_OUT}


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_is_flagged_never_becomes_a_row(recipe: Recipe) -> None:
    items = [judged(1, {"ann": "good"}, {"bob": "b"}, flagged=True), judged(2, {}, {"ann": "because 1"}, text="text 1")]
    curated = made(items, [vote(1, "other", "because  1")], recipe)
    assert not curated.rows and left(curated) == {Why.FLAGGED: {"r1-ann", "c1-bob", "c2-ann", "v1"}}


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_quotes_words_that_are_not_there_is_never_praised(recipe: Recipe) -> None:
    untrue, true = 'It says "hail", so it rains.', 'It says "text", so it rains.'
    items = [
        judged(1, {"ann": "good", "bob": "good"}, reasoning=untrue),
        judged(2, {"ann": "poor"}, {"ann": untrue}, text="text 1"),
        judged(3, {"ann": "poor"}, {"ann": true}, text="text 1"),
    ]
    votes = [vote(4, untrue, "because 9")]
    curated = made(items, votes, recipe)
    assert left(curated)[Why.MISQUOTES] == {"r1-ann", "r1-bob", "c2-ann", "v4"}
    assert true in {row.reasoning for row in curated.rows if row.desirable}
    assert untrue not in {row.reasoning for row in curated.rows if row.desirable}


def test_an_admin_may_find_a_quote_good_that_is_not_there_to_the_letter() -> None:
    item = judged(1, {"ann": "good"}, reasoning='It "rained" there.', adjudicated="good", decision="a1")
    assert {row.reasoning for row in made([item], recipe="sft").rows} == {'It "rained" there.'}


def test_corrections_that_change_nothing_or_say_what_others_call_poor_are_left_out() -> None:
    items = [
        judged(1, {}, {"ann": " because 1 "}),
        judged(2, {"bob": "poor"}, text="text 3"),
        judged(3, {}, {"ann": "because 2"}),
    ]
    curated = made(items, recipe="sft")
    assert left(curated) == {Why.SAME: {"c1-ann"}, Why.CALLED_POOR: {"c3-ann"}, Why.NOT_FOR_SFT: {"r2-bob"}}


def test_one_annotator_cannot_dominate() -> None:
    items = [judged(n, {"ann": "good"}) for n in range(50)] + [judged(100 + n, {"bob": "good"}) for n in range(10)]
    items += [judged(200 + n, {"ann": "good", "bob": "good"}) for n in range(5)]
    curated = made(items, recipe="sft", cap=0.6)
    own = sum(r.because[0].endswith("ann") and len(r.because) == 1 for r in curated.rows)
    assert own == 22 and len(curated.rows) == 37  # 22 of 37 is the most that 0.6 lets through
    assert len(left(curated)[Why.CAPPED]) == 28
    assert len(made(items, recipe="sft").rows) == 65
    again = made(items, recipe="sft", cap=0.6, seed=1)
    assert len(again.rows) == 37 and brief(again.rows) != brief(curated.rows)


def test_one_alone_is_told_so_and_few_share_equally() -> None:
    ann = [judged(n, {"ann": "good"}) for n in range(9)]
    alone = made(ann, recipe="sft", cap=0.1)
    assert len(alone.rows) == 9 and ALONE in alone.notes
    two = made([*ann, judged(20, {"bob": "good"}), judged(21, {"bob": "good"})], recipe="sft", cap=0.1)
    assert len(two.rows) == 4 and ALONE not in two.notes


def test_uneven_labels_and_verdicts_are_told() -> None:
    items = [judged(n, {"ann": "good"}) for n in range(5)] + [judged(10, {"ann": "poor"}, label="sun")]
    notes = made(items, recipe="kto", labels=("rain", "snow", "sun")).notes
    assert "There is no row for snow. Rate reasonings with that label." in notes
    assert "The labels are uneven: 5 rows for rain, 1 for sun. Rate more of sun." in notes
    assert "Good and poor are uneven: 5 approved, 1 poor." in notes
    even = made([judged(1, {"ann": "good"}), judged(2, {"bob": "poor"}, label="sun")], recipe="kto")
    assert even.notes == () and even.labels == {
        "rain": {"approved": 1, "poor": 0, "pairs": 0},
        "sun": {"approved": 0, "poor": 1, "pairs": 0},
    }


@pytest.mark.parametrize(
    ("items", "recipe", "words"),
    [
        ([judged(n, {"ann": "good"}) for n in range(30)], "kto", "All 30 reasonings are good.*Rate some that are poor"),
        ([judged(n, {"ann": "poor"}) for n in range(30)], "kto", "All 30 reasonings are poor.*Rate some that are good"),
        ([judged(n, {"ann": "good"}) for n in range(30)], "mixed", "choose the recipe sft"),
        ([judged(n, {"ann": "good"}) for n in range(30)], "dpo", "no pairs.*Correct reasonings"),
        ([judged(n, {"ann": "good"}) for n in range(7)], "sft", "7 rows, and at least 20 are needed. Rate more"),
        ([], "mixed", "0 rows, and at least 20"),
        ([judged(n, {"ann": "poor"}) for n in range(30)], "sft", "0 rows.*see why some were left out"),
    ],
)
def test_too_little_is_refused_with_what_is_missing(items: list[Judged], recipe: Recipe, words: str) -> None:
    with pytest.raises(DataError, match=words):
        curate(items, [], Rules(recipe))


@pytest.mark.parametrize("recipe", RECIPES)
def test_enough_is_taken(recipe: Recipe) -> None:
    items = [
        judged(n, {"ann": "good" if n % 2 else "poor"}, {} if n % 2 else {"bob": f"better {n}"}) for n in range(50)
    ]
    curated = curate(items, [], Rules(recipe))
    assert len(curated.rows) >= 20 and missing(curated, Rules(recipe)) is None


# -- what always holds

WHO = st.sampled_from(["ann", "bob", "cid", "dan"])
WORDS = st.sampled_from(["a", "A", "b", " b", "c", "d"])
TEXT = st.sampled_from(["one", "One ", "two", "three", "four"])
LABEL = st.sampled_from(["rain", "sun"])
SPLIT = st.sampled_from(["train", "train", "train", "", "validation"])
RATING = st.builds(
    Rating,
    st.sampled_from(["good", "poor"]),
    overall=st.none() | st.integers(1, 5),
    label_wrong=st.sampled_from([False, False, False, True]),
)
ITEM = st.tuples(
    st.builds(Reasoning, st.just("weather"), TEXT, LABEL, WORDS, st.just("s"), SPLIT),
    st.lists(st.tuples(WHO, RATING), max_size=4),
    st.lists(st.tuples(WHO, WORDS), max_size=2),
    st.sampled_from([None, None, "good", "poor"]),
    st.sampled_from([None, None, None, "rain", "snow"]),
    st.sampled_from([False, False, False, True]),
)
VOTE = st.tuples(TEXT, LABEL, WORDS, WORDS, WHO, SPLIT)


@st.composite
def said(draw: st.DrawFn) -> tuple[list[Judged], list[Preference], Rules]:
    items = []
    for i, (about, ratings, corrections, verdict, right, flagged) in enumerate(draw(st.lists(ITEM, max_size=12))):
        opinions = tuple(Opinion(who, rating, f"r{i}-{j}") for j, (who, rating) in enumerate(ratings))
        edits = tuple(Correction(who, words, f"c{i}-{j}") for j, (who, words) in enumerate(corrections))
        decision = f"d{i}" if verdict or right else ""
        items.append(Judged(about, opinions, edits, verdict, right, flagged, decision))
    votes = [
        Preference("weather", text, label, chosen, rejected, who, f"v{i}", split)
        for i, (text, label, chosen, rejected, who, split) in enumerate(draw(st.lists(VOTE, max_size=6)))
    ]
    cap = draw(st.sampled_from([0.0, 0.3, 0.5, 2 / 3, 1.0]))
    held = frozenset(draw(st.lists(TEXT, max_size=1)))
    return items, votes, Rules(draw(st.sampled_from(RECIPES)), cap, held_out=held, seed=draw(st.integers(0, 3)))


@settings(max_examples=100, deadline=None)
@given(said(), st.randoms())
def test_the_order_does_not_matter(case: tuple[list[Judged], list[Preference], Rules], rng: random.Random) -> None:
    items, votes, rules = case
    before = sort_out(items, votes, rules)
    shuffled = [
        Judged(j.reasoning, _mixed(j.opinions, rng), _mixed(j.corrections, rng), *_rest(j)) for j in _mixed(items, rng)
    ]
    assert sort_out(shuffled, _mixed(votes, rng), rules) == before


def _mixed(of: Iterable[Any], rng: random.Random) -> tuple[Any, ...]:
    found = list(of)
    rng.shuffle(found)
    return tuple(found)


def _rest(j: Judged) -> tuple[Any, ...]:
    return j.adjudicated, j.right_label, j.flagged, j.decision


@settings(max_examples=100, deadline=None)
@given(said())
def test_every_rating_is_accounted_for_once_and_weights_are_sound(
    case: tuple[list[Judged], list[Preference], Rules],
) -> None:
    items, votes, rules = case
    curated = sort_out(items, votes, rules)
    given_refs = [o.ref for j in items for o in (*j.opinions, *j.corrections)]
    given_refs += [v.ref for v in votes] + [j.decision for j in items if j.decision]
    accounted = Counter(ref for one in (*curated.rows, *curated.left_out) for ref in one.because)
    assert accounted == Counter(given_refs)
    assert all(one.because for one in (*curated.rows, *curated.left_out))
    assert all(math.isfinite(r.weight) and 0 < r.weight <= 1 for r in curated.rows)
    counts = (curated.ratings, curated.corrections, curated.votes, curated.decisions)
    assert counts == tuple(sum(ref[0] == kind for ref in given_refs) for kind in "rcvd")


@settings(max_examples=100, deadline=None)
@given(said())
def test_no_held_out_or_flagged_text_and_no_contradiction_comes_out(
    case: tuple[list[Judged], list[Preference], Rules],
) -> None:
    items, votes, rules = case
    curated = sort_out(items, votes, rules)
    held = {text_key(t) for t in rules.held_out}
    held |= {text_key(j.reasoning.text) for j in items if j.reasoning.split == "validation"}
    held |= {text_key(v.text) for v in votes if v.split == "validation"}
    wrong = {
        (text_key(j.reasoning.text), j.reasoning.label) for j in items if j.right_label not in (None, j.reasoning.label)
    }
    flagged = {
        (text_key(j.reasoning.text), j.reasoning.label, j.reasoning.reasoning.strip()) for j in items if j.flagged
    }
    seen = []
    for row in curated.rows:
        key = text_key(row.text)
        assert key not in held and (key, row.label) not in wrong
        for words in {row.reasoning, row.rejected} - {None}:
            assert (key, row.label, words.strip()) not in flagged  # type: ignore[union-attr]
        assert row.reasoning.strip() != (row.rejected or "").strip()
        assert (row.kind == "pair") == (row.rejected is not None)
        seen.append((row.kind, key, row.label, row.reasoning.strip(), (row.rejected or "").strip()))
    assert len(seen) == len(set(seen))
    assert len({(k, t, label, c) for k, t, label, c, _ in seen if k == "kto"}) == sum(k == "kto" for k, *_ in seen)
    assert not {(t, label, r, c) for k, t, label, c, r in seen if k == "pair"} & {
        (t, label, c, r) for k, t, label, c, r in seen if k == "pair"
    }


@settings(max_examples=100, deadline=None)
@given(said())
def test_nobody_alone_is_behind_more_rows_than_the_cap(case: tuple[list[Judged], list[Preference], Rules]) -> None:
    items, votes, rules = case
    rows = sort_out(items, votes, rules).rows
    who = {o.ref: o.annotator for j in items for o in (*j.opinions, *j.corrections)} | {v.ref: v.voter for v in votes}
    behind = [{who.get(ref, "") for ref in row.because} for row in rows]
    people = set().union(*behind) - {""}
    most = max(rules.cap, 1 / max(len(people), 1)) * len(rows) + 1e-9
    for person in people:
        assert sum(row == {person} for row in behind) <= most
