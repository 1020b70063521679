"""What every tab that runs models needs: its share of the engine, the pace of its frames, its buttons' states."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import gradio as gr

from rilearn.services import Services
from rilearn.ui import render

GROUP = "answers"
"""The concurrency group of all single texts, page and API: together they share the engine's `parallel` slots. A
comparison is one of them, since it takes one slot of every adapter it asks."""
SHOW_EVERY = 0.05
"""Seconds: redrawing the page for every token costs more than the token."""
LOAD_WAIT = 120.0
"""Seconds that a call of the API waits for the model to load."""
BUSY = (gr.update(interactive=False), gr.update(interactive=True))
IDLE = (gr.update(interactive=True), gr.update(interactive=False))
"""A tab's start and cancel buttons while something runs or waits in the queue, and when nothing does."""

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
"""Of events that only set the page: no endpoint, no progress, no waiting in the queue."""

T = TypeVar("T")


def choices(services: Services) -> list[tuple[str, str]]:
    """(shown, value) of each model."""
    return [(f"{name} · {render.HOW[services.adapters[name].manifest.kind]}", name) for name in services.models]


def paced(growing: Iterable[T], stage: Callable[[T], object], every: float = SHOW_EVERY) -> Iterator[T]:
    """Leave out values that follow the last shown one within `every` seconds, unless their `stage` is a new one."""
    shown, last = -every, None
    for now in growing:
        if (new := stage(now)) != last or time.monotonic() - shown >= every:
            yield now
            shown, last = time.monotonic(), new
