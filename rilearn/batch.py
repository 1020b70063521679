"""Many rows through several classifiers: run with progress, counted, and written out.

Visitors come first: a batch has few rows under way at once and starts no new one while somebody's single text is
being answered. One batch at a time is the page's affair (see ui/many_tab.py).
"""

from __future__ import annotations

import csv
import json
import re
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from rilearn.cells import defused
from rilearn.classify import Classifier
from rilearn.compare import Side, agree, compare
from rilearn.statistics import mcnemar_exact, paired_difference, wilson
from rilearn.tables import Problem, Row

WIDTH = 2
"""Rows under way at once, each with all models: the engine decodes several streams faster than one after another, and
half of its slots (see `LlamaCppEngine`) stay free for visitors."""
PATIENCE = 3.0
"""Seconds a row waits for visitors at most, so that a batch comes to its end on a busy day as well."""


@dataclass(frozen=True)
class Outcome:
    """What every model said of one row; the sides stand in the order of the models."""

    row: Row
    sides: tuple[Side, ...]

    @property
    def complete(self) -> bool:
        """Every model gave a label."""
        return all(side.label is not None for side in self.sides)

    @property
    def agree(self) -> bool | None:
        return agree(self.sides)

    def right(self, index: int) -> bool | None:
        """Whether the model named the true label; None where either is missing."""
        label = self.sides[index].label
        return None if label is None or self.row.label is None else label == self.row.label


@dataclass(frozen=True)
class Progress:
    """How far a run is, with the outcomes so far in the order they came; `seconds_left` is None before the first."""

    total: int
    outcomes: tuple[Outcome, ...] = ()
    seconds_left: float | None = None


@dataclass(frozen=True)
class Score:
    """A model's accuracy with its 95 % Wilson interval, shares of 1."""

    model: str
    right: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Pair:
    """Two models on the same rows: how often only one was right, the exact p of McNemar's test of the two counts,
    and the paired difference of accuracy (a minus b) with its 95 % interval, shares of 1."""

    a: str
    b: str
    only_a: int
    only_b: int
    p: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """`answered` rows have a label from every model; the scores count those of them with a true label, `labelled`."""

    answered: int
    agreed: int
    labelled: int
    scores: tuple[Score, ...]
    pairs: tuple[Pair, ...]


def run(
    classifiers: Sequence[Classifier], rows: Sequence[Row], give_way: Callable[[float], bool]
) -> Generator[Progress, None, None]:
    """Classify the rows and yield after each; closing the iterator stops all and returns when the engine is free.

    Before every row `give_way(seconds)` is asked whether no visitor is waiting for an answer (`Services.give_way`).
    """
    stop = threading.Event()

    def one(row: Row) -> Outcome | None:
        last_call = time.monotonic() + PATIENCE
        while not stop.is_set() and not give_way(0.1) and time.monotonic() < last_call:
            pass
        sides: tuple[Side, ...] = ()
        with closing(compare(classifiers, row.text)) as growing:
            while not stop.is_set():
                now = next(growing, None)
                if now is None:
                    return Outcome(row, sides)
                sides = now
        return None

    began = time.monotonic()
    done: tuple[Outcome, ...] = ()
    pool = ThreadPoolExecutor(WIDTH, thread_name_prefix="rilearn-batch")
    try:
        yield Progress(len(rows))
        waiting: set[Future[Outcome | None]] = {pool.submit(one, row) for row in rows}
        while waiting:
            ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            done += tuple(outcome for future in ended if (outcome := future.result()))
            left = (time.monotonic() - began) / len(done) * (len(rows) - len(done))
            yield Progress(len(rows), done, left)
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def summary(outcomes: Iterable[Outcome], models: Sequence[str]) -> Summary:
    """Counts over the rows that every model answered, so that all are measured on the same ones."""
    answered = [outcome for outcome in outcomes if outcome.complete]
    labelled = [outcome for outcome in answered if outcome.row.label is not None]
    right = [[bool(outcome.right(i)) for outcome in labelled] for i in range(len(models))]
    counted = range(len(models)) if labelled else range(0)
    scores = [_score(models[i], right[i]) for i in counted]
    pairs = [_pair(models[a], models[b], right[a], right[b]) for a, b in combinations(counted, 2)]
    return Summary(
        len(answered),
        sum(bool(outcome.agree) for outcome in answered),
        len(labelled),
        tuple(scores),
        tuple(pairs),
    )


def _score(model: str, right: Sequence[bool]) -> Score:
    low, high = wilson(sum(right), len(right))
    return Score(model, sum(right), sum(right) / len(right), low, high)


def _pair(a: str, b: str, right_a: Sequence[bool], right_b: Sequence[bool]) -> Pair:
    only_a = sum(x and not y for x, y in zip(right_a, right_b, strict=True))
    only_b = sum(y and not x for x, y in zip(right_a, right_b, strict=True))
    difference, low, high = paired_difference(right_a, right_b)
    return Pair(a, b, only_a, only_b, mcnemar_exact(only_a, only_b), difference, low, high)


def table(outcomes: Iterable[Outcome], problems: Iterable[Problem], models: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of the downloads, by number, all with the same columns; those left out have only a `problem`."""
    columns = ["row", "text", "true_label", "agree"]
    columns += [f"{model}_{name}" for model in models for name in _cells(Side(model), None)] + ["problem"]
    rows: list[dict[str, Any]] = [{"row": problem.number, "problem": problem.reason} for problem in problems]
    for outcome in outcomes:
        row = {"row": outcome.row.number, "text": outcome.row.text, "true_label": outcome.row.label}
        row["agree"] = outcome.agree
        for i, side in enumerate(outcome.sides):
            row |= {f"{side.model}_{name}": cell for name, cell in _cells(side, outcome.right(i)).items()}
        rows.append(row)
    return [{column: row.get(column) for column in columns} for row in sorted(rows, key=lambda row: row["row"])]


def _cells(side: Side, right: bool | None) -> dict[str, Any]:
    now = side.now
    return {
        "label": side.label,
        "correct": right,
        "probability": now.probabilities[side.label] if now and side.label else None,
        "probabilities": json.dumps(dict(now.probabilities)) if now and now.done else None,
        "reasoning": now.reasoning if now else None,
        "tokens": now.tokens if now else None,
        "seconds": round(now.seconds, 3) if now else None,
        "error": side.error,
    }


def write_csv(rows: Sequence[dict[str, Any]], folder: Path, name: str) -> Path:
    """Write the table to `<name>.csv`; cells that a spreadsheet would take for a formula are defused."""
    path = folder / f"{safe_name(name)}.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # the mark tells Excel that it is UTF-8
        writer = csv.writer(file)
        writer.writerow(defused(column) for column in rows[0])
        writer.writerows([defused(cell) for cell in row.values()] for row in rows)
    return path


def write_parquet(rows: Sequence[dict[str, Any]], folder: Path, name: str) -> Path:
    """Write the table to `<name>.parquet`, every cell as it is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / f"{safe_name(name)}.parquet"
    kinds = {"row": pa.int64(), "tokens": pa.int64(), "probability": pa.float64(), "seconds": pa.float64()}
    kinds |= {"agree": pa.bool_(), "correct": pa.bool_()}
    schema = pa.schema([(column, kinds.get(column.rpartition("_")[2], pa.string())) for column in rows[0]])
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)
    return path


def safe_name(name: str) -> str:
    """Letters, digits, dot, dash and underscore of `name`, at most 80: a file name on any system."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:80] or "rows"
