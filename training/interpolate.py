"""One adapter between several: the weighted sum of what they add to the base, at the rank of the first.

python -m training.interpolate --recipe training/recipes/embedded/q-ra-between.yaml --out runs/q-ra

Fine-tuning on reasonings costs a classifier some of what it knew of labels; part of the way back to where it came
from, it has both (WiSE-FT, Wortsman et al. 2022). Nothing is trained: the sum is brought back to the rank by a
singular value decomposition.
"""

from __future__ import annotations

import time
from pathlib import Path

from rilearn.adapters import Adapter, load_adapter
from rilearn.errors import ConfigError
from rilearn.settings import Settings
from training.recipes import InterpolationRecipe, Lora, load_recipe
from training.stage import parser, run, write_manifest

RESULT = "default"
"""The adapter whose files peft writes to the folder itself; it is at first the fresh one of `load_trainable`."""
COUNTS = ("rows", "rows_dropped", "rows_seen", "tokens_seen")


def interpolate(adapters: list[Adapter], weights: list[float], base: str, rank: int, out: Path) -> None:
    """Write the LoRA files of the sum of `weights[i]` times `adapters[i]` to `out`."""
    from training.lora import load_trainable, save_adapter

    model, _ = load_trainable(base, Lora(r=rank), None, Settings(), half=False)
    parts = [f"part-{number}" for number in range(len(adapters))]
    for name, adapter in zip(parts, adapters, strict=True):
        model.load_adapter(str(adapter.ref.path), adapter_name=name)
    model.set_adapter(parts[0])
    model.delete_adapter(RESULT)
    model.add_weighted_adapter(parts, weights, RESULT, combination_type="svd", svd_rank=rank)
    model.set_adapter(RESULT)
    for name in parts:
        model.delete_adapter(name)
    save_adapter(model, out)


def main(argv: list[str]) -> None:
    arguments = parser(__doc__).parse_args(argv)
    recipe = load_recipe(InterpolationRecipe, arguments.recipe, arguments.set)
    adapters = [load_adapter(Path(part.adapter), recipe.base) for part in recipe.parts]
    first = adapters[0].manifest
    if any((a.manifest.task, a.manifest.chat) != (first.task, first.chat) for a in adapters):
        raise ConfigError("The adapters are of different tasks or prompt styles: there is nothing between them.")
    start = time.monotonic()
    interpolate(adapters, [part.weight for part in recipe.parts], recipe.base, recipe.rank, arguments.out)
    # Nothing was seen here: rows, steps and seconds are those of the parts together.
    manifests = [adapter.manifest for adapter in adapters]
    counts = {key: sum(int(m.data.get(key, 0)) for m in manifests) for key in COUNTS}
    steps, spent = sum(m.steps for m in manifests), time.monotonic() - start + sum(m.seconds for m in manifests)
    facts = {**counts, "steps": steps, "seconds": round(spent, 1), "processes": 1, "precision": "fp32"}
    report = {key: value for key, value in first.data.items() if key not in counts}
    parents = {adapter.name: adapter.ref.digest for adapter in adapters}
    write_manifest(arguments.out, recipe, first.kind, first.task, report, facts, parents)
    print(f"written to {arguments.out}", flush=True)


if __name__ == "__main__":
    run(main)
