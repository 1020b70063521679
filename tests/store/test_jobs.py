"""Jobs in the database: one runs at a time, whoever begins it; the same request is the same job."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from rilearn.errors import InputError
from rilearn.store.database import Database
from rilearn.store.jobs import Job, Jobs
from rilearn.store.people import People


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database)


@pytest.fixture
def begin(jobs: Jobs, ann: int) -> Callable[..., Job]:
    def begin(token: str = "one", kind: str = "retrain", **arguments: Any) -> Job:
        return jobs.begin(kind, arguments, token, ann, "here")[0]

    return begin


def test_a_job_begins_once(jobs: Jobs, begin: Callable[..., Job], ann: int) -> None:
    made = begin(recipe="mixed")
    assert (made.state, made.arguments, made.made_by, made.host) == ("running", {"recipe": "mixed"}, "ann", "here")
    again, new = jobs.begin("retrain", {"recipe": "other"}, "one", ann, "there")
    assert again == made and not new and jobs.running() == made == jobs.get(made.id)


def test_a_second_is_refused_while_one_runs(jobs: Jobs, begin: Callable[..., Job]) -> None:
    first = begin()
    with pytest.raises(InputError, match=f"Job {first.id} is running .retrain.*One runs at a time"):
        begin("two")
    jobs.end(first.id, "done")
    second = begin("two")
    assert second.id != first.id and jobs.running() == second
    assert [job.id for job in jobs.newest()] == [second.id, first.id]
    assert jobs.newest(state="done") == [jobs.get(first.id)] and jobs.newest(1, kind="other") == []


def test_two_at_one_moment_are_one(jobs: Jobs, ann: int) -> None:
    together, made = threading.Barrier(6), []

    def begin(number: int) -> None:
        together.wait(30)
        try:
            made.append(jobs.begin("retrain", {}, f"token {number}", ann, "here")[0])
        except InputError as error:
            made.append(str(error))

    threads = [threading.Thread(target=begin, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 6 and len([m for m in made if isinstance(m, Job)]) == 1 == len(jobs.newest())


def test_an_end_holds(jobs: Jobs, begin: Callable[..., Job]) -> None:
    made = begin()
    ended = jobs.end(made.id, "failed", "no memory\0" + "x" * 5000)
    assert (ended.state, len(ended.message)) == ("failed", 2000) and "\0" not in ended.message
    assert ended.finished_at is not None and jobs.end(made.id, "done") == ended == jobs.get(made.id)
    jobs.renew(made.id)
    assert jobs.get(made.id) == ended and jobs.running() is None


def test_what_ended_badly_can_be_resumed(jobs: Jobs, begin: Callable[..., Job]) -> None:
    made = begin()
    with pytest.raises(InputError, match="is running: there is nothing to resume"):
        jobs.resume(made.id, "there")
    for state in ("failed", "cancelled", "interrupted"):
        jobs.end(made.id, state)  # type: ignore[arg-type]
        again = jobs.resume(made.id, "there")
        assert (again.state, again.host, again.message, again.finished_at) == ("running", "there", "", None)
    jobs.end(made.id, "cancelled")
    other = begin("two")
    with pytest.raises(InputError, match=f"Job {other.id} is running"):
        jobs.resume(made.id, "here")
    jobs.end(other.id, "done")
    with pytest.raises(InputError, match="is done: there is nothing"):
        jobs.resume(other.id, "here")


def test_a_sign_of_life_is_renewed(jobs: Jobs, begin: Callable[..., Job]) -> None:
    made = begin()
    jobs.renew(made.id)
    assert jobs.get(made.id).heartbeat_at > made.heartbeat_at


def test_unknown_jobs_and_empty_tokens_are_refused(jobs: Jobs, begin: Callable[..., Job]) -> None:
    for ask in (lambda: jobs.get(7), lambda: jobs.end(7, "done"), lambda: jobs.resume(7, "here")):
        with pytest.raises(InputError, match="no job 7"):
            ask()
    with pytest.raises(InputError, match="token is empty"):
        begin(" ")


def test_a_job_outlives_the_account_of_who_began_it(jobs: Jobs, begin: Callable[..., Job], database: Database) -> None:
    made = begin()
    People(database).delete("ann")
    assert jobs.get(made.id).made_by is None
