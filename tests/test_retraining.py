"""Retraining from the app: the command is made of checked words, and what comes back is checked before it counts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from rilearn.errors import AdapterError, DataError, InputError
from rilearn.retrained import take_in
from rilearn.retraining import KIND, Choice, arguments, commands
from rilearn.settings import Settings
from rilearn.store.reasonings import Reasonings
from rilearn.store.versions import Versions
from tests.retrain_world import World
from training.recipes import load_recipe
from training.retrain_recipe import RetrainRecipe


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.services.close()


def words(settings: Settings, **given: Any) -> list[str]:
    choice = Choice(**{"recipe": "mixed", **given})
    return commands(settings)[KIND](
        arguments(choice, Path("/adapters/generator"), Path("/adapters/q-ra")), Path("/jobs/7/out")
    ).words


def test_the_command_says_what_was_chosen(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, database_url="", retrain=Path("/recipes/retrain.yaml"))
    since = datetime(2026, 11, 1, 12, tzinfo=UTC)
    found = words(settings, recipe="dpo", since=since)
    assert found[:5] == [sys.executable, "-m", "training.retrain_generator", "--recipe", "/recipes/retrain.yaml"]
    for pair in (
        ("--set", "ratings=dpo"),
        ("--set", 'generator="/adapters/generator"'),
        ("--from-state", str(tmp_path)),
        ("--since", since.isoformat()),
        ("--through", "classifier"),
        ("--out", "/jobs/7/out"),
    ):
        assert pair in list(pairwise(found)), pair
    assert "practice=null" not in found and not {"--since", "--through"} & set(words(settings, classifier=False))
    assert ("--set", "practice=null") in list(pairwise(words(settings, practice=False)))


def test_no_password_stands_in_the_words(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, database_url="postgresql://rater:s3cret@host/name?sslmode=require")
    made = commands(settings)[KIND](arguments(Choice("sft"), Path("g"), Path("c")), tmp_path)
    assert "postgresql://rater@host/name?sslmode=require" in made.words and "s3cret" not in " ".join(made.words)
    assert made.environment == {**settings.folders(), "PGPASSWORD": "s3cret"}


@pytest.mark.parametrize(
    "path", ["/a b #1/g", "/null", "/x: y/'z'", '/say "so"/\\n/\u00fc\U0001f642', "/" + "long " * 90 + "g"]
)
def test_a_path_comes_to_the_recipe_as_it_is(tmp_path: Path, path: str) -> None:
    settings = Settings(state=tmp_path, database_url="", dataset="2024")
    made = commands(settings)[KIND](arguments(Choice("sft"), Path(path), Path(path)), tmp_path)
    given = [value for flag, value in pairwise(made.words) if flag == "--set"]
    recipe = load_recipe(RetrainRecipe, settings.retrain, given)
    assert (recipe.generator, recipe.classifier, recipe.data.id) == (path, path, "2024")


def test_what_is_named_from_the_folder_of_the_app_is_found_from_the_projects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts").mkdir()
    settings = Settings(state=Path("state"), adapters=Path("mine"), cache=Path("~/c"), dataset="texts", database_url="")
    made = commands(settings)[KIND](arguments(Choice("sft"), Path("g"), Path("c")), tmp_path)
    assert made.environment["RILEARN_ADAPTERS"] == str(tmp_path / "mine")
    assert made.environment["RILEARN_CACHE"] == str(Path.home() / "c")
    assert f'data.id="{tmp_path / "texts"}"' in made.words and str(tmp_path / "state") in made.words
    assert f'generator="{tmp_path / "g"}"' in made.words


def test_what_stands_in_the_database_is_checked(tmp_path: Path) -> None:
    make = commands(Settings(state=tmp_path, database_url=""))[KIND]
    good = arguments(Choice("sft"), Path("g"), Path("c"))
    with pytest.raises(InputError, match="names no recipe"):
        make({**good, "recipe": "sft --out /etc"}, tmp_path)
    with pytest.raises(ValueError):
        make({**good, "since": "; rm -rf"}, tmp_path)
    with pytest.raises(InputError, match="no recipe 'best'"):
        arguments(Choice("best"), Path("g"), None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no generator to go on from"):
        arguments(Choice("sft"), None, None)


def test_what_was_made_is_known_with_its_ratings_and_the_verdict(world: World) -> None:
    digest = world.retrained()
    made = Versions(world.database).find(digest)
    assert made is not None and (made.number, made.ratings, made.edits, made.votes) == (2, 48, 6, 0)
    assert made.verdict is not None and made.verdict["passed"]
    count = len(Versions(world.database).all())
    said = take_in(world.database, world.services.settings, Path(made.folder).parent)  # again, as after a resume
    assert said == "generator v2: the gate lets it pass." and len(Versions(world.database).all()) == count
    written = Reasonings(world.database).get(25).reasoning
    assert written.adapter_digest == digest and written.reasoning.startswith("It names")


def test_what_is_damaged_is_refused(world: World) -> None:
    world.retrained()
    out = world.services.settings.state_dir / "made-1"
    (out / "evidence.json").unlink()
    assert "nothing was measured" in take_in(world.database, world.services.settings, out)
    (out / "rows.jsonl").write_text("[1]\n")
    with pytest.raises(DataError, match=r"rows\.jsonl cannot be read"):
        take_in(world.database, world.services.settings, out)
    (out / "rows.jsonl").write_text(json.dumps({"because": ["rating:1", "rating:x", "other:1"]}) + "\n")
    (out / "generator" / "adapter_model.safetensors").write_bytes(b"no weights")
    with pytest.raises(AdapterError, match="cannot be read"):
        take_in(world.database, world.services.settings, out)
    with pytest.raises(AdapterError, match="left no generator"):
        take_in(world.database, world.services.settings, out.parent)
