"""faithfulness_view: hostile text stays text, the plot is well formed and says in words what it shows."""

from __future__ import annotations

import re

import pytest

from rilearn.faithfulness import OTHER, REMOVED, Edit, Report
from rilearn.perturbations import evidence
from rilearn.tasks import load_task
from rilearn.ui.faithfulness_view import curve, highlighted, view
from tests.ui.test_render import EVIL, Reader

TASK = load_task("emotion")


def shares(**known: float) -> dict[str, float]:
    rest = (1 - sum(known.values())) / (len(TASK.labels) - len(known))
    return {label: known.get(label, rest) for label in TASK.labels}


def made(text: str, reasoning: str) -> Report:
    early = (("", shares(fear=0.71)), (reasoning[:5], shares(fear=0.4, joy=0.3)), (reasoning, shares(joy=0.8)))
    edits = {REMOVED: Edit("", shares(fear=0.71)), OTHER: Edit(EVIL, shares(fear=0.6), "fear")}
    spans = tuple(evidence(text, reasoning))
    judged = (shares(joy=0.6), shares(joy=0.7), shares(fear=0.5)) if spans else (shares(joy=0.6),)
    return Report(text, reasoning, early, edits, spans, *judged)


@pytest.mark.parametrize(
    "html",
    [view(TASK, made(EVIL, "The onerror and window.")), highlighted(EVIL, [(0, 1), (5, 9)]), highlighted(EVIL, [])],
)
def test_a_hostile_text_stays_text(html: str) -> None:
    reader = Reader(html)
    assert not {"script", "img"} & set(reader.tags) and EVIL in reader.text
    assert "${" not in html and "{{" not in html and "`" not in html


def test_a_hostile_reasoning_stays_text_in_the_plot() -> None:
    html = view(TASK, made("some window", EVIL))
    assert not {"script", "img"} & set(Reader(html).tags) and EVIL in Reader(html).text
    assert "${" not in html and "{{" not in html and "`" not in html


def test_marks_are_the_words_the_reasoning_names() -> None:
    html = view(TASK, made("the <b>house</b> & garden", "A house with gardens. It is."))
    assert re.findall(r"<mark>(.*?)</mark>", html) == ["house", "garden"] and "b" not in Reader(html).tags
    text = Reader(html).text.replace("\u00a0", " ")
    assert "the <b>house</b> & garden" in text
    assert "From the marked words alone a direct answer is joy (70 %); from all the others fear (50 %)." in text


def test_plain_line_and_nothing_named() -> None:
    text = Reader(view(TASK, made("some text", "A word."))).text.replace("\u00a0", " ")
    assert "Without the reasoning the answer would have been fear (71 %): the reasoning changed it." in text
    assert "names no content word" in text and "quarter of its words" in text
    assert "after each sentence" in view(TASK, made("some text", "A word. Two."))


def test_curve_shows_both_answers_and_says_so() -> None:
    html = curve(TASK, made("t", "A word.").early)
    (title,) = re.findall(r'<title id="\w+">(.*?)</title>', html)
    (desc,) = re.findall(r"<desc.*?>(.*?)</desc>", html)
    assert title == "Probability of joy, dashed: fear" and html.count("<polyline") == 2
    assert desc.replace("\u00a0", " ") == "without reasoning: fear 71 %; step 1 of 2: fear 40 %; step 2 of 2: joy 80 %"
    first, second = re.findall(r'points="(.*?)"', html)
    heights = [float(point.split(",")[1]) for point in first.split()]
    assert heights[0] > heights[1] > heights[2] and len(second.split()) == 3  # SVG grows downwards
    assert all(TASK.display[label].color in html for label in ("joy", "fear")) and "is-first" in html
    labelled = re.findall(r'aria-labelledby="(\w+) (\w+)"', html)[0]
    assert all(f'id="{name}"' in html for name in labelled)


def test_curve_of_one_answer_and_of_one_step() -> None:
    same = curve(TASK, [("", shares(joy=0.9)), ("x", shares(joy=0.9))])
    assert same.count("<polyline") == 1 and "dashed" not in same
    alone = curve(TASK, [("", shares(joy=0.9))])
    Reader(alone)
    assert re.findall(r'id="(\w+)"', same) != re.findall(r'id="(\w+)"', alone)
