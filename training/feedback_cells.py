"""What all cells of the feedback study share: its recipe, the rated texts, the annotators and the held-out rows."""

from __future__ import annotations

import gc
import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from rilearn import proposals
from rilearn.adapters import Adapter, load_adapter
from rilearn.curation import curate
from rilearn.engines import load_engine
from rilearn.engines.base import Engine
from rilearn.errors import DataError
from rilearn.judgements import Recipe as Ratings
from rilearn.judgements import Rules, TrainingRow
from rilearn.prompts import Templates, clean
from rilearn.records import Proposal, Reasoning
from rilearn.settings import Settings
from rilearn.store.database import open_database
from rilearn.store.filling import Plan, fill
from rilearn.store.judged import judged
from rilearn.store.queue_order import Order
from rilearn.tasks import load_task
from training.bag_of_words import BagOfWords
from training.comparison import Measured, measure, write
from training.data import measured_rows, stored_candidates, task_rows
from training.feedback import rows_fingerprint
from training.raters import Annotator, Bias
from training.reader import Reader
from training.recipes import Strict
from training.retrain_recipe import RetrainRecipe
from training.simulation import Simulation
from training.stage import write_manifest
from training.watch import Watch


class Person(Strict):
    name: str
    bias: Bias = "none"
    noise: float = Field(default=0.1, ge=0, le=1)


class Goal(Strict):
    """The cell whose generator is measured in full; its adapter stays in OUT/goal."""

    ratings: Ratings = "mixed"
    budget: int = 300
    order: Order = "mixed"


class FeedbackRecipe(Strict):
    """`pool` holds what is rated: several reasonings a text, written by training.augment.

    `known_from`: the annotators' bag of words learns from the training rows behind this one, which nobody rates.
    `caution` is what readers of the result must know of how its settings were chosen, in sentences.
    """

    kind: Literal["feedback"]
    name: str
    seed: int = 0
    pool: str
    known_from: int = 9000
    annotators: tuple[Person, ...] = Field(min_length=2)
    corrected: float = Field(default=0.4, ge=0, le=1)
    budgets: tuple[int, ...] = (50, 100, 200, 400)
    ratings: tuple[Ratings, ...] = ("sft", "kto", "dpo", "mixed")
    orders: tuple[Order, ...] = ()
    order_budget: int = 200
    goal: Goal = Goal()
    caution: str = ""
    retrain: RetrainRecipe

    @model_validator(mode="after")
    def _ratings_alone(self) -> Self:
        if self.retrain.practice:
            raise ValueError("the study measures what ratings teach: leave retrain.practice out")
        return self


@dataclass(frozen=True)
class Cell:
    ratings: Ratings
    order: Order
    budget: int

    @property
    def name(self) -> str:
        return f"{self.ratings}-{self.order}-{self.budget}"


def cells(recipe: FeedbackRecipe) -> list[Cell]:
    """All cells, the goal first, the small ones before the large."""
    goal = Cell(recipe.goal.ratings, recipe.goal.order, recipe.goal.budget)
    curve = [Cell(ratings, goal.order, budget) for budget in sorted(recipe.budgets) for ratings in recipe.ratings]
    orders = [Cell(goal.ratings, order, recipe.order_budget) for order in recipe.orders]
    return list(dict.fromkeys([goal, *curve, *orders]))


