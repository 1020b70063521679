"""Turns a PEFT LoRA folder into the GGUF adapter file llama.cpp loads. Needs neither torch nor transformers.

llama.cpp stores Llama's q and k weights with their rows in another order than transformers (its rotary embedding
turns neighbouring pairs, not halves), so the rows of those two `lora_b` are permuted the same way here.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from rilearn.errors import AdapterError
from rilearn.records import AdapterRef

CONVERTER = 1
"""Part of the cached file's name. Raise it with any change to what is written."""

_MODULES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_LAYER = re.compile(r"(?:.*\.)?layers\.(\d+)\.(.+)")
_TENSOR = re.compile(r"(?:base_model\.model\.)?(.+)\.lora_([AB])\.weight")
# Settings that change what the weights mean in a way a GGUF adapter has no place for.
_UNSUPPORTED = (
    "use_dora",
    "modules_to_save",
    "lora_bias",
    "fan_in_fan_out",
    "layer_replication",
    "trainable_token_indices",
    "target_parameters",
    "alora_invocation_tokens",
    "use_qalora",
    "use_bdlora",
    "arrow_config",
)
_BASE_CHANGING_INIT = ("pissa", "olora", "corda", "loftq")  # these subtract the adapter's start from the base


def gguf_adapter(adapter: AdapterRef, base: Path, cache: Path) -> Path:
    """The adapter as a GGUF file in `cache`, converted on first use and named by its digest.

    `base` is the GGUF of the base model: it tells the architecture, the head counts and the tensor shapes.

    Raises:
        AdapterError: unreadable files, tensors that do not fit the base, or a LoRA variant GGUF cannot express.
    """
    target = cache / f"{adapter.digest}-v{CONVERTER}.gguf"
    if target.exists():
        return target
    config, tensors = _read(adapter.path)
    cache.mkdir(parents=True, exist_ok=True)
    handle, temp = tempfile.mkstemp(dir=cache, prefix=".lora-", suffix=".gguf")
    os.close(handle)
    try:
        _write(Path(temp), config, _convert(config, tensors, _Base(base)), "llama")
        os.replace(temp, target)
    finally:
        Path(temp).unlink(missing_ok=True)
    return target


class _Base:
    """What the conversion needs to know of the base model; shapes are (out, in) as in transformers."""

    def __init__(self, path: Path):
        import gguf

        reader = gguf.GGUFReader(path)
        architecture = reader.fields["general.architecture"].contents()
        if architecture != "llama":
            raise AdapterError(f"LoRA adapters can be put on Llama bases in llama.cpp; this one is '{architecture}'.")
        self.heads = int(reader.fields["llama.attention.head_count"].contents())
        kv = reader.fields.get("llama.attention.head_count_kv")
        self.kv_heads = int(kv.contents()) if kv is not None else self.heads
        self.shapes = {t.name: tuple(int(n) for n in reversed(t.shape)) for t in reader.tensors}


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """adapter_config.json and the tensors as float32."""
    from safetensors import SafetensorError, deserialize

    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        raw = deserialize((folder / "adapter_model.safetensors").read_bytes())
    except (OSError, ValueError, SafetensorError) as error:
        raise AdapterError(f"The adapter in {folder} cannot be read: {error}") from error
    return config, {name: _float32(name, entry) for name, entry in raw}


def _float32(name: str, entry: dict[str, Any]) -> np.ndarray:
    data, shape = bytes(entry["data"]), tuple(entry["shape"])
    match entry["dtype"]:
        case "F32":
            values = np.frombuffer(data, dtype="<f4")
        case "F16":
            values = np.frombuffer(data, dtype="<f2").astype(np.float32)
        case "BF16":  # the upper half of a float32
            values = (np.frombuffer(data, dtype="<u2").astype(np.uint32) << 16).view(np.float32)
        case other:
            raise AdapterError(f"Tensor {name} has type {other}; LoRA weights must be float32, float16 or bfloat16.")
    return values.reshape(shape)


