"""compare: several classifiers at once, errors in their own column, and an engine that is free when one leaves."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from rilearn.classify import Classifier
from rilearn.compare import MOST, Side, agree, chosen, compare, final
from rilearn.errors import EngineError, InputError
from rilearn.prompts import Templates
from rilearn.records import AdapterRef, Chunk, Prediction, Prompt, Sampling
from rilearn.services import Services
from tests.conftest import REASONING, FakeEngine, eventually


class Breaking(FakeEngine):
    """Fails while it streams, the scores come."""

    def stream(self, prompt: Prompt, sampling: Sampling, adapter: AdapterRef | None = None) -> Iterator[Chunk]:
        yield Chunk(" The", 1)
        assert self.error
        raise self.error


def pair(services: Services) -> list[Classifier]:
    return services.classifiers(["q-a", "q-ra"])


def said(label: str | None, error: str | None = None) -> Side:
    return Side("m", Prediction("m", "fake", label=label, done=label is not None), error)


def test_both_answer_in_the_order_of_the_models_and_grow(services: Services) -> None:
    frames = list(compare(pair(services), "what a day"))
    assert {tuple(side.model for side in sides) for sides in frames} == {("q-a", "q-ra")}
    lengths = [len(sides[1].now.reasoning) for sides in frames if sides[1].now]
    assert lengths == sorted(lengths) and len(set(lengths)) > 4
    direct, reasoned = frames[-1]
    assert direct.over and reasoned.over and [direct.label, reasoned.label] == ["sadness", "joy"]
    assert reasoned.now and reasoned.now.reasoning == REASONING
    assert agree(frames[-1]) is False and agree(frames[0]) is None


def test_they_run_at_the_same_time(services: Services, engine: FakeEngine) -> None:
    engine.pause = 0.02
    reasoned = services.classifiers(["q-ra", "q-a"])[0]
    final([reasoned, reasoned, reasoned], "what a day")
    assert engine.together == 3 and engine.finished == 3 and engine.running == 0


def test_final_is_the_last_frame_and_equals_single_runs(services: Services) -> None:
    both = pair(services)
    labels = [classifier.final("what a day").label for classifier in both]
    assert [side.label for side in final(both, "what a day")] == labels


@pytest.mark.parametrize(
    ("error", "words"),
    [(EngineError("The engine lost it."), "The engine lost it."), (KeyError("secret"), "the log has the details")],
)
def test_an_error_ends_its_own_column_only(services: Services, error: Exception, words: str) -> None:
    good, bad = pair(services)
    broken = Classifier(Breaking(error=error), Templates(services.task), bad.adapter)
    first, second = final([good, broken], "what a day")
    assert first.label == "sadness" and first.error is None
    assert second.error and words in second.error and "secret" not in second.error
    assert second.over and second.label is None and agree([first, second]) is None


def test_closing_stops_every_side_at_once_and_frees_the_engine(services: Services, engine: FakeEngine) -> None:
    engine.pause, engine.reasoning = 0.05, " ".join(["word"] * 90)
    reasoned = services.classifiers(["q-a", "q-ra"])[1]
    growing = compare([reasoned, reasoned], "what a day")
    while engine.running < 2:
        next(growing)
    began = time.monotonic()
    growing.close()
    assert (engine.running, engine.closed, engine.finished) == (0, 2, 0) and time.monotonic() - began < 1


def test_models_are_chosen_once_each_and_not_too_many() -> None:
    assert chosen(["b", "a", "b"]) == ["b", "a"]
    for models, words in (([], "at least two"), (["a", "a"], "at least two"), (list("abcde"), f"at most {MOST}")):
        with pytest.raises(InputError, match=words):
            chosen(models)


def test_agreement() -> None:
    assert agree([said("x"), said("x"), said("x")]) is True
    assert agree([said("x"), said("y")]) is False
    assert agree([said("x"), said(None)]) is None and agree([said("x"), said(None, "lost")]) is None


def test_services_check_the_text_and_the_models(services: Services) -> None:
    assert services.pair == ["q-a", "q-ra"]
    *_, last = services.compare("what a day", ["q-a", "q-ra"])
    assert all(side.over for side in last)
    for text, models, words in (
        (" ", ["q-a", "q-ra"], "no text yet"),
        ("what a day", ["q-a"], "at least two"),
        ("what a day", ["q-a", "gpt"], "There is no model 'gpt'"),
    ):
        with pytest.raises(InputError, match=words):
            next(services.compare(text, models))


def test_giving_way_waits_for_single_texts(services: Services, engine: FakeEngine) -> None:
    assert services.give_way(0)
    for growing in (services.predict("what a day", "q-ra"), services.compare("what a day", ["q-a", "q-ra"])):
        next(growing)
        assert not services.give_way(0.02)
        growing.close()  # type: ignore[attr-defined]
        assert services.give_way(0)
    with pytest.raises(InputError):
        next(services.predict("what a day", "gpt"))
    assert services.give_way(0) and eventually(lambda: engine.running == 0)
