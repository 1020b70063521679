"""A fake engine for tests, never served to a user: a byte-level language model made of a hash.

Its tokens are UTF-8 bytes, so that a character really comes in pieces; the next byte's distribution hangs on the last
bytes alone. It costs nothing, never changes, and keeps every promise of the protocol.
"""

from __future__ import annotations

import hashlib
import math
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from rilearn.engines.base import Progress, StopScanner, needs_end, row_seed
from rilearn.errors import EngineError
from rilearn.records import AdapterRef, Chunk, Generation, Prompt, Sampling

END = 256
ALPHABET = tuple(b"abcdefghi nopqrstuvwxyz ABC .,\n") + tuple("é日😀".encode())
CONTEXT = 6  # how many bytes the distribution looks back


class ScriptedEngine:
    """Continues with `completions[prompt]` where there is one, else from the hash; `delay` seconds a token."""

    name = "scripted"

    def __init__(self, base: str = "scripted", completions: Mapping[str, str] | None = None, delay: float = 0.0):
        self.base = base
        self.completions = dict(completions or {})
        self.delay = delay
        self.streams = 0  # open ones: a closed stream must have gone

    def stream(self, prompt: Prompt, sampling: Sampling, adapter: AdapterRef | None = None) -> Iterator[Chunk]:
        """See `Engine.stream`."""
        return self._stream(prompt, sampling, row_seed(sampling.seed, prompt, 0), adapter)

    def generate(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        adapter: AdapterRef | None = None,
        progress: Progress | None = None,
    ) -> list[Generation]:
        """See `Engine.generate`."""
        seen: Counter[Prompt] = Counter()
        results = []
        for done, prompt in enumerate(prompts, 1):
            seed = row_seed(sampling.seed, prompt, seen[prompt])
            seen[prompt] += 1
            chunks = list(self._stream(prompt, sampling, seed, adapter))
            text = "".join(c.text for c in chunks)
            results.append(Generation(text, sum(c.tokens for c in chunks), chunks[-1].finish or "stop"))
            if progress:
                progress(done, len(prompts))
        return results

    def score(
        self, prompts: Sequence[Prompt], choices: Sequence[str], adapter: AdapterRef | None = None
    ) -> list[list[float]]:
        """See `Engine.score`."""
        if any(not c for c in choices):
            raise EngineError("A choice to score is empty.")
        end = [END] if needs_end(choices) else []
        return [[self._log(p, [*c.encode(), *end], adapter) for c in choices] for p in prompts]

    def close(self) -> None:
        """Nothing to free."""

    def _log(self, prompt: Prompt, tokens: Sequence[int], adapter: AdapterRef | None) -> float:
        context, total = _context(prompt), 0.0
        for token in tokens:
            total += math.log(_next(context, adapter).get(token, 1e-6))
            context += bytes([token % 256])
        return total

    def _stream(self, prompt: Prompt, sampling: Sampling, seed: int, adapter: AdapterRef | None) -> Iterator[Chunk]:
        rng = random.Random(seed)
        scripted = self.completions.get(prompt.text + prompt.prefix)
        queue = [*scripted.encode(), END] if scripted is not None else None
        context, written, shown = _context(prompt), b"", ""
        scanner = StopScanner(sampling.stop)
        self.streams += 1
        try:
            for count in range(1, sampling.max_tokens + 1):
                time.sleep(self.delay)
                token = queue[count - 1] if queue is not None else _pick(_next(context, adapter), sampling, rng)
                if token == END:
                    yield Chunk(scanner.flush(), 0, "stop")
                    return
                written += bytes([token])
                context += bytes([token])
                text = written.decode("utf-8", errors="ignore")  # half a character waits for its other half
                out, shown = scanner.push(text[len(shown) :]), text
                if scanner.stopped:
                    yield Chunk(out, 1, "stop")
                    return
                last = count == sampling.max_tokens
                yield Chunk(out + (scanner.flush() if last else ""), 1, "length" if last else None)
        finally:
            self.streams -= 1


def _context(prompt: Prompt) -> bytes:
    return (prompt.text + prompt.prefix).encode(errors="ignore")


def _next(context: bytes, adapter: AdapterRef | None) -> dict[int, float]:
    """Token -> probability; a character that was begun is finished, everything else is the hash's choice."""
    pending = context.decode("utf-8", errors="ignore").encode()
    begun = context[len(pending) :] if context.startswith(pending) else b""
    if begun:
        follow = [c for c in ("é", "日", "😀") if c.encode().startswith(begun)]
        return {follow[0].encode()[len(begun)]: 1.0} if follow else {END: 1.0}
    key = context[-CONTEXT:] + (adapter.digest.encode() if adapter else b"")
    digest = hashlib.sha256(key).digest()
    starts = [b for b in dict.fromkeys(ALPHABET) if b < 0x80 or b >= 0xC0]
    weights = [1 + digest[i % 32] ** 2 / 256 for i in range(len(starts))]
    total = sum(weights) + 3.0
    return {**{b: w / total for b, w in zip(starts, weights, strict=True)}, END: 3.0 / total}


def _pick(probabilities: Mapping[int, float], sampling: Sampling, rng: random.Random) -> int:
    if sampling.temperature <= 0:
        return max(probabilities, key=lambda t: (probabilities[t], -t))
    weights = [p ** (1 / sampling.temperature) for p in probabilities.values()]
    return rng.choices(list(probabilities), weights)[0]
