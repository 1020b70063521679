"""The adapters a role can have: those that came with rilearn, and promoted ones, kept under the state folder.

A promoted folder lies there under its digest and is never changed; the database says which of them is in use.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from rilearn.adapters import MANIFEST, WEIGHTS, Adapter, list_adapters, load_adapter
from rilearn.errors import AdapterError, StoreError
from rilearn.gate import Role
from rilearn.settings import Settings

FOLDER = "versions"
"""Under the state folder: one folder a promoted version, named by its digest."""
PREFERRED: dict[Role, str] = {"generator": "generator", "q-ra": "q-ra"}
"""Which of several shipped adapters of a kind has the role."""
KINDS: dict[Role, str] = {"generator": "generator", "q-ra": "reasoned"}
_FILES = (WEIGHTS, "adapter_config.json", MANIFEST)
_ASIDE = ("README.md", "loss.json")  # kept where they are there


def kept_at(settings: Settings, digest: str) -> Path:
    """Where a promoted version's files lie."""
    return settings.state_dir / FOLDER / digest


def shipped(settings: Settings) -> tuple[list[Adapter], list[str]]:
    """The usable adapters that came with rilearn, for every role and task, and what is wrong with the others."""
    return list_adapters(settings.adapters, settings.base)


def fits(adapter: Adapter, role: Role, task: str) -> bool:
    """Whether an adapter can have the role in a task."""
    made = adapter.manifest
    return made.kind == KINDS[role] and (made.kind == "generator" or made.task == task)


def first_choice(adapters: Sequence[Adapter], role: Role, task: str) -> Adapter | None:
    """Of the shipped adapters the one that has the role while nothing is promoted."""
    able = [adapter for adapter in adapters if fits(adapter, role, task)]
    return next((a for a in able if a.name == PREFERRED[role]), able[0] if able else None)


def candidate(settings: Settings, role: Role, folder: Path) -> Adapter:
    """Read a folder that is to take a role, and all of its weights.

    Raises:
        AdapterError: see `load_adapter`; or it is of another kind or task, or its weights cannot be read.
    """
    found = load_adapter(folder, settings.base)
    made = found.manifest
    if made.kind != KINDS[role]:
        raise AdapterError(f"'{made.name}' is a {made.kind} adapter; the role '{role}' takes a {KINDS[role]} one.")
    if made.kind != "generator" and made.task != settings.task:
        raise AdapterError(f"'{made.name}' is trained for the task '{made.task}', not for '{settings.task}'.")
    check_weights(folder)
    return found


def check_weights(folder: Path) -> None:
    """Raises AdapterError unless safetensors reads the file to its end and finds LoRA tensors in it."""
    from safetensors import SafetensorError, deserialize

    try:
        tensors = deserialize((folder / WEIGHTS).read_bytes())
    except (OSError, SafetensorError, ValueError) as error:
        raise AdapterError(f"The weights in {folder} cannot be read ({error}). Train or copy them again.") from error
    if not any(".lora_" in name for name, _ in tensors):
        raise AdapterError(f"The weights in {folder} hold no LoRA tensors.")


def find(settings: Settings, role: Role, digest: str, came: Sequence[Adapter]) -> Adapter:
    """The adapter of a version, out of those that `came` with rilearn or of what was promoted, checked.

    Raises:
        AdapterError: its files are gone, damaged or of another base, prompt version, kind or task.
    """
    for one in came:
        if one.ref.digest == digest:
            return one
    folder = kept_at(settings, digest)
    if not folder.is_dir():
        raise AdapterError(
            f"The files of version {digest[:12]} are not in {folder.parent}, nor did it come with this rilearn. "
            "Promote its folder again."
        )
    found = candidate(settings, role, folder)
    if found.ref.digest != digest:
        raise AdapterError(f"The files in {folder} are damaged: they are not those of {digest[:12]}.")
    return found


def folder_of(settings: Settings, digest: str, trained: Path) -> Path:
    """Where a version's files are whole: where it was trained, else where they were kept when it was promoted. If it is
    neither the first, so that reading it tells what is wrong there."""
    final = kept_at(settings, digest)
    return final if not _whole(trained, digest) and _whole(final, digest) else trained


def keep_files(settings: Settings, adapter: Adapter) -> None:
    """Copy the adapter to its place under the state folder, on disk before it has its name.

    Raises:
        AdapterError: the folder changed while it was copied.
        StoreError: the state folder cannot be written.
    """
    final = kept_at(settings, adapter.ref.digest)
    root = final.parent
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(root / ".lock", timeout=60, mode=0o600):
            if _whole(final, adapter.ref.digest):
                return
            temp = root / f"{final.name}.tmp"
            for left in (temp, final):  # of a kill; or damaged, and nothing to keep
                shutil.rmtree(left, ignore_errors=True)
            _copy(adapter.ref.path, temp)
            if not _whole(temp, adapter.ref.digest):
                raise AdapterError(f"{adapter.ref.path} changed while it was copied. Promote it when it is finished.")
            temp.rename(final)
            _sync(root)
    except (OSError, Timeout) as error:
        raise StoreError(f"The model cannot be kept in {root} ({error}). The one in use stays.") from error


def _whole(folder: Path, digest: str) -> bool:
    try:
        return load_adapter(folder).ref.digest == digest
    except (AdapterError, OSError):
        return False


def _copy(source: Path, target: Path) -> None:
    target.mkdir(mode=0o700)
    for name in (*_FILES, *(name for name in _ASIDE if (source / name).is_file())):
        shutil.copyfile(source / name, target / name)
        _sync(target / name)
    _sync(target)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
