"""Tasks are data: both that ship load, their rows fit, and a bad file is told by its keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from rilearn.corpora import fingerprint, load_split, overlaps, without_leaks
from rilearn.errors import ConfigError, DataError
from rilearn.prompts import Templates, parse_reasoned
from rilearn.records import Example
from rilearn.tasks import TASKS_DIR, DatasetSpec, load_task
from training.train_classifier import direct_row, reasoned_row

ROOT = Path(__file__).resolve().parent.parent
DEMO = {"emotion": "data/demo/emotion", "support": "data/demo/support"}


@pytest.mark.parametrize("name", DEMO)
def test_a_task_and_its_demo_rows_fit_each_other(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    task = load_task(name)
    spec = task.dataset.model_copy(update={"id": DEMO[name], "config": None})
    splits = [load_split(task, s, spec) for s in ("train", "validation")]
    assert {e.label for s in splits for e in s.examples} == set(task.labels)
    assert overlaps(splits).across == 0 and set(overlaps(splits).duplicates.values()) == {0}
    templates = Templates(task)
    for example in splits[1].examples:
        row = reasoned_row(templates, example, "It says so.", 0.5)
        whole = "".join(part for part, _ in row.parts)
        assert parse_reasoned(whole, task) == ("It says so.", example.label)
        assert direct_row(templates, example).parts[0][0].strip() == example.label


def test_the_demo_sets_are_as_large_as_said() -> None:
    texts = [json.loads(x) for p in (ROOT / "data/demo/emotion").glob("*.jsonl") for x in p.read_text().splitlines()]
    triples = [
        json.loads(x) for p in (ROOT / "data/demo/reasoning").glob("*.jsonl") for x in p.read_text().splitlines()
    ]
    assert len({t["text"] for t in texts}) == len(texts) >= 240
    assert len({t["question"] for t in triples}) == len(triples) >= 240
    assert all(t["question"] and t["answer"] and t["reasoning"] for t in triples)


def test_no_demo_text_is_of_the_shared_data() -> None:
    shared = ROOT.parent / "shared" / "data" / "emotion"
    if not shared.is_dir():
        pytest.skip("../shared/data is not here")
    task = load_task("emotion")
    spec = task.dataset.model_copy(update={"id": str(shared)})
    real = [e for s in ("train", "validation") for e in load_split(task, s, spec).examples]
    spec = task.dataset.model_copy(update={"id": str(ROOT / "data/demo/emotion"), "config": None})
    demo = [e for s in ("train", "validation") for e in load_split(task, s, spec).examples]
    assert len(without_leaks(demo, real)) == len(demo)


def test_a_bad_task_file_is_told_by_its_keys(tmp_path: Path) -> None:
    values = yaml.safe_load((TASKS_DIR / "emotion.yaml").read_text())
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump({**values, "labls": [], "labels": ["a", "a"]}))
    with pytest.raises(ConfigError, match="labls"):
        load_task("bad", tmp_path)
    with pytest.raises(ConfigError, match="bad"):
        load_task("other", tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ["one"]}, "labels"),
        ({"labels": ["joy", "joy"]}, "every label must be there once"),
        ({"labels": ["joy", "fear"]}, "needs exactly the labels joy, fear"),
        ({"rationale_question": "Why?"}, r"rationale_question: must hold \{text\} once"),
        ({"rationale_question": "{text} {text}"}, "rationale_question"),
        ({"name": "Not a name"}, "name"),
        ({"dataset": {"id": "x", "text_colum": "y"}}, "text_colum"),
        ({"display": {"joy": {"color": "red", "emoji": "x"}}}, "color"),
    ],
)
def test_each_bad_value_is_named(change: dict[str, object], message: str, tmp_path: Path) -> None:
    values = yaml.safe_load((TASKS_DIR / "emotion.yaml").read_text())
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump({**values, **change}))
    with pytest.raises(ConfigError, match=message):
        load_task("bad", tmp_path)


@pytest.mark.parametrize("content", ["", "- a\n", "labels: [", "just words"])
def test_what_is_no_task_at_all_is_told_by_its_file(content: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(content)
    with pytest.raises(ConfigError, match=r"Task file bad\.yaml cannot be used"):
        load_task("bad", tmp_path)


def rows(folder: Path, lines: list[dict[str, object]], name: str = "train") -> DatasetSpec:
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    return DatasetSpec(id=str(folder))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"txt": "a", "label": "joy"}, r"no column 'text'. It has: (txt, label|label, txt)"),
        ({"text": "a", "label": "glee"}, "'glee' is not one of sadness"),
        ({"text": "a", "label": 9}, "label number 9"),
        ({"text": " ", "label": "joy"}, "empty text"),
    ],
)
def test_bad_rows_are_told_by_what_was_found(line: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        load_split(load_task("emotion"), "train", rows(tmp_path, [line]))


def test_a_missing_split_or_folder_is_named(tmp_path: Path) -> None:
    spec = rows(tmp_path, [{"text": "a", "label": "joy"}])
    with pytest.raises(DataError, match=r"no split 'validation'\. It has: train"):
        load_split(load_task("emotion"), "validation", spec)
    with pytest.raises(DataError, match="no folder"):
        load_split(load_task("emotion"), "train", DatasetSpec(id="./nowhere"))


def test_the_hub_layout_with_class_numbers_reads_like_names(tmp_path: Path) -> None:
    import datasets

    names = list(load_task("emotion").labels)
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)})
    made = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [5, 0]}, features=features)
    (tmp_path / "split").mkdir()
    made.to_parquet(str(tmp_path / "split" / "train-00000-of-00001.parquet"))
    split = load_split(load_task("emotion"), "train", DatasetSpec(id=str(tmp_path), config="split"))
    assert [e.label for e in split.examples] == [names[5], names[0]]
    assert split.fingerprint == fingerprint([Example("a", names[5]), Example("b", names[0])])


def test_texts_of_evaluation_splits_and_repeats_leave_the_training_rows() -> None:
    train = [
        Example("Same  text", "joy"),
        Example("same text", "fear"),
        Example("held out", "joy"),
        Example("b", "joy"),
    ]
    assert without_leaks(train, [Example("HELD out", "fear")]) == [train[0], train[3]]
