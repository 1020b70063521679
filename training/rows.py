"""Training rows: (prompt, weighted completion) -> token ids with one loss weight a token."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rilearn.engines.text import render
from rilearn.records import Prompt


@dataclass(frozen=True)
class Row:
    """A prompt and its completion in parts, each with the share of the row's loss its tokens carry together."""

    prompt: Callable[[str], Prompt]
    text: str  # what may be shortened when the row is too long: the question, never the completion
    parts: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Tokens:
    """`input_ids` of the row and, aligned with them, loss `weights` (0 for the prompt); weights sum to 1."""

    input_ids: list[int]
    weights: list[float]


def encode(row: Row, tokenizer: Any, max_tokens: int) -> Tokens | None:
    """Token ids and weights of a row; its text is cut at the end until it fits. None: even so too long."""
    text = row.text
    while True:
        tokens = _encode(row, text, tokenizer)
        surplus = len(tokens.input_ids) - max_tokens
        if surplus <= 0:
            return tokens
        words = text.split()
        if len(words) <= 1:
            return None
        # A word is at least one token, so dropping `surplus` words is the most that could be needed; half converges.
        text = " ".join(words[: max(1, len(words) - max(1, surplus // 2))])


def _encode(row: Row, text: str, tokenizer: Any) -> Tokens:
    start = render(row.prompt(text), tokenizer)
    whole = start + "".join(part for part, _ in row.parts)
    # One pass over the whole string, as at inference: joining separately encoded parts can differ at the seams.
    encoded = tokenizer(whole, return_offsets_mapping=True, add_special_tokens=not row.prompt(text).chat)
    ids: list[int] = list(encoded["input_ids"])
    ends = [end for _, end in encoded["offset_mapping"]]
    owner = [_part(end, len(start), row.parts) for end in ends]
    ids.append(tokenizer.eos_token_id)
    owner.append(len(row.parts) - 1)
    counts = [owner.count(i) for i in range(len(row.parts))]
    weights = [0.0 if i < 0 else row.parts[i][1] / counts[i] for i in owner]
    total = sum(weights)
    return Tokens(ids, [w / total for w in weights])


def _part(end: int, start: int, parts: Sequence[tuple[str, float]]) -> int:
    """Which part a token that ends at character `end` belongs to; -1 is the prompt."""
    if end <= start:
        return -1
    for index, (part, _) in enumerate(parts):
        start += len(part)
        if end <= start:
            return index
    return len(parts) - 1


def order(lengths: Sequence[int], batch: int, epochs: float, seed: int) -> list[int]:
    """Row numbers for the whole run: shuffled anew each epoch, batches of like length, batches in random order.

    A fixed list, so that resuming is skipping and every process sees the same. Rows past the last full batch of the
    run are left to the last batch.
    """
    result: list[int] = []
    total = round(len(lengths) * epochs)
    for epoch in range(-(-total // max(1, len(lengths)))):
        rng = random.Random(f"{seed}-{epoch}")
        rows = list(range(len(lengths)))
        rng.shuffle(rows)
        chunk = batch * 50
        batches: list[list[int]] = []
        for begin in range(0, len(rows), chunk):
            part = sorted(rows[begin : begin + chunk], key=lambda i: lengths[i])
            batches += [part[i : i + batch] for i in range(0, len(part), batch)]
        full = [b for b in batches if len(b) == batch]
        rest = [b for b in batches if len(b) < batch]
        rng.shuffle(full)
        result += [i for b in full + rest for i in b]
    return result[:total]
