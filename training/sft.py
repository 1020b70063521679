"""Supervised fine-tuning of a LoRA adapter on the transformers Trainer: weighted loss on completions alone.

Rows are padded on the left: completions end together, and the language-model head runs on the last positions only.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments, set_seed

from rilearn.engines.transformers import native_bf16
from rilearn.errors import DataError, RilearnError
from rilearn.settings import Settings
from training.lora import load_trainable, save_adapter
from training.recipes import Training
from training.rows import Row, Tokens, encode, order


class Collator:
    """Pads on the left; `keep` is how many last positions hold all targets, plus the one that predicts the first."""

    def __init__(self, pad: int):
        self.pad = pad

    def __call__(self, rows: Sequence[Tokens]) -> dict[str, Any]:
        width = max(len(r.input_ids) for r in rows)
        ids = torch.full((len(rows), width), self.pad)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        weights = torch.zeros((len(rows), width))
        for i, row in enumerate(rows):
            n = len(row.input_ids)
            ids[i, width - n :] = torch.tensor(row.input_ids)
            mask[i, width - n :] = 1
            weights[i, width - n :] = torch.tensor(row.weights)
        keep = max(sum(1 for w in r.weights if w > 0) for r in rows)
        return {"input_ids": ids, "attention_mask": mask, "weights": weights[:, width - keep :].contiguous()}


def weighted_loss(model: nn.Module, inputs: dict[str, Any]) -> tuple[torch.Tensor, Any]:
    """The mean over a collated batch's rows of their weighted cross-entropy (nats), and the model's outputs."""
    weights, keep = inputs["weights"], inputs["weights"].shape[1]
    given = {name: value for name, value in inputs.items() if name != "weights"}
    positions = (given["attention_mask"].cumsum(1) - 1).clamp(min=0)
    outputs = model(**given, position_ids=positions, logits_to_keep=keep + 1, use_cache=False)
    logits = outputs.logits[:, :-1].float()
    targets = given["input_ids"][:, -keep:]
    losses = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), reduction="none")
    return (losses * weights.reshape(-1)).sum() / len(weights), outputs


class CompletionTrainer(Trainer):
    """Trainer whose loss is the mean over rows of the weighted cross-entropy of the completion tokens."""

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, **_: Any) -> Any:
        loss, outputs = weighted_loss(model, inputs)
        return (loss, outputs) if return_outputs else loss


class Rate(TrainerCallback):
    """One line a minute: step, loss, rows a second, time left. A log file stays readable; no bar to garble it."""

    def __init__(self, rows_per_step: int, every: float = 60.0):
        self.rows_per_step = rows_per_step
        self.every = every
        self.start = self.last = time.monotonic()
        self.first_step = 0
        self.loss: float | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.start = self.last = time.monotonic()
        self.first_step = state.global_step

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        self.loss = (logs or {}).get("loss", self.loss)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        now = time.monotonic()
        done = state.global_step - self.first_step
        if not state.is_world_process_zero or (now - self.last < self.every and state.global_step < state.max_steps):
            return
        self.last = now
        rate = done / (now - self.start)
        left = (state.max_steps - state.global_step) / rate
        loss = "" if self.loss is None else f"loss {self.loss:.3f}  "  # a run's first step ends before it is logged
        print(
            f"step {state.global_step}/{state.max_steps}  {loss}"
            f"{rate * self.rows_per_step:.1f} rows/s  {left / 60:.0f} min left",
            flush=True,
        )


class TimedCheckpoint(TrainerCallback):
    """A checkpoint every so many minutes: on slow machines steps say little about how much work a kill would lose."""

    def __init__(self, minutes: float):
        self.seconds = minutes * 60
        self.last = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        # Every process must save together, so the clock of the first one decides for all.
        due = torch.tensor(float(time.monotonic() - self.last >= self.seconds))
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            due = due.to(args.device)
            torch.distributed.broadcast(due, 0)
        if due.item():
            self.last = time.monotonic()
            control.should_save = True


def fine_tune(
    rows: Sequence[Row], base: str, recipe: Training, seed: int, out: Path, start_from: Path | None = None
) -> dict[str, Any]:
    """Train a LoRA adapter on `rows` and write it (fp16 PEFT files) to `out`.

    Checkpoints lie in `out/checkpoints` and are taken up again by the same call; they go once the adapter is written.
    Works under `accelerate launch`: process 0 writes.

    Returns:
        Facts for the manifest: rows, dropped rows, tokens, optimiser steps, seconds of training in this process.
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    set_seed(seed)
    settings = Settings()
    half = recipe.precision == "auto" and native_bf16()
    model, tokenizer = load_trainable(base, recipe.lora, start_from, settings, half)
    encoded = [tokens for row in rows if (tokens := encode(row, tokenizer, recipe.max_tokens)) is not None]
    if not encoded:
        raise DataError("No training row is left. Raise training.max_tokens or look at the data.")
    sequence = order([len(t.input_ids) for t in encoded], recipe.batch, recipe.epochs, seed)
    world = int(os.environ.get("WORLD_SIZE", "1"))
    micro = recipe.micro_batch or max(1, recipe.batch // world)
    if recipe.batch % (micro * world):
        raise RilearnError(
            f"training.batch={recipe.batch} is no multiple of micro_batch={micro} times {world} processes."
        )
    steps = recipe.max_steps or -(-len(sequence) // recipe.batch)
    arguments = TrainingArguments(
        output_dir=str(out / "checkpoints"),
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=recipe.batch // (micro * world),
        learning_rate=recipe.lr,
        lr_scheduler_type="linear",
        warmup_steps=round(recipe.warmup * len(sequence) / recipe.batch),
        max_steps=steps,
        num_train_epochs=1,
        train_sampling_strategy="sequential",
        save_strategy="no",
        save_total_limit=1,
        logging_steps=max(1, min(10, steps // 5)),  # a run of a few steps also has its losses
        report_to=[],
        seed=seed,
        data_seed=seed,
        remove_unused_columns=False,
        disable_tqdm=True,
        bf16=half,
        activation_checkpointing=recipe.gradient_checkpointing,
        dataloader_num_workers=0,
        use_cpu=not (torch.cuda.is_available() or torch.backends.mps.is_available()),
    )
    trainer = CompletionTrainer(
        model=model,
        args=arguments,
        train_dataset=[encoded[i] for i in sequence],
        data_collator=Collator(tokenizer.pad_token_id),
        callbacks=[Rate(recipe.batch), TimedCheckpoint(recipe.checkpoint_minutes)],
    )
    trainer.remove_callback(PrinterCallback)
    start = time.monotonic()
    trainer.train(resume_from_checkpoint=last_checkpoint(out))
    seconds = time.monotonic() - start
    log = [entry for entry in trainer.state.log_history if "loss" in entry]
    main = trainer.is_world_process_zero()
    if main:
        save_adapter(model, out)
        (out / "loss.json").write_text(json.dumps([{"step": e["step"], "loss": e["loss"]} for e in log]) + "\n")
    # A process that ends with its group still open may be aborted by the group's threads, after all work is done.
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.end_training()
    return {
        "rows": len(rows),
        "rows_dropped": len(rows) - len(encoded),
        "rows_seen": len(sequence),
        "tokens_seen": sum(len(encoded[i].input_ids) for i in sequence),
        "steps": trainer.state.global_step,
        "seconds": round(seconds, 1),
        "precision": "bf16" if half else "fp32",
        "processes": world,
        "main": main,
    }


def last_checkpoint(out: Path) -> str | None:
    """The newest whole checkpoint: `trainer_state.json` is written last, a kill before it leaves a folder without."""
    folders = [p.parent for p in (out / "checkpoints").glob("checkpoint-*/trainer_state.json") if _reads(p)]
    found = max(folders, key=lambda p: int(p.name.partition("-")[2]), default=None)
    if found:
        print(f"resuming from {found.name}", file=sys.stderr, flush=True)
    return str(found) if found else None


def _reads(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True
