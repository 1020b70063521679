"""The process that runs one job's command: low priority, waits for its end, and writes down how it ended.

    python -m rilearn.job_process FOLDER LOCK COMMAND ...

LOCK is the number of an open, locked file (flock) that it got from the app and hands on to the command: as long as any
process of the job lives the file stays locked, and no longer, whatever kills them. So the app, or the one started
after it, always knows whether the job runs, and never takes a stranger with a used number for it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

EXIT = "exit.json"
NICE = 10
"""A fair share of the processor goes to the app first: weight 110 of Linux's scheduler against its 1024."""


def main(arguments: list[str]) -> int:
    """Run the command to its end; gives its status, negative: the signal that ended it."""
    folder, lock, command = Path(arguments[0]), int(arguments[1]), arguments[2:]
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    _give_way()
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(lock,))
        # The app signals the whole group. From here on this one outlives SIGTERM, to tell how the command ended; before
        # it dies of it, so that no command starts which never heard the signal.
        signal.signal(signal.SIGTERM, lambda *_: None)
        code = process.wait()
    except OSError as error:
        print(f"The command cannot be started: {error}", file=sys.stderr)
        code = 127
    temp = folder / f".{EXIT}.tmp"
    temp.write_text(json.dumps({"code": code}), encoding="utf-8")
    temp.replace(folder / EXIT)
    return code


def _give_way() -> None:
    os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    with suppress(OSError):  # Linux may schedule sessions as groups, among which the nice value above says nothing
        Path("/proc/self/autogroup").write_text(str(NICE))
    with suppress(OSError):  # when memory runs out, this goes before the app
        Path("/proc/self/oom_score_adj").write_text("500")


if __name__ == "__main__":
    sys.exit(abs(main(sys.argv[1:])))
