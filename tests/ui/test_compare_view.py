"""compare_view and many_view: agreement in words, right and wrong, a batch's report; all escaped, all closed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from rilearn.batch import Outcome, Pair, Progress, summary
from rilearn.compare import Side
from rilearn.records import Prediction
from rilearn.tables import Problem, Row, Rows
from rilearn.ui import compare_view, many_view
from tests.ui.test_render import DONE, EVIL, GROWING, TASK, Reader

KINDS = {"q-a": "direct", "q-ra": "reasoned"}
SADNESS = Side("q-ra", DONE)
JOY = Side("q-a", Prediction("q-a", "fake", label="joy", probabilities={**DONE.prior}, seconds=0.1, done=True))
OPEN = Side("q-ra", GROWING)
LOST = Side("q-ra", GROWING, "The engine lost it.")


def named(model: str, label: str) -> Side:
    return Side(model, replace(DONE, label=label))


@pytest.mark.parametrize(
    ("sides", "gold", "words"),
    [
        ([named("a", "joy"), named("b", "joy")], None, "Both say joy."),
        ([named("a", "joy"), named("b", "joy")], "joy", "Both say joy. That is right."),
        ([named("a", "joy"), named("b", "joy")], "fear", "Both say joy. Neither is right: the true label is fear."),
        ([named("a", "joy"), named("b", "fear")], None, "They disagree: joy against fear."),
        ([named("a", "joy"), named("b", "fear")], "fear", "They disagree: joy against fear. Only b is right."),
        ([named(m, "joy") for m in "abc"], None, "All 3 say joy."),
        ([named(m, "joy") for m in "abc"], "fear", "All 3 say joy. None is right: the true label is fear."),
        (
            [named("a", "joy"), named("b", "fear"), named("c", "joy")],
            "joy",
            "They disagree: joy (a and c) against fear (b). Only a and c are right.",
        ),
        ([JOY, OPEN], None, "Waiting for q-ra …"),
        ([JOY, LOST], "joy", "No answer from q-ra, so there is nothing to compare."),
    ],
)
def test_the_verdict_in_words(sides: list[Side], gold: str | None, words: str) -> None:
    assert compare_view.verdict(sides, gold) == words
    assert words in Reader(compare_view.sides(TASK, sides, KINDS, gold)).text


def test_columns_show_label_reasoning_probabilities_time_and_tokens() -> None:
    html = compare_view.sides(TASK, [JOY, SADNESS], KINDS, "sadness")
    reader = Reader(html)
    assert reader.tags.count("article") == 2 and "is-differ" in html and 'aria-busy="false"' in html
    for words in ("q-a answers at once", "q-ra reasons, then answers", "The quiet house is missed.", "91\u00a0%"):
        assert words in reader.text
    assert "time 0.60 s" in reader.text and "tokens 9" in reader.text and "tokens/s 20" in reader.text
    first, second = html.split("<article")[1:]
    assert "is-wrong" in first and "is-right" not in first and "is-right" in second and "is-wrong" not in second
    assert "rl-mark" not in compare_view.sides(TASK, [JOY, SADNESS], KINDS, None)
    assert "is-agree" in compare_view.sides(TASK, [JOY, JOY], KINDS, None)


def test_one_column_fails_streams_or_stops_by_itself() -> None:
    failed = compare_view.sides(TASK, [JOY, LOST], KINDS, None).split("<article")
    assert "The engine lost it." in failed[2] and "is-done" in failed[1] and "is-error" in failed[2]
    growing = compare_view.sides(TASK, [JOY, OPEN], KINDS, "joy")
    assert "rl-caret" in growing and 'aria-busy="true"' in growing and growing.count("rl-mark") == 1
    stopped = compare_view.sides(TASK, [JOY, OPEN, Side("q-x")], KINDS, None, cancelled=True)
    assert "The quiet" in stopped and stopped.count("No label was chosen") == 2 and "rl-caret" not in stopped
    assert "Stopped before q-ra and q-x had answered." in stopped


def test_every_column_has_the_same_parts_in_every_state() -> None:
    parts = ("rl-model", "rl-verdict", "rl-body", "rl-bars", "rl-facts")
    states = [
        compare_view.empty(TASK, ["q-a", "q-ra"], KINDS),
        compare_view.sides(TASK, [Side("q-a"), OPEN], KINDS, None),
        compare_view.sides(TASK, [JOY, LOST], KINDS, None),
        compare_view.sides(TASK, [JOY, OPEN], KINDS, None, cancelled=True),
    ]
    for html in states:
        for column in html.split("<article")[1:]:
            places = [column.index(f'class="{part}"') for part in parts]
            assert places == sorted(places)
    assert "only one model" in compare_view.empty(TASK, ["q-a"], KINDS)


def test_nothing_of_users_or_models_becomes_markup() -> None:
    side = Side(EVIL, replace(DONE, model=EVIL, reasoning=EVIL))
    broken = Side(EVIL, None, EVIL)
    rows = Rows(EVIL, (Row(1, EVIL, "joy"), Row(2, EVIL, "joy")), (Problem(3, EVIL),))
    outcomes = [Outcome(rows.good[0], (side, JOY)), Outcome(rows.good[1], (broken, JOY))]
    for html in (
        compare_view.sides(TASK, [side, broken], {EVIL: EVIL}, None),
        compare_view.sides(TASK, [replace(side, now=GROWING), broken], {}, None, cancelled=True),
        compare_view.waiting(EVIL),
        compare_view.error(EVIL),
        many_view.waiting(EVIL),
        many_view.error(EVIL),
        many_view.report(TASK, rows, outcomes, [EVIL, "q-a"], summary(outcomes, [EVIL, "q-a"]), False),
    ):
        reader = Reader(html)
        assert not {"script", "img"} & set(reader.tags) and "<script>window.hit=1" in reader.text
        assert "`${1+1}`" not in html and "{{" not in html


ROWS = Rows(
    "rows.csv",
    tuple(Row(i, f"text {i}", "joy" if i < 4 else None) for i in range(1, 5)),
    (Problem(5, "The text is empty."),),
    more=True,
)
OUTCOMES = [
    Outcome(ROWS.good[2], (JOY, LOST)),
    Outcome(ROWS.good[0], (JOY, named("q-ra", "joy"))),
    Outcome(ROWS.good[1], (JOY, SADNESS)),
    Outcome(ROWS.good[3], (JOY, SADNESS)),
]
MODELS = ["q-a", "q-ra"]


def report(cancelled: bool = False, outcomes: list[Outcome] = OUTCOMES) -> str:
    return many_view.report(TASK, ROWS, outcomes, MODELS, summary(outcomes, MODELS), cancelled)


def test_a_report_counts_names_problems_and_lists_rows_by_number() -> None:
    html = report()
    text = Reader(html).text
    assert "4 rows of rows.csv. All models gave the same answer on 1 of 3. Only the first 5 rows" in text
    assert "100.0\u00a0%" in text and "50.0\u00a0%" in text and "1 of 2 right" in text
    assert "Only q-a is right on 1 row, only q-ra on 0: which may be chance (McNemar, exact p = 1.000)." in text
    assert "2 problems" in text and "Row 5 The text is empty." in text and "Row 3 q-ra: The engine lost it." in text
    assert re.findall(r'<tr data-show="([^"]*)"', html) == ["all", "all disagree only-0", "all", "all disagree"]
    for words in ("All 4", "Disagree 2", "Only q-a right 1", "Only q-ra right 0"):
        assert words in text
    assert html.count("<th ") == 5 and "Stopped after 4 of 4 rows" in Reader(report(cancelled=True)).text


def test_without_true_labels_there_is_neither_score_nor_filter_for_it() -> None:
    html = report(outcomes=OUTCOMES[3:])
    assert "Without true labels" in html and "only-0" not in html and "True label" not in html


def test_a_pair_in_words() -> None:
    pair = Pair("q-a", "q-ra", 40, 9, 0.0000042, 0.062, 0.036, 0.088)
    said = many_view.pair_in_words(pair)
    assert "hardly by chance (McNemar, exact p < 0.001)" in said and "+6.2 points, 95 % interval +3.6 to +8.8" in said
    assert "−1.0 to" in many_view.pair_in_words(replace(pair, low=-0.01))
    assert "same rows" in many_view.pair_in_words(replace(pair, only_a=0, only_b=0))


def test_progress_and_time_left() -> None:
    html = many_view.progress(Progress(8, tuple(OUTCOMES[:2]), 130.0))
    assert 'aria-valuenow="2"' in html and 'aria-valuemax="8"' in html and "width:25.0%" in html
    assert "2 of 8 rows · same answer on 1 · about 2 min left" in Reader(html).text
    assert many_view.time_left(None) == "time left not known yet" and "less than" in many_view.time_left(49)
    assert "0 of 0 rows" in many_view.progress(Progress(0))


def test_a_long_list_of_problems_is_cut() -> None:
    rows = replace(ROWS, problems=tuple(Problem(i, "empty") for i in range(70)))
    html = many_view.report(TASK, rows, OUTCOMES[1:3], MODELS, summary(OUTCOMES[1:3], MODELS), False)
    assert html.count("<b>Row ") == 50 and "and 20 more" in html
