"""versions, promote and rollback on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rilearn.adapters import load_adapter
from rilearn.errors import InputError, PromotionRefused
from rilearn.gate import Duel, Evidence, Paired
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.promotions import Promotions
from rilearn.store.versions import Versions
from tests.candidates import make_candidate, make_shipped
from tests.store.test_main import said


@pytest.fixture(autouse=True)
def _here(url: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RILEARN_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("RILEARN_DATABASE_URL", url or "")
    monkeypatch.setenv("RILEARN_ADAPTERS", str(make_shipped(tmp_path / "adapters")))


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return make_candidate(tmp_path / "generator-2", "generator", seed=1)


@pytest.fixture
def evidence(new: Path, tmp_path: Path) -> Callable[[int], Path]:
    def evidence(wins: int) -> Path:
        held = Evidence(
            role="generator",
            candidate=load_adapter(new).ref.digest,
            current=load_adapter(tmp_path / "adapters" / "generator").ref.digest,
            judge=Duel(wins=wins, losses=100 - wins),
            classifier=Paired(both=90, neither=10),
            parse_rate=1,
            mean_words=20,
            leak=0.5,
            current_leak=0.5,
            restatement=0,
        )
        file = tmp_path / f"evidence-{wins}.json"
        file.write_text(held.model_dump_json())
        return file

    return evidence


def test_promote_list_and_roll_back(
    new: Path, evidence: Callable[[int], Path], database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    Annotators(database).add("ada", "admin")
    to = ("promote", new, "--role", "generator", "--as", "ada", "--evidence", evidence(90))
    dry = said(capsys, *to, "--dry-run")
    assert dry.count("would be: passed\t") == 7 and "would be: generator-2: promoted" in dry
    assert Promotions(database).newest() == 0 and Versions(database).all() == []
    assert "is in use as generator; it replaced" in said(capsys, *to)
    lines = said(capsys, "versions").splitlines()
    assert [line.split("\t")[0] for line in lines[:-1]] == ["generator v1", "q-a v1", "q-ra v1", "generator-2 v2"]
    assert [line.endswith("in use as generator") for line in lines[:4]] == [False, False, False, True]
    assert "\tpromote\t" in lines[-1] and "\tada\t" in lines[-1]
    back = said(capsys, "rollback", "--role", "generator", "--as", "ada", "--reason", "worse\x1b[2J")
    assert "is in use as generator again" in back
    last = said(capsys, "versions").splitlines()[-1]
    assert "\trollback\t" in last and "worse" in last and "\x1b" not in last
    with pytest.raises(InputError, match="no version before"):
        said(capsys, "rollback", "--role", "generator", "--as", "ada")


def test_a_refusal_is_kept_and_an_admin_overrules_it(
    new: Path, evidence: Callable[[int], Path], database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    Annotators(database).add("ada", "admin")
    Annotators(database).add("ann")
    to = ("promote", new, "--role", "generator", "--evidence", evidence(50), "--as")
    assert "would be: generator-2: refused" in said(capsys, *to, "ada", "--dry-run")
    with pytest.raises(PromotionRefused, match="must begin above"):
        said(capsys, *to, "ada")
    (kept,) = Versions(database).all()
    assert kept.verdict and kept.verdict["passed"] is False
    for who, why in (("ann", "Only an admin"), ("nobody", "no annotator 'nobody'")):
        with pytest.raises(InputError, match=why):
            said(capsys, *to, who, "--overrule", "I want it")
    assert "is in use" in said(capsys, *to, "ada", "--overrule", "Read them all.")
    done = Promotions(database).active("emotion", "generator")
    assert done and done.reason == "Read them all."


def test_evidence_about_another_folder_is_refused(
    evidence: Callable[[int], Path], tmp_path: Path, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    Annotators(database).add("ada", "admin")
    other = make_candidate(tmp_path / "other", "generator", seed=9)
    with pytest.raises(PromotionRefused, match="The evidence is about"):
        said(capsys, "promote", other, "--role", "generator", "--as", "ada", "--evidence", evidence(90))
    assert Versions(database).all() == []
