"""Donors: one reasoning for each example, written once for each adapter, whoever asks."""

from __future__ import annotations

import threading

import pytest

from rilearn.donors import MOST, Donors
from rilearn.errors import EngineError
from rilearn.faithfulness import Explained
from rilearn.services import Services
from tests.conftest import REASONING, FakeEngine


def drained(donors: Donors, services: Services, model: str = "q-ra") -> list[Explained]:
    *_, (last, _) = donors.written(services.classifier(model))
    return last


def test_written_for_the_tasks_examples_with_progress_and_only_once(services: Services, engine: FakeEngine) -> None:
    donors, texts = Donors(), services.task.examples[:MOST]
    steps = [(len(kept), count) for kept, count in donors.written(services.classifier("q-ra"))]
    assert steps == [(n, len(texts)) for n in range(len(texts) + 1)] and engine.opened == len(texts) > 1
    again = list(donors.written(services.classifier("q-ra")))
    assert again == [([Explained(text, REASONING, "joy") for text in texts], len(texts))]
    assert engine.opened == len(texts)


def test_each_adapter_has_its_own(services: Services) -> None:
    donors = Donors()
    assert {one.reasoning for one in drained(donors, services)} == {REASONING}
    assert {one.reasoning for one in drained(donors, services, "q-a")} == {""}


def test_an_error_or_a_stop_keeps_what_was_written(services: Services, engine: FakeEngine) -> None:
    donors = Donors()
    steps = donors.written(services.classifier("q-ra"))
    next(steps), next(steps)
    engine.error = EngineError("The engine lost it.")
    with pytest.raises(EngineError, match="lost it"):
        next(steps)
    engine.error, before = None, engine.opened
    count = len(drained(donors, services))
    assert engine.opened - before == count - 1


def test_two_at_once_share_the_writing(services: Services, engine: FakeEngine) -> None:
    engine.pause = 0.002
    donors, found = Donors(), []
    threads = [threading.Thread(target=lambda: found.append(drained(donors, services))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1] and engine.opened == len(found[0]) > 1
