"""Promotion over real engines: no restart, no answer lost, what cannot load stays out."""

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
from tests.tiny import ROOT, build_adapter

TEXT = "I finally finished the marathon and cannot stop smiling"


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    for name in ("q-ra", "generator"):
        shutil.copytree(ROOT / "data" / "adapters" / name, tmp_path / "adapters" / name)
    made = Services(
        Settings(adapters=tmp_path / "adapters", state=tmp_path / "state", database_url="", engine="", threads=1)
    )
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


def check_promotion_and_rollback(services: Services, folder: Path) -> None:
    """A promotion while an answer is written, then a rollback."""
    first = answer(services, "q-ra")
    growing = services.predict(TEXT, "q-ra")
    while not next(growing).reasoning:
        pass
    new = promote(services, folder)
    *_, last = growing
    assert last.done and (last.adapter_digest, last.reasoning) == first
    now = answer(services, "q-ra")
    assert now[0] == new != first[0] and not services.problems
    assert answer(services, "q-ra v1") == first
    admin = Annotators(services.store.database).add("ada", "admin").id
    services.uptake.rollback("q-ra", admin, "back", new)
    assert answer(services, "q-ra") == first


@pytest.mark.model
def test_llama_cpp_takes_up_a_promotion(services: Services, tmp_path: Path) -> None:
    check_promotion_and_rollback(services, candidate(tmp_path / "weaker", lora_alpha=20))


def test_transformers_takes_up_a_promotion(tiny_folder: Path, tmp_path: Path) -> None:
    build_adapter(tmp_path / "adapters" / "q-ra", tiny_folder, "reasoned", seed=1)
    where = {"adapters": tmp_path / "adapters", "state": tmp_path / "state", "database_url": ""}
    services = Services(Settings(base=str(tiny_folder), engine="transformers", **where))  # type: ignore[arg-type]
    services.start()
    assert services.wait(120).state == "ready", services.status
    try:
        check_promotion_and_rollback(services, build_adapter(tmp_path / "new", tiny_folder, "reasoned", seed=2))
    finally:
        services.close()


@pytest.mark.model
def test_what_llama_cpp_cannot_express_never_takes_over(services: Services, tmp_path: Path) -> None:
    first = answer(services, "q-ra")
    promote(services, candidate(tmp_path / "dora", use_dora=True))
    assert answer(services, "q-ra") == first and "cannot express this adapter" in services.problems[0]
    again = Services(services.settings)
    again.start()
    assert again.wait(300).state == "ready", again.status
    assert answer(again, "q-ra") == first and "cannot express" in again.problems[0]
    again.close()
