"""The preview: every number in its sentences is that of the rows, and each line leads back to what was said."""

from __future__ import annotations

from hypothesis import given, settings

from rilearn.curation import Judged, Preference, Rules, sort_out
from rilearn.curation_preview import HEADER, by_label, lines, summary, told
from tests.test_curation import judged, made, said, vote


def test_the_summary_says_what_came_and_what_it_gives() -> None:
    items = [judged(n, {"ann": "good"}) for n in range(3)]
    items += [judged(3, {"ann": "poor"}, {"bob": "better"}), judged(4, {"ann": "good", "bob": "poor"})]
    items += [judged(5, {"ann": "good"}, label="sun", adjudicated="poor", decision="d")]
    curated = made(items, [vote(1, "a", "b", text="text 9")])
    assert summary(curated) == (
        "7 ratings, 1 correction, 1 blind vote and 1 decision of an admin give 3 approved, 1 poor and 2 pairs. "
        "3 are left out: 2 (tie between annotators), 1 (overruled by an admin's decision)."
    )
    assert by_label(curated) == [("rain", "3 approved and 2 pairs"), ("sun", "1 poor")]


def test_little_is_said_of_little() -> None:
    assert summary(made([])) == "No ratings give no rows."
    assert summary(made([judged(1, {"ann": "good"})], recipe="kto")) == "1 rating give 1 approved."


def test_lines_hold_every_row_and_its_refs() -> None:
    items = [judged(1, {"ann": "poor"}, {"bob": "bet\nter\x1b[2J"}), judged(2, {"cid": "good", "dan": "poor"})]
    assert [tuple(line) for line in lines(made(items))] == [
        ("pair", "rain", "text 1", "bet ter [2J", "because 1", "0.50", "c1-bob, r1-ann"),
        ("left out: tie between annotators", "rain", "text 2", "because 2", "", "", "r2-cid, r2-dan"),
    ]
    assert len(HEADER) == 7


def test_the_whole_preview_tells_what_is_missing_and_how_much_is_not_shown() -> None:
    items = [judged(n, {"ann": "good"}) for n in range(5)]
    words = told(made(items, recipe="kto"), Rules("kto"), 2)
    assert "Not enough to train on. All 5 reasonings are good" in words and "... and 3 more" in words
    assert "approved (weight 0.50), because of r0-ann\n  text 0 -> rain\n  because 0" in words
    assert "All rows rest on one person's word" in words
    enough = told(made(items, recipe="sft"), Rules("sft", minimum=5), 5)
    assert "Not enough" not in enough and "more" not in enough.splitlines()[-1]


@settings(max_examples=60, deadline=None)
@given(said())
def test_the_lines_are_all_there_is(case: tuple[list[Judged], list[Preference], Rules]) -> None:
    items, votes, rules = case
    curated = sort_out(items, votes, rules)
    found = lines(curated)
    assert len(found) == len(curated.rows) + len(curated.left_out)
    refs = sorted(ref for line in found for ref in line.because.split(", "))
    total = curated.ratings + curated.corrections + curated.votes + curated.decisions
    assert len(refs) == len(set(refs)) == total
    assert all("\n" not in cell for line in found for cell in line)
