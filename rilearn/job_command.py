"""What a job runs, and how its process begins: detached from the app, on few cores, into the job's log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rilearn.job_folder import JobFolder

ROOT = Path(__file__).resolve().parent.parent
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")


@dataclass(frozen=True)
class Command:
    """What to run in the project's folder, as a list that no shell reads, and what to add to the environment."""

    words: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def begun(command: Command, files: JobFolder, lock: int) -> subprocess.Popen[bytes]:
    """Start the process that keeps the command (job_process.py), in a session of its own.

    Args:
        lock: the open lock of `files`, which goes on in the process.

    Raises:
        OSError: the log cannot be written, or there is no room for a process.
    """
    words = [sys.executable, "-m", "rilearn.job_process", str(files.path), str(lock), *command.words]
    with files.log.open("ab") as output:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,  # recipes name the project's own files from there, wherever the app was started
            env={**_environment(), **command.environment},
            start_new_session=True,
            pass_fds=(lock,),
        )


def why(code: int) -> str:
    """A status that is not 0, in words; negative: the signal that ended the command."""
    if code == -signal.SIGKILL:
        return "Its process was killed; most often because the memory was full."
    if code < 0:
        return f"Its process was ended by signal {-code}."
    return f"The command ended with status {code}; the last lines of its log say why."


def _environment() -> dict[str, str]:
    # One core less than there are: with all of them the app's own threads would wait for each other at every token.
    threads = str(max(1, len(os.sched_getaffinity(0)) - 1))
    given = [os.path.abspath(part) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    path = os.pathsep.join((str(ROOT), *given))
    return os.environ | dict.fromkeys(THREADS, threads) | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
