"""A batch of continuations decoded together in transformers: finished rows leave it, equal prompts share a prefill."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from transformers import DynamicCache

from rilearn.engines.base import StopScanner, row_seed
from rilearn.records import Prompt, Sampling

COMPACT = 0.8  # drop finished rows once fewer than this share are still running


class Model(Protocol):
    """What a batch needs of the engine that holds the model."""

    tokenizer: Any
    ends: list[int]

    def ids(self, prompt: Prompt) -> list[int]: ...

    def pad(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]: ...

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, cache: Any) -> torch.Tensor: ...


@dataclass
class Row:
    """One continuation on its way."""

    index: int
    generator: torch.Generator | None
    scanner: StopScanner
    ids: list[int] = field(default_factory=list)
    shown: str = ""
    text: str = ""
    finish: str | None = None


class Batch:
    """Rows decoded together. Made and stepped under the engine's lock with the adapter active."""

    def __init__(
        self,
        engine: Model,
        prompts: list[Prompt],
        occurrences: list[int],
        sampling: Sampling,
    ):
        self.engine = engine
        self.sampling = sampling
        self.rows = [
            Row(
                i,
                torch.Generator().manual_seed(row_seed(sampling.seed, p, n)) if sampling.temperature > 0 else None,
                StopScanner(sampling.stop),
            )
            for i, (p, n) in enumerate(zip(prompts, occurrences, strict=True))
        ]
        self.active = list(self.rows)  # in the order of the cache's rows
        unique = list(dict.fromkeys(prompts))
        self.expand = torch.tensor([unique.index(p) for p in prompts])
        self.ids, self.mask = engine.pad([engine.ids(p) for p in unique])
        self.cache = DynamicCache()
        self.prefilled = False

    def step(self) -> None:
        """One token for every active row."""
        logits = self.engine.forward(self.ids, self.mask, self.cache)
        if not self.prefilled:
            self.prefilled = True
            expand = self.expand.to(self.mask.device)
            if len(self.expand) != len(self.mask):
                self.cache.batch_select_indices(expand)
                self.mask = self.mask[expand]
                logits = logits[expand]
        tokens = self._choose(logits)
        for row, token in zip(self.active, tokens, strict=True):
            if row.finish is None:
                self._take(row, token)
        running = [i for i, row in enumerate(self.active) if row.finish is None]
        if len(running) < COMPACT * len(self.active) and running:
            keep = torch.tensor(running, device=self.mask.device)
            self.cache.batch_select_indices(keep)
            self.mask = self.mask[keep]
            self.active = [self.active[i] for i in running]
            tokens = [tokens[i] for i in running]
        if not running:
            self.active = []
        self.ids = torch.tensor(tokens, device=self.mask.device)[:, None]
        self.mask = torch.cat([self.mask, self.mask.new_ones((len(self.mask), 1))], 1)

    def _choose(self, logits: torch.Tensor) -> list[int]:
        if self.sampling.temperature <= 0:
            return [int(t) for t in logits.argmax(-1)]
        top, ids = torch.topk(logits, min(self.sampling.top_k, logits.shape[-1]))
        share = torch.softmax(top.float() / self.sampling.temperature, -1)
        if self.sampling.top_p < 1:
            share = share * (share.cumsum(-1) - share < self.sampling.top_p)
        edges = share.cumsum(-1).cpu()
        # One uniform number a row from the row's own generator: the draw does not depend on the rest of the batch.
        draws = torch.stack([torch.rand((), generator=row.generator) for row in self.active])
        picks = torch.searchsorted(edges, (draws * edges[:, -1])[:, None], right=True)
        picks = picks.squeeze(1).clamp(max=edges.shape[1] - 1)
        return [int(t) for t in ids.cpu()[torch.arange(len(picks)), picks]]

    def _take(self, row: Row, token: int) -> None:
        if token in self.engine.ends:
            row.finish = "stop"
            row.shown += row.scanner.flush()
            return
        row.ids.append(token)
        # Decode all of it each time: a byte-level token may be half a character, or change how its neighbour reads.
        text = self.engine.tokenizer.decode(row.ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        last = len(row.ids) >= self.sampling.max_tokens
        text = text.rstrip("\ufffd")
        row.shown += row.scanner.push(text[len(row.text) :])
        row.text = text
        if row.scanner.stopped:
            row.finish = "stop"
        elif last:
            row.finish = "length"
            row.shown += row.scanner.flush()
