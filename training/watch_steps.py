"""The steps of a trainer, for whoever watches the run (apart from `watch`, which needs no torch)."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from training.watch import Watch


class WatchSteps(TrainerCallback):
    """The steps of a trainer, as they are taken."""

    def __init__(self, watch: Watch, stage: str):
        self._watch, self._stage = watch, stage

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            self._watch(self._stage, state.global_step, state.max_steps)
