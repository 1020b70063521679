"""What the tests run in processes of its own; at the top of a module, so that multiprocessing finds it."""

from __future__ import annotations

import os
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

from rilearn.errors import StoreError
from rilearn.records import Rating
from rilearn.store.database import open_database
from rilearn.store.ratings import Ratings

processes = get_context("forkserver")  # a new process without the imports' seconds, and none of pytest's threads
processes.set_forkserver_preload(["__main__", "tests.store.workers"])


def rate_for_ever(url: str | None, folder: Path, annotator: int, items: list[int], pipe: Connection) -> None:
    """Send the token of each rating once it is acknowledged."""
    ratings = Ratings(open_database(url, folder))
    for n in count():
        token = f"{os.getpid()}-{n}"
        ratings.rate(annotator, items[n % len(items)], Rating("good", comment=token), token)
        pipe.send(token)


def start(url: str | None, folder: Path, together: Barrier, pipe: Connection) -> None:
    """Open the database at the same moment as the others and send how it went."""
    together.wait(30)
    try:
        open_database(url, folder).close()
        pipe.send("opened")
    except StoreError as error:
        pipe.send(str(error))


def received(pipe: Connection) -> list[str]:
    """What came through the pipe before its sender died, whole messages only."""
    found: list[str] = []
    try:
        while pipe.poll(0):
            found.append(pipe.recv())
    except (EOFError, OSError):
        pass
    return found
