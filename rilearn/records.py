"""Frozen values that travel between the parts: no ids, no I/O, no behaviour beyond what a value knows of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


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
    adapter_digest: str = ""  # a name passes to the next version when one is promoted


@dataclass(frozen=True)
class Reasoning:
    """A reasoning that argues from a text to a label, and everything that made it.

    `source` and `split` say where the text is from (a dataset and its split, or "visitor"). A reasoning that no
    adapter wrote has an empty `adapter` and no `sampling`. `signals` are the scores of `rilearn.signals`.
    """

    task: str
    text: str
    label: str
    reasoning: str
    source: str
    split: str = ""
    adapter: str = ""
    adapter_digest: str = ""
    prompt_version: str = ""
    sampling: Sampling | None = None
    signals: Mapping[str, float] = field(default_factory=dict)


Origin = Literal["generator", "visitor", "label-noise", "import"]
"""Where a reasoning in the queue is from."""


@dataclass(frozen=True)
class Proposal:
    """A reasoning to be rated and what is known to order it by (None: not known).

    `expected`, the known answer as fields of a `Rating`, makes it a calibration item. Its signals tell its quality.
    """

    reasoning: Reasoning
    origin: Origin
    uncertainty: float | None = None
    disagreement: float | None = None
    expected: Mapping[str, Any] | None = None


Verdict = Literal["good", "poor"]
CRITERIA = ("about_text", "leads_to_label", "true_and_clear")
"""What a rating may answer with yes or no: is it about this text, does it lead to this label, is it true and clear."""


@dataclass(frozen=True)
class Span:
    """A stretch of a reasoning that an annotator marked as wrong: characters `start` to `end`, the end not included."""

    start: int
    end: int
    note: str = ""


@dataclass(frozen=True)
class Rating:
    """What one annotator says of one reasoning; only the verdict must be given.

    `overall` is 1 (worst) to 5; `criteria` maps names of CRITERIA to yes or no; `thumbs` holds 1, 0 or -1 for each
    sentence in order. `label_wrong` says that the dataset's label is wrong, which never counts against the
    reasoning, and `right_label` which one would be right. `guess` is the label guessed before text and label were
    shown (blind mode).
    """

    verdict: Verdict
    overall: int | None = None
    criteria: Mapping[str, bool] = field(default_factory=dict)
    thumbs: tuple[int, ...] = ()
    spans: tuple[Span, ...] = ()
    comment: str = ""
    label_wrong: bool = False
    right_label: str | None = None
    guess: str | None = None
