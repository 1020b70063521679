"""The engine protocol: the one seam between rilearn and whatever runs the language model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from rilearn.records import AdapterRef, Chunk, Generation, Prompt, Sampling

Progress = Callable[[int, int], None]
"""Called with (prompts done, prompts in all)."""


class Engine(Protocol):
    """Runs one base model; the adapter is chosen per call and several stay in memory over the one base.

    All methods are thread-safe. They raise `EngineError` when the model cannot answer and `AdapterError` when the
    adapter does not fit the base.
    """

    name: str
    base: str

    def stream(self, prompt: Prompt, sampling: Sampling, adapter: AdapterRef | None = None) -> Iterator[Chunk]:
        """Yield text as it is written, never half a character and never part of a stop string.

        The last chunk carries `finish`. Closing the iterator frees the engine at once.
        """
        ...

    def score(
        self, prompts: Sequence[Prompt], choices: Sequence[str], adapter: AdapterRef | None = None
    ) -> list[list[float]]:
        """Natural-log probability of each choice as the whole continuation of each prompt.

        Returns a (len(prompts), len(choices)) matrix: the sum over all tokens of the choice, which must begin with
        the space (or whatever) that stands before it. If one choice is a prefix of another, the end-of-turn token
        counts as part of every choice (see `needs_end`).
        """
        ...

    def generate(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        adapter: AdapterRef | None = None,
        progress: Progress | None = None,
    ) -> list[Generation]:
        """Continue many prompts; results in the order of the prompts.

        The n-th occurrence of one prompt samples with its own seed, derived by `row_seed` from the sampling seed,
        the prompt and n, so that a result does not depend on what else is in the call.
        """
        ...

    def close(self) -> None:
        """Free the model."""
        ...


def needs_end(choices: Sequence[str]) -> bool:
    """Whether some choice is a proper prefix of another, so that only the end token tells them apart."""
    return any(a != b and b.startswith(a) for a in choices for b in choices)


def row_seed(seed: int, prompt: Prompt, occurrence: int) -> int:
    """A 63-bit seed for the n-th continuation of `prompt`; stable across runs, machines and batches."""
    import hashlib

    key = f"{seed}\x00{prompt.text}\x00{prompt.prefix}\x00{occurrence}".encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big") >> 1


class StopScanner:
    """Cuts a growing text at the first stop string and holds back what may be the start of one.

    Feed text with `push`; it returns what is safe to show and sets `stopped`. At the end, `flush` gives the rest.
    """

    def __init__(self, stops: Sequence[str]):
        self.stops = [s for s in stops if s]
        self.held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        self.held += text
        cut = min((i for i in (self.held.find(s) for s in self.stops) if i >= 0), default=-1)
        if cut >= 0:
            self.stopped = True
            out, self.held = self.held[:cut], ""
            return out
        keep = max(
            (n for s in self.stops for n in range(1, len(s)) if self.held.endswith(s[:n])),
            default=0,
        )
        out, self.held = self.held[: len(self.held) - keep], self.held[len(self.held) - keep :]
        return out

    def flush(self) -> str:
        out, self.held = self.held, ""
        return out
