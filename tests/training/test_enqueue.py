"""The command that fills the queue, with tiny adapters on the demo texts: each source, again and dry."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from rilearn.errors import AdapterError, ConfigError, DataError
from rilearn.records import Sampling
from rilearn.store.database import open_database
from rilearn.store.schema import ReasoningRow
from rilearn.store.schema_annotation import ItemRow
from rilearn.tasks import load_task
from tests.tiny import ROOT, build_adapter
from training import augment, enqueue, label_noise

DEMO = str(ROOT / "data" / "demo" / "emotion")
LABEL = load_task("emotion").labels[0]


@pytest.fixture(scope="module")
def folders(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("adapters")
    return {
        "generator": str(build_adapter(root / "generator", tiny_base, "generator", None)),
        "q-a": str(build_adapter(root / "q-a", tiny_base, "direct", seed=1)),
        "q-ra": str(build_adapter(root / "q-ra", tiny_base, "reasoned", seed=2)),
    }


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """`run(*words)` fills the database under tmp_path and gives what was printed."""

    def started(*words: str) -> str:
        enqueue.main([*words, "--state", str(tmp_path / "state"), "--task", "emotion"])
        return capsys.readouterr().out

    return started


def stored(tmp_path: Path) -> list[tuple[ItemRow, ReasoningRow]]:
    with closing(open_database(None, tmp_path / "state")) as database, database.read() as session:
        query = select(ItemRow, ReasoningRow).join(ReasoningRow, ItemRow.reasoning_id == ReasoningRow.id)
        rows = [(item, reasoning) for item, reasoning in session.execute(query.order_by(ItemRow.id))]
        session.expunge_all()
    return rows


def test_a_generator_writes_and_a_second_run_adds_nothing(run: Any, folders: dict[str, str], tmp_path: Path) -> None:
    words = ["--generator", folders["generator"], "--direct", folders["q-a"], "--dataset", DEMO, "--limit", "6"]
    assert "would be queued" in run(*words, "--dry-run") and stored(tmp_path) == []
    first = run(*words, "--ratings", "2")
    rows = stored(tmp_path)
    assert rows and f"{len(rows)} queued" in first and f"{len(rows)} reasonings were new" in first
    for item, made in rows:
        assert (item.origin, item.ratings_left, item.quality is None) == ("generator", 2, False)
        assert item.uncertainty is not None and 0 <= item.uncertainty < 1 and 0 <= (item.disagreement or 0) <= 1
        assert made.adapter == "generator" and len(made.adapter_digest) == 64 and made.sampling["temperature"] == 0
        assert (made.text.source, made.text.split) == ("emotion", "validation") and "grounding" in made.signals
    assert f"0 queued (0 for everyone, 0 for calibration), {len(rows)} in the queue before" in run(*words)
    assert len(stored(tmp_path)) == len(rows)


def test_candidates_of_augment_come_with_what_made_them(
    run: Any, folders: dict[str, str], tiny_base: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "augment.yaml"
    recipe.write_text(f"{{kind: augment, name: test, base: '{tiny_base}', data: {{id: '{DEMO}', limit: 3}}}}")
    changes = [f"generator={folders['generator']}", "candidates=2", "max_tokens=8", "temperature=0.9"]
    words = [word for change in changes for word in ("--set", change)]
    augment.main(["--recipe", str(recipe), *words, "--out", str(tmp_path / "out")])
    run("--rows", str(tmp_path / "out"), "--rejected")
    rows = stored(tmp_path)
    candidates = [r for r in augment.read_rows(tmp_path / "out" / "reasonings.parquet") if r["reasoning"].strip()]
    assert {made.reasoning for _, made in rows} == {r["reasoning"] for r in candidates}
    made = rows[0][1]
    assert (made.adapter, made.adapter_digest, made.text.source) == ("generator", candidates[0]["model"], "emotion")
    found = Sampling(**{**made.sampling, "stop": tuple(made.sampling["stop"])}, seed=made.seed or 0)
    assert (found.temperature, found.max_tokens, found.stop) == (0.9, 8, ("\n",))
    judged = {r["reasoning"]: r["lead"] for r in candidates if r["lead"] is not None}
    for item, reasoning in rows:
        if reasoning.reasoning in judged:
            assert item.disagreement == pytest.approx(1 - judged[reasoning.reasoning])
    kept = sum(r["kept"] for r in candidates)
    assert f"{kept} rows: 0 queued" in run("--rows", str(tmp_path / "out"))


def test_doubtful_labels(run: Any, folders: dict[str, str], tmp_path: Path) -> None:
    noise = tmp_path / "noise.json"
    words = ["--direct", folders["q-a"], "--reasoned", folders["q-ra"], "--dataset", DEMO, "--limit", "20"]
    label_noise.main([*words, "--threshold", "0.5", "--out", str(noise)])
    found = json.loads(noise.read_text())
    examples = [json.loads(line) for line in (Path(DEMO) / "validation.jsonl").read_text().splitlines()]
    if not found["rows"]:  # the tiny models agree by chance; whatever they do, a listed row is found again
        found["rows"] = [{"row": 3, "label": examples[3]["label"], "least_sure": 0.8, "own": [0.1, 0.2]}]
        noise.write_text(json.dumps(found))
    run("--generator", folders["generator"], "--noise", str(noise), "--dataset", DEMO)
    rows = stored(tmp_path)
    wanted = {(examples[r["row"]]["text"], r["label"]): r for r in found["rows"]}
    assert rows and {(made.text.text, made.label) for _, made in rows} <= set(wanted)
    for item, made in rows:
        row = wanted[made.text.text, made.label]
        assert item.origin == "label-noise" and item.disagreement == pytest.approx(1 - max(row["own"]))
        assert item.uncertainty == pytest.approx(1 - row["least_sure"])
    noise.write_text(json.dumps({**found, "dataset_fingerprint": "another"}))
    with pytest.raises(DataError, match="another dataset"):
        run("--generator", folders["generator"], "--noise", str(noise), "--dataset", DEMO)


def test_any_file_of_rows_with_calibration_and_what_is_wrong_with_the_others(run: Any, tmp_path: Path) -> None:
    good = {"text": "what a day", "label": LABEL, "reasoning": "The day is what tells it."}
    lines: list[Any] = [
        good,
        {**good, "text": "another day", "expected": {"verdict": "poor", "overall": 1}, "uncertainty": 0.5},
        {**good, "label": "elsewhere"},
        {**good, "reasoning": " "},
        {**good, "disagreement": "much"},
        {**good, "expected": {"verdict": "fine"}},
        {**good, "expected": {"verdict": "good", "mood": 1}},
        "no object",
        good,
    ]
    file = tmp_path / "mine.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = run("--rows", str(file))
    assert "9 rows: 2 queued (0 for everyone, 1 for calibration), 0 in the queue before, 1 twice, 6 not usable" in told
    assert "mine.jsonl, row 3: The label 'elsewhere' is not one of" in told and told.endswith("...\n")
    known = {made.text.text: item for item, made in stored(tmp_path)}
    assert known["what a day"].origin == "import" and known["what a day"].expected is None
    assert known["another day"].expected == {"verdict": "poor", "overall": 1}
    assert known["another day"].uncertainty == 0.5


def test_a_csv_file_says_the_same(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(
        "text,label,reasoning,uncertainty,expected\n"
        f'"what, a day",{LABEL},So it is.,0.25,"{{""verdict"": ""good""}}"\n'
        f"a plain row,{LABEL},So it is.,,\n"
    )
    assert "2 queued (0 for everyone, 1 for calibration)" in run("--rows", str(file))
    (one, _), (two, _) = sorted(stored(tmp_path), key=lambda row: row[0].uncertainty is None)
    assert (one.uncertainty, one.expected) == (0.25, {"verdict": "good"}) and two.expected is None


def test_what_makes_no_sense_is_told(run: Any, folders: dict[str, str], tmp_path: Path) -> None:
    for words in ((), ("--rows", "a.jsonl", "--generator", "generator"), ("--noise", "x.json")):
        with pytest.raises(ConfigError, match="Name one source"):
            run(*words)
    with pytest.raises(AdapterError, match="is a classifier"):
        run("--generator", folders["q-a"], "--dataset", DEMO, "--limit", "1")
    with pytest.raises(AdapterError, match="must answer at once"):
        run("--generator", folders["generator"], "--direct", folders["q-ra"], "--dataset", DEMO, "--limit", "1")
    with pytest.raises(DataError, match=r"cannot be read|no reasonings"):
        run("--rows", str(tmp_path / "nowhere.jsonl"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"training\.augment"):
        run("--rows", str(tmp_path / "empty"))
