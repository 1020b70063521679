"""Fine-tuning in miniature: the loss is the one meant and falls; kills and a second process change nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import yaml
from safetensors.torch import load_file

from rilearn.adapters import MANIFEST, WEIGHTS, load_adapter
from rilearn.engines.transformers import TransformersEngine
from rilearn.errors import DataError, RilearnError, WeightsError
from rilearn.prompts import Templates
from rilearn.records import Example, Sampling
from rilearn.settings import Settings
from rilearn.tasks import load_task
from tests.tiny import ROOT
from training import sft, train_classifier
from training.lora import load_trainable
from training.recipes import Lora, Training
from training.rows import Row, encode
from training.train_classifier import direct_row, reasoned_row

TEMPLATES = Templates(load_task("emotion"))
LORA = Lora(r=4, alpha=8, dropout=0.1, target_modules=("q_proj", "v_proj", "up_proj"))
TRAINING = Training(lora=LORA, lr=1e-2, epochs=2, batch=4, max_tokens=64, checkpoint_minutes=1e6, threads=1)
EXACT = TRAINING.model_copy(update={"precision": "fp32"})  # bf16 rounds each order of summing in its own way


def toy_rows(count: int = 18) -> list[Row]:
    """Texts whose first word tells the label; half the rows with a reasoning."""
    words = {"sadness": "grey", "joy": "bright", "anger": "loud"}
    rows = []
    for i in range(count):
        label = list(words)[i % 3]
        example = Example(f"{words[label]} {'day ' * (i % 5)}number {i}", label)
        rows.append(reasoned_row(TEMPLATES, example, "it was said", 0.5) if i % 2 else direct_row(TEMPLATES, example))
    return rows


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_file(folder / WEIGHTS))


def losses(folder: Path) -> list[float]:
    return [entry["loss"] for entry in json.loads((folder / "loss.json").read_text())]


class Killed(BaseException):
    """Not an Exception: nothing may catch it."""


def kill_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a run die once `step` steps are done, before its checkpoint is taken."""

    class Fatal(sft.Rate):
        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            if state.global_step == step:
                raise Killed

    monkeypatch.setattr(sft, "Rate", Fatal)


