"""The generator practises: it writes for texts that nobody rated, and learns from the best of what it wrote.

Rejection sampling, after STaR (Zelikman et al. 2022) and RAFT (Dong et al. 2023): ratings teach what a good reasoning
is, practice repeats it on more texts than people rate. All tries but the first begin with a quotation, from the word
that the recipe names and from others drawn by chance, or the generator would never find out where else one can begin.
What is best is told by the signals and
by a bag of words that has learnt from other training rows: neither the generator nor the Q->A model that reads its
reasonings later has a say.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rilearn.adapters import Adapter
from rilearn.engines import load_engine
from rilearn.errors import ConfigError
from rilearn.judgements import TrainingRow
from rilearn.perturbations import only, quoted
from rilearn.prompts import Templates, clean
from rilearn.records import Example, Sampling
from rilearn.settings import Settings
from rilearn.signals import words
from training.bag_of_words import BagOfWords
from training.candidates import Candidate, fault, measure
from training.data import task_rows
from training.recipes import AugmentRecipe
from training.retrain_recipe import Practice, RetrainRecipe
from training.watch import Watch

FILE = "practice.jsonl"
PASSAGE = 4
"""Words in a row that a quotation needs to tell anything: fewer lose what stands beside the telling word."""
LIMITS = AugmentRecipe(
    kind="augment", name="practice", min_grounding=1, max_misquotes=0, max_repetition=0.2, min_words=6, max_words=32
)
"""What is plainly wrong with a reasoning, as in the augmentation for the classifier."""
_CHUNK = 32
_MAX_TOKENS = 56
_STAGE = "Write reasonings to practise"

Tries = list[Candidate]


def practise(
    generator: Adapter, recipe: RetrainRecipe, templates: Templates, rated: Collection[str], out: Path, watch: Watch
) -> tuple[list[TrainingRow], dict[str, Any]]:
    """Write for texts that are not `rated`; the best reasonings as rows, and counts for the manifest.

    What is written goes to `out/practice.jsonl`, one text a line, and is not written again after a kill.

    Raises:
        ConfigError: too few training rows for both the practice and the bag of words.
    """
    practice = recipe.practice or Practice()
    train, _ = task_rows(templates.task, recipe.data, recipe.seed)
    train = [e for e in train if e.text not in rated]
    mine, others = train[: practice.texts], train[practice.texts :]
    if lacking := sorted(set(templates.task.labels) - {e.label for e in others}):
        raise ConfigError(f"No row of {', '.join(lacking)} is left beside the practice's: lower practice.texts.")
    written = _written(generator, recipe, practice, templates, mine, out / FILE, watch)
    bag = BagOfWords(others, templates.task.labels)
    rows = [row for e, tries in zip(mine, written, strict=True) if (row := best(e, tries, bag, practice))]
    wrong = Counter(fault(c, LIMITS) or "none" for tries in written for c in tries)
    return rows, {"texts": len(mine), "written": wrong.total(), "kept": len(rows), "faults": dict(wrong)}


def openings(text: str, practice: Practice, seed: int) -> list[str]:
    """Beginnings of the tries for a text: a free one, then quotations that begin with a word of the text.

    Words that stand in the text once, if there are any: after another it would be open where to go on. None of its last
    ones, after which there is no passage. The same seed and text give the same.
    """
    said = words(text)
    ahead = said[: max(1, len(said) - PASSAGE + 1)]
    once = [word for word in ahead if said.count(word) == 1] or ahead
    random.Random(f"{seed}\0{text}").shuffle(once)
    if practice.opens:
        once.sort(key=lambda word: not word.startswith(practice.opens))
    return ["", *(f'"{word}' for word in once)][: practice.tries]


def best(example: Example, tries: Sequence[Candidate], bag: BagOfWords, practice: Practice) -> TrainingRow | None:
    """Of the tries without fault whose quoted passages make the bag of words `sure` of the label one that begins as the
    practice wants it, and the one that makes it surest; None if there is none."""
    label = example.label or ""
    passages = {c.reasoning: only(example.text, quoted(example.text, c.reasoning, PASSAGE)) for c in tries}
    good = [c.reasoning for c in tries if fault(c, LIMITS) is None and passages[c.reasoning]]
    if not good:
        return None
    shares = bag.shares([passages[r] for r in good], [label] * len(good))
    wanted = f'"{practice.opens}'
    order = [(r.startswith(wanted), told, r) for told, r in zip(shares, good, strict=True) if told >= practice.sure]
    return TrainingRow("sft", example.text, label, max(order)[2], None, True, 1.0, ()) if order else None


def _written(
    generator: Adapter,
    recipe: RetrainRecipe,
    practice: Practice,
    templates: Templates,
    examples: Sequence[Example],
    path: Path,
    watch: Watch,
) -> list[Tries]:
    """The tries for each example, from the file as far as it goes."""
    done = _read(path)
    labels, sampling = (
        templates.task.labels,
        Sampling(_MAX_TOKENS, practice.temperature, 50, 0.95, recipe.seed, ("\n",)),
    )
    watch(_STAGE, len(done), len(examples))
    if len(done) < len(examples):
        engine = load_engine("transformers", recipe.base, Settings().cache_dir, preload=[generator.ref], fast=True)
        with closing(engine), path.open("a", encoding="utf-8") as file:
            while chunk := examples[len(done) : len(done) + _CHUNK]:
                asked = [(e, openings(e.text, practice, recipe.seed)) for e in chunk]
                prompts = [templates.task_rationale(e.text, e.label or "", o) for e, some in asked for o in some]
                made = iter(engine.generate(prompts, sampling, generator.ref))
                for e, some in asked:
                    pairs = [(o, next(made)) for o in some]
                    tries = [measure(e, clean(f"{o}{g.text}"), g.finish, g.tokens, labels) for o, g in pairs]
                    file.write(json.dumps([asdict(c) for c in tries]) + "\n")
                    done.append(tries)
                file.flush()
                watch(_STAGE, len(done), len(examples))
    return done


def _read(path: Path) -> list[Tries]:
    """What was written before, without a line that a kill cut off."""
    if not path.exists():
        return []
    kept = path.read_text(encoding="utf-8").rpartition("\n")[0]
    path.write_text(f"{kept}\n" if kept else "", encoding="utf-8")
    return [[Candidate(**c) for c in json.loads(line)] for line in kept.split("\n") if line]
