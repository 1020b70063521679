"""Label distributions of one adapter over aligned texts: without a reasoning, or after one, written here or given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rilearn.classify import softmax
from rilearn.engines.base import Engine
from rilearn.prompts import Templates, parse_reasoned
from rilearn.records import AdapterRef, Prompt, Sampling
from training.variants import MAX_TOKENS

Shares = np.ndarray[Any, np.dtype[np.float64]]
"""Label distributions, shape (texts, labels)."""


class Reader:
    """Distributions of one adapter over the labels, for aligned texts."""

    def __init__(self, engine: Engine, ref: AdapterRef, templates: Templates, texts: Sequence[str]):
        self.engine, self.ref, self.templates, self.texts = engine, ref, templates, texts

    def direct(self) -> Shares:
        return self._score([self.templates.direct(t) for t in self.texts])

    def given(self, reasonings: Sequence[str]) -> Shares:
        """The answers once `reasonings` (aligned with the texts) are written."""
        return self._score([self.templates.answer(t, r) for t, r in zip(self.texts, reasonings, strict=True)])

    def reasonings(self, temperature: float, seed: int) -> tuple[list[str], float]:
        """One reasoning a text, and their mean number of tokens."""
        sampling = Sampling(MAX_TOKENS, temperature, seed=seed, stop=("\n",))
        written = self.engine.generate([self.templates.reasoned(t) for t in self.texts], sampling, self.ref)
        texts = [parse_reasoned(g.text, self.templates.task)[0] for g in written]
        return texts, sum(g.tokens for g in written) / len(written)

    def _score(self, prompts: list[Prompt]) -> Shares:
        scores = self.engine.score(prompts, self.templates.choices(), self.ref)
        return np.array([softmax(s) for s in scores])
