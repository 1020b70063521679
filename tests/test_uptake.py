"""A promoted version takes over without a restart: nothing in flight fails, what is broken stays out, others follow."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from rilearn import uptake as module
from rilearn.adapters import MANIFEST, WEIGHTS, Adapter, load_adapter
from rilearn.compare import final
from rilearn.errors import AdapterError, EngineError, InputError
from rilearn.gate import Duel, Evidence, Thresholds, Verdict, judge
from rilearn.kept import kept_at
from rilearn.records import AdapterRef, Chunk, Generation, Prompt, Sampling
from rilearn.services import Services
from rilearn.settings import Settings
from rilearn.store.annotators import Annotators
from rilearn.store.edits import Edits
from rilearn.store.reasonings import Reasonings
from rilearn.store.version_rows import Behind
from rilearn.store.versions import Versions
from tests.candidates import make_candidate, make_shipped
from tests.conftest import FakeEngine, eventually
from tests.store.conftest import reasoning
from tests.tiny import ROOT

BROKEN = "The adapter does not fit the base."


class Telling(FakeEngine):
    """Writes the first digits of the adapter's digest; `gate` holds a stream back, `bad` digests are refused."""

    def __init__(self) -> None:
        super().__init__()
        self.warmed: list[str] = []
        self.bad: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()

    def stream(self, prompt: Prompt, sampling: Sampling, adapter: AdapterRef | None = None) -> Iterator[Chunk]:
        assert adapter
        self._check(adapter)
        yield Chunk(f"{adapter.digest[:8]}", 1)
        self.gate.wait(10)
        yield Chunk(" after", 1)
        yield Chunk("", 0, "stop")

    def score(
        self, prompts: Sequence[Prompt], choices: Sequence[str], adapter: AdapterRef | None = None
    ) -> list[list[float]]:
        assert adapter
        self._check(adapter)
        self.warmed.append(adapter.digest)
        return super().score(prompts, choices, adapter)

    def generate(self, prompts: Any, sampling: Any, adapter: Any = None, progress: Any = None) -> Any:
        return [Generation(f"{adapter.digest[:8]} writes", 2, "stop") for _ in prompts]

    def _check(self, adapter: AdapterRef) -> None:
        if adapter.digest in self.bad:
            raise AdapterError(BROKEN)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    make_shipped(tmp_path / "adapters")
    return Settings(adapters=tmp_path / "adapters", state=tmp_path / "state", cache=tmp_path / "c", database_url="")


@pytest.fixture
def engine() -> Telling:
    return Telling()


@pytest.fixture
def run(settings: Settings) -> Iterator[Callable[..., Services]]:
    """Services over an engine, ready; as many as asked for, all over one state folder."""
    made: list[Services] = []

    def run(engine: FakeEngine, **changed: Any) -> Services:
        services = Services(settings.model_copy(update=changed), lambda *_: engine)
        made.append(services)
        services.start()
        assert services.wait(10).state == "ready"
        return services

    yield run
    for services in made:
        services.close()


@pytest.fixture
def services(run: Callable[..., Services], engine: Telling) -> Services:
    return run(engine)


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return make_candidate(tmp_path / "runs" / "q-ra-after-200", "reasoned", seed=1)


def digest(folder: Path) -> str:
    return load_adapter(folder).ref.digest


def verdict(folder: Path, role: Any, current: str) -> Verdict:
    evidence = Evidence(
        role=role,
        candidate=digest(folder),
        current=current,
        judge=Duel(wins=90),
        classifier={"both": 90, "neither": 10},
        parse_rate=1,
        mean_words=20,
        leak=0.5,
        current_leak=0.5,
        restatement=0,
    )
    return judge(evidence, Thresholds.of(Settings()))


def promote(services: Services, folder: Path, role: Any = "q-ra", token: str = "one") -> None:
    now = services.uptake.models.current(role)
    admin = Annotators(services.store.database).add("ada", "admin").id
    said = verdict(folder, role, now.ref.digest if now else "")
    services.uptake.promote(role, folder, said, admin, token)


def rollback(services: Services, role: Any = "q-ra", token: str = "back") -> None:
    now = services.uptake.models.current(role)
    assert now
    services.uptake.rollback(role, Annotators(services.store.database).add("ada", "admin").id, token, now.ref.digest)


