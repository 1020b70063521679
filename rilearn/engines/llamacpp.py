"""The llama.cpp engine: a GGUF base run in this process through `xllamacpp`, one small server for each adapter in use.

llama.cpp can switch LoRA by request, but requests with different adapters never share a batch: measured, a second
stream waits for the first to end. A server each runs them side by side, adapters can come at any time without a
restart, and the base weights lie in memory once since every server maps the same file.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from rilearn.engines.base import Progress, StopScanner, needs_end, row_seed
from rilearn.engines.gguf_lora import gguf_adapter
from rilearn.engines.llama_server import LlamaServer
from rilearn.errors import EngineError
from rilearn.records import AdapterRef, Chunk, Generation, Prompt, Sampling

RESIDENT = 6
"""Servers kept in memory at most: past that the one idle longest is closed and started again when asked for."""

WIDTHS = (256, 4096)
"""How many of the most probable tokens to ask for when scoring, before asking for the whole vocabulary (1 s)."""

T = TypeVar("T")


class LlamaCppEngine:
    """Engine over a GGUF file. See `engines.base.Engine` for the methods' contracts.

    Args:
        gguf: the base model's file.
        base: the base's name, as adapters' manifests spell it.
        cache: folder for converted adapters.
        threads: CPU threads; None takes all this process may use.
        slots: requests decoded together for each adapter; more wait their turn.
        context: tokens of prompt and answer together, for each slot.
        preload: adapters to have ready when the constructor returns; without any, the bare base is.

    Raises:
        EngineError: the file cannot be loaded. AdapterError: an adapter does not fit it.
    """

    name = "llamacpp"

    def __init__(
        self,
        gguf: Path,
        base: str,
        cache: Path,
        threads: int | None = None,
        slots: int = 4,
        context: int = 2048,
        preload: Sequence[AdapterRef] = (),
    ):
        self.base = base
        self.slots = slots
        self._gguf, self._cache, self._threads, self._context = gguf, cache, threads, context
        self._servers: OrderedDict[str, LlamaServer] = OrderedDict()
        self._users: Counter[str] = Counter()
        self._starting: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._closed = False
        for adapter in preload or (None,):
            with self._server(adapter):
                pass

    def stream(self, prompt: Prompt, sampling: Sampling, adapter: AdapterRef | None = None) -> Iterator[Chunk]:
        """See `Engine.stream`. Samples as the first occurrence of the prompt in `generate` does."""
        yield from self._stream(prompt, sampling, row_seed(sampling.seed, prompt, 0), adapter)

    def generate(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        adapter: AdapterRef | None = None,
        progress: Progress | None = None,
    ) -> list[Generation]:
        """See `Engine.generate`: streams drained on all slots at once."""
        seen: Counter[Prompt] = Counter()
        rows = []
        for prompt in prompts:
            rows.append((prompt, row_seed(sampling.seed, prompt, seen[prompt])))
            seen[prompt] += 1

        def one(row: tuple[Prompt, int]) -> Generation:
            with closing(self._stream(row[0], sampling, row[1], adapter)) as chunks:
                parts = list(chunks)
            return Generation(
                "".join(c.text for c in parts), sum(c.tokens for c in parts), parts[-1].finish or "length"
            )

        return self._map(one, rows, progress)

    def score(
        self, prompts: Sequence[Prompt], choices: Sequence[str], adapter: AdapterRef | None = None
    ) -> list[list[float]]:
        """See `Engine.score`: exact for every choice, by forced steps along the trie of the choices' tokens."""
        with self._server(adapter) as server:
            end = [server.end_token] if needs_end(choices) else []
            paths = [tuple(server.tokenize(choice, special=False) + end) for choice in choices]
            if not all(paths):
                raise EngineError("A choice to score is empty.")
            return self._map(lambda prompt: self._score(server, server.prompt_ids(prompt), paths), prompts, None)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            servers = list(self._servers.values())
            self._servers.clear()
        for server in servers:
            server.close()

    def _stream(
        self, prompt: Prompt, sampling: Sampling, seed: int, adapter: AdapterRef | None
    ) -> Generator[Chunk, None, None]:
        if sampling.max_tokens <= 0:
            yield Chunk("", 0, "length")
            return
        scanner = StopScanner(sampling.stop)
        told = 0
        with self._server(adapter) as server:
            request = {"prompt": self._fitting(server, prompt), "max_tokens": sampling.max_tokens}
            with closing(server.stream(request | _samplers(sampling, seed))) as events:
                for text, tokens, finish in events:
                    text = scanner.push(text)
                    if scanner.stopped:
                        finish = "stop"
                    elif finish:
                        text += scanner.flush()
                    if text or finish:
                        yield Chunk(text, tokens - told, finish)
                        told = tokens
                    if finish:
                        return
        raise EngineError("llama.cpp ended a stream without saying why.")

    def _score(self, server: LlamaServer, ids: list[int], paths: Sequence[tuple[int, ...]]) -> list[float]:
        """Walk the trie of the choices depth first: each inner node is one forced step, the prompt stays cached."""
        if len(ids) + max(map(len, paths)) > self._context:
            raise self._too_long(len(ids))
        follow: dict[tuple[int, ...], set[int]] = {}
        for path in paths:
            for i, token in enumerate(path):
                follow.setdefault(path[:i], set()).add(token)
        steps = {node: self._step(server, [*ids, *node], follow[node]) for node in sorted(follow)}
        return [sum(steps[path[:i]][token] for i, token in enumerate(path)) for path in paths]

    def _step(self, server: LlamaServer, ids: list[int], wanted: set[int]) -> dict[int, float]:
        """Log-probabilities of the tokens `wanted` after `ids`, over the whole vocabulary, before any sampler."""
        for width in (*WIDTHS, server.vocabulary):
            found = server.next_token(ids, width)
            if wanted <= found.keys():
                return {token: found[token] for token in wanted}
        raise EngineError("llama.cpp gave no probability for a token of a choice.")

    def _fitting(self, server: LlamaServer, prompt: Prompt) -> list[int]:
        ids = server.prompt_ids(prompt)
        if len(ids) >= self._context:
            raise self._too_long(len(ids))
        return ids

    def _too_long(self, tokens: int) -> EngineError:
        return EngineError(
            f"The text is too long: its prompt has {tokens} tokens and the model's context here has {self._context}, "
            "answer included. Shorten the text."
        )

    def _map(self, work: Callable[[Any], T], rows: Sequence[Any], progress: Progress | None) -> list[T]:
        """`work` over the rows on all slots, results in order; progress is called as each row ends."""
        if not rows:
            return []
        done, lock = 0, threading.Lock()

        def counted(row: Any) -> T:
            nonlocal done
            result = work(row)
            with lock:
                done += 1
                if progress:
                    progress(done, len(rows))
            return result

        pool = ThreadPoolExecutor(min(self.slots, len(rows)), thread_name_prefix="rilearn-llama")
        try:
            return list(pool.map(counted, rows))
        finally:
            pool.shutdown(cancel_futures=True)

    @contextmanager
    def _server(self, adapter: AdapterRef | None) -> Iterator[LlamaServer]:
        """The adapter's server, started if need be and kept while the block runs."""
        key = adapter.digest if adapter else ""
        with self._lock:
            if self._closed:
                raise EngineError("The engine is closed.")
            self._users[key] += 1
            starting = self._starting.setdefault(key, threading.Lock())
        try:
            with starting:  # one start for each adapter; other adapters go on meanwhile
                with self._lock:
                    server = self._servers.get(key)
                    if server:
                        self._servers.move_to_end(key)
                if server is None:
                    server = self._start(key, adapter)
            yield server
        finally:
            with self._lock:
                self._users[key] -= 1

    def _start(self, key: str, adapter: AdapterRef | None) -> LlamaServer:
        lora = gguf_adapter(adapter, self._gguf, self._cache) if adapter else None
        server = LlamaServer(self._gguf, lora, self._threads, self.slots, self._context)
        with self._lock:
            self._servers[key] = server
            idle = [k for k in self._servers if not self._users[k]]
            surplus = [self._servers.pop(k) for k in idle[: max(0, len(self._servers) - RESIDENT)]]
            if self._closed:
                surplus.append(self._servers.pop(key))
        for old in surplus:
            old.close()
        if self._closed:
            raise EngineError("The engine is closed.")
        return server


def _samplers(sampling: Sampling, seed: int) -> dict[str, Any]:
    """Exactly what is asked and none of llama.cpp's defaults, in the order transformers applies them."""
    if sampling.temperature <= 0:
        return {"samplers": ["top_k"], "top_k": 1}
    return {
        "samplers": ["temperature", "top_k", "top_p"],
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "seed": seed % (2**32 - 1),  # 32 bits, and the highest value would mean "random"
    }
