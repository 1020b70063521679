"""Prompt -> the string a model reads: plain, or in the model's own chat template. Shared by engines and training."""

from __future__ import annotations

from typing import Any

from rilearn.records import Prompt

DATE = "26 Jul 2024"  # Llama-3.2's template writes today's date unless told one: training and inference must agree


def render(prompt: Prompt, tokenizer: Any) -> str:
    """The whole string, with the answer's opening behind the assistant header for chat prompts."""
    if not prompt.chat:
        return prompt.text + prompt.prefix
    turn = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt.text}], tokenize=False, add_generation_prompt=True, date_string=DATE
    )
    return str(turn) + prompt.prefix