def answer(services: Services, model: str = "q-ra") -> str:
    *_, last = services.predict("what a day", model)
    assert last.model == model and last.reasoning == f"{last.adapter_digest[:8]} after"
    return last.adapter_digest


def test_a_promotion_takes_over_under_the_same_name_and_the_one_before_stays(
    services: Services, engine: Telling, new: Path, tmp_path: Path
) -> None:
    first = answer(services)
    promote(services, new)
    assert engine.warmed[-1] == digest(new)  # before anybody asks for it
    assert services.models == ["q-ra", "q-ra v1", "q-a"] and services.default == "q-ra" and not services.problems
    assert (answer(services), answer(services, "q-ra v1")) == (digest(new), first)
    assert services.pair == ["q-a", "q-ra"]
    sides = final(services.classifiers(["q-ra", "q-ra v1"]), "what a day")
    assert [side.model for side in sides] == ["q-ra", "q-ra v1"] and sides[0].now != sides[1].now
    third = make_candidate(tmp_path / "runs" / "q-ra-3", "reasoned", seed=3)
    fourth = make_candidate(tmp_path / "runs" / "q-ra-4", "reasoned", seed=4)
    promote(services, third, token="two")
    promote(services, fourth, token="three")
    assert services.models == ["q-ra", "q-ra v3", "q-ra v1", "q-a"]  # the last one and the first one
    assert [answer(services, m) for m in services.models[:3]] == [digest(fourth), digest(third), first]


def test_a_rollback_gives_back_what_was(services: Services, new: Path) -> None:
    before = dict(services.adapters)
    promote(services, new)
    rollback(services)
    assert services.adapters == before and list(services.adapters) == list(before)


def test_a_request_in_flight_ends_with_the_adapter_it_began_with(
    services: Services, engine: Telling, new: Path
) -> None:
    first = services.adapters["q-ra"].ref.digest
    engine.gate.clear()
    growing = services.predict("what a day", "q-ra")
    while not next(growing).reasoning:
        pass
    promote(services, new)
    engine.gate.set()
    *_, last = growing
    assert last.done and last.reasoning == f"{first[:8]} after" and last.adapter_digest == first
    assert answer(services) == digest(new)


def test_visitors_are_answered_all_along(services: Services, new: Path, tmp_path: Path) -> None:
    ended, failed, seen = threading.Event(), [], set()

    def visit() -> None:
        while not ended.is_set():
            try:
                seen.add(answer(services))
            except Exception as error:
                failed.append(error)

    visitors = [threading.Thread(target=visit) for _ in range(3)]
    for visitor in visitors:
        visitor.start()
    try:
        for n in range(3):
            promote(services, new, token=f"p{n}")
            assert eventually(lambda: digest(new) in seen)
            rollback(services, token=f"r{n}")
    finally:
        ended.set()
        for visitor in visitors:
            visitor.join(10)
    assert not failed and len(seen) == 2


def test_the_next_start_has_it_and_loads_only_what_is_in_use(
    services: Services, settings: Settings, engine: Telling, new: Path
) -> None:
    promote(services, new)
    asked: list[list[str]] = []

    def loader(_: Settings, adapters: list[Adapter], report: object) -> FakeEngine:
        asked.append([a.ref.digest for a in adapters])
        return engine

    again = Services(settings, loader)
    again.start()
    assert again.wait(10).state == "ready" and answer(again) == digest(new)
    assert [sorted(one) for one in asked] == [sorted([digest(new), digest(settings.adapters / "q-a")])]
    again.close()


@pytest.mark.parametrize("harm", ["gone", "weights", "manifest"])
def test_a_broken_folder_falls_back_to_what_came_and_is_told(
    harm: str, services: Services, run: Callable[..., Services], settings: Settings, new: Path
) -> None:
    first = answer(services)
    promote(services, new)
    folder = kept_at(settings, digest(new))
    match harm:
        case "gone":
            shutil.rmtree(folder)
        case "weights":
            (folder / WEIGHTS).write_bytes(b"damaged")
        case "manifest":
            (folder / MANIFEST).write_text("{")
    again = run(Telling())
    assert answer(again) == first and again.models == ["q-ra", "q-a"]
    (problem,) = again.problems
    assert problem.startswith("the promoted version of q-ra:") and "roll back" in problem
    with pytest.raises(InputError, match="in use already"):  # which brings the files back all the same
        promote(again, new, token="two")
    assert not again.problems and answer(again) == digest(new)


