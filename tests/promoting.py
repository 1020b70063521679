"""What the tests of promotion and rollback run in a process of its own, to be killed at a step or at any moment."""

from __future__ import annotations

import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from rilearn import kept, promotion
from rilearn.adapters import load_adapter
from rilearn.gate import Verdict
from rilearn.settings import Settings
from rilearn.store import wal
from rilearn.store.database import open_database
from rilearn.store.promotions import Promotions, line
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
SHARED = ("before the transaction", "before the row", "before the commit", "after the commit")
BACK = {"before the files are looked at": lambda: dies(promotion, "find", after=False)} | {s: STEPS[s] for s in SHARED}
"""The steps of a rollback, which copies nothing."""


def overruled(role: str, candidate: str) -> Verdict:
    """A verdict that an admin overrules, so that it may be against any version."""
    held = {"role": role, "candidate": candidate, "current": ""}
    return Verdict.model_validate({**held, "passed": False, "judged_by": "nobody", "checks": (), "evidence": held})


def run(settings: Settings, step: str, folders: list[Path], pipe: Connection) -> None:
    """Promote the folders in turn and roll all of them back, for ever, sending the turn that is in use by now. With a
    step it dies there."""
    database = open_database(None, settings.state_dir)
    digests = [load_adapter(folder).ref.digest for folder in folders]
    if step:
        (STEPS | BACK)[step]()
    while True:
        past = Promotions(database).history(settings.task, "generator")[::-1]
        up, token = line(past)[1:], f"{os.getpid()}-{len(past)}"
        if up and (len(up) == len(folders) or past[-1].action == "rollback"):
            done = promotion.rollback(database, settings, "generator", 1, token, up[-1])
        else:
            folder, verdict = folders[len(up)], overruled("generator", digests[len(up)])
            done = promotion.promote(database, settings, "generator", folder, verdict, 1, token, "a test")
        pipe.send(str(done.turn))
