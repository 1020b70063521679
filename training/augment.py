"""Stage 2, offline: write a reasoning for every training row with the generator, several candidates, the best kept.

python -m training.augment --recipe training/recipes/embedded/augment.yaml --out runs/augment
python -m training.augment --recipe ... --out runs/augment --shard 1/4      (one of four machines)

Writes OUT/reasonings[-i-of-n].parquet (every candidate with its signals, model version and seed) and a report.json.
Work is saved part by part: after a kill the same command goes on where it stopped.

With a Q->RA adapter as the generator, the reasonings are the classifier's own, written without sight of the label:
those that lead to the right one can teach it to reason (rejection sampling, after STaR, Zelikman et al. 2022), and all
of them, good or bad, teach it to answer after its own words (`rollouts` of training.train_classifier). With
`labels: other` a generator writes for labels that the rows do not have (`counterfactuals` there).
"""

from __future__ import annotations

import json
import math
import os
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rilearn.adapters import Adapter, load_adapter
from rilearn.engines.base import Engine
from rilearn.errors import ConfigError
from rilearn.prompts import PROMPT_VERSION, Templates, clean
from rilearn.records import AdapterRef, Example, Prompt, Sampling
from rilearn.settings import Settings
from rilearn.tasks import load_task
from training.candidates import Candidate, fault, measure, ranked, report
from training.data import task_rows
from training.recipes import AugmentRecipe, load_recipe
from training.stage import parser, run


class Writer:
    """(examples) -> their candidates: generates, measures, and lets the judge read the best until one passes."""

    def __init__(self, recipe: AugmentRecipe, engine: Engine, judge: Engine | None, generator: Adapter | None):
        self.recipe = recipe
        self.engine = engine
        self.judge = judge
        self.generator = generator
        self.own = generator is not None and generator.manifest.kind == "reasoned"
        if self.own and recipe.openings != ("",):
            raise ConfigError("openings are for generators; a Q->RA adapter writes as it will when it answers.")
        self.judge_ref: AdapterRef | None = load_adapter(Path(recipe.judge), recipe.base).ref if recipe.judge else None
        chat = generator.manifest.chat if generator else True
        self.task = load_task(recipe.task)
        self.templates = Templates(self.task, chat)
        self.sampling = Sampling(recipe.max_tokens, recipe.temperature, 50, recipe.top_p, recipe.seed, ("\n",))

    def candidates(self, examples: Sequence[Example], numbers: Sequence[int]) -> list[list[Candidate]]:
        """All candidates of `examples`; openings take turns by the rows' `numbers`, so that shards change nothing."""
        n = self.recipe.candidates
        openings = [self.recipe.openings[i % len(self.recipe.openings)] for i in numbers]
        prompts = [self._prompt(e, o) for e, o in zip(examples, openings, strict=True) for _ in range(n)]
        written = self.engine.generate(prompts, self.sampling, self.generator.ref if self.generator else None)
        result = []
        for i, (example, opening) in enumerate(zip(examples, openings, strict=True)):
            texts = [(clean(f"{opening}{g.text}"), g) for g in written[i * n : (i + 1) * n]]
            result.append([measure(example, t, g.finish, g.tokens, self.task.labels) for t, g in texts])
        return result

    def _prompt(self, example: Example, opening: str) -> Prompt:
        if self.own:
            return self.templates.reasoned(example.text)
        return self.templates.task_rationale(example.text, example.label or "", opening)

    def choose(self, examples: Sequence[Example], rows: list[list[Candidate]]) -> list[int | None]:
        """The kept candidate of each row. The judge reads a row's best, and the next only if that one misleads."""
        order = [ranked(candidates, self.recipe) for candidates in rows]
        chosen: list[int | None] = [None] * len(rows)
        open_rows = [i for i, o in enumerate(order) if o]
        while open_rows:
            if self.judge is not None:
                self._judge(examples, rows, [(i, order[i][0]) for i in open_rows])
            still = []
            for i in open_rows:
                best = order[i].pop(0)
                if fault(rows[i][best], self.recipe) is None:
                    chosen[i] = best
                elif order[i]:
                    still.append(i)
            open_rows = still
        return chosen

    def _judge(self, examples: Sequence[Example], rows: list[list[Candidate]], picks: list[tuple[int, int]]) -> None:
        assert self.judge is not None
        prompts = [self.templates.answer(examples[i].text, rows[i][j].reasoning) for i, j in picks]
        scores = self.judge.score(prompts, self.templates.choices(), self.judge_ref)
        for (i, j), row in zip(picks, scores, strict=True):
            gold = self.task.labels.index(examples[i].label or "")
            top = max(row)
            lead = math.exp(row[gold] - top) / sum(math.exp(s - top) for s in row)
            rows[i][j] = replace(rows[i][j], lead=round(lead, 4))


