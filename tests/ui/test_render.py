"""render: everything from users and models is escaped, every state has its words, nothing moves between states."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from rilearn.loading import Status
from rilearn.records import Prediction
from rilearn.tasks import load_task
from rilearn.ui import render

TASK = load_task("emotion")
EVIL = '<script>window.hit=1</script><img src=x onerror="window.hit=1"> \' " & `${1+1}` {{constructor}} </p></section>'
EARLY = Prediction(
    "q-ra", "fake", prior={"sadness": 0.1, "joy": 0.54, "love": 0.36, "anger": 0, "fear": 0, "surprise": 0}
)
GROWING = replace(EARLY, reasoning="The quiet", tokens=2, first_token_seconds=0.1, written_seconds=0.2, seconds=0.2)
DONE = replace(
    GROWING,
    reasoning="The quiet house is missed.",
    tokens=9,
    written_seconds=0.5,
    label="sadness",
    probabilities={"sadness": 0.912, "joy": 0.08, "love": 0.003, "anger": 0.003, "fear": 0.002, "surprise": 0},
    seconds=0.6,
    done=True,
)
STATES = {
    "empty": render.empty(TASK),
    "waiting": render.waiting(TASK, "Loading the model"),
    "early": render.prediction(TASK, EARLY),
    "streaming": render.prediction(TASK, GROWING),
    "done": render.prediction(TASK, DONE),
    "stopped": render.stopped(TASK, GROWING),
    "error": render.error(TASK, "Too long."),
}


class Reader(HTMLParser):
    """Collects tags and visible text, and checks that tags are closed in order."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("img", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    "html",
    [
        render.prediction(TASK, replace(GROWING, reasoning=EVIL)),
        render.prediction(TASK, replace(DONE, reasoning=EVIL)),
        render.prediction(TASK, replace(DONE, model=EVIL, engine=EVIL)),
        render.stopped(TASK, replace(GROWING, reasoning=EVIL)),
        render.error(TASK, EVIL),
        render.waiting(TASK, EVIL),
        render.banner(Status("failed", EVIL), [EVIL]),
        render.banner(Status("loading", EVIL, 0.5), []),
        render.examples((EVIL,)),
    ],
)
def test_markup_of_others_stays_text(html: str) -> None:
    reader = Reader(html)
    assert not {"script", "img"} & set(reader.tags)
    assert EVIL in reader.text
    assert "${" not in html and "{{" not in html and "`" not in html


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_well_formed_and_has_the_same_parts(state: str) -> None:
    reader = Reader(STATES[state])
    parts = re.findall(r'<(?:section|ul|div) class="(rl-[a-z]+)', STATES[state])
    assert parts == ["rl-card", "rl-body", "rl-verdict", "rl-bars", "rl-legend", "rl-facts"]
    assert reader.tags.count("li") == len(TASK.labels) + 5
    assert all(label in reader.text for label in TASK.labels)


def test_done_shows_label_distribution_and_measurements() -> None:
    text = Reader(STATES["done"]).text
    html = STATES["done"]
    assert '<b class="rl-label">sadness</b>' in html and TASK.display["sadness"].color in html and "😢" in html
    assert "91\u00a0%" in text and "before reasoning 54\u00a0%" in text and "<1\u00a0%" in text
    for value in ("0.10 s", "0.60 s", "tokens/s 20", "q-ra", "fake"):
        assert value in text
    assert "rl-caret" not in html and 'aria-busy="false"' in html


def test_streaming_has_caret_and_no_label() -> None:
    assert "rl-caret" in STATES["streaming"] and 'aria-busy="true"' in STATES["streaming"]
    assert "no label yet" in STATES["streaming"]


def test_lean_in_plain_words() -> None:
    said = render.lean(DONE).replace("\u00a0", " ")
    assert said == "Before reasoning the model leaned to joy (54 %); after: sadness (91 %)."
    same = replace(DONE, prior=DONE.probabilities)
    assert "after, still sadness" in render.lean(same)
    assert render.lean(EARLY).replace("\u00a0", " ") == "Before reasoning the model leans to joy (54 %)."
    assert render.lean(replace(DONE, prior={})) == ""


def test_stopped_keeps_what_was_written() -> None:
    assert "The quiet" in STATES["stopped"] and "Stopped" in STATES["stopped"]
    assert "Stopped before it began" in render.stopped(TASK, None)


def test_direct_and_cut_and_silent_models_are_explained() -> None:
    assert "without reasoning" in render.prediction(TASK, replace(DONE, prior={}, reasoning=""))
    assert "length limit" in render.prediction(TASK, replace(DONE, truncated=True))
    assert "wrote no reasoning" in render.prediction(TASK, replace(DONE, reasoning=""))


def test_banner_by_state() -> None:
    assert render.banner(Status("ready", "Ready", 1.0), []) == ""
    assert 'aria-valuenow="40"' in render.banner(Status("loading", "Downloading", 0.4), [])
    assert 'role="alert"' in render.banner(Status("failed", "No network."), [])
    assert "No model yet" in render.banner(Status("empty", "Train one."), [])
    assert "Left out: q-a" in render.banner(Status("ready"), ["q-a is damaged"])


def test_counter_marks_too_long() -> None:
    assert "1,000 / 1,000" in render.counter(1000, 1000) and "is-over" not in render.counter(1000, 1000)
    assert "is-over" in render.counter(1001, 1000)


@pytest.mark.parametrize("name", ["emotion", "support"])
def test_any_task_renders(name: str) -> None:
    task = load_task(name)
    even = dict.fromkeys(task.labels, 1 / len(task.labels))
    Reader(render.prediction(task, replace(DONE, label=task.labels[0], probabilities=even, prior=even)))
