"""progress_file: what is written is read; what is no such file is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rilearn.progress_file import Progress, read, write


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    assert read(path) is None
    write(path, Progress("train", 3, 12, "dpo: loss 0.6", 41.5))
    found = read(path)
    assert found is not None and (found.stage, found.done, found.total, found.seconds_left) == ("train", 3, 12, 41.5)
    assert found.message == "dpo: loss 0.6" and found.share == 0.25
    assert abs((datetime.now(UTC) - datetime.fromisoformat(found.updated)).total_seconds()) < 60
    assert [p.name for p in tmp_path.iterdir()] == ["progress.json"]


def test_the_share_stays_between_nothing_and_all() -> None:
    assert [Progress("a", *n).share for n in ((0, 0), (5, 4), (-1, 4), (1, 4))] == [0, 1, 0, 0.25]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", "{}", '{"stage": "a", "done": "x", "total": 1}', '{"stage": "a", "done": 1e999, "total": 1}'],
)
def test_what_is_no_progress_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "progress.json"
    path.write_text(text)
    assert read(path) is None


def test_a_time_that_is_none_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    for left in ("NaN", "Infinity", "-3", "null"):
        path.write_text(f'{{"stage": "a", "done": 1, "total": 2, "seconds_left": {left}}}')
        found = read(path)
        assert found is not None and found.seconds_left is None and found.done == 1
    path.write_text(json.dumps({"stage": "a" * 200_000, "done": 1, "total": 1}))
    assert read(path) is None
    with pytest.raises(ValueError):
        write(path, Progress("a", 1, 1, seconds_left=float("nan")))
