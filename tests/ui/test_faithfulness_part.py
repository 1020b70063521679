"""The part under the card: what can be asked about, what the buttons allow, and what goes wrong said in words."""

from __future__ import annotations

from typing import Any

import pytest

from rilearn.errors import EngineError
from rilearn.records import Prediction
from rilearn.services import Services
from rilearn.ui.classify_tab import Handlers as Classify
from rilearn.ui.classify_tab import Run
from rilearn.ui.faithfulness_part import NOTHING, Handlers, Question, asked
from tests.conftest import FakeEngine

TEXT = "i was dreading the hopeful results"


def answered(services: Services, model: str = "q-ra") -> Prediction:
    *_, last = services.predict(TEXT, model)
    return last


def buttons(frame: Any) -> tuple[bool, bool]:
    """Whether one can ask, and stop."""
    return frame[2]["interactive"], frame[3]["interactive"]


def test_only_a_finished_reasoned_answer_can_be_asked_about(services: Services) -> None:
    done = answered(services)
    html, question, *_ = asked(TEXT, done)
    assert html == "" and question == Question(TEXT, done) and buttons(asked(TEXT, done)) == (True, False)
    first, *_ = services.predict(TEXT, "q-ra")
    for none in (None, first, answered(services, "q-a")):
        assert asked(TEXT, none) == NOTHING
    assert buttons(NOTHING) == (False, False)


def test_a_run_of_the_tab_ends_with_the_question_and_a_new_one_begins_without(services: Services) -> None:
    tab = Classify(services)
    *_, (_, run, *_) = tab.run(TEXT, "q-ra")
    _, settled, _, _, *part = tab.settle(run)  # and what share_part shows
    assert settled == run and part[1] == Question(TEXT, run.shown)
    assert tab.begin()[3:7] == NOTHING
    assert tab.settle(Run(run.shown and answered(services, "q-a"), True, TEXT))[4:8] == NOTHING


def test_frames_from_waiting_to_the_line(services: Services, engine: FakeEngine) -> None:
    on, question = Handlers(services), Question(TEXT, answered(services))
    waiting = on.begin(question)
    assert "is next" in waiting[0] and buttons(waiting) == (False, True) and waiting[1] and not waiting[1].over
    *working, last = on.run(waiting[1])
    count = len(services.task.examples)
    assert f"Writing comparison reasonings 1/{count}" in working[0][0]
    assert f"reasonings {count}/{count}" in working[-2][0] and "Asking again" in working[-1][0]
    assert {buttons(frame) for frame in working} == {(False, True)}
    assert "Without the reasoning the answer would have been sadness" in last[0] and "<mark>hopeful</mark>" in last[0]
    assert buttons(last) == (False, False) and last[1] == question
    assert {part.get("__type__") for part in on.settle(last[1])} == {"update"}  # nothing changes after the end
    before = engine.opened
    assert [frame[0] for frame in on.run(question)][-1] == last[0] and engine.opened == before


def test_stopped_and_begun_anew(services: Services) -> None:
    on, question = Handlers(services), Question(TEXT, answered(services))
    html, after, *_ = frame = on.settle(on.begin(question)[1])
    assert "Stopped" in html and after == question and buttons(frame) == (True, False)
    assert {part.get("__type__") for part in on.settle(None)} == {"update"}  # a new text has cleared it


@pytest.mark.parametrize(
    ("error", "words"), [(EngineError("The <engine> lost it."), "The &lt;engine&gt; lost it."), (KeyError("x"), "log")]
)
def test_errors_are_words_and_one_can_ask_again(
    services: Services, engine: FakeEngine, error: Exception, words: str
) -> None:
    question = Question(TEXT, answered(services))
    engine.error = error
    *_, last = Handlers(services).run(question)
    assert words in last[0] and 'role="alert"' in last[0] and buttons(last) == (True, False) and last[1] == question


def test_a_page_that_outlived_its_session_is_told_what_to_do(services: Services) -> None:
    ((html, question, *_),) = Handlers(services).run(None)
    assert "Classify the text again" in html and question is None
