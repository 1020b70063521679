"""Run a whole set of recipes in order and skip the stages that are done.

python -m training.pipeline --recipe training/recipes/demo/pipeline.yaml --out runs/demo
python -m training.pipeline --recipe training/recipes/embedded/pipeline.yaml --out runs/own --set values.emotion=DIR

Each stage is its own process; a stage is done when its `done` file is there and no stage before it ran anew. `{out}`
in a stage's arguments is the pipeline's folder, other `{names}` are the pipeline's `values`, which
--set values.NAME=VALUE changes.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from rilearn.errors import ConfigError, RilearnError
from training.recipes import PipelineRecipe, Stage, load_recipe
from training.stage import ROOT, parser, run
from training.watch import Watch


def arguments_of(stage: Stage, recipe: PipelineRecipe, folder: Path, out: Path) -> list[str]:
    """The stage's command line; recipes are files beside the pipeline's own."""
    values = {**recipe.values, "out": str(out), "recipes": str(folder)}
    try:
        return [sys.executable, "-m", f"training.{stage.run}", *(word.format(**values) for word in stage.arguments)]
    except (KeyError, IndexError, ValueError) as error:
        raise ConfigError(
            f"Stage '{stage.name}' has a slot that cannot be filled ({error}). The values are: {', '.join(values)}."
        ) from None


def main(argv: list[str]) -> None:
    given = parser(__doc__).parse_args(argv)
    recipe = load_recipe(PipelineRecipe, given.recipe, given.set)
    out = given.out.resolve()
    watch = Watch(out)
    anew = False  # what a stage makes anew, those behind it must read anew
    for number, stage in enumerate(recipe.stages, 1):
        words = arguments_of(stage, recipe, given.recipe.resolve().parent, out)
        mark = out / f".{stage.name}.done"
        head = f"[{number}/{len(recipe.stages)}] {stage.name}"
        if not anew and mark.exists() and mark.read_text() == "\n".join(words):
            print(f"{head}: done before", flush=True)
            continue
        anew = True
        mark.unlink(missing_ok=True)
        print(f"{head}: {' '.join(words[1:])}", flush=True)
        watch("Stages of the pipeline", number - 1, len(recipe.stages), stage.name)
        start = time.monotonic()
        code = subprocess.run(words, cwd=ROOT, check=False).returncode
        if code != 0:
            raise RilearnError(
                f"Stage '{stage.name}' ended with status {code}. Mend it and run the same command again."
            )
        mark.write_text("\n".join(words))
        print(f"{head}: {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    run(main)
