"""A base in miniature: a random two-layer Llama, and a byte-level tokenizer with ChatML tokens and template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rilearn.adapters import Kind, Manifest, save_manifest
from rilearn.prompts import PROMPT_VERSION

ROOT = Path(__file__).resolve().parent.parent
SPECIAL = ["<|im_end|>", "<|im_start|>", "<|endoftext|>", "<repo_name>", "<file_sep>"]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def demo_texts() -> list[str]:
    """The texts of the demo sets, to train the tokenizer on."""
    texts = []
    for path in sorted((ROOT / "data" / "demo").glob("*/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            texts.extend(json.loads(line).values())
    return [f" {t}" for t in texts]


def tiny_tokenizer(vocabulary: int = 900) -> Any:
    """A byte-level BPE tokenizer trained on the demo texts: any string encodes and decodes back."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    made.train_from_iterator(demo_texts(), trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", bos_token="<|im_start|>", pad_token="<|endoftext|>"
    )
    wrapped.chat_template = CHATML
    return wrapped


def build_base(folder: Path, seed: int = 0) -> Path:
    """Write a base folder that `from_pretrained` loads: 2 layers, width 64, random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tiny_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.15,  # wide enough that the tied head can come to prefer a token
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(seed)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def build_adapter(folder: Path, base: Path, kind: Kind, task: str | None = "emotion", seed: int = 0) -> Path:
    """Write a random LoRA adapter over a tiny base, with its manifest; strong enough to change what is written."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "up_proj"], task_type="CAUSAL_LM")
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(str(base)), config)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    fields = {"name": folder.name, "kind": kind, "base": str(base), "task": task, "prompt_version": PROMPT_VERSION}
    save_manifest(folder, Manifest.model_validate(fields))
    return folder
