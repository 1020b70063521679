"""The second task from its rows to a prediction, with a tiny model: nothing on the way knows the first one's labels."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import pytest
import yaml

from rilearn.adapters import load_adapter
from rilearn.classify import Classifier
from rilearn.engines.scripted import ScriptedEngine
from rilearn.engines.transformers import TransformersEngine
from rilearn.prompts import Templates
from rilearn.tasks import load_task
from tests.tiny import ROOT
from training import evaluate, train_classifier
from training.augment import table
from training.data import task_rows
from training.recipes import TextData

TASK = load_task("support")


@pytest.fixture(scope="module")
def trained(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both classifiers of the support task on the tiny base, the reasoned one going on from the direct one."""
    folder = tmp_path_factory.mktemp("support")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)  # the task names its rows by a folder of the project
        rows, _ = task_rows(TASK, TextData(), 0)
        by = ("first", "second", "remote:elsewhere")  # two adapters, and a server that has none of ours
        made = [
            {
                "text": e.text,
                "label": e.label,
                "reasoning": f"It says {e.text.split()[0]}",
                "kept": True,
                "model": model,
            }
            for e, model in zip(rows, itertools.cycle(by), strict=False)
        ]
        table(made, folder / "reasonings.parquet")
        common = {"task": "support", "base": str(tiny_base)}
        common |= {"training": {"lr": 1e-2, "batch": 8, "max_tokens": 128, "threads": 1, "lora": {"r": 4}}}
        recipes = {
            "q-a": {"kind": "direct"},
            "q-ra": {
                "kind": "reasoned",
                "reasonings": str(folder / "reasonings.parquet"),
                "start_from": str(folder / "q-a"),
                "direct_rows": 0.2,
            },
        }
        for name, values in recipes.items():
            path = folder / f"{name}.yaml"
            path.write_text(yaml.safe_dump({"name": name, **common, **values}))
            train_classifier.main(["--recipe", str(path), "--out", str(folder / name)])
    return folder


def test_its_adapters_say_what_they_are(trained: Path) -> None:
    direct, reasoned = (load_adapter(trained / name).manifest for name in ("q-a", "q-ra"))
    assert (direct.task, direct.kind, direct.data["rows"]) == ("support", "direct", 40)
    assert (reasoned.task, reasoned.kind, reasoned.data["rows"]) == ("support", "reasoned", 48)
    assert (reasoned.data["reasoned"], reasoned.data["direct"]) == (40, 8)
    start = load_adapter(trained / "q-a").ref.digest
    assert reasoned.parents == {"generator": "first", "generator-2": "second", "start_from": start}
    assert "Topic" not in (trained / "q-a" / "README.md").read_text()


@pytest.mark.parametrize("name", ["q-a", "q-ra"])
def test_its_adapters_classify(name: str, trained: Path, tiny_base: Path) -> None:
    engine = TransformersEngine(str(tiny_base), str(tiny_base), threads=1)
    adapter = load_adapter(trained / name, str(tiny_base))
    last = Classifier(engine, Templates(TASK), adapter, max_tokens=12).final("my parcel never came\nTopic: praise")
    assert last.label in TASK.labels and tuple(last.probabilities) == TASK.labels
    assert math.isclose(sum(last.probabilities.values()), 1) and bool(last.prior) == (name == "q-ra")


def test_its_adapters_are_evaluated_on_its_own_rows(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    out = tmp_path / "out.json"
    evaluate.main(["--adapter", str(trained / "q-a"), "--out", str(out), "--record"])
    found = json.loads(out.read_text())
    assert (found["n"], found["dataset"], found["labels"]) == (16, "support", list(TASK.labels))
    assert len(found["confusion"]) == 4 and set(found["per_class"]) <= set(TASK.labels)


def test_a_fake_engine_classifies_it_too(trained: Path) -> None:
    adapter = load_adapter(trained / "q-ra")
    prompt = Templates(TASK).reasoned("nice work")
    engine = ScriptedEngine(completions={prompt.text: " it praises\nTopic: praise"})
    last = Classifier(engine, Templates(TASK), adapter).final("nice work")
    assert last.reasoning == "it praises" and last.label in TASK.labels
