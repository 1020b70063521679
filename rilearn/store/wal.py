"""SQLite's write-ahead log as many writers share it: one fsync for all who wait, turns in order, folding beside them.

SQLite's own way (synchronous=FULL, automatic checkpoints) syncs and folds while the writer holds the lock: 16 writers
then wait for 16 syncs of milliseconds each, and all of them whenever one folds the log into the file.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

FOLD_EVERY = 100
"""Commits between two checkpoints."""

log = logging.getLogger(__name__)


class Turns:
    """A lock that goes to whoever has waited longest; Python's own goes to whoever comes by."""

    def __init__(self) -> None:
        self._mutex, self._held = threading.Lock(), False
        self._waiting: deque[threading.Lock] = deque()

    def acquire(self, timeout: float) -> bool:
        """Whether the turn came within `timeout` seconds."""
        with self._mutex:
            if not self._held:
                self._held = True
                return True
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=timeout):
            return True
        with self._mutex:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return False
        return True  # given at the last moment

    def release(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False


class Log:
    """Makes commits durable and folds the log into the database file. Thread-safe.

    With synchronous=NORMAL a commit is whole and in order, but only the fsync of the log puts it on disk: what FULL
    does after each commit (https://www.sqlite.org/pragma.html#pragma_synchronous), `sync` does for all commits that
    wait for it.
    """

    def __init__(self, file: Path, connect: Callable[[], sqlite3.Connection]):
        self._path, self._connect = file.with_name(f"{file.name}-wal"), connect
        self._changed = threading.Condition()
        self._begun = self._ended = self._failed = 0  # fsyncs, by number
        self._error: OSError | None = None
        self._commits = 0
        self._folding: threading.Thread | None = None

    def sync(self) -> None:
        """Return when what was committed before this call is on disk.

        Raises:
            OSError: the disk failed: what was committed may be lost with the power.
        """
        with self._changed:
            mine = self._begun + 1  # one that runs already may have begun before the commit
            while self._ended < mine:
                if self._begun > self._ended:
                    self._changed.wait()
                else:
                    self._sync_as(mine)
            if self._error is not None and self._failed >= mine:
                raise OSError(*self._error.args)
            self._commits += 1
            if self._commits >= FOLD_EVERY and self._folding is None:
                self._commits, self._folding = 0, threading.Thread(target=self._fold, name="rilearn-fold", daemon=True)
                self._folding.start()

    def close(self) -> None:
        """Wait for a checkpoint that is under way."""
        with self._changed:
            folding = self._folding
        if folding is not None:
            folding.join()

    def _sync_as(self, number: int) -> None:
        """Sync with `_changed` given up meanwhile: others commit, and share the next one."""
        self._begun = number
        self._changed.release()
        error: OSError | None = None
        try:
            # No lock of SQLite's lies on the log, so closing it drops none (as closing the database file would).
            file = os.open(self._path, os.O_RDONLY)
            try:
                os.fdatasync(file)
            finally:
                os.close(file)
        except FileNotFoundError:
            pass  # folded and deleted by whoever closed last, which syncs the file; or gone with it, which is checked
        except OSError as found:
            error = found
        finally:
            self._changed.acquire()
            self._ended = number
            if error is not None:
                self._failed, self._error = number, error
            self._changed.notify_all()

    def _fold(self) -> None:
        try:
            with closing(self._connect()) as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")  # neither readers nor writers wait for it
        except sqlite3.Error as error:
            log.warning("the log of the database was not folded into it: %s", error)
        finally:
            with self._changed:
                self._folding = None
