"""tables: rows out of files as people save them and out of splits; what is broken is named by its number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rilearn import tables
from rilearn.errors import DataError, InputError
from rilearn.settings import Settings
from rilearn.tables import Row, Rows, find_column, read_rows, sample_rows
from rilearn.tasks import load_task

TASK = load_task("emotion")
DEMO = Path(__file__).resolve().parent.parent / "data" / "demo" / "emotion"


def read(path: Path, **changes: Any) -> Rows:
    return read_rows(path, TASK, Settings(**changes))


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def parquet(folder: Path, **columns: list[Any]) -> Path:
    pq.write_table(pa.table(columns), folder / "rows.parquet")
    return folder / "rows.parquet"


def test_csv_with_quotes_line_breaks_and_labels_by_name_and_number(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", '\ufeffText,Label\r\n"one, ""two""\nthree",Joy\r\n\r\nfour,3\r\nfive,\r\n')
    rows = read(path)
    assert rows.good == (Row(1, 'one, "two"\nthree', "joy"), Row(2, "four", "anger"), Row(3, "five", None))
    assert (rows.source, rows.problems, rows.more) == ("a.csv", (), False)


@pytest.mark.parametrize("sign", [";", "\t"])
def test_csv_with_other_delimiters(tmp_path: Path, sign: str) -> None:
    path = write(tmp_path, "a.csv", f"id{sign}sentence{sign}emotion\n1{sign}so glad, really{sign}joy\n")
    assert read(path).good == (Row(1, "so glad, really", "joy"),)


def test_json_lines_with_broken_rows_named_by_line(tmp_path: Path) -> None:
    lines = [
        '{"text": "one", "label": "joy"}',
        "{oops",
        '["text"]',
        "",
        '{"text": 5}',
        '{"text": "  "}',
        '{"label": "joy"}',
        json.dumps({"text": "x" * 1001}),
        '{"text": "two", "label": "nonsense"}',
        '{"text": "\\ud800"}',
        '{"text": "\\u200b"}',
        '{"text": "last", "label": null}',
    ]
    rows = read(write(tmp_path, "a.jsonl", "\n".join(lines)))
    assert rows.good == (Row(1, "one", "joy"), Row(12, "last", None))
    reasons = {problem.number: problem.reason for problem in rows.problems}
    assert list(reasons) == [2, 3, 5, 6, 7, 8, 9, 10, 11]
    for number, words in (
        (2, "not valid JSON"),
        (3, "not a JSON object"),
        (5, "no string but int"),
        (6, "empty"),
        (7, "empty"),
        (8, "1,001 characters"),
        (9, "'nonsense' is not one of sadness, joy"),
        (10, "surrogate"),
        (11, "invisible"),
    ):
        assert words in reasons[number], number


def test_csv_rows_with_too_many_cells_and_giant_cells(tmp_path: Path) -> None:
    giant = "y" * 140_000  # past the csv module's own limit
    rows = read(write(tmp_path, "a.csv", f"text,label\none,joy\ntwo, three,joy\n{giant},joy\nfour,joy\n"))
    assert [row.number for row in rows.good] == [1, 4]
    assert [problem.number for problem in rows.problems] == [2, 3]
    assert "3 cells, the header 2" in rows.problems[0].reason and "cannot be read" in rows.problems[1].reason


def test_parquet_with_numbers_for_labels(tmp_path: Path) -> None:
    path = parquet(tmp_path, content=["one", None, "three"], target=[1.0, 2.0, float("nan")])
    rows = read(path)
    assert rows.good == (Row(1, "one", "joy"), Row(3, "three", None))
    assert rows.problems[0].number == 2


def test_the_limit_on_rows_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text\n" + "glad\n" * 7)
    assert len(read(path, batch_rows=5).good) == 5 and read(path, batch_rows=5).more
    assert len(read(path, batch_rows=7).good) == 7 and not read(path, batch_rows=7).more


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", "text", "not a .csv, .jsonl, .parquet file"),
        ("a.csv", "id,headline\n1,x\n", "no column of texts. Name one 'text'. Its columns: id, headline"),
        ("a.csv", "text,label\n", "has no rows"),
        ("a.csv", "", "has no rows"),
        ("a.csv", "text\nd\xe9j\xe0 vu\n".encode("latin-1"), "not UTF-8 text"),
        ("a.parquet", "text", "cannot be read as Parquet"),
        ("a.csv", "text\n" + "x" * 1_100_000, "has 1.1 MB, the limit is 1 MB"),
    ],
)
def test_files_that_cannot_be_used_are_refused_in_words(
    tmp_path: Path, name: str, content: str | bytes, words: str
) -> None:
    with pytest.raises(DataError, match=words.replace(".", r"\.")):
        read(write(tmp_path, name, content), batch_mb=1)


def test_a_parquet_file_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet(tmp_path, text=[f"{i} glad" for i in range(100)])
    assert len(read(path).good) == 100
    monkeypatch.setattr(tables, "MOST_UNPACKED", 100)
    with pytest.raises(DataError, match="unpacks to"):
        read(path)


def test_columns_are_found_in_the_order_of_wishes() -> None:
    assert find_column(("text", "body"), ["Body", " TEXT "]) == " TEXT "
    assert find_column(("text",), ["body"]) is None


def test_a_sample_is_the_same_for_the_same_seed_and_keeps_its_numbers() -> None:
    settings = Settings(dataset=str(DEMO), batch_rows=30)
    rows = sample_rows(TASK, "validation", 20, 3, settings)
    assert rows == sample_rows(TASK, "validation", 20, 3, settings)
    assert rows != sample_rows(TASK, "validation", 20, 4, settings)
    lines = [json.loads(line) for line in (DEMO / "validation.jsonl").read_text().splitlines()]
    assert len(rows.good) == 20 and all(
        lines[row.number - 1] == {"text": row.text, "label": row.label} for row in rows.good
    )
    for count in (0, 31):
        with pytest.raises(InputError, match="between 1 and 30"):
            sample_rows(TASK, "validation", count, 0, settings)


def test_a_dataset_that_is_not_there_says_what_to_set() -> None:
    with pytest.raises(DataError, match="no folder"):
        sample_rows(TASK, "validation", 5, 0, Settings(dataset="/nowhere/at/all"))
