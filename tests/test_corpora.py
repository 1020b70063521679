"""Corpora: one path for parquet, JSON lines and CSV; what does not fit is told by what was found; nothing leaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rilearn.corpora import (
    Split,
    columns,
    fingerprint,
    load_rows,
    load_split,
    overlaps,
    public_name,
    text_key,
    without_leaks,
)
from rilearn.errors import DataError
from rilearn.records import Example
from rilearn.tasks import DatasetSpec, load_task
from training.data import read_reasonings, task_rows
from training.recipes import TextData

TASK = load_task("emotion")
NAMES = list(TASK.labels)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("datasets"))


def jsonl(folder: Path, **splits: list[dict[str, Any]]) -> DatasetSpec:
    folder.mkdir(exist_ok=True)
    for name, rows in splits.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return DatasetSpec(id=str(folder))


def hub(folder: Path, names: list[str], labels: list[int], split: str = "train") -> DatasetSpec:
    """A folder as the Hub lays it out: one parquet file a split in a folder named for the configuration."""
    import datasets

    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)})
    made = datasets.Dataset.from_dict({"text": [f"text {i}" for i in labels], "label": labels}, features=features)
    (folder / "split").mkdir(parents=True, exist_ok=True)
    made.to_parquet(str(folder / "split" / f"{split}-00000-of-00001.parquet"))
    return DatasetSpec(id=str(folder), config="split")


def test_every_format_gives_the_same_rows(tmp_path: Path) -> None:
    rows = [(f"text {i}", NAMES[i]) for i in (3, 0, 5)]
    named = jsonl(tmp_path / "jsonl", train=[{"text": t, "label": label} for t, label in rows])
    numbered = jsonl(tmp_path / "numbers", train=[{"text": t, "label": NAMES.index(label)} for t, label in rows])
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "train.csv").write_text("text,label\n" + "".join(f"{t},{label}\n" for t, label in rows))
    specs = [named, numbered, DatasetSpec(id=str(tmp_path / "csv")), hub(tmp_path / "hub", NAMES, [3, 0, 5])]
    found = [load_split(TASK, "train", spec) for spec in specs]
    assert [(e.text, e.label) for e in found[0].examples] == rows
    assert len({split.fingerprint for split in found}) == 1 and len({split.examples for split in found}) == 1


def test_numbers_count_by_the_datasets_own_names_not_by_the_tasks_order(tmp_path: Path) -> None:
    turned = NAMES[::-1]
    split = load_split(TASK, "train", hub(tmp_path, turned, [0, 5]))
    assert [e.label for e in split.examples] == [turned[0], turned[5]]


def test_a_name_of_the_dataset_that_the_task_lacks_is_told_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 1: label 'boredom' is not one of sadness, joy"):
        load_split(TASK, "train", hub(tmp_path, ["joy", "boredom"], [0, 1]))


def test_other_columns_and_split_names_come_from_the_spec(tmp_path: Path) -> None:
    jsonl(tmp_path, test=[{"said": "a", "is": "joy"}])
    spec = DatasetSpec(id=str(tmp_path), text_column="said", label_column="is", splits={"validation": "test"})
    assert load_split(TASK, "validation", spec).examples == (Example("a", "joy"),)
    with pytest.raises(DataError, match="no column 'text'"):
        load_split(TASK, "validation", spec.model_copy(update={"text_column": "text"}))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "a", "label": None}, "label None"),
        ({"text": "a", "label": True}, "label True"),
        ({"text": "a", "label": -1}, "label number -1, but there are 6"),
        ({"text": "a", "label": "Joy"}, "'Joy' is not one of"),
        ({"text": "\u200b\n", "label": "joy"}, "1 empty texts, the first in row 1"),
        ({"text": None, "label": "joy"}, "1 empty texts, the first in row 1"),
    ],
)
def test_a_bad_row_is_named(row: dict[str, Any], message: str, tmp_path: Path) -> None:
    good = {"text": "fine", "label": 1 if isinstance(row["label"], bool | int) else "joy"}
    if isinstance(row["label"], bool):
        good["label"] = False
        message = "label False"
    with pytest.raises(DataError, match=message):
        load_split(TASK, "train", jsonl(tmp_path, train=[good, row]))


def test_missing_things_name_what_is_there(tmp_path: Path) -> None:
    spec = jsonl(tmp_path, train=[{"text": "a", "label": "joy"}], test=[{"text": "a", "label": "joy"}])
    with pytest.raises(DataError, match=r"no split 'validation'\. It has: (train, test|test, train)"):
        load_rows(spec.id, "validation")
    with pytest.raises(DataError, match=r"here has no column 'x'\. It has: "):
        columns(load_rows(spec.id, "train"), ["text", "x"], "here")
    for nowhere in ("./nowhere", "/no/where", "~/no/where", "a/b/c"):
        with pytest.raises(DataError, match="no folder"):
            load_rows(nowhere, "train")


def test_what_cannot_be_read_says_how_to_name_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "train.parquet").write_bytes(b"not parquet")
    for name in ("empty", "broken"):
        with pytest.raises(DataError, match=r"data\.id=FOLDER"):
            load_rows(str(tmp_path / name), "train")

    def unreachable(*_: Any) -> None:
        raise ConnectionError("the Hub is out of reach")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(DataError, match=r"'org/name' could not be loaded \(ConnectionError: the Hub.*data\.id=FOLDER"):
        load_rows("org/name", "train")


def test_a_hub_id_takes_the_same_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import datasets

    spec, original, asked = hub(tmp_path, NAMES, [1, 2]), datasets.load_dataset, []

    def from_hub(*words: Any) -> Any:
        asked.append(words)
        return original(str(tmp_path / "split"))

    monkeypatch.setattr(datasets, "load_dataset", from_hub)
    remote = load_split(TASK, "train", spec.model_copy(update={"id": "org/name"}))
    assert asked == [("org/name", "split")] and [e.label for e in remote.examples] == [NAMES[1], NAMES[2]]


def split(name: str, *rows: tuple[str, str]) -> Split:
    examples = tuple(Example(*row) for row in rows)
    return Split(name, examples, fingerprint(examples))


def test_overlaps_against_a_hand_count() -> None:
    train = split("train", ("a", "joy"), ("A ", "joy"), ("b", "joy"), ("c", "fear"), ("c", "joy"))
    held = split("validation", ("b", "joy"), ("a", "fear"), ("d", "joy"))
    test = split("test", ("c", "fear"), ("d\n", "joy"))
    found = overlaps([train, held, test])
    assert found.duplicates == {"train": 2, "validation": 0, "test": 0}
    assert found.across == 4  # a, b, c, d
    assert found.conflicting == 2  # a: joy and fear; c: fear and joy
    alone = overlaps([train])
    assert (alone.across, alone.conflicting) == (0, 0)


@given(st.lists(st.text(max_size=3), max_size=20), st.lists(st.text(max_size=3), max_size=20))
def test_no_text_of_evaluation_is_ever_left_in_training(train: list[str], held: list[str]) -> None:
    examples = [Example(t) for t in train]
    kept = without_leaks(examples, [Example(t) for t in held])
    keys = [text_key(e.text) for e in kept]
    assert not set(keys) & {text_key(t) for t in held} and len(keys) == len(set(keys))
    assert set(keys) == {text_key(t) for t in train} - {text_key(t) for t in held}
    positions = [[id(e) for e in examples].index(id(e)) for e in kept]
    assert positions == sorted(positions)  # in the order they came
    firsts = [[text_key(t) for t in train].index(key) for key in keys]
    assert positions == firsts  # of equal texts the first


def test_fingerprints_tell_texts_labels_and_order_apart() -> None:
    a, b = Example("x", "joy"), Example("y", "fear")
    prints = [fingerprint(rows) for rows in ([a, b], [b, a], [a], [Example("x", "fear"), b], [Example("xjoy", ""), b])]
    assert len(set(prints)) == len(prints) and fingerprint([a, b]) == prints[0]


def test_training_rows_leave_out_what_is_evaluated_on(tmp_path: Path) -> None:
    rows = [{"text": f"row {i}", "label": "joy"} for i in range(10)]
    jsonl(tmp_path, train=[*rows, rows[3]], validation=[rows[0], {"text": "ROW 1", "label": "fear"}])
    data = TextData(id=str(tmp_path))
    kept, report = task_rows(TASK, data, 0)
    assert sorted(e.text for e in kept) == [f"row {i}" for i in range(2, 10)]
    assert report["duplicates"] == {"train": 1, "validation": 0} and report["left_out"] == 3
    assert (report["texts_in_several_splits"], report["of_these_with_conflicting_labels"]) == (2, 1)
    assert report["dataset"] == tmp_path.name and report["fingerprint"] == fingerprint(kept)
    assert task_rows(TASK, data, 0)[0] == kept != task_rows(TASK, data, 1)[0]
    some = [task_rows(TASK, data.model_copy(update={"skip": s, "limit": 3}), 0)[0] for s in (0, 3, 6)]
    assert [e for part in some for e in part] == kept
    with pytest.raises(DataError, match="after skip and limit"):
        task_rows(TASK, data.model_copy(update={"skip": 99}), 0)


def test_public_names_hold_no_path(tmp_path: Path) -> None:
    assert public_name(str(tmp_path)) == tmp_path.name and public_name("org/name") == "org/name"


def test_missing_reasonings_name_the_command(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.parquet"):
        with pytest.raises(DataError, match=r"training\.augment"):
            read_reasonings(path)
