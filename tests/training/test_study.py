"""The study: forms of rows and answers, and the whole command on the demo texts with a tiny model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import yaml

from rilearn.corpora import load_rows
from rilearn.engines.scripted import ScriptedEngine
from rilearn.errors import ConfigError
from rilearn.prompts import Templates
from rilearn.records import Example
from rilearn.tasks import load_task
from training import study
from training.variants import answer, predicted, row

ROOT = Path(__file__).resolve().parents[2]
TASK = load_task("emotion")
TEMPLATES = Templates(TASK)
EXAMPLE = Example("so glad today", "joy")


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("A", "Text: so glad today\nEmotion:| joy"),
        ("RA", "Text: so glad today\nReasoning:| Because glad.\nEmotion: joy"),
        ("AR", "Text: so glad today\nEmotion:| joy\nReasoning: Because glad."),
        ("ARA", "Text: so glad today\nEmotion:| joy\nReasoning: Because glad.\nEmotion: joy"),
    ],
)
@pytest.mark.parametrize("share", [None, 0.6])
def test_each_form_puts_answer_and_reasoning_in_its_order(form: Any, expected: str, share: float | None) -> None:
    made = row(form, TEMPLATES, EXAMPLE, "Because glad.", share)
    assert f"{made.prompt(made.text).text}|{''.join(part for part, _ in made.parts)}" == expected
    assert sum(weight for _, weight in made.parts) == pytest.approx(1)
    labels = [weight for part, weight in made.parts if part == " joy"]
    if share and form != "A":
        assert sum(labels) == pytest.approx(share) and len(made.parts) > 1


def test_the_forms_answer_by_their_own_prompts() -> None:
    """A scripted model: what it is asked decides what it says."""
    thinking = {f"Text: a\nEmotion: {label}\nReasoning:": " Hm.\nEmotion: love" for label in TASK.labels}
    engine = ScriptedEngine(completions={"Text: a\nReasoning:": " Because.\nEmotion: fear", **thinking})
    (direct,) = answer("A", engine, None, TEMPLATES, ["a"])
    (reasoned,) = answer("RA", engine, None, TEMPLATES, ["a"])
    (thought,) = answer("ARA", engine, None, TEMPLATES, ["a"])
    assert (direct.reasoning, direct.parsed, direct.tokens) == ("", True, 0)
    assert (reasoned.reasoning, reasoned.parsed) == ("Because.", True) and reasoned.tokens > 0
    assert (thought.reasoning, thought.parsed) == ("Hm.", True)
    assert predicted([direct], TASK.labels)[0] in TASK.labels and len(direct.scores) == len(TASK.labels)


def reasonings(folder: Path) -> Path:
    """Two candidates for each demo text; the first of every fifth is the kept one, else the second; some keep none."""
    rows = load_rows(str(ROOT / "data/demo/emotion"), "train")
    records = []
    for i, (text, label) in enumerate(zip(rows["text"], rows["label"], strict=True)):
        for number in (0, 1):
            kept = i % 7 != 0 and number == (0 if i % 5 == 0 else 1)
            records.append(
                {"text": text, "label": label, "candidate": number, "reasoning": f"Try {number}.", "kept": kept}
            )
    path = folder / "reasonings.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(records), path)
    return path


def recipe(folder: Path, base: Path, **changes: Any) -> Path:
    values = {
        "kind": "study",
        "name": "tiny",
        "base": str(base),
        "data": {"id": str(ROOT / "data/demo/emotion")},
        "reasonings": str(reasonings(folder)),
        "variants": [
            {"name": "q-a", "form": "A"},
            {"name": "q-ra", "form": "RA", "label_share": 0.5, "reasonings": "unfiltered", "mixed": True},
        ],
        "budgets": [8, 16],
        "evaluation_rows": 6,
        "training": {"lr": 1e-2, "batch": 8, "max_tokens": 96, "threads": 1, "lora": {"r": 2, "alpha": 4}},
    } | changes
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def test_the_command_fills_every_cell_once(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["--recipe", str(recipe(tmp_path, tiny_base)), "--out", str(tmp_path / "out")]
    study.main(arguments)
    result = json.loads((tmp_path / "out" / "study.json").read_text())
    cells = {(c["variant"], c["rows"]): c for c in result["cells"]}
    assert set(cells) == {("zero-shot", 0), *((v, b) for v in ("q-a", "q-ra") for b in (8, 16))}
    for (_, rows), found in cells.items():
        assert found["steps"] == rows // 8 and found["n"] == len(found["correct"]) == 6
        assert found["accuracy"] == pytest.approx(found["correct"].count("1") / 6)
    assert cells["q-ra", 16]["tokens_seen"] > cells["q-a", 16]["tokens_seen"]
    assert not (tmp_path / "out" / "adapter").exists()

    (tmp_path / "out" / "cells" / "q-a-8-0.json").unlink()
    trained: list[str] = []
    real = study.cell
    monkeypatch.setattr(study, "cell", lambda r, v, *rest: trained.append(v.name) or real(r, v, *rest))
    study.main(arguments)
    assert trained == ["q-a"]
    again = json.loads((tmp_path / "out" / "study.json").read_text())["cells"]
    clocks = ("seconds", "evaluation_seconds")
    plain = [[{k: v for k, v in c.items() if k not in clocks} for c in cells] for cells in (result["cells"], again)]
    assert plain[0] == plain[1]

    elsewhere = ["--out", str(tmp_path / "elsewhere"), "--result", str(tmp_path / "out" / "study.json")]
    study.main([*arguments[:2], *elsewhere])
    assert trained == ["q-a"]  # every cell was taken over from the result
    assert json.loads((tmp_path / "out" / "study.json").read_text())["cells"] == again
    study.main([*arguments[:2], *elsewhere[:1], str(tmp_path / "third"), *elsewhere[2:], "--set", "evaluation_rows=5"])
    assert len(trained) == 5  # of other rows none


def test_cells_of_another_recipe_and_too_few_rows_are_refused(tiny_base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    study.write(out / "state.json", {"recipe": "another"})
    path = recipe(tmp_path, tiny_base)
    with pytest.raises(ConfigError, match="another recipe"):
        study.main(["--recipe", str(path), "--out", str(out)])
    with pytest.raises(ConfigError, match="asks for 5000"):
        study.main(["--recipe", str(path), "--out", str(out), "--set", "budgets=[5000]"])


def test_filtered_and_unfiltered_reasonings_belong_to_the_same_rows(tmp_path: Path) -> None:
    rows = load_rows(str(ROOT / "data/demo/emotion"), "train")
    examples = [Example(t, n) for t, n in zip(rows["text"], rows["label"], strict=True)]
    found = study.reasoned_rows(reasonings(tmp_path), examples)
    assert [e for e, _ in found] == [e for i, e in enumerate(examples) if i % 7]
    assert {r["unfiltered"] for _, r in found} == {"Try 0."} and {r["filtered"] for _, r in found} == {
        "Try 0.",
        "Try 1.",
    }
