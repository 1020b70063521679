"""Visitors: signed ids that only this server makes, a key that outlives a restart and is nobody else's to read."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rilearn.errors import InputError
from rilearn.visitors import KEY, Visitors


def test_an_id_is_known_again_after_a_restart(tmp_path: Path) -> None:
    first = Visitors(tmp_path / "state")
    signed = first.new()
    again = Visitors(tmp_path / "state")
    assert again.known(signed) == first.known(signed) and again.cookie == first.cookie
    assert first.known(first.new()) != first.known(signed)
    assert len(first.known(signed)) >= 20 and (tmp_path / "state" / KEY).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("forged", [None, "", "me", "me.", "me.c2lnbmF0dXJl", ".", "ä.ö", "x" * 10_000])
def test_what_this_server_did_not_sign_is_refused(tmp_path: Path, forged: str | None) -> None:
    with pytest.raises(InputError, match="sent no cookie"):
        Visitors(tmp_path).known(forged)


def test_an_id_cannot_be_changed_nor_taken_to_another_server(tmp_path: Path) -> None:
    here, there = Visitors(tmp_path / "here"), Visitors(tmp_path / "there")
    signed = here.new()
    for other in (f"x{signed}", signed[:-1], there.new()):
        with pytest.raises(InputError):
            here.known(other)
    assert here.cookie != there.cookie and re.fullmatch(r"rilearn-visitor-[0-9a-f]{8}", here.cookie)


def test_many_that_start_together_have_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: Visitors(tmp_path).key, range(16)))) == 1


def test_a_part_of_a_key_is_replaced(tmp_path: Path) -> None:
    (tmp_path / KEY).write_bytes(b"half")
    key = Visitors(tmp_path).key
    assert len(key) == 32 and (tmp_path / KEY).read_bytes() == key


def test_without_a_folder_visitors_are_known_until_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    visitors = Visitors(tmp_path / "file")
    assert visitors.known(visitors.new()) and "no key can be kept" in caplog.text