def test_what_the_engine_refuses_never_takes_over(services: Services, engine: Telling, new: Path) -> None:
    first = answer(services)
    engine.bad.add(digest(new))
    promote(services, new)
    assert answer(services) == first and BROKEN in services.problems[0]
    rollback_to_first = services.uptake.models.current("q-ra")
    assert rollback_to_first and rollback_to_first.ref.digest == first
    admin = Annotators(services.store.database).add("ada", "admin").id
    services.uptake.rollback("q-ra", admin, "back", digest(new))
    assert not services.problems and answer(services) == first


def test_an_engine_that_does_not_start_with_it_starts_without(
    services: Services, settings: Settings, engine: Telling, new: Path
) -> None:
    promote(services, new)

    def loader(_: Settings, adapters: list[Adapter], report: object) -> FakeEngine:
        if digest(new) in {a.ref.digest for a in adapters}:
            raise EngineError(BROKEN)
        return engine

    again = Services(settings, loader)
    again.start()
    assert again.wait(10).state == "ready" and BROKEN in again.problems[0]
    assert answer(again) == digest(settings.adapters / "q-ra")
    again.close()


def test_another_process_picks_it_up(
    services: Services, run: Callable[..., Services], new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVERY", 0.05)
    other, engine = run(other_engine := Telling()), other_engine
    first = answer(other)
    promote(services, new)
    assert eventually(lambda: answer(other) == digest(new)) and digest(new) in engine.warmed
    rollback(services)
    assert eventually(lambda: answer(other) == first)


def test_nothing_is_opened_where_nothing_was_promoted(services: Services, settings: Settings) -> None:
    services.uptake.refresh()
    assert not services.store.opened and not list(settings.state_dir.glob("*.db"))
    assert services.store.votes().tally() == []
    services.uptake.refresh()
    assert services.models == ["q-ra", "q-a"]


def test_a_database_that_cannot_be_read_changes_nothing(
    services: Services, settings: Settings, new: Path, caplog: pytest.LogCaptureFixture
) -> None:
    promote(services, new)
    services.store.database.close()
    (settings.state_dir / "rilearn.db").unlink()
    for _ in range(3):
        services.uptake.refresh()
    assert answer(services) == digest(new)
    assert len([r for r in caplog.records if "promotions cannot be read" in r.message]) <= 1


def test_an_annotator_reads_what_the_promoted_generator_writes_to_their_text(
    services: Services, tmp_path: Path
) -> None:
    database = services.store.database
    ann = Annotators(database).add("ann").id
    labelled = reasoning(task=services.task.name, label=services.task.labels[0])
    (item,) = Reasonings(database).add([labelled])
    edit = Edits(database).edit(ann, item, "Grey clouds hold rain.", "e").id
    folder = make_candidate(tmp_path / "runs" / "generator-2", "generator", seed=2)
    Versions(database).register(load_adapter(folder), Behind(edits=(edit,)))
    assert services.mattered(ann) == []
    promote(services, folder, "generator")
    generator = services.generator
    assert generator and (generator.name, generator.ref.digest) == ("generator", digest(folder))
    (found,) = services.mattered(ann)
    assert found.correction == "Grey clouds hold rain." and found.old.id == item and found.chosen == ""
    assert found.new and found.new.reasoning.reasoning == f"{digest(folder)[:8]} writes"
    assert found.new.reasoning.adapter_digest == digest(folder) and services.mattered(ann) == [found]


def test_starting_brings_no_database_library(settings: Settings) -> None:
    code = (
        "import sys; from rilearn.services import Services; from rilearn.settings import Settings; "
        f"Services(Settings(adapters='{settings.adapters}', state='{settings.state}', database_url='')); "
        "print([m for m in ('sqlalchemy', 'safetensors', 'scipy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
