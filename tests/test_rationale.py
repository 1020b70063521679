"""Writing reasonings into the queue: which rows, a few at a time, behind visitors; cancel, errors, a new start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from rilearn import rationale
from rilearn.corpora import text_key
from rilearn.errors import DataError, EngineError, InputError
from rilearn.rationale import Chosen, Writing, choose
from rilearn.records import Example
from rilearn.services import Services
from rilearn.settings import Settings
from rilearn.store.filling import Plan
from rilearn.store.reasonings import Reasonings
from rilearn.store.schema import ReasoningRow
from rilearn.store.schema_annotation import ItemRow
from rilearn.tasks import load_task
from tests.conftest import FakeEngine, eventually

TASK = load_task("emotion")
ROWS = tuple(Example(f"text number {number}", "joy") for number in range(7))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset: of its 12 training rows one is there twice, one is a validation text, one a test text."""
    train = [*(f"Row {n}" for n in range(9)), " row 3", "seen in validation", "seen in test"]
    splits = {"train": train, "validation": ["Seen in VALIDATION"], "test": ["seen in test"]}
    made = tmp_path / "set"
    made.mkdir()
    for split, texts in splits.items():
        lines = [json.dumps({"text": text, "label": "joy"}) for text in texts]
        (made / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    return made


@pytest.fixture
def writing(services: Services) -> Iterator[Writing]:
    made = Writing(services)
    yield made
    made.cancel()
    made.wait(10)


def chosen(examples: tuple[Example, ...] = ROWS) -> Chosen:
    return Chosen(examples, "set", len(examples), 0, 0, 0)


def items(services: Services) -> list[tuple[ItemRow, ReasoningRow]]:
    with services.store.database.read() as session:
        query = select(ItemRow, ReasoningRow).join(ReasoningRow, ReasoningRow.id == ItemRow.reasoning_id)
        rows = [(item, reasoning) for item, reasoning in session.execute(query.order_by(ItemRow.id)).tuples()]
        session.expunge_all()
        return rows


def test_training_rows_are_chosen_in_turn_and_evaluation_texts_stay_out(settings: Settings, folder: Path) -> None:
    settings = settings.model_copy(update={"dataset": str(folder)})
    first = choose(TASK, settings, "dataset", 4, set())
    assert (first.source, first.rows, first.kept_out, first.before, first.left) == ("set", 12, 3, 0, 5)
    assert choose(TASK, settings, "dataset", 4, set()) == first
    seen = {text_key(example.text) for example in first.examples}
    second = choose(TASK, settings, "dataset", 20, seen)
    assert (len(second.examples), second.before, second.left) == (5, 4, 0)
    assert {text_key(e.text) for e in second.examples} | seen == {f"row {n}" for n in range(9)}
    for count in (0, -1, settings.batch_rows + 1):
        with pytest.raises(InputError, match="between 1 and"):
            choose(TASK, settings, "dataset", count, set())
    with pytest.raises(DataError):
        choose(TASK, settings.model_copy(update={"dataset": "/no/such/folder"}), "dataset", 1, set())


def test_the_texts_of_this_project_need_no_dataset(settings: Settings) -> None:
    settings = settings.model_copy(update={"dataset": "/no/such/folder"})
    found = choose(TASK, settings, "demo", 5, set())
    assert (
        len(found.examples) == 5 and found.source == "emotion" and {e.label for e in found.examples} <= {*TASK.labels}
    )


def test_what_is_written_is_queued_with_what_made_it(writing: Writing, services: Services) -> None:
    writing.start("generator", chosen(), Plan(ratings=3))
    now = writing.wait(20)
    assert (now.state, now.total, now.done, now.added, now.there, now.empty) == ("done", 7, 7, 7, 0, 0)
    made = items(services)
    assert [(item.origin, item.ratings_left) for item, _ in made] == [("generator", 3)] * 7
    adapter = services.generators["generator"]
    for (_, reasoning), row in zip(made, ROWS, strict=True):
        about = reasoning.text
        assert (about.text, about.source, about.split) == (row.text, "set", "train")
        assert (reasoning.adapter, reasoning.adapter_digest) == ("generator", adapter.ref.digest)
    assert sorted(Reasonings(services.store.database).texts_of("emotion", adapter.ref.digest)) == [r.text for r in ROWS]
    assert Reasonings(services.store.database).texts_of("emotion", "another") == []
    writing.start("generator", chosen(), Plan())
    again = writing.wait(20)
    assert (again.added, again.there) == (0, 7) and len(items(services)) == 7


def test_a_reasoning_of_nothing_is_counted_and_not_queued(
    writing: Writing, services: Services, engine: FakeEngine
) -> None:
    engine.reasoning = ""
    writing.start("generator", chosen(), Plan())
    now = writing.wait(20)
    assert (now.state, now.done, now.added, now.empty) == ("done", 7, 0, 7) and items(services) == []


def test_cancel_keeps_what_was_written_and_a_new_start_goes_on(
    writing: Writing, services: Services, engine: FakeEngine
) -> None:
    engine.pause = 0.02
    writing.start("generator", chosen(), Plan())
    assert eventually(lambda: writing.now.done >= 2)
    with pytest.raises(InputError, match="already"):
        writing.start("generator", chosen(), Plan())
    writing.cancel()
    now = writing.wait(20)
    assert now.state == "cancelled" and now.added == now.done == len(items(services)) < 7 and now.seconds_left
    engine.pause = 0
    writing.start("generator", chosen(), Plan())
    assert writing.wait(20).state == "done" and len(items(services)) == 7


def test_it_waits_while_a_visitor_is_answered(
    writing: Writing, services: Services, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rationale, "PATIENCE", 60.0)
    engine.pause = 0.05
    answer = services.predict("what a day", "q-ra")
    next(answer)
    writing.start("generator", chosen(), Plan())
    opened = engine.opened
    assert not eventually(lambda: engine.opened > opened, 0.5) and writing.now.done == 0
    *_, last = answer
    assert last.done
    engine.pause = 0
    assert writing.wait(20).done == 7


def test_an_error_ends_it_in_words_and_keeps_the_rest(writing: Writing, services: Services, engine: FakeEngine) -> None:
    engine.pause = 0.02
    writing.start("generator", chosen(), Plan())
    assert eventually(lambda: writing.now.done >= 2)
    engine.error = EngineError("The engine lost it.")
    now = writing.wait(20)
    assert (now.state, now.error) == ("failed", "The engine lost it.") and len(items(services)) == now.added >= 2


def test_nothing_begins_without_sense(writing: Writing, services: Services, settings: Settings) -> None:
    for arguments, said in (
        (("generator", chosen(()), Plan()), "no row left"),
        (("q-ra", chosen(), Plan()), "no generator 'q-ra'. Generators here: generator"),
        (("generator", chosen(), Plan(ratings=0)), "At least one person"),
    ):
        with pytest.raises(InputError, match=said):
            writing.start(*arguments)
    cold = Services(settings, lambda *_: FakeEngine())
    with pytest.raises(EngineError, match="loading"):
        Writing(cold).start("generator", chosen(), Plan())
    cold.close()
    assert writing.now.state == "none" and writing.wait(1).state == "none" and items(services) == []