def _check(config: dict[str, Any]) -> None:
    if config.get("peft_type") != "LORA":
        raise AdapterError(f"llama.cpp takes LoRA adapters only; this one is '{config.get('peft_type')}'.")
    used = [key for key in _UNSUPPORTED if config.get(key)]
    if config.get("bias", "none") != "none":
        used.append("bias")
    init = str(config.get("init_lora_weights", True)).lower()
    if init.startswith(_BASE_CHANGING_INIT):
        used.append(f"init_lora_weights={init}")
    if used:
        raise AdapterError(
            f"llama.cpp cannot express this adapter ({', '.join(used)} in adapter_config.json). "
            "Use the transformers engine for it (RILEARN_ENGINE=transformers) or train a plain LoRA."
        )
    if not config.get("lora_alpha"):
        raise AdapterError("lora_alpha in adapter_config.json is missing or 0.")


def _convert(config: dict[str, Any], tensors: dict[str, np.ndarray], base: _Base) -> dict[str, np.ndarray]:
    """GGUF name -> array. `lora_a` is (rank, in), `lora_b` (out, rank)."""
    _check(config)
    pairs: dict[str, dict[str, np.ndarray]] = {}
    for name, array in tensors.items():
        found = _TENSOR.fullmatch(name)
        if not found:
            raise AdapterError(f"llama.cpp cannot express the adapter's tensor {name}.")
        pairs.setdefault(found[1], {})[found[2]] = array
    if not pairs:
        raise AdapterError("The adapter holds no LoRA tensors.")
    out: dict[str, np.ndarray] = {}
    for module, pair in pairs.items():
        target = _target(module)
        if set(pair) != {"A", "B"}:
            raise AdapterError(f"The adapter has only one half of the LoRA pair for {module}.")
        a, b = pair["A"], pair["B"]
        if target not in base.shapes or (b.shape[0], a.shape[1]) != base.shapes[target] or a.shape[0] != b.shape[1]:
            raise AdapterError(
                f"The adapter does not fit the base: {module} is {b.shape} x {a.shape}, "
                f"the base has {base.shapes.get(target, 'no such tensor')}."
            )
        b = b * np.float32(_scale(config, module) / (config["lora_alpha"] / a.shape[0]))
        if target.endswith(("attn_q.weight", "attn_k.weight")):
            b = _permute(b, base.heads if "attn_q" in target else base.kv_heads)
        out[f"{target}.lora_a"], out[f"{target}.lora_b"] = a, b
    return out


def _target(module: str) -> str:
    found = _LAYER.fullmatch(module)
    if found and found[2] in _MODULES:
        return f"blk.{found[1]}.{_MODULES[found[2]]}.weight"
    if module == "lm_head":
        return "output.weight"  # absent where it is tied to the embedding: then the shape check refuses
    raise AdapterError(f"llama.cpp cannot express a LoRA on {module}.")


def _scale(config: dict[str, Any], module: str) -> float:
    """PEFT's factor for B·A at this module. llama.cpp computes alpha / rank; the rest goes into `lora_b`."""

    def pattern(key: str, default: float) -> float:
        for name, value in (config.get(key) or {}).items():
            if re.fullmatch(rf"(.*\.)?({name})", module):
                return float(value)
        return default

    rank = pattern("rank_pattern", config["r"])
    alpha = pattern("alpha_pattern", config["lora_alpha"])
    return float(alpha / (rank**0.5 if config.get("use_rslora") else rank))


def _permute(rows: np.ndarray, heads: int) -> np.ndarray:
    """transformers' rotary order (two halves per head) to llama.cpp's (pairs side by side)."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def _write(path: Path, config: dict[str, Any], tensors: dict[str, np.ndarray], architecture: str) -> None:
    import gguf

    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(config["lora_alpha"]))
    for name, array in tensors.items():
        writer.add_tensor(name, np.ascontiguousarray(array, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
