"""The generator practises: it writes for texts that nobody rated, and learns from the best of what it wrote.

Rejection sampling, after STaR (Zelikman et al. 2022) and RAFT (Dong et al. 2023): ratings teach what a good reasoning
is, practice repeats it on more texts than people rate. In the first round all tries but one begin with a quotation,
from the word that the recipe names and from others drawn by chance, or the generator would never find out where else
one can begin; in later rounds it writes freely and learns to quote rightly from there. What is best is told by the
signals, which are also what the gate's automatic judge looks at first, by a bag of words that has learnt from other
training rows, and by a probe that has learnt from the other tries what their own words give away, as the gate's does;
the Q->A model that reads reasonings later has no say.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rilearn.adapters import Adapter
from rilearn.engines import load_engine
from rilearn.judgements import TrainingRow
from rilearn.perturbations import masked, only, quoted, ungrounded
from rilearn.prompts import Templates, clean, text_key
from rilearn.records import Example, Sampling
from rilearn.settings import Settings
from rilearn.signals import words
from training.bag_of_words import BagOfWords, told_by_others
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
GIVES_AWAY = 0.75
"""As sure as this of the label by a reasoning's own words, without the text, a probe must not be: it is no best one."""
TELLS_LITTLE = 0.35
"""Of less sure ones none is better: it would be the one that speaks for another label."""
_CHUNK = 32
_HOPELESS = 4 * _CHUNK
"""Texts: if not one try for so many is without fault, no more is written."""
_LEAST = 50
"""Rows that the bag of words must have to learn from."""
_MAX_TOKENS = 56

Tries = list[Candidate]


