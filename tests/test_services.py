"""Services: which adapters become models, loading in the background, and what goes wrong said in words."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from rilearn.adapters import Adapter
from rilearn.errors import ConfigError, EngineError, InputError, StoreError, WeightsError
from rilearn.faithfulness import REMOVED, SAME, Report
from rilearn.records import AdapterRef, Prompt
from rilearn.services import Services
from rilearn.settings import Settings
from rilearn.store.database import FILE
from tests.conftest import FakeEngine, eventually


class Noting(FakeEngine):
    """Notes which adapter scored what."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[Prompt, str]] = set()

    def score(
        self, prompts: Sequence[Prompt], choices: Sequence[str], adapter: AdapterRef | None = None
    ) -> list[list[float]]:
        self.seen |= {(prompt, adapter.path.name if adapter else "") for prompt in prompts}
        return super().score(prompts, choices, adapter)


def test_models_of_the_task_default_first(services: Services) -> None:
    assert services.models == ["q-ra", "q-a"] and services.default == "q-ra" and services.ready()


def test_default_without_q_ra(settings: Settings, adapters: Path) -> None:
    shutil.rmtree(adapters / "q-ra")
    services = Services(settings)
    assert services.default == "q-a" and services.pair == ["q-a"]


def test_what_is_compared_unless_somebody_chooses(settings: Settings, adapters: Path) -> None:
    shutil.copytree(adapters / "q-a", adapters / "a-first")
    manifest = adapters / "a-first" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"q-a"', '"a-first"'))
    assert Services(settings).models == ["q-ra", "a-first", "q-a"] and Services(settings).pair == ["q-a", "q-ra"]
    shutil.rmtree(adapters / "q-ra")
    assert Services(settings).pair == ["q-a", "a-first"]


def test_predict_uses_the_named_model(services: Services) -> None:
    *_, reasoned = services.predict("what a day", "q-ra")
    *_, direct = services.predict("what a day", "q-a")
    assert (reasoned.model, direct.model) == ("q-ra", "q-a") and reasoned.reasoning and not direct.reasoning


def test_faithfulness_counts_the_donors_then_reports(services: Services, engine: FakeEngine) -> None:
    *progress, report = services.faithfulness("what a warm day", "It is warm.", "q-ra")
    assert progress == [(n, 8) for n in range(9)] and isinstance(report, Report)
    assert report.text == "what a warm day" and (report.answer, report.spans) == ("joy", ((7, 11),))
    assert set(report.edits) >= {REMOVED, SAME} and report.whole and services.give_way(0)
    first, *_ = services.faithfulness("another", "It is warm.", "q-ra")
    assert first == (8, 8)
    with pytest.raises(InputError, match="no model 'gpt'"):
        next(services.faithfulness("another", "It is warm.", "gpt"))


def test_faithfulness_reads_the_evidence_with_the_direct_model_if_there_is_one(
    settings: Settings, adapters: Path
) -> None:
    def asked() -> set[str]:
        """The adapters that are asked for the label of the named word alone."""
        engine = Noting()
        services = Services(settings, lambda *_: engine)
        services.start()
        services.wait(10)
        alone = services.classifier("q-ra").templates.direct("warm").text
        *_, _ = services.faithfulness("what a warm day", "It is warm.", "q-ra")
        return {adapter for prompt, adapter in engine.seen if prompt.text == alone}

    assert asked() == {"q-a"}
    shutil.rmtree(adapters / "q-a")
    assert asked() == {"q-ra"}


def test_unknown_model_and_bad_text(services: Services) -> None:
    with pytest.raises(InputError, match="q-ra, q-a"):
        next(services.predict("what a day", "gpt"))
    with pytest.raises(InputError, match="Type a sentence"):
        next(services.predict(" ", "q-ra"))


