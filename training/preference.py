"""Training on what people prefer, with TRL: supervised (sft), good or poor (kto), better and worse (dpo).

Each phase goes on from the model as the one before left it; the reference that kto and dpo hold it to is the generator
that the retraining began with. Loss on the completion alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import PrinterCallback, TrainerCallback

from rilearn.engines.text import render
from rilearn.judgements import TrainingRow
from rilearn.prompts import Templates
from rilearn.records import Prompt
from training.retrain_recipe import RetrainRecipe
from training.rows import order
from training.sft import Rate, TimedCheckpoint, last_checkpoint

Columns = dict[str, list[Any]]
"""A dataset in one of TRL's formats: column -> values."""

KINDS = {"kto": "kto", "pair": "dpo", "sft": "sft"}
"""Kind of a training row -> the phase that learns from it, in the order of the phases."""


def phases(rows: Sequence[TrainingRow], templates: Templates, tokenizer: Any) -> dict[str, Columns]:
    """The rows by phase, in TRL's columns: kto, dpo, sft, each if it has any.

    Good and poor teach the broad direction from all that was rated, pairs then the difference within a text. Rows have
    weights, which TRL has no place for: all count alike.
    """
    result: dict[str, Columns] = {}
    for kind, phase in KINDS.items():
        if mine := [row for row in rows if row.kind == kind]:
            result[phase] = _columns(phase, mine, templates, tokenizer)
    return result


def _columns(phase: str, rows: Sequence[TrainingRow], templates: Templates, tokenizer: Any) -> Columns:
    prompts = [plain(templates.task_rationale(row.text, row.label), tokenizer) for row in rows]
    written = [templates.rationale_completion(row.reasoning) for row in rows]
    if phase == "dpo":
        worse = [templates.rationale_completion(row.rejected or "") for row in rows]
        return {"prompt": prompts, "chosen": written, "rejected": worse}
    columns: Columns = {"prompt": prompts, "completion": written}
    return columns | ({"label": [row.desirable for row in rows]} if phase == "kto" else {})


def plain(prompt: Prompt, tokenizer: Any) -> str:
    """The prompt as a string, without the start token that TRL's tokenisation adds again."""
    whole = render(prompt, tokenizer)
    return whole.removeprefix(tokenizer.bos_token) if prompt.chat and tokenizer.bos_token else whole


def together(columns: Columns | None, prompts: Sequence[str], completions: Sequence[str]) -> Columns:
    """Supervised columns with general rows behind them."""
    held = columns or {"prompt": [], "completion": []}
    return {"prompt": [*held["prompt"], *prompts], "completion": [*held["completion"], *completions]}


def sequence(columns: Columns, batch: int, epochs: float, seed: int) -> list[int]:
    """Which rows are learnt one after another, with their repetitions: batches of like length, drawn by seed.

    Padding to the longest of a batch drawn at random would be a third of the work.
    """
    lengths = [max(len(words) for words in row) for row in zip(*_strings(columns), strict=True)]
    return order([n + len(p) for n, p in zip(lengths, columns["prompt"], strict=True)], batch, epochs, seed)


def _strings(columns: Columns) -> list[list[str]]:
    return [columns[name] for name in ("completion", "chosen", "rejected") if name in columns]


def train_phase(
    phase: str,
    columns: Columns,
    model: Any,
    reference: Any,
    tokenizer: Any,
    recipe: RetrainRecipe,
    half: bool,
    out: Path,
    callbacks: Sequence[TrainerCallback] = (),
) -> dict[str, Any]:
    """Train the model in place. Checkpoints lie in `out/checkpoints` and are taken up again by the same call.

    Returns:
        Steps, mean loss, and what TRL says of the last steps (reward margin and accuracy, where there is one).
    """
    import torch
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

    t, how = recipe.training, getattr(recipe, phase)
    rows = len(columns["prompt"])
    batch = how.batch or t.batch
    micro = min(t.micro_batch or batch, batch, rows)
    turns = sequence(columns, micro, how.epochs, recipe.seed)
    steps = t.max_steps or max(1, -(-len(turns) // batch))
    common: dict[str, Any] = {
        "output_dir": str(out / "checkpoints"),
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": max(1, batch // micro),
        "learning_rate": how.lr,
        "lr_scheduler_type": "linear",
        "warmup_steps": round(t.warmup * steps),
        "max_steps": steps,
        "max_length": t.max_tokens,
        "train_sampling_strategy": "sequential",
        "save_strategy": "no",
        "save_total_limit": 1,
        "logging_steps": max(1, min(10, steps // 5)),
        "report_to": [],
        "seed": recipe.seed,
        "disable_tqdm": True,
        "bf16": half,
        "gradient_checkpointing": t.gradient_checkpointing,
        "dataloader_num_workers": 0,
        "use_cpu": not (torch.cuda.is_available() or torch.backends.mps.is_available()),
    }
    kinds: dict[str, tuple[Any, Any, dict[str, Any], dict[str, Any]]] = {
        "sft": (SFTTrainer, SFTConfig, {}, {}),
        "kto": (KTOTrainer, KTOConfig, {"beta": recipe.beta, **_balance(columns)}, {"ref_model": reference}),
        "dpo": (
            DPOTrainer,
            DPOConfig,
            # The supervised term keeps the better reasonings likely; without it both sides may become unlikely.
            {"beta": recipe.beta, "loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, recipe.sft_weight]},
            {"ref_model": reference},
        ),
    }
    trainer_class, config_class, options, extra = kinds[phase]
    if phase != "sft":
        options["precompute_ref_log_probs"] = True
    trainer = trainer_class(
        model=model,
        args=config_class(**common, **options),
        train_dataset=Dataset.from_dict(columns),
        processing_class=tokenizer,
        callbacks=[Rate(batch), TimedCheckpoint(t.checkpoint_minutes), *callbacks],
        **extra,
    )
    # Repeated only now: the trainer has asked the reference about each row once.
    trainer.train_dataset = trainer.train_dataset.select(turns)
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=last_checkpoint(out))
    log = [entry for entry in trainer.state.log_history if "loss" in entry]
    told = {k.rpartition("/")[2]: v for k, v in (log[-1] if log else {}).items() if k.startswith("rewards/")}
    losses = [round(entry["loss"], 4) for entry in log]
    return {"rows": rows, "steps": trainer.state.global_step, "losses": losses, **told}


def _balance(columns: Columns) -> dict[str, float]:
    """KTO's weights so that good and poor count alike in all (Ethayarajh et al. 2024, section 4.2)."""
    said = columns.get("label", [])
    good, poor = sum(said), len(said) - sum(said)
    return {"desirable_weight": max(1.0, poor / max(1, good)), "undesirable_weight": max(1.0, good / max(1, poor))}