@pytest.fixture(scope="module")
def straight(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A run without interruption: 18 rows, batch 4, two epochs, so 9 steps and a batch that spans the epochs."""
    out = tmp_path_factory.mktemp("straight")
    return out, sft.fine_tune(toy_rows(), str(tiny_base), TRAINING, 3, out)


def test_facts_and_files(straight: tuple[Path, dict[str, Any]], tiny_base: Path) -> None:
    out, facts = straight
    assert (facts["rows"], facts["rows_dropped"], facts["rows_seen"], facts["steps"]) == (18, 0, 36, 9)
    assert facts["processes"] == 1 and facts["main"] and facts["tokens_seen"] > 36 * 10
    found = weights(out)
    assert found and {t.dtype for t in found.values()} == {torch.float16}
    assert any(t.abs().max() > 0 for name, t in found.items() if "lora_B" in name)
    config = (out / "adapter_config.json").read_text()
    assert str(tiny_base) not in config and json.loads(config)["base_model_name_or_path"] is None
    assert not (out / "README.md").exists()


def test_the_loss_falls(tiny_base: Path, tmp_path: Path) -> None:
    recipe = TRAINING.model_copy(update={"epochs": 10.0, "lr": 2e-2, "lora": Lora(r=8, alpha=16)})
    sft.fine_tune(toy_rows(12), str(tiny_base), recipe, 0, tmp_path)
    found = losses(tmp_path)
    assert len(found) == 5 and found[-1] < 0.5 * found[0]


def test_the_loss_is_the_mean_over_rows_of_the_weighted_cross_entropy(tiny_base: Path) -> None:
    """Against a plain computation, row by row, without padding and with all logits."""
    model, tokenizer = load_trainable(str(tiny_base), Lora(r=2), None, Settings(), half=False)
    model.eval()
    encoded = [t for row in toy_rows(5) if (t := encode(row, tokenizer, 64))]
    expected = []
    for row in encoded:
        ids = torch.tensor([row.input_ids])
        with torch.no_grad():
            each = F.cross_entropy(model(input_ids=ids).logits[0, :-1], ids[0, 1:], reduction="none")
        expected.append(float((each * torch.tensor(row.weights[1:])).sum()))
    batch = sft.Collator(tokenizer.pad_token_id)(encoded)
    with torch.no_grad():
        loss = sft.CompletionTrainer.compute_loss(None, model, batch)  # type: ignore[arg-type]
    assert float(loss) == pytest.approx(sum(expected) / len(expected), rel=1e-5)


def test_accumulating_is_the_same_batch(tiny_base: Path, tmp_path: Path) -> None:
    plain = EXACT.model_copy(update={"lora": LORA.model_copy(update={"dropout": 0.0}), "epochs": 1.0})
    for name, micro in (("whole", None), ("parts", 2)):
        recipe = plain.model_copy(update={"micro_batch": micro})
        sft.fine_tune(toy_rows(16), str(tiny_base), recipe, 0, tmp_path / name)
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert max(float((whole[k].float() - parts[k].float()).abs().max()) for k in whole) < 2e-3


@pytest.mark.parametrize("step", [3, 6])
def test_a_killed_run_goes_on_to_the_same_bits(
    step: int, straight: tuple[Path, dict[str, Any]], tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With dropout, so that the random state counts; killed in the first and in the second epoch."""
    recipe = TRAINING.model_copy(update={"checkpoint_minutes": 0.0})
    with monkeypatch.context() as patch:
        kill_at(step, patch)
        with pytest.raises(Killed):
            sft.fine_tune(toy_rows(), str(tiny_base), recipe, 3, tmp_path)
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == [f"checkpoint-{step - 1}"]
    assert not (tmp_path / WEIGHTS).exists()
    facts = sft.fine_tune(toy_rows(), str(tiny_base), recipe, 3, tmp_path)
    assert facts["steps"] == 9
    assert (tmp_path / WEIGHTS).read_bytes() == (straight[0] / WEIGHTS).read_bytes()


def test_a_kill_while_a_checkpoint_is_written_falls_back_to_the_one_before(
    straight: tuple[Path, dict[str, Any]], tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = TRAINING.model_copy(update={"checkpoint_minutes": 0.0})

    def die(self: Any, folder: str) -> None:
        if folder.endswith("checkpoint-4"):
            raise Killed
        return original(self, folder)

    original = sft.Trainer._save_rng_state
    with monkeypatch.context() as patch:
        patch.setattr(sft.Trainer, "_save_rng_state", die)
        with pytest.raises(Killed):
            sft.fine_tune(toy_rows(), str(tiny_base), recipe, 3, tmp_path)
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["checkpoint-3", "checkpoint-4"]
    assert sft.fine_tune(toy_rows(), str(tiny_base), recipe, 3, tmp_path)["steps"] == 9
    assert (tmp_path / WEIGHTS).read_bytes() == (straight[0] / WEIGHTS).read_bytes()


def test_going_on_from_an_adapter(straight: tuple[Path, dict[str, Any]], tiny_base: Path, tmp_path: Path) -> None:
    recipe = TRAINING.model_copy(update={"lr": 0.0, "epochs": 1.0})
    sft.fine_tune(toy_rows(4), str(tiny_base), recipe, 0, tmp_path, start_from=straight[0])
    before, after = weights(straight[0]), weights(tmp_path)
    assert before.keys() == after.keys() and all(torch.equal(before[k], after[k]) for k in before)


def test_what_cannot_train_is_told(tiny_base: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"training\.max_tokens"):
        sft.fine_tune(toy_rows(2), str(tiny_base), TRAINING.model_copy(update={"max_tokens": 3}), 0, tmp_path)
    with pytest.raises(RilearnError, match="micro_batch=3"):
        sft.fine_tune(toy_rows(4), str(tiny_base), TRAINING.model_copy(update={"micro_batch": 3}), 0, tmp_path)
    with pytest.raises(WeightsError, match="is no base"):
        sft.fine_tune(toy_rows(2), "/nowhere/at/all", TRAINING, 0, tmp_path)


# The whole command, on the demo data.


def write_recipe(folder: Path, base: Path, **training: Any) -> Path:
    path = folder / "q-a.yaml"
    settings = {"lr": 1e-2, "batch": 8, "max_tokens": 96, "threads": 1, "precision": "fp32"} | {
        "lora": {"r": 4, "alpha": 8},
        **training,
    }
    values = {"kind": "direct", "name": "tiny", "base": str(base), "training": settings}
    path.write_text(yaml.safe_dump({**values, "data": {"id": str(ROOT / "data/demo/emotion"), "limit": 48}}))
    return path


def start(words: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "ACCELERATE_USE_CPU": "true"}
    environment["HF_DATASETS_CACHE"] = str(log.parent / "datasets")
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", *words], cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True
        )


@pytest.fixture(scope="module")
def commanded(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commanded")
    recipe = write_recipe(folder, tiny_base)
    train_classifier.main(["--recipe", str(recipe), "--out", str(folder / "out")])
    return folder / "out"


def test_the_command_writes_an_adapter_that_an_engine_loads(commanded: Path, tiny_base: Path) -> None:
    adapter = load_adapter(commanded, str(tiny_base))
    manifest = adapter.manifest
    assert (manifest.kind, manifest.task, manifest.steps, manifest.data["rows"]) == ("direct", "emotion", 6, 48)
    assert len(manifest.data["fingerprint"]) == 64 and manifest.data["dataset"] == "emotion"
    assert manifest.recipe["training"]["lora"]["r"] == 4 and manifest.date and manifest.seconds > 0
    assert not (commanded / "checkpoints").exists()
    engine = TransformersEngine(str(tiny_base), str(tiny_base))
    prompt = TEMPLATES.direct("so happy today")
    bare, tuned = (engine.score([prompt], TEMPLATES.choices(), ref)[0] for ref in (None, adapter.ref))
    assert sum(tuned) > sum(bare) + 0.5  # the words of the labels have become likelier
    assert engine.generate([prompt], Sampling(max_tokens=3), adapter.ref)[0].finish in ("stop", "length")


def test_two_processes_train_as_one(commanded: Path, tiny_base: Path, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, tiny_base)
    # Without --multi_gpu accelerate starts one process where it sees no GPU; ACCELERATE_USE_CPU makes them talk gloo.
    launch = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    words = [*launch, "-m", "training.train_classifier", "--recipe", str(recipe), "--out", str(tmp_path / "out")]
    process = start(words, tmp_path / "log")
    assert process.wait(300) == 0, (tmp_path / "log").read_text()[-3000:]
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert manifest["data"]["processes"] == 2 and manifest["steps"] == 6
    one, two = weights(commanded), weights(tmp_path / "out")
    assert one.keys() == two.keys()
    moved = max(float(t.float().abs().max()) for k, t in one.items() if "lora_B" in k)
    assert max(float((one[k].float() - two[k].float()).abs().max()) for k in one) < 0.05 * moved


def test_kill_9_and_the_same_command_again(commanded: Path, tiny_base: Path, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, tiny_base, checkpoint_minutes=0)
    words = ["--recipe", str(recipe), "--out", str(tmp_path / "out")]
    process = start(["training.train_classifier", *words], tmp_path / "log")
    checkpoints = tmp_path / "out" / "checkpoints"
    end = time.monotonic() + 200
    while process.poll() is None and time.monotonic() < end and not list(checkpoints.glob("*/trainer_state.json")):
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL, (tmp_path / "log").read_text()[-3000:]
    assert not (tmp_path / "out" / MANIFEST).exists()
    train_classifier.main(words)
    assert (tmp_path / "out" / WEIGHTS).read_bytes() == (commanded / WEIGHTS).read_bytes()
