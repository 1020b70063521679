"""Pipeline: stages in order, those done are skipped, a failure says which; and the demo set from end to end."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rilearn.adapters import load_adapter
from rilearn.errors import ConfigError, RilearnError
from tests.in_process import here
from tests.tiny import ROOT
from training import evaluate, pipeline
from training.recipes import PipelineRecipe, Stage

DEMO = ROOT / "training" / "recipes" / "demo"


class Shell:
    """Stands for `subprocess.run`: remembers the commands, fails on the stages named."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self.fails: set[str] = set()

    def __call__(self, words: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        assert options["cwd"] == ROOT and words[0] == sys.executable and words[1] == "-m"
        self.ran.append(words[2:])
        return subprocess.CompletedProcess(words, 3 if words[2] in self.fails else 0)

    @property
    def stages(self) -> list[str]:
        return [words[0].removeprefix("training.") for words in self.ran]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    made = Shell()
    monkeypatch.setattr(pipeline.subprocess, "run", made)
    return made


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    stages = [
        {"name": "first", "run": "train_generator", "arguments": ["--out", "{out}/first", "--set", "data.0.id={data}"]},
        {"name": "second", "run": "augment", "arguments": ["--recipe", "{recipes}/a.yaml"]},
        {"name": "third", "run": "evaluate", "arguments": ["--set", "generator={out}/first"]},
    ]
    path = tmp_path / "recipes" / "pipeline.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump({"kind": "pipeline", "values": {"data": "org/name"}, "stages": stages}))
    return path


def run(recipe: Path, out: Path, *more: str) -> None:
    pipeline.main(["--recipe", str(recipe), "--out", str(out), *more])


def test_stages_run_in_order_with_their_slots_filled(recipe: Path, shell: Shell, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(recipe, out, "--set", "values.data=/some folder/{x}")
    assert shell.ran == [
        ["training.train_generator", "--out", f"{out}/first", "--set", "data.0.id=/some folder/{x}"],
        ["training.augment", "--recipe", f"{recipe.parent}/a.yaml"],
        ["training.evaluate", "--set", f"generator={out}/first"],
    ]


def test_what_is_done_is_skipped(recipe: Path, shell: Shell, tmp_path: Path, capsys: Any) -> None:
    for _ in range(2):
        run(recipe, tmp_path / "out")
    assert len(shell.ran) == 3 and capsys.readouterr().out.count("done before") == 3
    run(recipe, tmp_path / "other")
    assert len(shell.ran) == 6


def test_a_stage_with_other_arguments_runs_again_and_all_behind_it(recipe: Path, shell: Shell, tmp_path: Path) -> None:
    run(recipe, tmp_path / "out")
    shell.fails = {"training.augment"}
    with pytest.raises(RilearnError):
        run(recipe, tmp_path / "out", "--set", "values.data=other")
    shell.fails = set()
    run(recipe, tmp_path / "out", "--set", "values.data=other")
    assert shell.stages[3:] == ["train_generator", "augment", "augment", "evaluate"]
    run(recipe, tmp_path / "out", "--set", "values.data=other")
    assert len(shell.ran) == 7


def test_after_a_failure_the_same_command_goes_on_there(recipe: Path, shell: Shell, tmp_path: Path) -> None:
    shell.fails = {"training.augment"}
    with pytest.raises(RilearnError, match="'second' ended with status 3"):
        run(recipe, tmp_path / "out")
    assert shell.stages == ["train_generator", "augment"]
    shell.fails = set()
    run(recipe, tmp_path / "out")
    assert shell.stages[2:] == ["augment", "evaluate"]


@pytest.mark.parametrize("word", ["{nowhere}/x", "{}", "{0}", "{out"])
def test_a_slot_without_a_value_is_named(word: str) -> None:
    stage = Stage(name="a", run="augment", arguments=("--out", word))
    recipe = PipelineRecipe(kind="pipeline", stages=(stage,))
    with pytest.raises(ConfigError, match="Stage 'a'"):
        pipeline.arguments_of(stage, recipe, Path("recipes"), Path("out"))


@pytest.mark.model
@pytest.mark.timeout(900)
def test_the_demo_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """All stages on the packaged base with the demo recipes cut down; the second run has nothing left to do."""
    monkeypatch.setattr(pipeline.subprocess, "run", here)
    monkeypatch.setattr(evaluate, "MAX_TOKENS", 24)  # what has learnt so little never ends
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    small: dict[str, dict[str, Any]] = {
        "q-a": {"data": {"id": "data/demo/emotion", "limit": 16}},
        "generator": {"data": [{"id": "data/demo/reasoning", "limit": 24}]},
        "augment": {"data": {"id": "data/demo/emotion", "limit": 6}, "batch": 3, "min_words": 1, "max_repetition": 1.0},
        "q-ra": {"data": {"id": "data/demo/emotion", "limit": 6}},
    }
    for path in DEMO.glob("*.yaml"):
        values = {**yaml.safe_load(path.read_text()), **small.get(path.stem, {})}
        if path.stem == "pipeline":
            values = yaml.safe_load(re.sub(r'--limit, "\d+"', '--limit, "4"', path.read_text()))
        (recipes / path.name).write_text(yaml.safe_dump(values))
    out = tmp_path / "out"
    run(recipes / "pipeline.yaml", out)
    assert "done before" not in capsys.readouterr().out
    run(recipes / "pipeline.yaml", out)
    assert capsys.readouterr().out.count("done before") == 6
    kinds = {name: load_adapter(out / name, "embedded").manifest for name in ("q-a", "generator", "q-ra")}
    assert [m.kind for m in kinds.values()] == ["direct", "generator", "reasoned"]
    came_from = {"start_from": "q-a", "generator": "generator"}
    assert kinds["q-ra"].parents == {role: load_adapter(out / name).ref.digest for role, name in came_from.items()}
    report = json.loads((out / "augment" / "report.json").read_text())
    assert report["rows"] == 6 and kinds["q-ra"].data["reasoned"] == report["kept"] > 0
    for name in ("q-a", "q-ra"):
        result = json.loads((out / "evaluation" / f"{name}.json").read_text())
        assert result["n"] == 4 and kinds[name].evaluation["validation"] == result
        assert (out / name / "README.md").is_file() and not (out / name / "checkpoints").exists()
