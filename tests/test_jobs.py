"""Jobs as processes: they run beside the app, outlive it, end as they end, and go on where they were."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rilearn.errors import AdapterError, InputError, StoreError
from rilearn.job_command import ROOT, Command
from rilearn.jobs import JobRunner
from rilearn.store.annotators import Annotators
from rilearn.store.handle import Store
from rilearn.store.jobs import Job, Jobs
from tests.conftest import eventually

LONG = {"steps": 2000, "pause": 0.05}


def fake(arguments: dict[str, Any], out: Path) -> Command:
    words = [f"{name}={value}" for name, value in arguments.items()]
    return Command([sys.executable, "-m", "tests.fake_job", str(out), *words])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "jobs"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store("", tmp_path / "state")
    yield made
    made.close()


@pytest.fixture
def runner(store: Store, folder: Path) -> Iterator[Callable[..., JobRunner]]:
    """Makes a runner, as another start of the app does; what still runs at the end is killed."""
    made: list[JobRunner] = []

    def make(**options: Any) -> JobRunner:
        commands = options.pop("commands", {"fake": fake})
        made.append(JobRunner(store, folder, commands, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
    for job in Jobs(store.database).newest():
        made[0].files(job).signal(signal.SIGKILL)


@pytest.fixture
def jobs(runner: Callable[..., JobRunner]) -> JobRunner:
    return runner()


@pytest.fixture
def start(jobs: JobRunner, store: Store) -> Callable[..., Job]:
    who = Annotators(store.database).add("root", "admin").id

    def start(token: str = "one", on: JobRunner = jobs, **arguments: Any) -> Job:
        return on.start("fake", arguments, token, who)

    return start


def ends(jobs: JobRunner, job: Job, seconds: float = 30) -> Job:
    """The job once it runs no more."""
    assert eventually(lambda: jobs.newest()[0].state != "running", seconds), jobs.view(job)
    return next(one for one in jobs.newest() if one.id == job.id)


def gone(process: int) -> bool:
    """Whether it ended; its parent died with it, so that nobody may ever have asked how."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def runs(jobs: JobRunner, job: Job, step: int = 1) -> int:
    """The number of the command's process, once it has come to this step."""
    assert eventually(lambda: (seen := jobs.view(job).progress) is not None and seen.done >= step, 30), jobs.view(job)
    (begun,) = [line for line in jobs.files(job).tail(10_000) if line.startswith("begins")][-1:]
    return int(begun.split()[-1])


def test_a_job_runs_beside_the_app_and_is_done(jobs: JobRunner, start: Callable[..., Job], store: Store) -> None:
    made = start(steps=3)
    assert made.state == "running" and made.made_by == "root"
    # Nobody looks: the watch sees the end by itself.
    assert eventually(lambda: Jobs(store.database).get(made.id).state == "done", 30)
    view = jobs.view(jobs.newest()[0])
    assert view.progress is not None and view.progress.share == 1 and view.log[-1] == "step 2"
    assert f"with {max(1, len(os.sched_getaffinity(0)) - 1)} threads, nice 10" in view.log[0]
    assert view.job.finished_at is not None and not view.stopping and not view.elsewhere


