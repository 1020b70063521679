"""What every stage's command shares: arguments, friendly errors, and the manifest written beside an adapter."""

from __future__ import annotations

import argparse
import datetime
import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from rilearn.adapters import Kind, Manifest, save_manifest
from rilearn.errors import run as run
from rilearn.prompts import PROMPT_VERSION
from training.card import write_card
from training.recipes import Recipe

ROOT = Path(__file__).resolve().parent.parent


def parser(doc: str, recipe: bool = True, out: bool = True) -> argparse.ArgumentParser:
    """Arguments common to the stages; `doc` is the module's docstring."""
    result = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    if recipe:
        result.add_argument("--recipe", type=Path, required=True, help="a YAML file, such as those in training/recipes")
        result.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one recipe key")
    if out:
        result.add_argument("--out", type=Path, required=True, help="folder (or file) to write")
    return result


def split_arguments(to: argparse.ArgumentParser) -> None:
    """Which rows to measure on."""
    to.add_argument("--dataset", help="Hub id or folder; the task's own if left out")
    to.add_argument("--split", default="validation")
    to.add_argument("--limit", type=int, help="only the first rows")


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write what was measured, with the date and the command behind it, as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {**result, "date": today(), "command": command()}
    path.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def command() -> str:
    """The command line as it can be typed again from the project folder, its paths as `told` has them."""
    path = Path(sys.argv[0]).resolve()
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts) if path.is_relative_to(ROOT) else path.stem
    return f"python -m {module} {shlex.join(told(sys.argv[1:]))}"


def told(value: Any) -> Any:
    """A value, or all in a list or mapping, as others may see it: an absolute path (KEY=PATH too) as it is from the
    project folder, or as runs/NAME. Where things lay on one machine says nothing on another."""
    if isinstance(value, dict):
        return {key: told(one) for key, one in value.items()}
    if isinstance(value, list):
        return [told(one) for one in value]
    head, is_set, tail = value.rpartition("=") if isinstance(value, str) else ("", "", value)
    if not isinstance(tail, str) or not (path := Path(tail.strip('"'))).is_absolute():
        return value
    return f"{head}{is_set}{path.relative_to(ROOT) if path.is_relative_to(ROOT) else f'runs/{path.name}'}"


def today() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")


_COUNTS = ("rows", "rows_dropped", "rows_seen", "tokens_seen", "processes", "precision")


def write_manifest(
    out: Path,
    recipe: Recipe,
    kind: Kind,
    task: str | None,
    data: dict[str, Any],
    facts: dict[str, Any],
    parents: dict[str, str],
) -> None:
    """The manifest and the card of a new adapter; `facts` are what its training tells of itself. Checkpoints go."""
    manifest = Manifest(
        name=recipe.name,
        kind=kind,
        base=recipe.base,
        task=task,
        prompt_version=PROMPT_VERSION,
        chat=recipe.chat,
        recipe=told(recipe.model_dump(mode="json")),
        command=command(),
        data={
            **data,
            **{k: facts[k] for k in _COUNTS if k in facts},
        },
        parents=parents,
        seed=recipe.seed,
        steps=facts["steps"],
        seconds=facts["seconds"],
        date=today(),
    )
    save_manifest(out, manifest)
    write_card(out, manifest)
    shutil.rmtree(out / "checkpoints", ignore_errors=True)
