"""LoRA in other forms against peft itself: as GGUF the same change of every weight, in bf16 the same answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from rilearn.engines import gguf_lora
from rilearn.errors import AdapterError
from rilearn.records import AdapterRef

MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class Base:
    """What the converter reads of a base's GGUF file, taken from the transformers model instead."""

    def __init__(self, path: Path):
        model = AutoModelForCausalLM.from_pretrained(path)
        self.heads = model.config.num_attention_heads
        self.kv_heads = model.config.num_key_value_heads
        shapes = {n.removesuffix(".weight"): tuple(p.shape) for n, p in model.named_parameters() if "_proj" in n}
        self.shapes = {gguf_lora._target(name): shape for name, shape in shapes.items()}


def save_lora(tiny: Path, out: Path, **options: Any) -> PeftModel:
    torch.manual_seed(1)
    config = LoraConfig(
        **{"r": 4, "lora_alpha": 12, "target_modules": MODULES, "init_lora_weights": False, "task_type": "CAUSAL_LM"}
        | options
    )
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(tiny), config)
    model.save_pretrained(out)
    return model


def deltas(model: PeftModel) -> dict[str, np.ndarray]:
    """Module name -> the (out, in) matrix peft adds to its weight."""
    found = {n: m for n, m in model.base_model.model.named_modules() if hasattr(m, "get_delta_weight")}
    return {name: module.get_delta_weight("default").detach().numpy() for name, module in found.items()}


def unpermute(rows: np.ndarray, heads: int) -> np.ndarray:
    """llama.cpp's order (pairs side by side) back to transformers' (two halves per head)."""
    half = rows.shape[0] // heads // 2
    order = [h * 2 * half + 2 * i + part for h in range(heads) for part in (0, 1) for i in range(half)]
    return rows[order]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_rslora": True},
        {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"down_proj": 5}},
        {"layers_to_transform": [1]},
    ],
)
def test_the_weights_change_as_peft_changes_them(
    options: dict[str, Any], tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gguf

    monkeypatch.setattr(gguf_lora, "_Base", Base)
    expected = deltas(save_lora(tiny_folder, tmp_path / "lora", **options))
    file = gguf_lora.gguf_adapter(AdapterRef(tmp_path / "lora", "d"), tiny_folder, tmp_path / "cache")
    reader = gguf.GGUFReader(file)
    tensors = {t.name: t.data for t in reader.tensors}
    alpha = float(reader.fields["adapter.lora.alpha"].contents())
    base = Base(tiny_folder)
    assert len(tensors) == 2 * len(expected) > 0
    for name, delta in expected.items():
        target = gguf_lora._target(name)
        a, b = tensors[f"{target}.lora_a"], tensors[f"{target}.lora_b"]
        if "attn_q" in target or "attn_k" in target:
            b = unpermute(b, base.heads if "attn_q" in target else base.kv_heads)
        np.testing.assert_allclose(b @ a * (alpha / a.shape[0]), delta, rtol=1e-4, atol=1e-6, err_msg=name)


def test_what_gguf_cannot_hold_is_refused_and_leaves_no_file(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_lora, "_Base", Base)
    save_lora(tiny_folder, tmp_path / "lora", use_dora=True)
    with pytest.raises(AdapterError, match="use_dora"):
        gguf_lora.gguf_adapter(AdapterRef(tmp_path / "lora", "d"), tiny_folder, tmp_path / "cache")
    config = tmp_path / "lora" / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"use_dora": False}))
    with pytest.raises(AdapterError, match="magnitude"):
        gguf_lora.gguf_adapter(AdapterRef(tmp_path / "lora", "d"), tiny_folder, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_bulk_work_scores_as_careful_work_does(tiny_folder: Path, tmp_path: Path) -> None:
    """`fast` puts base and adapter in bf16 where the machine multiplies it: other last digits, the same answers."""
    from rilearn.engines.transformers import TransformersEngine, native_bf16
    from rilearn.records import Prompt

    save_lora(tiny_folder, tmp_path / "lora")
    prompts, choices = [Prompt("a day"), Prompt("another, longer day")], [" red", " green", " blue"]
    scores, kinds = [], []
    for fast in (False, True):
        engine = TransformersEngine(str(tiny_folder), "tiny", fast=fast)
        scores.append(np.array(engine.score(prompts, choices, AdapterRef(tmp_path / "lora", "d"))))
        kinds.append({p.dtype for p in engine.model.parameters()})
    assert kinds == [{torch.float32}, {torch.bfloat16 if native_bf16() else torch.float32}]
    np.testing.assert_allclose(scores[1], scores[0], atol=0.25)
    assert (scores[0].argsort(1)[:, -1] == scores[1].argsort(1)[:, -1]).all()
