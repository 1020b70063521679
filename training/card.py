"""The model card of an adapter folder, written from its manifest alone."""

from __future__ import annotations

from pathlib import Path

from rilearn.adapters import Manifest

PURPOSE = {
    "generator": "Writes a reasoning for a question and its answer (stage 1 of reasoning-infused learning).",
    "direct": "Names the label of a text straight away (Q->A).",
    "reasoned": "Writes a short reasoning about a text and then names its label (Q->RA).",
}
BASES = {"embedded": "HuggingFaceTB/SmolLM2-135M-Instruct"}


def write_card(folder: Path, manifest: Manifest) -> None:
    """Write README.md beside the weights."""
    lines = [
        "---",
        "library_name: peft",
        f"base_model: {BASES.get(manifest.base, manifest.base)}",
        "license: apache-2.0",
        "language: en",
        "tags: [lora, rilearn]",
        "---",
        "",
        f"# {manifest.name}",
        "",
        PURPOSE[manifest.kind],
        "",
        f"A LoRA adapter over `{manifest.base}`, prompt version {manifest.prompt_version}, "
        f"made by rilearn on {manifest.date} with:",
        "",
        "```",
        manifest.command,
        "```",
        "",
        f"Training: {manifest.data.get('rows', '?')} rows, {manifest.steps} optimiser steps, "
        f"{manifest.seconds:.0f} s, seed {manifest.seed}. The resolved recipe, the data fingerprint and the parents "
        "are in `manifest.json`.",
        "",
    ]
    for split, result in manifest.evaluation.items():
        lines += [
            f"## Measured on {result['dataset']}, {split} (n = {result['n']})",
            "",
            "| accuracy | macro-F1 | parse rate | mean reasoning tokens | engine | date |",
            "| --- | --- | --- | --- | --- | --- |",
            f"| {result['accuracy']:.4f} | {result['macro_f1']:.4f} | {result['parse_rate']:.4f} | "
            f"{result['mean_reasoning_tokens']:.1f} | {result['engine']} | {result['date']} |",
            "",
        ]
    lines += [
        "## Limits",
        "",
        "A small model trained on English messages. Its reasonings are text it finds likely, not a record of how it "
        "decided; do not use it to judge people. The emotion dataset is for research and education.",
        "",
    ]
    (folder / "README.md").write_text("\n".join(lines), encoding="utf-8")
