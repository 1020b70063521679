"""A command that behaves like training: writes progress and a log, keeps a checkpoint, ends as it is told.

python -m tests.fake_job OUT [steps=N] [pause=SECONDS] [fail=STEP] [stubborn=1]
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from rilearn import progress_file
from rilearn.progress_file import Progress


def main(out: Path, steps: int = 3, pause: float = 0.0, fail: int = -1, stubborn: bool = False) -> None:
    if stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    checkpoint = out / "checkpoint"
    first = int(checkpoint.read_text()) if checkpoint.exists() else 0
    print(f"begins at {first} with {os.environ['OMP_NUM_THREADS']} threads, nice {os.nice(0)}, pid {os.getpid()}")
    for step in range(first, steps):
        progress_file.write(
            out / progress_file.NAME, Progress("train", step, steps, "<b>loss</b>", (steps - step) * pause)
        )
        print(f"step {step}")
        if step == fail and step != first:
            raise SystemExit("<script>the data are missing</script>")
        checkpoint.write_text(str(step))
        time.sleep(pause)
    progress_file.write(out / progress_file.NAME, Progress("done", steps, steps))


if __name__ == "__main__":
    given = dict(word.split("=") for word in sys.argv[2:])
    main(Path(sys.argv[1]), **{k: float(v) if k == "pause" else int(v) for k, v in given.items()})  # type: ignore[arg-type]
