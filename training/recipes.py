"""Recipes: one YAML per run, unknown keys refused by name, `--set a.b=value` on top; the resolved recipe is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rilearn.errors import ConfigError


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TextData(Strict):
    """Rows of a task: where they lie (None: what the task file says), how many to take, which splits must not leak."""

    id: str | None = None
    config: str | None = None
    split: str = "train"
    limit: int | None = None
    skip: int = 0
    evaluation_splits: tuple[str, ...] = ("validation", "test")


class ReasoningData(Strict):
    """General question-answer-reasoning rows and the names of their columns; `repeat` counts the rows several times."""

    id: str
    config: str | None = None
    split: str = "train"
    question: str = "question"
    answer: str = "answer"
    reasoning: str = "reasoning"
    source: str | None = None
    sources: tuple[str, ...] = ()
    limit: int | None = None
    repeat: int = 1
    min_words: int = 4
    max_words: int = 60
    grounded: bool = False  # keep only reasonings that take up content words of the question


class Lora(Strict):
    r: int = 16
    alpha: int = 32
    dropout: float = 0.0
    target_modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    from_layer: int = 0  # layers below stay as they are and need no backward pass, which saves that part of the time


class Training(Strict):
    """Optimisation. `batch` counts rows per step over all processes and accumulation steps."""

    lora: Lora = Lora()
    lr: float = 1e-3
    epochs: float = 1.0
    batch: int = 16
    micro_batch: int | None = None
    warmup: float = 0.03
    max_tokens: int = 160
    checkpoint_minutes: float = 5.0
    max_steps: int | None = None  # stop early, for tests
    gradient_checkpointing: bool = False
    threads: int | None = None
    precision: Literal["auto", "fp32"] = "auto"  # auto: bf16 where the hardware multiplies it, about twice the rate


class Recipe(Strict):
    base: str = "embedded"
    seed: int = 0
    chat: bool = False
    name: str
    training: Training = Training()


class GeneratorRecipe(Recipe):
    kind: Literal["generator"]
    data: tuple[ReasoningData, ...] = Field(min_length=1)


class ClassifierRecipe(Recipe):
    """Q->A (`direct`) or Q->RA (`reasoned`).

    `label_share` is the share of a reasoned row's loss that its label tokens carry; `direct_rows` mixes in so many
    rows of the direct prompt for each reasoned one (one adapter, two prompts, after distilling step by step).
    `rollouts` are reasonings the classifier wrote itself (augment with it as the generator), misleading ones too: the
    label after them is learnt, they are not. Without, it has only met reasonings that lead to the right label.
    `counterfactuals` are reasonings written for another label than the text's (`labels: other` of augment): after them
    that label is learnt, so that the answer hangs on the reasoning (after Paul et al. 2024, arXiv 2402.13950).
    """

    kind: Literal["direct", "reasoned"]
    task: str = "emotion"
    data: TextData = TextData()
    reasonings: str | None = None  # parquet of `augment`; reasoned only
    rollouts: str | None = None
    counterfactuals: str | None = None
    start_from: str | None = None  # adapter to go on from
    label_share: float = Field(default=0.5, gt=0, le=1)
    direct_rows: float = Field(default=0.0, ge=0)


class Part(Strict):
    """An adapter and its weight in a sum of several."""

    adapter: str
    weight: float


class InterpolationRecipe(Recipe):
    """One adapter between several of the same task; kind and data are those of the first."""

    kind: Literal["interpolation"]
    parts: tuple[Part, ...] = Field(min_length=2)
    rank: int = Field(default=16, ge=1)


class AugmentRecipe(Strict):
    """How candidates are written, and the thresholds the best of a row has to pass to be kept.

    `openings` take turns row by row and begin the reasoning for the generator. `lead` is the probability of the gold
    label that the judge (an adapter, or the bare base) gives after reading text and reasoning.
    """

    kind: Literal["augment"]
    name: str
    base: str = "embedded"
    seed: int = 0
    task: str = "emotion"
    data: TextData = TextData()
    labels: Literal["gold", "other"] = "gold"  # other: each row gets a label drawn from those it does not have
    generator: str | None = None  # None with `remote`: the server has its own model
    judge: str | None = None
    candidates: int = Field(default=2, ge=1)
    openings: tuple[str, ...] = Field(default=("",), min_length=1)
    temperature: float = 0.7
    top_p: float = 0.95
    max_tokens: int = 48
    batch: int = Field(default=32, ge=1)  # rows per part: what a kill can lose
    engine: Literal["transformers", "llamacpp", "remote"] = "transformers"
    remote_url: str | None = None
    remote_model: str | None = None
    min_grounding: int = 0
    max_misquotes: int = 1000
    max_repetition: float = 0.3
    min_words: int = 5
    max_words: int = 45
    min_lead: float = 0.0
    allow_restatement: bool = False
    threads: int | None = None


class Stage(Strict):
    """One step of a pipeline: the module under training/ and its command-line arguments."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    run: Literal["train_generator", "augment", "train_classifier", "interpolate", "evaluate"]
    arguments: tuple[str, ...]


class PipelineRecipe(Strict):
    """Stages in order, and `values` that stand in their arguments as {name}."""

    model_config = ConfigDict(coerce_numbers_to_str=True)  # --set values.rows=600 is YAML, a number

    kind: Literal["pipeline"]
    values: dict[str, str] = {}
    stages: tuple[Stage, ...] = Field(min_length=1)


R = TypeVar("R", bound=BaseModel)


def load_recipe(kind: type[R], path: Path, overrides: list[str]) -> R:
    """Read a recipe and apply `key.path=value` overrides (values are YAML).

    Raises:
        ConfigError: no such file, unknown or ill-typed keys (named), an override that is not key=value.
    """
    if not path.is_file():
        raise ConfigError(f"There is no recipe {path}. Those that ship are in training/recipes/.")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} holds no keys.")
    for override in overrides:
        key, separator, value = override.partition("=")
        if not separator:
            raise ConfigError(f"--set {override}: write key=value.")
        try:
            _put(values, key.split("."), yaml.safe_load(value))
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {override}: the value is not YAML: {error}") from error
        except LookupError as error:
            raise ConfigError(f"--set {override}: {error.args[0]}.") from error
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        lines = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"{path}: {lines}") from error


def _put(values: Any, keys: list[str], value: Any) -> None:
    """Set one value in nested dicts and lists. Raises LookupError with the reason when the way there is none."""
    for key in keys[:-1]:
        values = values[_index(values, key)] if isinstance(values, list) else values.setdefault(key, {})
        if not isinstance(values, dict | list):
            raise LookupError(f"'{key}' holds no keys")
    if isinstance(values, list):
        values[_index(values, keys[-1])] = value
    else:
        values[keys[-1]] = value


def _index(values: list[Any], key: str) -> int:
    if not key.isdecimal() or int(key) >= len(values):
        raise LookupError(f"'{key}' is none of the list's numbers 0 to {len(values) - 1}")
    return int(key)
