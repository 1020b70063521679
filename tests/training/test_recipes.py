"""Recipes: what is unknown or ill-typed is refused by name, --set changes one key, and all that ship can be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from rilearn.errors import ConfigError
from rilearn.tasks import load_task
from tests.tiny import ROOT
from training.feedback_cells import FeedbackRecipe
from training.pipeline import arguments_of
from training.recipes import (
    AugmentRecipe,
    ClassifierRecipe,
    GeneratorRecipe,
    InterpolationRecipe,
    PipelineRecipe,
    load_recipe,
)
from training.retrain_recipe import RetrainRecipe
from training.study import StudyRecipe

KINDS = {
    "generator": GeneratorRecipe,
    "direct": ClassifierRecipe,
    "reasoned": ClassifierRecipe,
    "augment": AugmentRecipe,
    "interpolation": InterpolationRecipe,
    "pipeline": PipelineRecipe,
    "study": StudyRecipe,
    "retrain": RetrainRecipe,
    "feedback": FeedbackRecipe,
}
SHIPPED = sorted((ROOT / "training" / "recipes").rglob("*.yaml"))
Q_A = "kind: direct\nname: q-a\ntraining: {lr: 1.0e-3, lora: {r: 8}}\n"
GENERATOR = "kind: generator\nname: g\ndata: [{id: a}, {id: b, limit: 5}]\n"

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(text: str) -> Path:
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return path

    return to_file


@pytest.mark.parametrize("path", SHIPPED, ids=[str(p.relative_to(ROOT / "training" / "recipes")) for p in SHIPPED])
def test_every_shipped_recipe_can_be_read(path: Path) -> None:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    recipe = load_recipe(KINDS[found["kind"]], path, [])
    if task := getattr(recipe, "task", None):
        load_task(task)


@pytest.mark.parametrize(
    "path",
    [p for p in SHIPPED if p.name in ("pipeline.yaml", "through.yaml")],
    ids=lambda p: f"{p.parent.name}-{p.stem}",
)
def test_the_stages_of_shipped_pipelines_name_recipes_that_fit_the_stage(path: Path) -> None:
    fits = {
        "train_generator": GeneratorRecipe,
        "augment": AugmentRecipe,
        "train_classifier": ClassifierRecipe,
        "interpolate": InterpolationRecipe,
    }
    pipeline = load_recipe(PipelineRecipe, path, [])
    for stage in pipeline.stages:
        if stage.run in fits:
            words = arguments_of(stage, pipeline, path.parent, Path("out"))
            name = words[words.index("--recipe") + 1]
            # what --set changes must be keys of that recipe
            changes = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
            load_recipe(fits[stage.run], Path(name), changes)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("speed=3", "speed"),
        ("training.speed=3", "training.speed"),
        ("training.lora.rank=3", "training.lora.rank"),
        ("data.colour=red", "data.colour"),
        ("training.lr=fast", "training.lr"),
        ("label_share=2", "label_share"),
        ("kind=augment", "kind"),
        ("name=[a]", "name"),
    ],
)
def test_unknown_and_ill_typed_keys_are_named(write: Write, change: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named.replace(".", r"\.")):
        load_recipe(ClassifierRecipe, write(Q_A), [change])


def test_unknown_keys_in_the_file_are_named(write: Write) -> None:
    with pytest.raises(ConfigError, match=r"recipe\.yaml: .*learning_rate"):
        load_recipe(ClassifierRecipe, write(Q_A + "learning_rate: 1\n"), [])
    with pytest.raises(ConfigError, match=r"data\.1\.colum"):
        load_recipe(GeneratorRecipe, write("kind: generator\nname: g\ndata: [{id: a}, {id: b, colum: c}]"), [])


def test_set_changes_one_key(write: Write) -> None:
    changes = ["training.lora.r=4", "training.lr=5e-4", "data.limit=10", "name=a=b", "base=org/name", "data.id=~/x"]
    recipe = load_recipe(ClassifierRecipe, write(Q_A), changes)
    assert (recipe.training.lora.r, recipe.training.lr, recipe.data.limit) == (4, 5e-4, 10)
    assert (recipe.name, recipe.base, recipe.data.id) == ("a=b", "org/name", "~/x")
    assert recipe.training.lora.alpha == 32  # the rest stays


def test_set_reaches_into_lists(write: Write) -> None:
    changes = ["data.0.id=folder", "data.1.limit=null", "data.1.sources=[x, y]"]
    recipe = load_recipe(GeneratorRecipe, write(GENERATOR), changes)
    assert [d.id for d in recipe.data] == ["folder", "b"]
    assert recipe.data[1].limit is None and recipe.data[1].sources == ("x", "y")


@pytest.mark.parametrize(
    "change",
    ["data", "data.5.id=x", "data.first.id=x", "data.2=x", "name.a.b=x", "name=[", "data.0.id.x=1", "=", "data.0=x"],
)
def test_a_bad_override_is_told_not_thrown(write: Write, change: str) -> None:
    with pytest.raises(ConfigError):
        load_recipe(GeneratorRecipe, write(GENERATOR), [change])


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "a: [", "kind: direct\ncolour: red\n", "3"])
def test_a_bad_file_is_told_not_thrown(write: Write, text: str) -> None:
    for changes in ([], ["name=x"]):
        with pytest.raises(ConfigError):
            load_recipe(ClassifierRecipe, write(text), changes)


def test_a_file_that_is_no_text_is_told_not_thrown(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not YAML"):
        load_recipe(ClassifierRecipe, tmp_path / "recipe.yaml", [])


def test_a_missing_file_says_where_they_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="training/recipes"):
        load_recipe(ClassifierRecipe, tmp_path / "none.yaml", [])


def test_a_pipeline_stage_must_be_a_known_one(write: Write) -> None:
    text = "kind: pipeline\nstages: [{name: a, run: os, arguments: []}]"
    with pytest.raises(ConfigError, match=r"stages\.0\.run"):
        load_recipe(PipelineRecipe, write(text), [])
