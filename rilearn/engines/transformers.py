"""The transformers engine: CPU, CUDA or MPS, PEFT adapters, batches that shrink as their rows finish.

`generate` in the library makes rows that end early wait for the longest; here finished rows leave the batch, and
prompts that occur several times (candidates) share one prefill.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from rilearn.engines.base import Progress, needs_end
from rilearn.engines.decoding import Batch
from rilearn.engines.text import render
from rilearn.errors import AdapterError, EngineError
from rilearn.records import AdapterRef, Chunk, Generation, Prompt, Sampling
from rilearn.weights import explain_hub_error

BATCH = 64  # rows decoded together; past this a step's time grows with the rows on two cores


class TransformersEngine:
    """One base model in memory; adapters are loaded once by digest and switched under a lock."""

    name = "transformers"

    def __init__(
        self,
        source: str,
        base: str,
        device: str | None = None,
        threads: int | None = None,
        fast: bool = False,
    ):
        """Load from `source` (folder or Hub id). Raises WeightsError when it cannot be had.

        `fast` is for bulk work: bf16 also on a CPU that multiplies it. There, what a row gets may hang on the rows it
        is batched with, in the last digits, and streams and batches need not agree.
        """
        if threads:
            torch.set_num_threads(threads)
        self.base = base
        self.device = device or ("cuda" if torch.cuda.is_available() else "mps" if _mps() else "cpu")
        half = native_bf16() and self.device != "mps" and (fast or self.device == "cuda")
        self.precision = "bf16" if half else "fp32"
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(source)
            model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.bfloat16 if half else torch.float32)
        except (OSError, ValueError) as error:
            raise explain_hub_error(base, error) from error
        contiguous_head(model)
        self.model: Any = model.to(self.device).eval()
        self.ends = _end_ids(self.model, self.tokenizer)
        self.lock = threading.RLock()
        self.loaded: set[str] = set()

    def stream(self, prompt: Prompt, sampling: Sampling, adapter: AdapterRef | None = None) -> Iterator[Chunk]:
        """See `Engine.stream`. The lock is held per step, so streams of several threads take turns."""
        state = Batch(self, [prompt], [0], sampling)
        row = state.rows[0]
        while row.finish is None:
            before = row.shown
            with self.lock, torch.inference_mode(), self._adapted(adapter):
                state.step()
            yield Chunk(row.shown[len(before) :], 1, row.finish)

    def generate(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        adapter: AdapterRef | None = None,
        progress: Progress | None = None,
    ) -> list[Generation]:
        """See `Engine.generate`. Rows are sorted by length and decoded `BATCH` at a time."""
        seen: Counter[Prompt] = Counter()
        occurrences = []
        for prompt in prompts:
            occurrences.append(seen[prompt])
            seen[prompt] += 1
        lengths = {p: len(self.ids(p)) for p in seen}
        by_length = sorted(range(len(prompts)), key=lambda i: (lengths[prompts[i]], prompts[i].text, i))
        results: list[Generation | None] = [None] * len(prompts)
        done = 0
        for start in range(0, len(by_length), BATCH):
            part = by_length[start : start + BATCH]
            with self.lock, torch.inference_mode(), self._adapted(adapter):
                state = Batch(self, [prompts[i] for i in part], [occurrences[i] for i in part], sampling)
                while state.active:
                    state.step()
            for row in state.rows:
                results[part[row.index]] = Generation(row.shown, len(row.ids), row.finish or "length")
            done += len(part)
            if progress:
                progress(done, len(prompts))
        return [r for r in results if r is not None]

    def score(
        self, prompts: Sequence[Prompt], choices: Sequence[str], adapter: AdapterRef | None = None
    ) -> list[list[float]]:
        """See `Engine.score`: one prefill a prompt, then the choices' tokens over copies of its cache."""
        encoded = [self.tokenizer(c, add_special_tokens=False).input_ids for c in choices]
        if needs_end(choices):
            encoded = [[*ids, self.ends[0]] for ids in encoded]
        if any(not ids for ids in encoded):
            raise EngineError("A choice to score is empty.")
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i].text))
        result: list[list[float]] = [[] for _ in prompts]
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            with self.lock, torch.inference_mode(), self._adapted(adapter):
                scores = self._score_batch([self.ids(prompts[i]) for i in part], encoded)
            for i, row in zip(part, scores, strict=True):
                result[i] = row
        return result

    def close(self) -> None:
        with self.lock:
            self.model = None

    def _score_batch(self, prompts: list[list[int]], choices: list[list[int]]) -> list[list[float]]:
        ids, mask = self.pad(prompts)
        longest = max(len(c) for c in choices)
        cache = DynamicCache()
        first = self.forward(ids, mask, cache if longest > 1 else None)
        first = torch.log_softmax(first.float(), -1)
        total = first[:, [c[0] for c in choices]]  # (prompts, choices)
        if longest > 1:
            n, k = len(prompts), len(choices)
            cache.batch_repeat_interleave(k)
            fed = torch.full((n * k, longest - 1), self.ends[0], device=self.device)
            extra = torch.zeros((n * k, longest - 1), dtype=torch.long, device=self.device)
            for j, choice in enumerate(choices):
                tail = torch.tensor(choice[:-1], device=self.device)
                fed[j::k, : len(tail)] = tail
                extra[j::k, : len(tail)] = 1
            whole = torch.cat([mask.repeat_interleave(k, 0), extra], 1)
            positions = (whole.cumsum(1) - 1).clamp(min=0)[:, -(longest - 1) :]
            logits = self.model(
                input_ids=fed, attention_mask=whole, position_ids=positions, past_key_values=cache, use_cache=True
            ).logits
            after = torch.log_softmax(logits.float(), -1).view(n, k, longest - 1, -1)
            for j, choice in enumerate(choices):
                for t, token in enumerate(choice[1:]):
                    total[:, j] += after[:, j, t, token]
        return [[float(x) for x in row] for row in total.cpu()]

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, cache: Any) -> torch.Tensor:
        """Logits of the last position, (rows, vocabulary); `mask` covers the cache and the new ids."""
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        out = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=cache is not None,
            logits_to_keep=1,
        )
        logits: torch.Tensor = out.logits[:, -1]
        return logits

    def pad(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Left-padded (ids, mask), both (rows, longest)."""
        width = max(len(r) for r in rows)
        ids = torch.full((len(rows), width), self.ends[0])
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, width - len(row) :] = torch.tensor(row)
            mask[i, width - len(row) :] = 1
        return ids.to(self.device), mask.to(self.device)

    def ids(self, prompt: Prompt) -> list[int]:
        """The prompt's token ids. Raises EngineError when the model cannot read so many."""
        ids: list[int] = self.tokenizer(render(prompt, self.tokenizer), add_special_tokens=not prompt.chat).input_ids
        limit = getattr(self.model.config, "max_position_embeddings", 1 << 20)
        if len(ids) >= limit:
            raise EngineError(f"The prompt has {len(ids)} tokens, the model reads {limit}. Shorten the text.")
        return ids

    def _adapted(self, adapter: AdapterRef | None) -> Any:
        """A context in which the adapter (or none) is active. Call it under the lock."""
        import contextlib

        if adapter is None:
            return self.model.disable_adapter() if isinstance(self.model, PeftModel) else contextlib.nullcontext()
        if adapter.digest not in self.loaded:
            self._load(adapter)
        if self.model.active_adapter != adapter.digest:
            self.model.set_adapter(adapter.digest)
        return contextlib.nullcontext()

    def _load(self, adapter: AdapterRef) -> None:
        try:
            # Adapters in the base's precision: casting to and fro costs more than the adapter itself.
            options = {"adapter_name": adapter.digest, "autocast_adapter_dtype": False}
            if isinstance(self.model, PeftModel):
                self.model.load_adapter(str(adapter.path), **options)
            else:
                self.model = PeftModel.from_pretrained(self.model, str(adapter.path), **options)
            self.model.to(self.model.dtype)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise AdapterError(f"The adapter in {adapter.path} does not fit the base '{self.base}': {error}") from error
        self.model.eval()
        self.loaded.add(adapter.digest)


def _end_ids(model: Any, tokenizer: Any) -> list[int]:
    """The token ids that end a turn, the tokenizer's own first."""
    ends = model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    return [i for i in dict.fromkeys([tokenizer.eos_token_id, *ends]) if i is not None]


def contiguous_head(model: Any) -> None:
    """Hand the language-model head contiguous states: those sliced by `logits_to_keep` are not, and on a CPU fall into
    a batched product that copies the head once a row."""
    model.get_output_embeddings().register_forward_pre_hook(lambda _, args: (args[0].contiguous(),))


def native_bf16() -> bool:
    """Whether the hardware itself multiplies bf16: such a GPU, or a CPU with AVX-512 BF16 or AMX.

    Other CPUs emulate it and are slower than in fp32.
    """
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def _mps() -> bool:
    return bool(torch.backends.mps.is_available())
