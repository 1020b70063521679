"""An adapter folder: PEFT files plus manifest.json, the only contract between training and the app."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rilearn.errors import AdapterError
from rilearn.prompts import PROMPT_VERSION
from rilearn.records import AdapterRef

WEIGHTS = "adapter_model.safetensors"
MANIFEST = "manifest.json"
Kind = Literal["generator", "direct", "reasoned"]


class Manifest(BaseModel):
    """What an adapter is, what made it, and how it measured. Everything needed to train it again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: Kind
    base: str
    task: str | None = None  # generators are trained on general data
    prompt_version: str
    chat: bool = False
    recipe: dict[str, Any] = Field(default_factory=dict)
    command: str = ""
    data: dict[str, Any] = Field(default_factory=dict)  # fingerprint, rows, reports
    parents: dict[str, str] = Field(default_factory=dict)  # role -> adapter digest
    seed: int = 0
    steps: int = 0
    seconds: float = 0.0
    date: str = ""
    evaluation: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class Adapter:
    """A checked adapter: its manifest and the reference an engine takes."""

    manifest: Manifest
    ref: AdapterRef

    @property
    def name(self) -> str:
        return self.manifest.name


def load_adapter(folder: Path, base: str | None = None) -> Adapter:
    """Read and check an adapter folder.

    Raises:
        AdapterError: files missing or unreadable; made for another base than `base` (None: any); made with another
            prompt version than this code renders.
    """
    for file in (MANIFEST, WEIGHTS, "adapter_config.json"):
        if not (folder / file).is_file():
            raise AdapterError(f"{folder} is no adapter: {file} is missing.")
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_text(encoding="utf-8"))
    except (ValidationError, ValueError) as error:
        raise AdapterError(f"{folder / MANIFEST} cannot be read: {error}") from error
    if manifest.prompt_version != PROMPT_VERSION:
        raise AdapterError(
            f"Adapter '{manifest.name}' was trained with prompt version {manifest.prompt_version}, this rilearn "
            f"renders version {PROMPT_VERSION}. Train it again, or use the rilearn it came with."
        )
    if base is not None and manifest.base != base:
        raise AdapterError(
            f"Adapter '{manifest.name}' belongs to base '{manifest.base}', not '{base}'. "
            f"Set RILEARN_BASE={manifest.base} or choose another adapter."
        )
    return Adapter(manifest, AdapterRef(folder, weights_digest(folder)))


def find_adapter(name: str, root: Path, base: str | None = None) -> Adapter:
    """An adapter by its folder name under `root`, or by a path to its folder."""
    folder = root / name if (root / name).is_dir() and Path(name).name == name else Path(name)
    if not folder.is_dir():
        known = ", ".join(sorted(p.parent.name for p in root.glob(f"*/{MANIFEST}"))) or "none"
        raise AdapterError(f"There is no adapter '{name}'. Adapters in {root.name}/: {known}.")
    return load_adapter(folder, base)


def list_adapters(root: Path, base: str | None = None) -> tuple[list[Adapter], list[str]]:
    """All usable adapters under `root`, by name, and one message for each folder that cannot be used."""
    good: list[Adapter] = []
    bad: list[str] = []
    for path in sorted(root.glob(f"*/{MANIFEST}")):
        try:
            good.append(load_adapter(path.parent, base))
        except AdapterError as error:
            bad.append(str(error))
    return good, bad


def save_manifest(folder: Path, manifest: Manifest) -> None:
    """Write manifest.json in one step."""
    temp = folder / f".{MANIFEST}.tmp"
    temp.write_text(json.dumps(manifest.model_dump(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    temp.replace(folder / MANIFEST)


def weights_digest(folder: Path) -> str:
    """SHA-256 over the adapter's weights and its PEFT configuration (rank and alpha change what the weights do)."""
    digest = hashlib.sha256((folder / "adapter_config.json").read_bytes())
    digest.update((folder / WEIGHTS).read_bytes())
    return digest.hexdigest()
