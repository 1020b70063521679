"""The base with a trainable LoRA adapter on it, and the adapter's files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from rilearn.engines.transformers import contiguous_head
from rilearn.settings import Settings
from rilearn.weights import explain_hub_error, model_source
from training.recipes import Lora


def load_trainable(base: str, lora: Lora, start_from: Path | None, settings: Settings, half: bool) -> tuple[Any, Any]:
    """(PEFT model, tokenizer) on the base, with a fresh LoRA or going on from an adapter.

    With `half` the base is in bf16. The adapter always is in fp32, since its updates are small.
    """
    source = model_source(base, settings.cache_dir)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
        model = AutoModelForCausalLM.from_pretrained(
            source,
            dtype=torch.bfloat16 if half else torch.float32,
            # PyTorch's fused attention has a slow backward pass on CPUs: a quarter of the time of a step.
            attn_implementation=None if torch.cuda.is_available() else "eager",
        )
    except (OSError, ValueError) as error:
        raise explain_hub_error(base, error) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    contiguous_head(model)
    if start_from is not None:
        return PeftModel.from_pretrained(model, str(start_from), is_trainable=True), tokenizer
    config = LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.target_modules),
        layers_to_transform=list(range(lora.from_layer, model.config.num_hidden_layers)) if lora.from_layer else None,
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config), tokenizer


def save_adapter(model: Any, out: Path) -> None:
    """PEFT files with the weights in fp16: half the size, and readable without torch."""
    state = {k: v for k, v in model.state_dict().items() if "lora_" in k}
    model.save_pretrained(out, state_dict={k: v.to(torch.float16) for k, v in state.items()})
    config = out / "adapter_config.json"
    values = json.loads(config.read_text())
    values["base_model_name_or_path"] = None  # a cache path of this machine; the manifest names the base
    config.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n")
    (out / "README.md").unlink(missing_ok=True)  # peft's empty model card; ours is written from the manifest
