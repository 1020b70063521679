"""A job's folder: its lock, log, ending, wish to be cancelled, and `out`, where its command works.

lock       locked while a process of the job lives; holds the number of its process group
log.txt    what the command printed, over all its runs
exit.json  how the last run ended, if it came to its end
cancel     somebody asked it to stop
out/       the command's own folder, with progress.json
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

from rilearn import progress_file
from rilearn.job_process import EXIT

_TAIL = 32_000
"""Bytes of the log's end that are looked at."""
_BEGUN = 5.0
"""Seconds after its start within which a process has written its number."""
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class JobFolder:
    """Knows one job by its files alone; another app on the same files sees the same."""

    def __init__(self, folder: Path):
        self.path = folder
        self.out, self.log = folder / "out", folder / "log.txt"
        self._lock, self._cancel, self._exit = folder / "lock", folder / "cancel", folder / EXIT

    def take(self) -> int | None:
        """Make the folder and lock it; gives the lock's open file, to be closed. None: a process of the job lives.

        Raises:
            OSError: the folder cannot be made.
        """
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(5):  # somebody who asks `alive` holds it for a moment
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return file
            time.sleep(0.1)
        os.close(file)
        return None

    def clear(self, lock: int) -> None:
        """Take away what the last run left, under the lock; what its command made stays."""
        os.ftruncate(lock, 0)
        for left in (self._cancel, self._exit, self.progress_path):
            left.unlink(missing_ok=True)
        self.out.mkdir(exist_ok=True)

    @property
    def progress_path(self) -> Path:
        return self.out / progress_file.NAME

    @property
    def alive(self) -> bool:
        """Whether a process of the job lives."""
        try:
            file = os.open(self._lock, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)  # which also unlocks it, if this locked it
        return False

    @property
    def code(self) -> int | None:
        """How the command ended: its status, negative: a signal; None: it did not come to its end."""
        try:
            return int(json.loads(self._exit.read_text(encoding="utf-8"))["code"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def ask_to_stop(self) -> None:
        """Note the wish and send SIGTERM to all processes of the job."""
        if not self._cancel.exists():
            self._cancel.touch(mode=0o600)
        self.signal(signal.SIGTERM)

    @property
    def asked_to_stop(self) -> float | None:
        """Seconds since somebody asked; None: nobody has."""
        try:
            return max(0.0, time.time() - self._cancel.stat().st_mtime)
        except OSError:
            return None

    def signal(self, number: int) -> None:
        """Send a signal to the job's process group, if it lives."""
        # While the lock holds, the group which wrote its number there lives, so the number is not another's.
        end = time.monotonic() + _BEGUN
        while self.alive:
            with suppress(OSError):
                if (group := int(self._lock.read_text(encoding="ascii") or 0)) > 1:
                    os.killpg(group, number)
                    return
            if time.monotonic() > end:
                return
            time.sleep(0.05)

    def progress(self) -> progress_file.Progress | None:
        return progress_file.read(self.progress_path)

    def tail(self, lines: int = 12) -> list[str]:
        """The last lines of the log; of a line that was written over and over (a progress bar), its last state."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        shown = (line.rstrip().rsplit("\r", 1)[-1] for line in text.split("\n"))
        return [line for line in (_CONTROL.sub("", s)[:500] for s in shown) if line.strip()][-lines:]
