"""Says how far a run is, for whoever watches the process from outside: progress.json, rewritten every few seconds."""

from __future__ import annotations

import time
from pathlib import Path

from rilearn import progress_file
from rilearn.progress_file import Progress

EVERY = 2.0


class Watch:
    """Writes the progress of a run into its folder; the time left is reckoned from the stage's steps so far."""

    def __init__(self, out: Path):
        out.mkdir(parents=True, exist_ok=True)
        self._path = out / progress_file.NAME
        self._stage, self._first = "", 0
        self._start = self._last = 0.0

    def __call__(self, stage: str, done: int, total: int, message: str = "") -> None:
        """Note that `done` of `total` steps of a stage are done."""
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._start, self._first = stage, now, done
            print(f"{stage}: {message}" if message else stage, flush=True)
        elif now - self._last < EVERY and done < total:
            return
        self._last = now
        fresh = done - self._first
        left = (now - self._start) / fresh * (total - done) if fresh > 0 else None
        progress_file.write(self._path, Progress(stage, done, total, message, left))
