"""Jobs: long work in a process of its own that goes on when the page or the app goes, one at a time.

The database says who may run (`store/jobs.py`), the job's folder what became of it (`job_folder.py`); both outlive the
app, so that a restarted one finds its job again, or sees that it was interrupted.
"""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rilearn.errors import InputError, RilearnError, StoreError, in_words
from rilearn.job_command import Command, begun, why
from rilearn.job_folder import JobFolder
from rilearn.progress_file import Progress

if TYPE_CHECKING:  # brings SQLAlchemy, which the app loads at its first use only
    from rilearn.store.handle import Store
    from rilearn.store.jobs import Ending, Job, Jobs

PATIENCE = 20.0
"""Seconds from SIGTERM to SIGKILL: time to finish a step and save it."""
LOOK, BEAT = 1.0, 20.0
"""Seconds between two looks at a running job, and between two signs of life in the database."""

log = logging.getLogger(__name__)


MakeCommand = Callable[[dict[str, Any], Path], Command]
"""(a job's arguments, the folder to work in) -> its command; the same for the same arguments, since it resumes."""


@dataclass(frozen=True)
class View:
    """A job as one can see it now; `elsewhere`: its files are on another machine."""

    job: Job
    progress: Progress | None
    log: list[str]
    stopping: bool
    elsewhere: bool
    folder: Path


