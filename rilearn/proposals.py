"""Where reasonings to be rated come from: a file of them, the generator, an answer on the page."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rilearn.adapters import Adapter
from rilearn.classify import STOP, Classifier
from rilearn.engines.base import Engine
from rilearn.errors import AdapterError
from rilearn.prompts import PROMPT_VERSION, Templates, clean
from rilearn.records import Example, Prediction, Proposal, Reasoning, Sampling
from rilearn.row_files import read_records
from rilearn.signals import measured
from rilearn.tables import Problem
from rilearn.tasks import Task

ANSWERS = ("verdict", "overall", "label_wrong", "right_label")
"""What a file may say of the expected rating of a calibration row."""


def read(path: Path, task: Task, about: Reasoning, rejected: bool = False) -> Iterator[Proposal | Problem]:
    """The rows of a file with the columns text, label and reasoning; a row that cannot be used says why.

    Args:
        about: what the rows do not say themselves (source, split, adapter, its digest, prompt version, sampling).
        rejected: rows of `training.augment` that it did not keep, as well.

    Further columns that count: uncertainty, disagreement; `expected` (see ANSWERS) makes a calibration row; `model`
    and `lead`, of `training.augment`, are the adapter's digest and how far a model that has read the reasoning believes
    in the label.

    Raises:
        DataError: the file cannot be read.
    """
    for number, cells in read_records(path):
        if isinstance(cells, Mapping) and cells.get("kept") is False and not rejected:
            continue
        try:
            yield _proposal(cells, task, about)
        except ValueError as error:
            yield Problem(number, str(error))


def write(
    engine: Engine, adapter: Adapter, task: Task, examples: Sequence[Example], source: str, split: str
) -> list[Proposal]:
    """What a generator writes for labelled examples, greedily, with its signals; an empty reasoning is left out.

    Raises:
        AdapterError: the adapter is no generator.
    """
    if adapter.manifest.kind != "generator":
        raise AdapterError(f"'{adapter.name}' is a classifier: reasonings for given labels are a generator's work.")
    templates, sampling = Templates(task, adapter.manifest.chat), Sampling(max_tokens=64, stop=(STOP,))
    prompts = [templates.task_rationale(e.text, e.label or "") for e in examples]
    result = []
    for example, written in zip(examples, engine.generate(prompts, sampling, adapter.ref), strict=True):
        label, words = example.label or "", clean(written.text)
        signals = measured(example.text, label, words, task.labels) | {"finished": written.finish == "stop"}
        if words:
            made = Reasoning(
                task.name,
                example.text,
                label,
                words,
                source,
                split,
                **_by(adapter.name, adapter.ref.digest, sampling, signals),
            )
            result.append(Proposal(made, "generator"))
    return result


def answered(task: Task, text: str, answer: Prediction) -> Proposal:
    """An answer of a Q->RA model that its visitor shares. `disagreement` is how far the reasoning moved the labels'
    probabilities (total variation)."""
    label = answer.label or ""
    sampling = Sampling(max_tokens=Classifier.max_tokens, stop=(STOP,))
    signals = measured(text, label, answer.reasoning, task.labels) | {"finished": not answer.truncated}
    made = Reasoning(
        task.name,
        text,
        label,
        answer.reasoning,
        "visitor",
        **_by(answer.model, answer.adapter_digest, sampling, signals),
    )
    before, after = answer.prior, answer.probabilities
    moved = sum(abs(after[name] - before[name]) for name in after) / 2 if before else None
    return Proposal(made, "visitor", uncertainty=1 - max(after.values()), disagreement=moved)


def _by(name: str, digest: str, sampling: Sampling, signals: Mapping[str, float]) -> dict[str, Any]:
    return {
        "adapter": name,
        "adapter_digest": digest,
        "prompt_version": PROMPT_VERSION,
        "sampling": sampling,
        "signals": signals,
    }


def _proposal(cells: Mapping[str, Any] | str, task: Task, about: Reasoning) -> Proposal:
    """Raises ValueError in words."""
    if isinstance(cells, str):
        raise ValueError(cells)
    text, label, reasoning = (_words(cells, name) for name in ("text", "label", "reasoning"))
    if label not in task.labels:
        raise ValueError(f"The label '{label}' is not one of {', '.join(task.labels)}.")
    signals = measured(text, label, reasoning, task.labels)
    made = replace(about, task=task.name, text=text, label=label, reasoning=reasoning, signals=signals)
    if isinstance(cells.get("model"), str):
        made = replace(made, adapter_digest=cells["model"])
    lead = _number(cells, "lead")
    return Proposal(
        made,
        "generator" if made.adapter_digest else "import",
        uncertainty=_number(cells, "uncertainty") if lead is None else 1 - abs(2 * lead - 1),
        disagreement=_number(cells, "disagreement") if lead is None else 1 - lead,
        expected=_expected(cells.get("expected")),
    )


def _words(cells: Mapping[str, Any], name: str) -> str:
    value = cells.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"The row has no {name}.")
    return value


def _number(cells: Mapping[str, Any], name: str) -> float | None:
    value = cells.get(name)
    if value is None or value == "":  # a CSV file has nothing but strings
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"The row's {name} is no number.")
    return number


def _expected(value: Any) -> dict[str, Any] | None:
    if value is None or value == "":
        return None
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, Mapping) or found.get("verdict") not in ("good", "poor"):
        raise ValueError('`expected` must hold the known verdict, as {"verdict": "good"} or {"verdict": "poor"}.')
    kept = {name: known for name, known in found.items() if known is not None}  # Parquet fills what is not there
    if unknown := set(kept) - set(ANSWERS):
        raise ValueError(f"`expected` may hold {', '.join(ANSWERS)}, not '{min(unknown)}'.")
    return kept
