"""Adapter folders with real safetensors files of a few bytes: what came with rilearn, and candidates to promote."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from rilearn.adapters import WEIGHTS, Kind, Manifest, save_manifest
from rilearn.prompts import PROMPT_VERSION


def make_candidate(
    folder: Path,
    kind: Kind,
    seed: int = 0,
    task: str | None = "emotion",
    behind: Mapping[str, Sequence[int]] | None = None,
    parents: Mapping[str, str] | None = None,
) -> Path:
    """A folder named as its adapter; another seed gives other weights."""
    folder.mkdir(parents=True)
    draw = np.random.default_rng([seed, len(kind)])
    tensors = {
        f"base_model.model.model.layers.0.self_attn.q_proj.lora_{half}.weight": draw.normal(size=(2, 2))
        for half in ("A", "B")
    }
    save_file({name: values.astype(np.float32) for name, values in tensors.items()}, folder / WEIGHTS)
    (folder / "adapter_config.json").write_text(json.dumps({"r": 2, "lora_alpha": 2, "peft_type": "LORA"}))
    (folder / "README.md").write_text("An adapter of the tests.\n")
    (folder / "checkpoint.bin").write_bytes(b"not to be kept")
    fields: dict[str, Any] = {"name": folder.name, "kind": kind, "base": "embedded", "prompt_version": PROMPT_VERSION}
    fields |= {"task": None if kind == "generator" else task, "data": {"behind": dict(behind)} if behind else {}}
    save_manifest(folder, Manifest.model_validate({**fields, "parents": dict(parents or {})}))
    return folder


def make_shipped(root: Path) -> Path:
    """The adapters q-a, q-ra and generator."""
    make_candidate(root / "q-a", "direct")
    make_candidate(root / "q-ra", "reasoned")
    make_candidate(root / "generator", "generator")
    return root
