"""Promotion over the real packaged base in llama.cpp: no restart, no request in flight lost, what cannot load is left."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from rilearn.adapters import load_adapter
from rilearn.services import Services
from rilearn.settings import Settings
from rilearn.store.annotators import Annotators
from tests.promoting import overruled
from tests.tiny import ROOT

pytestmark = pytest.mark.model
TEXT = "I finally finished the marathon and cannot stop smiling"


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    for name in ("q-ra", "generator"):
        shutil.copytree(ROOT / "data" / "adapters" / name, tmp_path / "adapters" / name)
    made = Services(Settings(adapters=tmp_path / "adapters", state=tmp_path / "state", database_url="", engine=""))
    made.start()
    assert made.wait(300).state == "ready", made.status
    yield made
    made.close()


def candidate(folder: Path, **config: object) -> Path:
    """The shipped q-ra with another configuration: another version by its digest."""
    shutil.copytree(ROOT / "data" / "adapters" / "q-ra", folder)
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | config))
    return folder


def promote(services: Services, folder: Path) -> str:
    digest = load_adapter(folder).ref.digest
    admin = Annotators(services.store.database).add("ada", "admin").id
    services.uptake.promote("q-ra", folder, overruled("q-ra", digest), admin, folder.name, "a test")
    return digest


def answer(services: Services, model: str) -> tuple[str, str]:
    *_, last = services.predict(TEXT, model)
    return last.adapter_digest, last.reasoning


def test_a_promotion_while_an_answer_is_written(services: Services, tmp_path: Path) -> None:
    first = answer(services, "q-ra")
    growing = services.predict(TEXT, "q-ra")
    while not next(growing).reasoning:
        pass
    new = promote(services, candidate(tmp_path / "weaker", lora_alpha=20))
    *_, last = growing
    assert last.done and (last.adapter_digest, last.reasoning) == first
    now = answer(services, "q-ra")
    assert now[0] == new != first[0] and not services.problems
    assert answer(services, "q-ra v1") == first
    admin = Annotators(services.store.database).add("ada", "admin").id
    services.uptake.rollback("q-ra", admin, "back", new)
    assert answer(services, "q-ra") == first


def test_what_llama_cpp_cannot_express_never_takes_over(services: Services, tmp_path: Path) -> None:
    first = answer(services, "q-ra")
    promote(services, candidate(tmp_path / "dora", use_dora=True))
    assert answer(services, "q-ra") == first and "cannot express this adapter" in services.problems[0]
    again = Services(services.settings)
    again.start()
    assert again.wait(300).state == "ready", again.status
    assert answer(again, "q-ra") == first and "cannot express" in again.problems[0]
    again.close()
