"""What the gate is shown of a candidate: its reasonings for held-out rows beside those of what is in use."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from rilearn.adapters import Adapter, load_adapter
from rilearn.engines import load_engine
from rilearn.errors import DataError
from rilearn.gate import Duel, Evidence, Paired, Role
from rilearn.judgements import TrainingRow
from rilearn.leak import leak_probe
from rilearn.perturbations import ungrounded
from rilearn.prompts import Templates
from rilearn.records import Example
from rilearn.settings import Settings
from rilearn.tasks import load_task
from training.comparison import Measured, measure, summary, wins, write
from training.data import measured_rows
from training.retrain_recipe import RetrainRecipe
from training.watch import Watch

Written = list[tuple[str, bool]]
"""A reasoning for each held-out row, and whether it came to an end."""


class Comparison:
    """The held-out rows of a recipe, and what measures reasonings for them."""

    def __init__(self, recipe: RetrainRecipe, parent: Adapter, watch: Watch):
        self.recipe, self.parent, self.watch = recipe, parent, watch
        task, split = load_task(recipe.task), recipe.data.evaluation_splits[0]
        self.templates = Templates(task, parent.manifest.chat)
        last = recipe.measured_from + recipe.measured
        examples, origin = measured_rows(task, recipe.data.id, split, last)
        self.examples = examples[recipe.measured_from :]
        self.origin = {**origin, "n": len(self.examples), "from_row": recipe.measured_from}
        self.reader = load_adapter(Path(recipe.reader), recipe.base)

    def generators(self, candidate: Adapter, rows: Sequence[TrainingRow], out: Path) -> tuple[dict[str, Any], Evidence]:
        """The retrained generator against its parent: a report, and the evidence but for the classifier.

        After a practice the report tells of the generator before it too (`rated`: what the ratings alone taught).
        Writes OUT/reasonings.jsonl, for people to read and to compare blind: what the candidate writes now for what was
        rated, and what both write for the held-out rows.
        """
        adapters = [self.parent, candidate]
        if (alone := out / "rated" / "generator").exists():
            adapters.append(load_adapter(alone, self.recipe.base))
        steps = len(adapters) + 1
        engine = load_engine(
            "transformers",
            self.recipe.base,
            Settings().cache_dir,
            preload=[a.ref for a in (*adapters, self.reader)],
            fast=True,
        )
        rated = [Example(text, label) for text, label in dict.fromkeys((row.text, row.label) for row in rows)]
        written: list[Written] = []
        found: list[list[Measured]] = []
        with closing(engine):
            for number, adapter in enumerate(adapters):
                self.watch("Compare with the generator before", number, steps)
                written.append(write(engine, adapter, self.templates, self.examples))
                found.append(measure(engine, self.reader.ref, self.templates, self.examples, written[-1]))
            self.watch("Compare with the generator before", len(adapters), steps)
            now = write(engine, candidate, self.templates, rated)
        lines = [_line(e, r, candidate, "train") for e, (r, _) in zip(rated, now, strict=True)]
        for adapter, texts in zip(adapters[:2], written[:2], strict=True):
            for e, (r, _) in zip(self.examples, texts, strict=True):
                lines.append(_line(e, r, adapter, self.origin["split"]))
        (out / "reasonings.jsonl").write_text("".join(lines), encoding="utf-8")
        old, new, *between = found
        told = {
            **self.origin,
            "decoding": "greedy",
            "parent": {"sha256": self.parent.ref.digest, **summary(old)},
            "candidate": {"sha256": candidate.ref.digest, **summary(new)},
            "judge": wins(new, old),
            "base_judge": wins(new, old, "base"),
        }
        if between:
            told["rated"] = {
                "sha256": adapters[2].ref.digest,
                **summary(between[0]),
                "judge": wins(between[0], old),
                "base_judge": wins(between[0], old, "base"),
            }
        return told, self._evidence("generator", candidate, self.parent, new, old)

    def classifiers(self, folder: Path, candidate: Adapter, current: Adapter) -> Evidence:
        """The classifier trained through the generator against the one in use, from what the pipeline evaluated.

        Raises:
            DataError: the two were evaluated on different rows.
        """
        results = [json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in ("current", "new")]
        paired = _paired(*results)
        engine = load_engine(
            "transformers", self.recipe.base, Settings().cache_dir, preload=[self.reader.ref], fast=True
        )
        found = []
        with closing(engine):
            for number, name in enumerate(("current", "new")):
                self.watch("Compare with the classifier before", number, 2)
                rows = [
                    json.loads(line) for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
                ]
                rows = rows[: self.recipe.measured]
                examples = [Example(row["text"], row["gold"]) for row in rows]
                written = [(str(row["reasoning"]), True) for row in rows]
                found.append(measure(engine, self.reader.ref, self.templates, examples, written))
        old, new = found
        made = self._evidence("q-ra", candidate, current, new, old, examples)
        return made.model_copy(update={"classifier": paired, "parse_rate": results[1]["parse_rate"]})

    def _evidence(
        self,
        role: Role,
        candidate: Adapter,
        current: Adapter,
        new: Sequence[Measured],
        old: Sequence[Measured],
        examples: Sequence[Example] | None = None,
    ) -> Evidence:
        told, duel, rows = summary(new), wins(new, old), examples or self.examples
        return Evidence(
            role=role,
            candidate=candidate.ref.digest,
            current=current.ref.digest,
            texts=len(new),
            judge=Duel(wins=duel["wins"], losses=duel["losses"], ties=duel["ties"]),
            parse_rate=told["finished"],
            mean_words=told["mean_words"],
            restatement=told["restates"],
            grounded=told["grounded"],
            leak=_leak(rows, new),
            current_leak=_leak(rows, old),
        )


def _paired(old: dict[str, Any], new: dict[str, Any]) -> Paired:
    if new["dataset_fingerprint"] != old["dataset_fingerprint"] or new["n"] != old["n"]:
        raise DataError("The two classifiers were evaluated on different rows.")
    counts = Counter(zip(new["correct"], old["correct"], strict=True))
    names = {"both": ("1", "1"), "only_candidate": ("1", "0"), "only_current": ("0", "1"), "neither": ("0", "0")}
    return Paired(**{name: counts[pair] for name, pair in names.items()})


def _leak(examples: Sequence[Example], found: Sequence[Measured]) -> float | None:
    """How well the label can be told from what a reasoning does not have from the text; None: too few rows of a label.

    Words of the text may tell the label: that is what a reasoning is to name.
    """
    own = [ungrounded(e.text, m.reasoning) for e, m in zip(examples, found, strict=True)]
    try:
        return leak_probe(own, [e.label or "" for e in examples]).without_labels
    except DataError:
        return None


def _line(example: Example, reasoning: str, adapter: Adapter, split: str) -> str:
    about = {"text": example.text, "label": example.label, "reasoning": reasoning, "split": split}
    by = {"adapter": adapter.name, "adapter_digest": adapter.ref.digest}
    return json.dumps(about | by, ensure_ascii=False) + "\n"