class Study:
    """What all cells share: the rated texts, the annotators, the held-out rows and the generator they rate."""

    def __init__(self, recipe: FeedbackRecipe, out: Path):
        self.recipe, self.out, self.retrain = recipe, out, recipe.retrain
        self.task = load_task(self.retrain.task)
        self.parent = load_adapter(Path(self.retrain.generator), self.retrain.base)
        self.reader = load_adapter(Path(self.retrain.reader), self.retrain.base)
        self.templates = Templates(self.task, self.parent.manifest.chat)
        self.pool, self.drafts = self._pool()
        train, self.data = task_rows(self.task, self.retrain.data, recipe.seed)
        rated = {text for text, _ in self.drafts}
        self.known = BagOfWords([e for e in train[recipe.known_from :] if e.text not in rated], self.task.labels)
        split = self.retrain.data.evaluation_splits[0]
        self.examples, self.origin = measured_rows(self.task, self.retrain.data.id, split, self.retrain.measured)
        held, _ = measured_rows(self.task, self.retrain.data.id, split, None)
        self.held_out = frozenset(clean(e.text) for e in held)
        self.people = [Annotator(p.name, p.bias, p.noise) for p in recipe.annotators]

    def _pool(self) -> tuple[list[Proposal], dict[tuple[str, str], list[str]]]:
        about = Reasoning(self.task.name, "", "", "", source="simulation", split="train", adapter=self.parent.name)
        found = [
            p
            for file in sorted(Path(self.recipe.pool).glob("*.parquet"))
            for p in proposals.read(file, self.task, about, rejected=True)
            if isinstance(p, Proposal)
        ]
        if not found:
            raise DataError(f"There are no reasonings in {self.recipe.pool}. Write them with training.augment first.")
        drafts: dict[tuple[str, str], list[str]] = {}
        for row in stored_candidates(Path(self.recipe.pool)):
            drafts.setdefault((row["text"], row["label"]), []).append(row["reasoning"])
        return found, drafts

    def engine(self, *adapters: Adapter) -> Engine:
        preload = [a.ref for a in (*adapters, self.reader)]
        return load_engine("transformers", self.retrain.base, Settings().cache_dir, preload=preload, fast=True)

    def ask_reader(self) -> None:
        """How uncertain the Q->A model is of each rated text and how far it disagrees, for the queue's orders."""
        texts = list(dict.fromkeys(p.reasoning.text for p in self.pool))
        with closing(self.engine()) as engine:
            shares = dict(zip(texts, Reader(engine, self.reader.ref, self.templates, texts).direct(), strict=True))
        labels = self.task.labels
        self.pool = [
            replace(p, uncertainty=1 - float(row.max()), disagreement=1 - float(row[labels.index(p.reasoning.label)]))
            for p in self.pool
            for row in [shares[p.reasoning.text]]
        ]

    def rate(self, order: Order, budgets: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Simulate one project and stop at each budget: what was said by then, curated for each recipe."""
        state = self.out / "stores" / order
        shutil.rmtree(state, ignore_errors=True)
        with closing(open_database(None, state)) as database:
            random.seed(self.recipe.seed)  # items of a label and adapter take their turns by chance
            fill(database, self.pool, Plan(ratings=1))
            labels, corrected = self.task.labels, self.recipe.corrected
            work = Simulation(
                database, self.known, self.people, self.drafts, labels, corrected, order, self.recipe.seed
            )
            for budget in sorted(budgets):
                if not work.go_on(budget):
                    raise DataError(f"The queue is empty after {work.ratings} ratings: a larger pool is needed.")
                found, preferences = judged(database)
                rows = {}
                for ratings in ("sft", "kto", "dpo", "mixed"):
                    rules = Rules(ratings, self.retrain.cap, 1, self.held_out, self.recipe.seed, tuple(labels))
                    try:
                        rows[ratings] = curate(found, preferences, rules).rows
                    except DataError as error:
                        print(f"{order}, {budget} ratings, {ratings}: {error}", flush=True)
                yield budget, {"rows": rows, "corrections": work.edits}

    def train(self, cell: Cell, rows: Sequence[TrainingRow], folder: Path) -> dict[str, Any]:
        """Retrain on the rows of a cell; the trainer's facts."""
        from training.learning import learn

        recipe = self.retrain.model_copy(update={"ratings": cell.ratings})
        facts = learn(rows, recipe, self.templates, self.parent, folder, Watch(folder))
        data: dict[str, Any] = {"simulated": True, "cell": asdict(cell), "fingerprint": rows_fingerprint(rows)}
        data |= {"rows": facts["rows"], "general_loss": facts["general_loss"]}
        parents = {"generator": self.parent.ref.digest}
        write_manifest(folder / "generator", recipe, "generator", None, data, facts, parents)
        gc.collect()
        return facts

    def measured(self, adapter: Adapter) -> list[Measured]:
        with closing(self.engine(adapter)) as engine:
            written = write(engine, adapter, self.templates, self.examples)
            return measure(engine, self.reader.ref, self.templates, self.examples, written)
