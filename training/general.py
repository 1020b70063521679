"""How well an adapter still reasons in general: its loss on question-answer-reasoning rows that nobody rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from training.rows import Row, encode
from training.sft import Collator, weighted_loss


def general_loss(model: Any, tokenizer: Any, rows: Sequence[Row], max_tokens: int, batch: int = 16) -> float:
    """Mean over rows of the mean cross-entropy of a reasoning's tokens, in nats; too long rows are left out."""
    encoded = sorted(
        (tokens for row in rows if (tokens := encode(row, tokenizer, max_tokens))), key=lambda t: len(t.input_ids)
    )
    collate, total = Collator(tokenizer.pad_token_id), 0.0
    was_training = model.training
    model.eval()
    with (
        torch.inference_mode(),
        torch.autocast(model.device.type, torch.bfloat16, enabled=model.dtype != torch.float32),
    ):
        for begin in range(0, len(encoded), batch):
            inputs = {k: v.to(model.device) for k, v in collate(encoded[begin : begin + batch]).items()}
            total += float(weighted_loss(model, inputs)[0]) * len(inputs["input_ids"])
    model.train(was_training)
    return total / len(encoded)
