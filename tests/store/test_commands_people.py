"""Passphrases come by prompt or standard input and never by argument; who is deactivated cannot sign in."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from rilearn.errors import InputError
from rilearn.store import commands_people
from rilearn.store.annotators import Annotators
from rilearn.store.database import Database
from rilearn.store.logins import Logins
from rilearn.store.passphrases import Guesses
from rilearn.store.people import People
from tests.store.test_main import _here, said  # noqa: F401  the commands find the test's database

PHRASE = "grey clouds bring rain"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def typed(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(words))


@pytest.fixture
def logins(database: Database) -> Logins:
    return Logins(database, Guesses())


def test_a_passphrase_from_the_standard_input(
    logins: Logins,
    ann: int,
    annotators: Annotators,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    held = logins.begin(ann)
    typed(f"{PHRASE}\n", monkeypatch)
    assert said(capsys, "passphrase", "ann", "--dry-run") == "would be: passphrase set: ann\n" and logins.who(held)
    with pytest.raises(InputError, match="wrong"):
        logins.sign_in("ann", PHRASE)
    typed(f"{PHRASE}\r\nanother line\n", monkeypatch)
    assert PHRASE not in said(capsys, "passphrase", annotators.called("ann").pseudonym)
    assert logins.who(held) is None and logins.who(logins.sign_in("ann", PHRASE))


def test_a_passphrase_typed_twice_at_a_terminal(
    logins: Logins, ann: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = [PHRASE, "grey clouds bring snow", PHRASE, PHRASE]
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(commands_people, "getpass", lambda _: answers.pop(0))
    with pytest.raises(InputError, match="not the same"):
        said(capsys, "passphrase", "ann")
    with pytest.raises(InputError, match="wrong"):
        logins.sign_in("ann", PHRASE)
    said(capsys, "passphrase", "ann")
    assert logins.sign_in("ann", PHRASE)


@pytest.mark.parametrize("extra", [(), ("--dry-run",)])
def test_a_passphrase_that_is_none_or_for_nobody(
    extra: tuple[str, ...], ann: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed("short\n", monkeypatch)
    with pytest.raises(InputError, match="at least"):
        said(capsys, "passphrase", "ann", *extra)
    with pytest.raises(InputError, match="no annotator 'zoe'"):
        said(capsys, "passphrase", "zoe", *extra)
    with pytest.raises(SystemExit):  # it would be seen by others, and kept by the shell
        said(capsys, "passphrase", "ann", PHRASE, *extra)


def test_deactivate_and_reactivate(
    logins: Logins, ann: int, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    logins.set_passphrase(ann, PHRASE)
    said(capsys, "deactivate", "ann", "--dry-run")
    assert logins.sign_in("ann", PHRASE)
    assert said(capsys, "deactivate", "ann") == "deactivated: ann\n"
    assert said(capsys, "annotators", "list").split("\t")[2:] == ["annotator", "0 ratings", "deactivated\n"]
    said(capsys, "reactivate", "ann", "--dry-run")
    with pytest.raises(InputError, match="wrong"):
        logins.sign_in("ann", PHRASE)
    assert said(capsys, "reactivate", "ann") == "reactivated: ann\n" and logins.sign_in("ann", PHRASE)
    for command in ("deactivate", "reactivate"):
        with pytest.raises(InputError, match="no annotator"):
            said(capsys, command, "zoe", "--dry-run")
    assert [person.deactivated_at for person in People(database).all()] == [None]


def test_an_admin_lets_an_imported_annotator_in(
    logins: Logins,
    annotators: Annotators,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    row = '"annotator": "p-1", "annotator_name": "ira", "token": "t", "created_at": "2026-01-01T00:00:00+00:00"'
    about = ", ".join(f'"{name}": "x"' for name in ("text", "label", "reasoning", "task", "source", "corrected"))
    rest = ", ".join(f'"{name}": ""' for name in ("split", "adapter", "adapter_digest", "prompt_version"))
    file = tmp_path / "corrections.jsonl"
    file.write_text(f'{{{row}, {about}, {rest}, "sampling": null, "signals": {{}}}}')
    assert "1 new" in said(capsys, "import", file)
    typed(PHRASE, monkeypatch)
    said(capsys, "passphrase", "ira")
    found = logins.who(logins.sign_in("ira", PHRASE))
    assert found and found.pseudonym == "p-1" and found == annotators.find("ira")
