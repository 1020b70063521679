"""The recipe of a retraining: which rows the ratings make, how each kind is learnt, what is replayed and measured."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rilearn.judgements import Recipe as Ratings
from rilearn.judgements import Rules
from training.recipes import ReasoningData, Recipe, Strict, TextData


class Phase(Strict):
    """Learning rate, passes over the rows, and rows a step of one way of training (None: the training's `batch`)."""

    lr: float
    epochs: float
    batch: int | None = Field(default=None, ge=1)


class Practice(Strict):
    """What the generator writes and learns after the ratings (see `training.practice`).

    In each of the `rounds` it writes `tries` reasonings for each of `texts` texts that nobody rated. The best of a text
    is learnt by the `sft` phase if a bag of words that reads what it quotes gives the label the probability `sure` at
    least; `opens` begins the word at which a good quotation is likely to begin.
    """

    rounds: int = Field(default=2, ge=1)
    texts: int = Field(default=600, ge=1)
    tries: int = Field(default=4, ge=1)
    sure: float = Field(default=0.5, ge=0, le=1)
    opens: str = ""
    temperature: float = Field(default=0.7, gt=0)
    sft: Phase = Phase(lr=2e-4, epochs=1.5, batch=8)


class RetrainRecipe(Recipe):
    """The generator, going on from itself, after what people said of its reasonings.

    `ratings` says which rows are made of them (see `rilearn.curation`), `cap` and `minimum` are its rules. `replay` are
    general rows, so many for each row of the ratings as `replay_share` says; on `general` the loss before and after is
    measured. `practice`, if any, goes on with what the generator writes itself. `measured` texts of the first
    evaluation split, from `measured_from` on, compare the new generator with the old one; `reader`, a Q->A adapter,
    reads only the words of a text that a reasoning names. `through` is the pipeline that goes on from `classifier`, the
    Q->RA in use.
    """

    kind: Literal["retrain"]
    task: str = "emotion"
    data: TextData = TextData()
    generator: str = "data/adapters/generator"
    ratings: Ratings = "mixed"
    cap: float = Field(default=Rules.cap, gt=0, le=1)
    minimum: int = Field(default=Rules.minimum, ge=1)
    sft: Phase = Phase(lr=2e-4, epochs=2)
    kto: Phase = Phase(lr=1e-4, epochs=2)
    dpo: Phase = Phase(lr=5e-5, epochs=2)
    beta: float = Field(default=0.1, gt=0)
    sft_weight: float = Field(default=1.0, ge=0)
    replay: tuple[ReasoningData, ...] = ()
    replay_share: float = Field(default=0.25, ge=0)
    general: ReasoningData | None = None
    practice: Practice | None = None
    measured: int = Field(default=200, ge=1)
    measured_from: int = Field(default=0, ge=0)
    reader: str = "data/adapters/q-a"
    classifier: str = "data/adapters/q-ra"
    through: str | None = None
