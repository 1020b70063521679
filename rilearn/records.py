"""Frozen values that travel between the parts: no ids, no I/O, no behaviour beyond what a value knows of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Example:
    """One dataset row: a text and, where known, its gold label (a name of the task's label list)."""

    text: str
    label: str | None = None


@dataclass(frozen=True)
class Prompt:
    """What an engine continues.

    `text` is the whole plain prompt, or with `chat` the user's turn, which the engine puts in the model's own
    chat template; `prefix` opens the answer (it stands behind the template's assistant header). User text inside
    `text` has been through `prompts.clean`, so special tokens in the string come from the template alone.
    """

    text: str
    prefix: str = ""
    chat: bool = False


@dataclass(frozen=True)
class Sampling:
    """How to continue: temperature 0 is greedy; `stop` strings end the text and are not part of it."""

    max_tokens: int = 96
    temperature: float = 0.0
    top_k: int = 50
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chunk:
    """A piece of streamed text and the number of tokens behind it; the last chunk of a stream has `finish` set."""

    text: str
    tokens: int
    finish: str | None = None  # "stop" (end token or stop string) or "length"


@dataclass(frozen=True)
class Generation:
    """One finished continuation."""

    text: str
    tokens: int
    finish: str


@dataclass(frozen=True)
class AdapterRef:
    """Where a LoRA adapter lies and the SHA-256 of its weights (engines cache by the digest, not by the path)."""

    path: Path
    digest: str


@dataclass(frozen=True)
class Prediction:
    """The state of one classification, growing while it streams; `done` marks the last.

    `probabilities` is the label distribution given text and reasoning, `prior` the one before reasoning;
    both map label -> probability and sum to 1. Times are in seconds since the call.
    """

    model: str
    engine: str
    reasoning: str = ""
    label: str | None = None
    probabilities: Mapping[str, float] = field(default_factory=dict)
    prior: Mapping[str, float] = field(default_factory=dict)
    tokens: int = 0
    first_token_seconds: float | None = None
    written_seconds: float | None = None  # when the last token of the reasoning was there
    seconds: float = 0.0
    truncated: bool = False
    done: bool = False