def test_a_job_that_begins_while_the_watch_is_about_to_end_is_watched(
    jobs: JobRunner, start: Callable[..., Job], store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle, look = threading.Event(), Jobs.running

    def slow(self: Jobs) -> Job | None:
        found = look(self)
        if threading.current_thread().name == "jobs" and found is None:
            idle.set()
            time.sleep(0.5)  # time enough for a start, if nothing keeps it
        return found

    monkeypatch.setattr(Jobs, "running", slow)
    (folder / "earlier").mkdir(parents=True)
    jobs.adopt()
    assert idle.wait(10)
    made = start(steps=1)
    assert eventually(lambda: Jobs(store.database).get(made.id).state == "done", 15)


def test_a_job_works_in_the_projects_folder(
    runner: Callable[..., JobRunner], start: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "own")
    code = "import os; print(os.getcwd(), os.environ['PYTHONPATH'])"
    jobs = runner(commands={"fake": lambda arguments, out: Command([sys.executable, "-c", code])})
    made = ends(jobs, start(on=jobs))
    assert jobs.view(made).log == [f"{ROOT} {ROOT}{os.pathsep}{tmp_path / 'own'}"]


def test_progress_and_log_are_live(jobs: JobRunner, start: Callable[..., Job]) -> None:
    made = start(**LONG)
    runs(jobs, made, 2)
    view = jobs.view(made)
    assert view.progress is not None and (view.progress.stage, view.progress.total) == ("train", 2000)
    assert view.progress.seconds_left is not None and view.progress.message == "<b>loss</b>" and len(view.log) > 2


def test_a_second_start_is_refused_while_one_runs(jobs: JobRunner, start: Callable[..., Job]) -> None:
    made = start(**LONG)
    with pytest.raises(InputError, match=f"Job {made.id} is running"):
        start("two")
    assert start("one") == made  # a double click
    assert len(jobs.newest()) == 1


def test_cancel_ends_the_whole_group(jobs: JobRunner, start: Callable[..., Job]) -> None:
    made = start(**LONG)
    process = runs(jobs, made)
    jobs.cancel(made.id)
    assert ends(jobs, made).state == "cancelled" and gone(process)
    with pytest.raises(InputError, match="does not run any more: it is cancelled"):
        jobs.cancel(made.id)


def test_cancel_at_once_after_the_start(jobs: JobRunner, start: Callable[..., Job]) -> None:
    made = start(**LONG)
    jobs.cancel(made.id)
    assert ends(jobs, made).state == "cancelled"


def test_what_does_not_stop_is_killed(runner: Callable[..., JobRunner], start: Callable[..., Job]) -> None:
    jobs = runner(patience=1.0)
    made = start(on=jobs, stubborn=1, **LONG)
    process = runs(jobs, made)
    jobs.cancel(made.id)
    assert jobs.view(made).stopping
    assert ends(jobs, made).state == "cancelled" and gone(process)


def test_a_failure_is_told_with_its_log_and_resumes(jobs: JobRunner, start: Callable[..., Job]) -> None:
    made = start(steps=4, fail=2)
    ended = ends(jobs, made)
    assert (ended.state, ended.message) == (
        "failed",
        "The command ended with status 1; the last lines of its log say why.",
    )
    assert jobs.view(ended).log[-1] == "<script>the data are missing</script>"
    jobs.resume(made.id)
    assert ends(jobs, made, 30).state == "failed"  # the checkpoint is before the step that fails
    (jobs.files(made).out / "checkpoint").write_text("2")
    assert jobs.resume(made.id).id == made.id
    assert ends(jobs, made).state == "done" and "begins at 2" in " ".join(jobs.view(made).log)
    assert "begins at 0" in " ".join(jobs.files(made).tail(100))  # the log of all its runs
    with pytest.raises(InputError, match="nothing to resume"):
        jobs.resume(made.id)


def test_a_killed_command_is_told(jobs: JobRunner, start: Callable[..., Job]) -> None:
    made = start(**LONG)
    os.kill(runs(jobs, made), signal.SIGKILL)
    ended = ends(jobs, made)
    assert ended.state == "failed" and "the memory was full" in ended.message


def test_a_job_killed_with_its_keeper_was_interrupted_and_resumes(jobs: JobRunner, start: Callable[..., Job]) -> None:
    made = start(**LONG)
    os.killpg(os.getpgid(runs(jobs, made, 3)), signal.SIGKILL)
    assert ends(jobs, made).state == "interrupted"
    jobs.resume(made.id)
    runs(jobs, made, 4)
    assert "begins at 0" not in [line for line in jobs.view(made).log if line.startswith("begins")][-1]


def test_a_command_whose_keeper_died_still_counts_as_running(jobs: JobRunner, start: Callable[..., Job]) -> None:
    made = start(**LONG)
    process = runs(jobs, made)
    os.kill(os.getpgid(process), signal.SIGKILL)
    assert not eventually(lambda: jobs.newest()[0].state != "running", 2.5)
    with pytest.raises(InputError, match="is running"):
        start("two")
    jobs.cancel(made.id)
    assert ends(jobs, made).state == "cancelled" and gone(process)


APP = """
import sys, time
from pathlib import Path
from rilearn.jobs import JobRunner
from rilearn.store.annotators import Annotators
from rilearn.store.handle import Store
from tests.test_jobs import fake

state = Path(sys.argv[1])
store = Store("", state)
who = Annotators(store.database).add("root", "admin").id
JobRunner(store, state / "jobs", {"fake": fake}).start("fake", {"steps": int(sys.argv[2]), "pause": 0.05}, "one", who)
print("started", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("steps", [40, 2000])
def test_a_job_outlives_a_killed_app(runner: Callable[..., JobRunner], store: Store, folder: Path, steps: int) -> None:
    words = [sys.executable, "-c", APP, str(folder.parent), str(steps)]
    app = subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT, text=True, start_new_session=True)
    assert app.stdout is not None and app.stdout.readline() == "started\n"
    os.killpg(app.pid, signal.SIGKILL)
    app.wait(10)
    jobs = runner()
    jobs.adopt()
    (made,) = jobs.newest()
    assert made.state == "running"
    if steps < 1000:
        assert eventually(lambda: Jobs(store.database).get(made.id).state == "done", 30)
        return
    runs(jobs, made, 5)
    jobs.cancel(made.id)
    assert ends(jobs, made).state == "cancelled"


def test_a_restarted_app_sees_what_was_interrupted(
    runner: Callable[..., JobRunner], start: Callable[..., Job], jobs: JobRunner, store: Store
) -> None:
    made = start(**LONG)
    jobs.close()  # as an app that ends: the job goes on
    os.killpg(os.getpgid(runs(jobs, made)), signal.SIGKILL)
    again = runner()
    again.adopt()
    assert eventually(lambda: Jobs(store.database).get(made.id).state == "interrupted", 30)
    assert start("two", on=again, steps=1).id != made.id


def test_a_dead_job_that_nobody_saw_stands_in_nobodys_way(
    runner: Callable[..., JobRunner], start: Callable[..., Job], jobs: JobRunner
) -> None:
    made = start(**LONG)
    jobs.close()
    os.killpg(os.getpgid(runs(jobs, made)), signal.SIGKILL)
    other = runner()
    assert eventually(lambda: not other.files(made).alive)
    assert start("two", on=other, steps=1).id != made.id
    assert [job.state for job in other.newest()][-1] == "interrupted"


def test_a_job_elsewhere_is_left_alone_until_it_is_silent(
    runner: Callable[..., JobRunner], start: Callable[..., Job], jobs: JobRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = runner()
    other.host = "another:/state"
    made = start(on=other, **LONG)
    assert jobs.newest()[0].state == "running" and jobs.view(made).elsewhere and jobs.view(made).log == []
    with pytest.raises(InputError, match=r"runs on another:/state\. Cancel it in the app there"):
        jobs.cancel(made.id)
    monkeypatch.setattr("rilearn.store.jobs.SILENCE", timedelta(0))
    ended = jobs.newest()[0]
    assert ended.state == "interrupted" and "no sign of life from another" in ended.message


def test_what_was_made_is_looked_at_before_it_is_done(
    runner: Callable[..., JobRunner], start: Callable[..., Job]
) -> None:
    seen: list[tuple[int, Path]] = []

    def finished(job: Job, out: Path) -> str:
        seen.append((job.id, out))
        if len(seen) == 1:
            raise StoreError("busy")
        if len(seen) == 2:
            raise AdapterError("a <damaged> adapter")
        return "made v2"

    jobs = runner(finished=finished)
    made = start(on=jobs, steps=1)
    with suppress(StoreError):
        ends(jobs, made)
    ended = ends(jobs, made)
    assert ended.state == "failed" and "cannot be used. a <damaged> adapter" in ended.message and len(seen) == 2
    jobs.resume(made.id)
    ended = ends(jobs, made)
    assert (ended.state, ended.message) == ("done", "made v2") and set(seen) == {(made.id, jobs.files(made).out)}


def test_what_cannot_start_says_why(runner: Callable[..., JobRunner], start: Callable[..., Job], folder: Path) -> None:
    jobs = runner(commands={"fake": lambda arguments, out: Command([str(out / "no such program")], {})})
    ended = ends(jobs, start(on=jobs))
    assert ended.state == "failed" and "No such file" in " ".join(jobs.view(ended).log)

    def refuses(arguments: dict[str, Any], out: Path) -> Command:
        raise InputError("no such recipe")

    jobs = runner(commands={"fake": refuses})
    with pytest.raises(InputError, match="no such recipe"):
        start("two", on=jobs)
    assert jobs.newest()[0].state == "failed" and "no such recipe" in jobs.newest()[0].message


def test_without_jobs_nothing_is_opened(store: Store, folder: Path) -> None:
    JobRunner(store, folder, {}).adopt()
    assert not folder.parent.exists()


def test_a_log_is_shown_as_text(jobs: JobRunner, start: Callable[..., Job]) -> None:
    made = start(steps=1)
    ends(jobs, made)
    files = jobs.files(made)
    files.log.write_bytes(b"x" * 50_000 + b"\n 1%\r 2%\r 3%\r\n\x1b[31mred\x1b[0m \xff\0end\n\n")
    assert files.tail(2) == [" 3%", "red \ufffdend"]