class JobRunner:
    """Starts, watches, cancels and resumes jobs. Thread-safe; does nothing until it is asked."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        commands: Mapping[str, MakeCommand],
        finished: Callable[[Job, Path], str] | None = None,
        patience: float = PATIENCE,
    ):
        """`folder` holds a folder for each job. `finished` is called with a job whose command succeeded and its `out`;
        it gives a message to keep. A RilearnError in it makes the job a failed one."""
        self._store, self._folder, self._commands = store, folder.absolute(), commands
        self._finished, self._patience = finished, patience
        self._guard = threading.RLock()
        self._closed = threading.Event()
        self._watcher: threading.Thread | None = None
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self.host = f"{socket.gethostname()}:{self._folder}"[:200]

    def adopt(self) -> None:
        """Go on watching what an earlier app has started here; without such a job the database stays closed."""
        if self._folder.is_dir() and any(self._folder.iterdir()):
            self._watch()

    def start(self, kind: str, arguments: dict[str, Any], token: str, made_by: int) -> Job:
        """Start a job; the same token again gives the job that it has started.

        Raises:
            InputError: another one runs.
            StoreError: see `Database.write`, or the job's folder or process cannot be made.
        """
        return self._launch(token, lambda jobs: jobs.begin(kind, arguments, token, made_by, self.host))

    def resume(self, job_id: int) -> Job:
        """Run a job that ended badly again, in its folder.

        Raises: as `start`; InputError also when there is nothing to resume.
        """
        job = self._jobs().get(job_id)
        return self._launch(job.token, lambda jobs: (jobs.resume(job_id, self.host), True))

    def cancel(self, job_id: int) -> None:
        """Ask a job to stop; after `patience` seconds it is killed.

        Raises:
            InputError: it does not run, or on another machine.
            StoreError: see `Database.read`.
        """
        job = self.settled(self._jobs().get(job_id))
        if job.state != "running":
            raise InputError(f"Job {job_id} does not run any more: it is {job.state}.")
        if job.host != self.host:
            raise InputError(f"Job {job_id} runs on {job.host}. Cancel it in the app there.")
        self.files(job).ask_to_stop()
        self._watch()

    def view(self, job: Job) -> View:
        """A job with its progress and the end of its log."""
        files, elsewhere = self.files(job), job.host != self.host
        seen = None if elsewhere else files.progress()
        stopping = job.state == "running" and files.asked_to_stop is not None
        return View(job, seen, [] if elsewhere else files.tail(), stopping, elsewhere, files.path)

    def newest(self, most: int = 20) -> list[Job]:
        """The jobs begun last, newest first, each as it is now.

        Raises:
            StoreError: see `Database.read`.
        """
        return [self.settled(job) for job in self._jobs().newest(most)]

    def files(self, job: Job) -> JobFolder:
        return self._of(job.token)

    def settled(self, job: Job) -> Job:
        """The job as it is now: one whose process has ended is ended in the database too.

        Raises:
            StoreError: see `Database.write`.
        """
        if job.state != "running":
            return job
        with self._guard:
            self._reap()
            job = self._jobs().get(job.id)
            ending = self._ending(job) if job.state == "running" else None
            return job if ending is None else self._jobs().end(job.id, *ending)

    def close(self) -> None:
        """Stop watching; a running job goes on."""
        self._closed.set()

    def _launch(self, token: str, begin: Callable[[Jobs], tuple[Job, bool]]) -> Job:
        if running := self._jobs().running():
            self.settled(running)  # one that died unseen stands in nobody's way
        with self._guard:
            files = self._of(token)
            try:
                lock = files.take()
                if lock is None:
                    job, new = begin(self._jobs())
                    if new:  # the folder is another's, though no database that we know says so
                        self._jobs().end(job.id, "interrupted", "A process still works in this job's folder.")
                    return job
                try:
                    job, new = begin(self._jobs())
                    if new:
                        self._spawn(job, files, lock)
                finally:
                    os.close(lock)
            except OSError as error:
                raise StoreError(f"The job cannot start: {error}. Look after {self._folder}, try again.") from error
        self._watch()
        return job

    def _spawn(self, job: Job, files: JobFolder, lock: int) -> None:
        try:
            files.clear(lock)
            command = self._commands[job.kind](job.arguments, files.out)
            self._children[job.id] = begun(command, files, lock)
        except (OSError, RilearnError) as error:
            self._jobs().end(job.id, "failed", f"It could not be started: {error}")
            raise

    def _ending(self, job: Job) -> tuple[Ending, str] | None:
        """How a job that the database calls running has ended; None: it has not."""
        from rilearn.store.jobs import SILENCE
        from rilearn.store.schema import now

        silent = now() - job.heartbeat_at
        if job.host != self.host:
            return ("interrupted", f"There was no sign of life from {job.host}.") if silent > SILENCE else None
        files = self.files(job)
        if files.alive:
            if silent.total_seconds() > BEAT:
                self._jobs().renew(job.id)
            if (asked := files.asked_to_stop) is not None and asked > self._patience:
                files.signal(signal.SIGKILL)
            return None
        code = files.code
        if code == 0:
            return self._done(job, files)
        if files.asked_to_stop is not None:
            return "cancelled", ""
        if code is None:
            return "interrupted", "Its process ended from outside: a restart of the machine, or somebody killed it."
        return "failed", why(code)

    def _done(self, job: Job, files: JobFolder) -> tuple[Ending, str]:
        try:
            return "done", self._finished(job, files.out) if self._finished else ""
        except StoreError:
            raise  # the database is away: at the next look
        except Exception as error:
            return "failed", f"It ended well, but what it made cannot be used. {in_words(error)}"

    def _watch(self) -> None:
        with self._guard:
            if self._watcher is None and not self._closed.is_set():
                self._watcher = threading.Thread(target=self._keep_watch, name="jobs", daemon=True)
                self._watcher.start()

    def _keep_watch(self) -> None:
        while not self._closed.wait(LOOK):
            try:
                with self._guard:  # or a job begins after the look and still finds this watcher, which then goes
                    job = self._jobs().running()
                    job = job and self.settled(job)
                    if job is None or job.state != "running" or job.host != self.host:
                        self._watcher = None
                        return
            except Exception as error:  # a database that is away for a while must not end the watch
                log.warning("a look at the running job failed: %s", error)

    def _reap(self) -> None:
        self._children = {number: child for number, child in self._children.items() if child.poll() is None}

    def _of(self, token: str) -> JobFolder:
        return JobFolder(self._folder / hashlib.sha256(token.encode()).hexdigest()[:16])

    def _jobs(self) -> Jobs:
        from rilearn.store.jobs import Jobs

        return Jobs(self._store.database)