def practise(
    generator: Adapter,
    recipe: RetrainRecipe,
    how: Practice,
    number: int,
    templates: Templates,
    rated: Collection[str],
    out: Path,
    watch: Watch,
) -> tuple[list[TrainingRow], dict[str, Any]]:
    """The round `number`, from 1: write for its share of the last training rows, without those whose `text_key` is in
    `rated`; the best reasonings as rows, and counts for the manifest. No rows, and why, where the dataset is too small.

    What is written goes to `out/practice.jsonl`, one text a line, and is not written again after a kill.
    """
    labels, start = templates.task.labels, time.monotonic()
    train = [e for e in task_rows(templates.task, recipe.data, recipe.seed)[0] if text_key(e.text) not in rated]
    count = min(how.texts, len(train) // (2 * how.rounds))
    others, kept = train[: len(train) - count * how.rounds], train[len(train) - count * how.rounds :]
    mine = kept[count * (number - 1) : count * number]
    if len(others) < _LEAST or set(labels) - {e.label for e in others}:
        return [], {"texts": 0, "written": 0, "kept": 0, "left_out": "too few training rows, or none of a label"}
    out.mkdir(parents=True, exist_ok=True)
    written = _written(generator, recipe, how, number, templates, mine, out / FILE, watch)
    bag = BagOfWords(others, labels)
    own = leaks(mine, written, labels)
    rows = [row for e, some, leak in zip(mine, written, own, strict=False) if (row := best(e, some, leak, bag, how))]
    wrong = Counter(fault(c, LIMITS) or "none" for tries in written for c in tries)
    counts = {"texts": len(written), "written": wrong.total(), "kept": len(rows), "faults": dict(wrong)}
    print(f"practice, round {number}: {counts}", flush=True)
    return rows, counts | {"seconds": round(time.monotonic() - start, 1)}


def openings(text: str, how: Practice, seed: int) -> list[str]:
    """Beginnings of the tries for a text: a free one, then quotations that begin with a word of the text.

    Words that stand in the text once, if there are any: after another it would be open where to go on. None of its last
    ones, after which there is no passage. The same seed and text give the same.
    """
    said = words(text)
    ahead = said[: max(1, len(said) - PASSAGE + 1)]
    once = [word for word in ahead if said.count(word) == 1] or ahead
    random.Random(f"{seed}\0{text}").shuffle(once)
    if how.opens:
        once.sort(key=lambda word: not word.startswith(how.opens))
    return ["", *(f'"{word}' for word in once)][: how.tries]


def leaks(examples: Sequence[Example], written: Sequence[Tries], labels: Collection[str]) -> list[list[float]]:
    """How sure each try's own words, without the text's and the labels', make a probe of the label (see
    `told_by_others`), in [0, 1]: they would give the label away to whoever has not seen the text."""
    flat = [(i, e, c) for i, (e, tries) in enumerate(zip(examples, written, strict=False)) for c in tries]
    own = [masked(ungrounded(e.text, c.reasoning), labels) for _, e, c in flat]
    found = iter(told_by_others(own, [e.label or "" for _, e, _ in flat], [i for i, _, _ in flat]))
    return [[next(found) for _ in tries] for tries in written]


def best(
    example: Example, tries: Sequence[Candidate], leak: Sequence[float], bag: BagOfWords, how: Practice
) -> TrainingRow | None:
    """Of the tries without fault whose quoted passages make the bag of words `sure` of the label and whose own words do
    not give it away one that begins as the practice wants it, and of these the one whose passages tell most more than
    its own words. None: there is none.

    Args:
        leak: what `leaks` found of each try.
    """
    label = example.label or ""
    passages = [only(example.text, quoted(example.text, c.reasoning, PASSAGE)) for c in tries]
    shares = bag.shares(passages, [label] * len(passages)) if passages else []
    order = [
        (c.reasoning.startswith(f'"{how.opens}'), told - max(TELLS_LITTLE, own), c.reasoning)
        for c, passage, told, own in zip(tries, passages, shares, leak, strict=True)
        if passage and told >= how.sure and own < GIVES_AWAY and fault(c, LIMITS) is None
    ]
    return TrainingRow("sft", example.text, label, max(order)[2], None, True, 1.0, ()) if order else None


def _written(
    generator: Adapter,
    recipe: RetrainRecipe,
    how: Practice,
    number: int,
    templates: Templates,
    examples: Sequence[Example],
    path: Path,
    watch: Watch,
) -> list[Tries]:
    """The tries for each example, from the file as far as it goes; fewer if the beginning is hopeless."""
    free = [""] * how.tries
    asked = [(e, free if number > 1 else openings(e.text, how, recipe.seed)) for e in examples]
    done = _read(path, asked)
    labels, sampling = templates.task.labels, Sampling(_MAX_TOKENS, how.temperature, 50, 0.95, recipe.seed, ("\n",))
    stage = f"Write to practise, round {number} of {how.rounds}"
    watch(stage, len(done), len(asked))
    if len(done) == len(asked):
        return done
    engine = load_engine("transformers", recipe.base, Settings().cache_dir, preload=[generator.ref], fast=True)
    with closing(engine), path.open("a", encoding="utf-8") as file:
        while chunk := asked[len(done) : len(done) + _CHUNK]:
            if len(done) >= _HOPELESS and all(fault(c, LIMITS) for tries in done for c in tries):
                break
            prompts = [templates.task_rationale(e.text, e.label or "", o) for e, some in chunk for o in some]
            made = iter(engine.generate(prompts, sampling, generator.ref))
            for e, some in chunk:
                pairs = [(o, next(made)) for o in some]
                tries = [measure(e, clean(f"{o}{g.text}"), g.finish, g.tokens, labels) for o, g in pairs]
                line = {"text": e.text, "label": e.label, "openings": some, "tries": [asdict(c) for c in tries]}
                file.write(json.dumps(line) + "\n")
                done.append(tries)
            file.flush()
            watch(stage, len(done), len(asked))
    return done


def _read(path: Path, asked: Sequence[tuple[Example, list[str]]]) -> list[Tries]:
    """What was written before for the same texts and openings; what follows, a line that a kill cut off say, is cut
    off the file."""
    found: list[Tries] = []
    if not path.exists():
        return found
    with path.open("rb") as file:
        kept = 0
        for (example, some), line in zip(asked, file, strict=False):
            about = json.loads(line) if line.endswith(b"\n") else {}
            if (about.get("text"), about.get("label"), about.get("openings")) != (example.text, example.label, some):
                break
            found.append([Candidate(**c) for c in about["tries"]])
            kept += len(line)
    os.truncate(path, kept)
    return found
