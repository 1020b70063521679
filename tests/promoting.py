"""What the tests of promotion run in a process of its own, to be killed at a step or at any moment."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

from rilearn import kept, promotion
from rilearn.adapters import load_adapter
from rilearn.gate import Verdict
from rilearn.settings import Settings
from rilearn.store import wal
from rilearn.store.database import open_database
from rilearn.store.promotions import Promotions
from tests.store.workers import processes

processes.set_forkserver_preload(["__main__", "tests.promoting"])

KILLED = 137


def dies(target: object, name: str, after: bool) -> None:
    """The process is gone, without cleaning up, before or after it has called the function."""
    function: Callable[..., object] = getattr(target, name)

    def call(*arguments: object, **named: object) -> object:
        if after:
            function(*arguments, **named)
        os._exit(KILLED)

    setattr(target, name, call)


STEPS: dict[str, Callable[[], None]] = {
    "before the copy": lambda: dies(kept, "_copy", after=False),
    "in the copy": lambda: dies(kept.shutil, "copyfile", after=True),
    "before the folder is on disk": lambda: dies(kept, "_sync", after=False),
    "after the copy": lambda: dies(kept, "_copy", after=True),
    "before it has its name": lambda: dies(kept.Path, "rename", after=False),
    "after it has its name": lambda: dies(kept.Path, "rename", after=True),
    "before the transaction": lambda: dies(promotion, "register_shipped", after=False),
    "before the row": lambda: dies(promotion, "keep_turn", after=False),
    "before the commit": lambda: dies(promotion, "keep_turn", after=True),
    "after the commit": lambda: dies(wal.Log, "sync", after=False),
}


def overruled(role: str, candidate: str) -> Verdict:
    """A verdict that an admin overrules, so that it may be against any version."""
    held = {"role": role, "candidate": candidate, "current": ""}
    return Verdict.model_validate({**held, "passed": False, "judged_by": "nobody", "checks": (), "evidence": held})


def run(settings: Settings, step: str, folders: list[Path], pipe: Connection) -> None:
    """Promote the folders in turn, dying at the step; with the step "" for ever, sending what is in use by now."""
    database = open_database(None, settings.state_dir)
    now = Promotions(database).active(settings.task, "generator")
    digests = [load_adapter(folder).ref.digest for folder in folders]
    first = next(n for n, digest in enumerate(digests) if now is None or digest != now.digest)
    if step:
        STEPS[step]()
    for n in count(first):
        folder, digest = folders[n % len(folders)], digests[n % len(folders)]
        promotion.promote(
            database, settings, "generator", folder, overruled("generator", digest), 1, f"{os.getpid()}-{n}", "a test"
        )
        pipe.send(digest)
