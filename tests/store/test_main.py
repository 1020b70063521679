"""The command line: each command does what it says, a dry run does nothing, errors are one line and status 2."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rilearn.errors import RilearnError
from rilearn.records import Rating
from rilearn.store.__main__ import COMMANDS, main
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.invitations import Invitations
from rilearn.store.queue import Queue
from rilearn.store.ratings import Ratings
from rilearn.store.reasonings import Reasonings
from tests.store.conftest import reasoning


@pytest.fixture(autouse=True)
def _here(url: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RILEARN_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("RILEARN_DATABASE_URL", url or "")


@pytest.fixture
def rated(database: Database, reasonings: Reasonings, ratings: Ratings, ann: int, bob: int) -> None:
    for i in reasonings.add([reasoning(i) for i in range(6)]):
        ratings.rate(ann, i, Rating("good" if i % 2 else "poor"), f"t{i}")
        ratings.rate(bob, i, Rating("good" if i % 2 else "poor"), f"t{i}")


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    main([str(argument) for argument in arguments])
    return capsys.readouterr().out


def test_export_and_import(
    rated: None, database: Database, bob: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert "would be: 12 ratings" in said(capsys, "export", "--out", out, "--dry-run") and not out.exists()
    assert "12 ratings: ratings.csv" in said(capsys, "export", "--out", out, "--format", "csv", "--names")
    assert b"ann" in (out / "ratings.csv").read_bytes()
    file = out / "ratings.csv"
    for rating in Ratings(database).live_ratings(bob):
        Ratings(database).retract(bob, rating.id)
    file.write_text(re.sub(r",(t\d),", r",again-\1,", file.read_text()))
    assert "would be: ratings: 12 new, 0 here already, 0 left out" in said(capsys, "import", file, "--dry-run")
    assert len(Ratings(database).live_ratings()) == 6
    said(capsys, "delete-annotator", "ann")
    for extra, before in (("--dry-run", "would be: "), (out / "pairs.csv", "")):
        told = said(capsys, "import", file, extra)
        assert told.startswith(f"{before}ratings: 6 new, 0 here already, 0 left out\n")
        assert f"{before}  6 rows are left out: who said it was deleted here\n" in told
    assert len(Ratings(database).live_ratings()) == 6


def test_problems_are_listed_by_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ratings.jsonl"
    path.write_text("[]\n" * 25)
    told = said(capsys, "import", path)
    assert "25 left out" in told and "  row 20: " in told and "row 21" not in told and "and 5 more" in told


def test_import_reasonings(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "what a day", "label": "joy", "reasoning": "It sounds so."}))
    assert "would be: reasonings: 1 new" in said(capsys, "import-reasonings", path, "--dry-run")
    assert "reasonings: 1 new" in said(capsys, "import-reasonings", path, "--task", "emotion", "--ratings", "2")
    assert Queue(database).left() == 1


def test_annotators(annotators: Annotators, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "annotators", "add", "zoe", "--role", "admin", "--dry-run") == "would be: zoe: admin\n"
    assert annotators.find("zoe") is None
    assert said(capsys, "annotators", "add", "zoe", "--role", "admin") == "zoe: admin\n"
    assert said(capsys, "annotators", "add", "zoe") == "zoe: admin\n"  # keeps the role
    annotators.add("\x1b[31mred")
    lines = said(capsys, "annotators", "list").splitlines()
    assert lines[1].split("\t")[0::2] == ["zoe", "admin"] and "\x1b" not in lines[0] and "red" in lines[0]


def test_delete(rated: None, annotators: Annotators, capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "delete-annotator", "ann", "--dry-run")
    assert "would be: deleted: ann, 6 ratings and 0 corrections" in told and annotators.find("ann")
    assert "would" not in said(capsys, "delete-annotator", "ann") and annotators.find("ann") is None


def test_stats(rated: None, capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "stats")
    assert "12 ratings of 6 reasonings" in told and "labels\train\t12 ratings\t50% good (25% to 75%)" in told
    assert "Krippendorff's alpha\tverdict\t1.00 (1.00 to 1.00)" in told and "adapters\tnone" in told


def test_push_without_ratings_and_dry(rated: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert "would be: 12 ratings" in said(capsys, "push", "owner/name", "--dry-run")


def test_an_error_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RilearnError):
        main(["delete-annotator", "nobody"])
    command = [sys.executable, "-m", "rilearn.store", "import", str(tmp_path / "ratings.jsonl")]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and done.stderr.startswith("error: 'ratings.jsonl'")


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    for name, (_, action) in COMMANDS.items():
        assert name in told and action.__doc__


def test_an_invitation_lets_somebody_join_once(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    secret = said(capsys, "invite", "--role", "admin").strip().rpartition("invite=")[2]
    Invitations(database).join(secret, "zoe", "a long enough phrase")
    assert [(a.name, a.role) for a in [Annotators(database).find("zoe")] if a] == [("zoe", "admin")]
    with pytest.raises(RilearnError, match="not valid"):
        Invitations(database).join(secret, "yan", "a long enough phrase")
