"""What an adapter tells of how it was made: nothing of where things lay on one machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rilearn.adapters import MANIFEST, load_adapter
from tests.tiny import ROOT, build_adapter
from training.recipes import ClassifierRecipe
from training.stage import command, told, write_manifest


def test_paths_of_one_machine_are_not_told() -> None:
    recipe = ROOT / "training" / "recipes" / "demo" / "q-ra.yaml"
    words = ["--recipe", str(recipe), "--set", "data.id=/home/ada/emotion", "--set", 'start_from="/srv/a b/q-ra"']
    assert told(words) == [
        "--recipe",
        "training/recipes/demo/q-ra.yaml",
        "--set",
        "data.id=runs/emotion",
        "--set",
        "start_from=runs/q-ra",
    ]
    kept = {"a": ["data/demo", "x=y", "--limit", 3, None, 0.5], "b": {"c": "../shared"}}
    assert told(kept) == kept
    assert told({"a": [{"id": "/home/ada/emotion"}]}) == {"a": [{"id": "runs/emotion"}]}


def test_a_manifest_and_its_card_name_no_folder_of_the_machine(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = build_adapter(tmp_path / "q-ra", tiny_base, "reasoned")
    reasonings = str(tmp_path / "augment" / "reasonings.parquet")
    monkeypatch.setattr(sys, "argv", ["training/train_classifier.py", "--set", f"reasonings={reasonings}"])
    recipe = ClassifierRecipe(kind="reasoned", name="q-ra", reasonings=reasonings)
    facts = {"steps": 1, "seconds": 1.0}
    write_manifest(folder, recipe, "reasoned", "emotion", {}, facts, {})
    assert load_adapter(folder).manifest.recipe["reasonings"] == "runs/reasonings.parquet"
    assert command().endswith("--set reasonings=runs/reasonings.parquet")
    for name in (MANIFEST, "README.md"):
        assert str(tmp_path) not in (folder / name).read_text(encoding="utf-8")