def test_loading_runs_behind_and_reports(settings: Settings, engine: FakeEngine) -> None:
    go = threading.Event()

    def slow(_settings: Settings, adapters: list[Adapter], report: Callable[[str, float], None]) -> FakeEngine:
        assert len(adapters) == 2
        report("Downloading the model (93 MB)", 0.4)
        go.wait(10)
        return engine

    services = Services(settings, slow)
    assert services.status.state == "loading"
    services.start()
    services.start()  # a second call does not load twice
    assert eventually(lambda: services.status.share == 0.4)
    assert services.status.message.startswith("Downloading") and not services.ready()
    with pytest.raises(EngineError, match=r"still loading \(Downloading"):
        services.classifier("q-ra")
    statuses = services.loading(every=0.01)
    assert next(statuses).state == "loading"
    go.set()
    list(statuses)  # ends by itself
    assert services.wait(10).state == "ready"
    services.close()
    assert engine.freed


def test_failure_becomes_a_message_and_retry_works(settings: Settings, engine: FakeEngine) -> None:
    outcomes: list[object] = [WeightsError("No network. Check it."), ValueError("secret detail"), engine]

    def flaky(*_: object) -> FakeEngine:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        assert isinstance(outcome, FakeEngine)
        return outcome

    services = Services(settings, flaky)
    services.start()
    assert services.wait(10).message == "No network. Check it."
    with pytest.raises(EngineError, match="No network"):
        list(services.loading())
    services.start()
    assert services.wait(10).message.startswith("The model could not be loaded (ValueError)")
    services.start()
    assert services.wait(10).state == "ready"


def test_closed_while_loading_frees_the_engine(settings: Settings, engine: FakeEngine) -> None:
    go = threading.Event()
    services = Services(settings, lambda *_: go.wait(10) and engine)  # type: ignore[arg-type]
    services.start()
    services.close()
    go.set()
    assert eventually(lambda: engine.freed) and not services.ready()


def test_closing_closes_the_database_even_after_an_engine_that_will_not_go(
    settings: Settings, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = Services(settings, lambda *_: engine)
    services.start()
    services.wait(10)
    assert services.store.votes().tally() == []
    monkeypatch.setattr(engine, "close", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        services.close()
    with pytest.raises(StoreError, match="shutting down"):
        services.store.votes()


def test_without_a_database_everything_else_works(settings: Settings, engine: FakeEngine) -> None:
    (settings.state_dir / FILE).unlink()
    settings.state_dir.rmdir()
    settings.state_dir.write_text("a file where the folder should be")
    services = Services(settings, lambda *_: engine)
    services.start()
    assert services.wait(10).state == "ready"
    *_, last = services.predict("what a day", "q-ra")
    assert last.done
    with pytest.raises(StoreError, match="RILEARN_STATE"):
        services.store.votes()
    services.close()


def test_no_adapters_is_a_clear_empty_state(tmp_path: Path) -> None:
    services = Services(Settings(adapters=tmp_path / "none"))
    services.start()
    status = services.wait(1)
    assert status.state == "empty" and "python -m training." in status.message
    with pytest.raises(EngineError, match="no trained classifier"):
        next(services.predict("what a day", "q-ra"))


def test_damaged_adapters_are_named(settings: Settings, adapters: Path) -> None:
    (adapters / "q-a" / "manifest.json").write_text("{")
    services = Services(settings)
    assert services.models == ["q-ra"] and len(services.problems) == 1 and "q-a" in services.problems[0]


def test_unknown_task(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="emotion"):
        Services(settings.model_copy(update={"task": "nonsense"}))


def test_the_app_starts_without_heavy_libraries() -> None:
    """Building the whole page with the llamacpp engine must not import what only training needs."""
    code = (
        "import sys; from rilearn.services import Services; from rilearn.settings import Settings;"
        "from rilearn.ui.build import build; import rilearn.engines; build(Services(Settings(engine='llamacpp')));"
        "print([m for m in ('torch', 'transformers', 'datasets', 'peft', 'sklearn', 'sqlalchemy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert out.stdout.strip().splitlines()[-1] == "[]"
