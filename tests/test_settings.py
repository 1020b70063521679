"""Settings: read from the environment when made, never at import; frozen; what makes no sense is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from rilearn.settings import Settings
from tests.tiny import ROOT


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("RILEARN_")]:
        monkeypatch.delenv(name)


def test_the_defaults_are_those_of_a_fresh_clone() -> None:
    settings = Settings()
    assert (settings.base, settings.task, settings.max_chars) == ("embedded", "emotion", 1000)
    assert settings.adapters == ROOT / "data" / "adapters" and settings.engine == "" and settings.threads is None
    assert settings.cache_dir == Path.home() / ".cache" / "rilearn"
    assert settings.state_dir == Path.home() / ".local" / "state" / "rilearn" and settings.database_url == ""


def test_each_field_is_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"cache": "/c", "base": "org/name", "engine": "transformers", "task": "support", "adapters": "/a"}
    values |= {"state": "/s", "database_url": "postgresql://ann:secret@host/name"}
    values |= {"max_chars": "20", "queue": "3", "parallel": "2", "threads": "1"}
    values |= {"dataset": "/d", "batch_rows": "9", "batch_mb": "1"}
    assert set(values) <= set(Settings.model_fields)
    for name, value in values.items():
        monkeypatch.setenv(f"RILEARN_{name.upper()}", value)
    found = Settings().model_dump(include=set(values))
    assert {name: str(value) for name, value in found.items()} == values
    assert "secret" not in repr(Settings())


def test_folders_may_begin_with_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RILEARN_CACHE", "~/elsewhere")
    monkeypatch.setenv("RILEARN_STATE", "~/kept")
    assert Settings().cache_dir == tmp_path / "elsewhere" and Settings().state_dir == tmp_path / "kept"


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_chars", "9"), ("max_chars", "many"), ("queue", "0"), ("parallel", "0"), ("threads", "0"), ("threads", "x")],
)
def test_what_makes_no_sense_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"RILEARN_{name.upper()}", value)
    with pytest.raises(ValidationError, match=name):
        Settings()


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().base = "other"  # type: ignore[misc]


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spaces, Docker and CI pass on variables that nobody filled in."""
    for name in Settings.model_fields:
        monkeypatch.setenv(f"RILEARN_{name.upper()}", "")
    empty = Settings()
    monkeypatch.undo()
    assert empty.threads is None and empty.base == "embedded" and empty.cache == Path("~/.cache/rilearn")


def test_importing_reads_nothing() -> None:
    """With a variable that would be refused, every module of the lower floors still imports."""
    code = "import rilearn.settings, rilearn.prompts, rilearn.weights, rilearn.services, rilearn.engines"
    environment = {**os.environ, "RILEARN_QUEUE": "none", "RILEARN_THREADS": "x"}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False).returncode == 0
