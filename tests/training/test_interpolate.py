"""An adapter between two: at its ends it is one of them, half way it adds the mean of what they add."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from rilearn.adapters import MANIFEST, WEIGHTS, load_adapter
from rilearn.engines.transformers import TransformersEngine
from rilearn.errors import ConfigError
from rilearn.prompts import Templates
from rilearn.tasks import load_task
from tests.tiny import build_adapter
from training import interpolate

TEMPLATES = Templates(load_task("emotion"))


@pytest.fixture(scope="module")
def parts(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("parts")
    return [
        build_adapter(folder / "q-ra", tiny_base, "reasoned", seed=1),
        build_adapter(folder / "q-a", tiny_base, "direct", seed=2),
    ]


def between(base: Path, parts: list[Path], weights: list[float], out: Path, rank: int = 16) -> Path:
    chosen = [{"adapter": str(p), "weight": w} for p, w in zip(parts, weights, strict=True)]
    recipe = out.with_suffix(".yaml")
    recipe.write_text(
        yaml.safe_dump({"kind": "interpolation", "name": "mid", "base": str(base), "rank": rank, "parts": chosen})
    )
    interpolate.main(["--recipe", str(recipe), "--out", str(out)])
    return out


def added(folder: Path) -> dict[str, torch.Tensor]:
    """What the adapter adds to each weight of the base."""
    config = json.loads((folder / "adapter_config.json").read_text())
    state = load_file(folder / WEIGHTS)
    scale = config["lora_alpha"] / config["r"]
    return {
        k: scale * (state[k.replace("lora_A", "lora_B")].float() @ state[k].float()) for k in state if "lora_A" in k
    }


def test_half_way_the_mean_is_added(tiny_base: Path, parts: list[Path], tmp_path: Path) -> None:
    mid = added(between(tiny_base, parts, [0.5, 0.5], tmp_path / "mid"))
    one, two = added(parts[0]), added(parts[1])
    assert mid.keys() == one.keys() and mid
    for key, value in mid.items():
        mean = (one[key] + two[key]) / 2
        assert float((value - mean).norm()) <= 0.01 * float(mean.norm())
    assert any(float((one[k] - two[k]).norm()) > 0.1 * float(one[k].norm()) for k in one)


def test_with_all_the_weight_on_one_it_answers_as_that_one(tiny_base: Path, parts: list[Path], tmp_path: Path) -> None:
    made = load_adapter(between(tiny_base, parts, [0.0, 1.0], tmp_path / "end"), str(tiny_base))
    engine = TransformersEngine(str(tiny_base), str(tiny_base))
    prompt = [TEMPLATES.direct("what a lovely cake")]
    scores = [
        engine.score(prompt, TEMPLATES.choices(), ref)[0]
        for ref in (made.ref, load_adapter(parts[1]).ref, load_adapter(parts[0]).ref)
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.01) and scores[0] != pytest.approx(scores[2], abs=0.01)


def test_the_manifest_names_the_parts(tiny_base: Path, parts: list[Path], tmp_path: Path) -> None:
    manifest = load_adapter(between(tiny_base, parts, [0.5, 0.5], tmp_path / "mid")).manifest
    first, second = (load_adapter(p) for p in parts)
    assert (manifest.name, manifest.kind, manifest.task) == ("mid", "reasoned", "emotion")
    assert manifest.parents == {first.name: first.ref.digest, second.name: second.ref.digest}
    assert manifest.steps == first.manifest.steps + second.manifest.steps
    assert manifest.recipe["parts"][1]["weight"] == 0.5


def test_adapters_of_two_tasks_have_nothing_between_them(tiny_base: Path, parts: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(parts[1], other)
    text = (other / MANIFEST).read_text()
    (other / MANIFEST).write_text(text.replace('"emotion"', '"support"'))
    with pytest.raises(ConfigError, match="different tasks"):
        between(tiny_base, [parts[0], other], [0.5, 0.5], tmp_path / "mid")
    assert not (tmp_path / "mid" / MANIFEST).exists()
