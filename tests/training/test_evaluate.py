"""Evaluate: the numbers are those worked out by hand, two runs agree exactly, and a record says all that is needed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rilearn.adapters import MANIFEST, load_adapter
from rilearn.errors import AdapterError, ConfigError, DataError
from rilearn.prompts import PROMPT_VERSION
from rilearn.records import AdapterRef, Generation, Prompt, Sampling
from rilearn.tasks import load_task
from tests.tiny import ROOT, build_adapter
from training import evaluate
from training.data import dataset_spec

LABELS = load_task("emotion").labels
# text -> (gold, what the fake predicts, what it writes)
ROWS = {
    "one": ("joy", "joy", " a b c\nEmotion: joy"),
    "two": ("joy", "anger", " d e\nEmotion: joy"),
    "three": ("anger", "anger", " f\nMood: anger"),
    "four": ("fear", "fear", " g"),
    "five": ("fear", "joy", "\nEmotion: fear"),
}
TOKENS = [8, 7, 5, 1, 4]


class Fake:
    """Predicts and writes as ROWS says; remembers the prompts it scored."""

    name, base = "fake", "embedded"

    def __init__(self) -> None:
        self.scored: list[str] = []

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling, *_: Any) -> list[Generation]:
        assert sampling.temperature == 0
        texts = [p.text.split("\n")[0].removeprefix("Text: ") for p in prompts]
        return [Generation(ROWS[t][2], TOKENS[list(ROWS).index(t)], "stop") for t in texts]

    def score(self, prompts: Sequence[Prompt], choices: Sequence[str], adapter: AdapterRef) -> list[list[float]]:
        self.scored += [p.text for p in prompts]
        best = [ROWS[p.text.split("\n")[0].removeprefix("Text: ")][1] for p in prompts]
        return [[-0.1 if choice == f" {b}" else -3.0 for choice in choices] for b in best]


@pytest.fixture(scope="module")
def adapters(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("adapters")
    for name, kind in (("direct", "direct"), ("reasoned", "reasoned"), ("generator", "generator")):
        build_adapter(root / name, tiny_base, kind, None if kind == "generator" else "emotion")  # type: ignore[arg-type]
    return root


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    folder = tmp_path / "rows"
    folder.mkdir()
    lines = [json.dumps({"text": t, "label": gold}) for t, (gold, _, _) in ROWS.items()]
    (folder / "validation.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    engine = Fake()
    monkeypatch.setattr(evaluate, "load_engine", lambda *_, **__: engine)
    return engine


def run(adapter: Path, rows: Path, out: Path, *more: str) -> dict[str, Any]:
    evaluate.main(["--adapter", str(adapter), "--dataset", str(rows), "--out", str(out), *more])
    found: dict[str, Any] = json.loads(out.read_text())
    return found


@pytest.mark.parametrize("kind", ["direct", "reasoned"])
def test_the_numbers_are_those_worked_out_by_hand(
    kind: str, adapters: Path, rows: Path, fake: Fake, tmp_path: Path
) -> None:
    found = run(adapters / kind, rows, tmp_path / "deep" / "out.json")
    assert (found["n"], found["accuracy"]) == (5, 0.6)
    each = {label: {k: pytest.approx(v) for k, v in values.items()} for label, values in {
        "joy": {"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2, "support": 2},
        "anger": {"precision": 1 / 2, "recall": 1, "f1": 2 / 3, "support": 1},
        "fear": {"precision": 1, "recall": 1 / 2, "f1": 2 / 3, "support": 2},
    }.items()}  # fmt: skip
    assert found["per_class"] == each
    assert found["macro_f1"] == pytest.approx((1 / 2 + 2 / 3 + 2 / 3) / 3)
    joy, anger, fear = (LABELS.index(x) for x in ("joy", "anger", "fear"))
    matrix = found["confusion"]
    assert sum(map(sum, matrix)) == 5 and len(matrix) == len(LABELS)
    assert [matrix[joy][joy], matrix[joy][anger], matrix[anger][anger], matrix[fear][fear], matrix[fear][joy]] == [
        1
    ] * 5
    if kind == "direct":
        assert (found["parse_rate"], found["mean_reasoning_tokens"]) == (1, 0)
        assert fake.scored[0] == "Text: one\nEmotion:"
    else:
        assert (found["parse_rate"], found["mean_reasoning_tokens"]) == (3 / 5, 5)
        # the label is scored behind the reasoning the model wrote, an empty one too, and behind nothing else of it
        assert fake.scored == [
            "Text: one\nReasoning: a b c\nEmotion:",
            "Text: two\nReasoning: d e\nEmotion:",
            "Text: three\nReasoning: f\nEmotion:",
            "Text: four\nReasoning: g\nEmotion:",
            "Text: five\nReasoning: \nEmotion:",
        ]


def test_a_result_says_all_that_is_needed_to_get_it_again(
    adapters: Path, rows: Path, fake: Fake, tmp_path: Path
) -> None:
    found = run(adapters / "direct", rows, tmp_path / "out.json", "--limit", "2")
    adapter = load_adapter(adapters / "direct")
    assert found["n"] == 2 and found["adapter"] == "direct" and found["adapter_sha256"] == adapter.ref.digest
    assert found["base"] == adapter.manifest.base and found["prompt_version"] == PROMPT_VERSION
    assert (found["engine"], found["split"], found["dataset"], found["seed"]) == ("fake", "validation", "rows", 0)
    assert len(found["dataset_fingerprint"]) == len(found["predictions_sha256"]) == 64
    assert found["labels"] == list(LABELS) and found["date"] and found["command"] and found["seconds"] >= 0


def test_rows_before_the_skipped_ones_are_not_read(adapters: Path, rows: Path, fake: Fake, tmp_path: Path) -> None:
    found = run(adapters / "direct", rows, tmp_path / "out.json", "--skip", "3", "--limit", "9")
    assert (found["n"], found["from_row"]) == (2, 3)
    assert fake.scored == ["Text: four\nEmotion:", "Text: five\nEmotion:"]


def test_predictions_are_written_line_by_line(adapters: Path, rows: Path, fake: Fake, tmp_path: Path) -> None:
    run(adapters / "reasoned", rows, tmp_path / "out.json", "--predictions", str(tmp_path / "deep" / "p.jsonl"))
    lines = [json.loads(line) for line in (tmp_path / "deep" / "p.jsonl").read_text().splitlines()]
    assert lines[1] == {"text": "two", "gold": "joy", "label": "anger", "reasoning": "d e"}
    assert [line["label"] for line in lines] == [predicted for _, predicted, _ in ROWS.values()]


@pytest.mark.parametrize("kind", ["direct", "reasoned"])
def test_two_runs_of_a_model_agree_exactly(kind: str, adapters: Path, tmp_path: Path) -> None:
    demo = ROOT / "data/demo/emotion"
    one, two = (run(adapters / kind, demo, tmp_path / f"{i}.json", "--limit", "12") for i in (1, 2))
    for result in (one, two):
        del result["seconds"], result["date"], result["command"]
    assert one == two and one["n"] == 12 and one["engine"] == "transformers"


def test_a_record_goes_into_manifest_and_card(tiny_base: Path, rows: Path, fake: Fake, tmp_path: Path) -> None:
    folder = build_adapter(tmp_path / "mine", tiny_base, "direct")
    digest = load_adapter(folder).ref.digest
    before = (folder / MANIFEST).read_text()
    run(folder, rows, tmp_path / "out.json")
    assert (folder / MANIFEST).read_text() == before  # only when asked
    found = run(folder, rows, tmp_path / "out.json", "--record")
    adapter = load_adapter(folder)
    assert adapter.manifest.evaluation == {"validation": found} and adapter.ref.digest == digest
    card = (folder / "README.md").read_text()
    assert "0.6000" in card and "validation (n = 5)" in card and "library_name: peft" in card


def test_what_cannot_be_evaluated_is_told(adapters: Path, rows: Path, fake: Fake, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with pytest.raises(AdapterError, match="is a generator"):
        run(adapters / "generator", rows, out)
    with pytest.raises(AdapterError, match="no adapter 'none'"):
        run(Path("none"), rows, out)
    with pytest.raises(ConfigError, match="--limit"):
        run(adapters / "direct", rows, out, "--limit", "0")
    with pytest.raises(ConfigError, match="--skip 5 leaves none of the 5 rows"):
        run(adapters / "direct", rows, out, "--skip", "5")
    with pytest.raises(DataError, match="no split 'test'"):
        run(adapters / "direct", rows, out, "--split", "test")
    with pytest.raises(ConfigError, match="no task 'none'"):
        run(adapters / "direct", rows, out, "--task", "none")
    assert not out.exists()


def test_a_configuration_counts_with_and_without_a_dataset() -> None:
    task = load_task("emotion")
    assert dataset_spec(task, None, None) == task.dataset
    other = dataset_spec(task, None, "unsplit")
    assert (other.id, other.config, other.splits) == (task.dataset.id, "unsplit", task.dataset.splits)
    assert dataset_spec(task, "org/name", None).config is None
