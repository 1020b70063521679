"""Text -> growing Predictions: the label before reasoning, the reasoning as it is written, then the label.

Streaming is the primitive; `final` drains it. Label probabilities are a real distribution: the engine scores every
label as a continuation and the scores are normalised over the labels.
"""

from __future__ import annotations

import math
import time
import unicodedata
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rilearn.adapters import Adapter
from rilearn.engines.base import Engine
from rilearn.errors import EngineError, InputError
from rilearn.prompts import Templates, clean
from rilearn.records import Prediction, Prompt, Sampling

STOP = "\n"
"""Ends the reasoning: the prompts put it on one line, the label stands on the next."""

# Letters and symbols by category that print nothing: the Braille blank and the Hangul fillers.
_BLANKS = frozenset("\u2800\u3164\u115f\u1160\uffa0")


def check_text(text: str, limit: int) -> str:
    """`text` itself when it can be classified.

    Raises:
        InputError: nothing visible in it, or more than `limit` characters; the message says what to do.
    """
    if not text.strip():
        raise InputError("There is no text yet. Type a sentence, or choose one of the examples.")
    if not any(unicodedata.category(c)[0] in "LNPS" and c not in _BLANKS for c in clean(text)):
        raise InputError("This text holds only invisible characters. Type a sentence with letters, digits or emoji.")
    if len(text) > limit:
        raise InputError(
            f"This text has {len(text):,} characters, {len(text) - limit:,} more than the limit of {limit:,}. "
            "Shorten it, or classify it in parts."
        )
    return text


def softmax(scores: Sequence[float]) -> list[float]:
    """Natural-log scores -> probabilities that sum to 1."""
    if not all(map(math.isfinite, scores)):
        raise EngineError("The model gave no usable scores for the labels. Try again, or use another adapter.")
    top = max(scores)
    weights = [math.exp(score - top) for score in scores]
    return [weight / sum(weights) for weight in weights]


@dataclass(frozen=True)
class Classifier:
    """One adapter on one engine. `max_tokens` bounds the reasoning; the label is scored even when it is cut there."""

    engine: Engine
    templates: Templates
    adapter: Adapter
    max_tokens: int = 96

    def predict(self, text: str) -> Iterator[Prediction]:
        """Growing predictions of `text`, the last with `done`. Closing the iterator frees the engine.

        A `direct` adapter gives one prediction. A `reasoned` one gives first the `prior` (the labels scored without
        reasoning under the same adapter), then one prediction per streamed piece of reasoning, then the label.

        Raises:
            EngineError: the model cannot answer.
        """
        start = time.perf_counter()
        so_far = Prediction(self.adapter.name, self.engine.name, adapter_digest=self.adapter.ref.digest)
        first = self._distribution(self.templates.direct(text))
        if self.adapter.manifest.kind == "direct":
            yield _finished(so_far, first, start)
            return
        so_far = replace(so_far, prior=first, seconds=time.perf_counter() - start)
        yield so_far
        so_far = yield from self._reason(text, so_far, start)
        answer = self.templates.answer(text, so_far.reasoning)
        yield _finished(so_far, self._distribution(answer), start)

    def final(self, text: str) -> Prediction:
        """The last prediction of `predict`."""
        *_, last = self.predict(text)
        return last

    def _reason(self, text: str, so_far: Prediction, start: float) -> Generator[Prediction, None, Prediction]:
        sampling = Sampling(max_tokens=self.max_tokens, stop=(STOP,))
        stream = self.engine.stream(self.templates.reasoned(text), sampling, self.adapter.ref)
        written, tokens, first_word = "", 0, None
        try:
            for chunk in stream:
                written += chunk.text
                tokens += chunk.tokens
                now = time.perf_counter() - start
                if first_word is None and written.strip():
                    first_word = now
                so_far = replace(
                    so_far,
                    reasoning=written.strip() if chunk.finish else written.lstrip(),
                    tokens=tokens,
                    first_token_seconds=first_word,
                    written_seconds=now,
                    seconds=now,
                    truncated=chunk.finish == "length",
                )
                yield so_far
        finally:
            _close(stream)
        return so_far

    def distributions(self, prompts: Sequence[Prompt]) -> list[dict[str, float]]:
        """The label distribution after each prompt (label -> probability, summing to 1), all scored in one call."""
        scores = self.engine.score(prompts, self.templates.choices(), self.adapter.ref)
        return [dict(zip(self.templates.task.labels, softmax(row), strict=True)) for row in scores]

    def _distribution(self, prompt: Prompt) -> dict[str, float]:
        return self.distributions([prompt])[0]


def _close(iterator: Iterator[object]) -> None:
    """Close a generator now, not whenever it is collected: the engine behind it is busy until then."""
    close = getattr(iterator, "close", None)
    if close is not None:
        close()


def _finished(so_far: Prediction, probabilities: Mapping[str, float], start: float) -> Prediction:
    label = max(probabilities, key=probabilities.__getitem__)
    seconds = time.perf_counter() - start
    return replace(so_far, probabilities=probabilities, label=label, seconds=seconds, done=True)