def make_writer(recipe: AugmentRecipe) -> Writer:
    """The engines and adapters the recipe names."""
    from rilearn.engines import load_engine

    cache = Settings().cache_dir
    if recipe.engine == "remote":
        from rilearn.engines.remote import RemoteEngine

        if not recipe.remote_url or not recipe.remote_model:
            raise ConfigError("engine: remote needs remote_url and remote_model.")
        remote = RemoteEngine(recipe.remote_url, recipe.remote_model, os.environ.get("OPENAI_API_KEY"))
        judge = load_engine("transformers", recipe.base, cache, fast=True) if recipe.min_lead > 0 else None
        return Writer(recipe, remote, judge, None)
    if recipe.generator is None:
        raise ConfigError("augment needs a generator: --set generator=FOLDER (or engine=remote).")
    generator = load_adapter(Path(recipe.generator), recipe.base)
    if recipe.threads:
        import torch

        torch.set_num_threads(recipe.threads)
    engine = load_engine(recipe.engine, recipe.base, cache, preload=[generator.ref], fast=True)
    return Writer(recipe, engine, engine if recipe.min_lead > 0 else None, generator)


def table(rows: list[dict[str, Any]], path: Path) -> None:
    """Write a parquet file in one step."""
    import pyarrow
    import pyarrow.parquet

    temp = path.with_suffix(".tmp")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), temp)
    os.replace(temp, path)


def mislabelled(examples: Sequence[Example], labels: Sequence[str], seed: int) -> list[Example]:
    """Each example with a label drawn from those it does not have."""
    rng = random.Random(seed)
    return [replace(e, label=rng.choice([label for label in labels if label != e.label])) for e in examples]


def shard_of(value: str) -> tuple[int, int]:
    """`i/n` -> (i, n), counted from 1."""
    index, _, count = value.partition("/")
    if not (index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise ConfigError(f"--shard {value}: write i/n, from 1/n to n/n.")
    return int(index), int(count)


def open_parts(out: Path, suffix: str, state: dict[str, Any]) -> Path:
    """The folder of finished parts; refuses one that another recipe or dataset began."""
    import pydantic_core

    parts = out / f"parts{suffix}"
    parts.mkdir(parents=True, exist_ok=True)
    state = json.loads(pydantic_core.to_json(state))
    path = parts / "state.json"
    if path.exists() and json.loads(path.read_text()) != state:
        raise ConfigError(f"{out} holds the parts of another recipe or dataset. Choose another --out, or delete it.")
    temp = path.with_suffix(".tmp")
    temp.write_text(json.dumps(state) + "\n")
    os.replace(temp, path)  # in one step: half a state would stop the next start
    return parts


def main(argv: list[str]) -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--shard", default="1/1", help="i/n: write the i-th of n interleaved parts of the rows")
    given = arguments.parse_args(argv)
    recipe = load_recipe(AugmentRecipe, given.recipe, given.set)
    index, count = shard_of(given.shard)
    suffix = "" if count == 1 else f"-{index}-of-{count}"
    task = load_task(recipe.task)
    examples, data = task_rows(task, recipe.data, recipe.seed)
    if recipe.labels == "other":
        examples = mislabelled(examples, task.labels, recipe.seed)
    mine = list(enumerate(examples))[index - 1 :: count]
    writer = make_writer(recipe)
    version = writer.generator.ref.digest if writer.generator else f"remote:{recipe.remote_model}"
    parts = open_parts(given.out, suffix, {"recipe": recipe.model_dump(mode="json"), "data": data, "version": version})
    start, fresh = time.monotonic(), 0
    for begin in range(0, len(mine), recipe.batch):
        path = parts / f"{begin:07d}.parquet"
        if path.exists():
            continue
        chunk = mine[begin : begin + recipe.batch]
        rows = [e for _, e in chunk]
        found = writer.candidates(rows, [number for number, _ in chunk])
        chosen = writer.choose(rows, found)
        table(list(records(chunk, found, chosen, recipe, version)), path)
        fresh += len(chunk)
        rate = fresh / (time.monotonic() - start)
        left = (len(mine) - begin - len(chunk)) / rate
        print(f"row {begin + len(chunk)}/{len(mine)}  {rate:.1f} rows/s  {left / 60:.0f} min left", flush=True)
    merge(parts, given.out / f"reasonings{suffix}.parquet")
    written = read_rows(given.out / f"reasonings{suffix}.parquet")
    facts = report(written, recipe, {"data": data, "generator": version, "prompt_version": PROMPT_VERSION})
    (given.out / f"report{suffix}.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(json.dumps({k: v for k, v in facts.items() if k not in ("recipe", "data")}), flush=True)


def records(
    chunk: Sequence[tuple[int, Example]],
    found: Sequence[Sequence[Candidate]],
    chosen: Sequence[int | None],
    recipe: AugmentRecipe,
    version: str,
) -> Any:
    """One flat record per candidate, ready for parquet."""
    for (row, example), candidates, best in zip(chunk, found, chosen, strict=True):
        for number, candidate in enumerate(candidates):
            yield {
                "row": row,
                "text": example.text,
                "label": example.label,
                "candidate": number,
                **candidate.fields(),
                "fault": fault(candidate, recipe),
                "kept": number == best,
                "model": version,
                "seed": recipe.seed,
            }


def merge(parts: Path, target: Path) -> None:
    table([row for path in sorted(parts.glob("*.parquet")) for row in read_rows(path)], target)


def read_rows(path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet

    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows


if __name__ == "__main__":
    run(main)
