"""A pool of processes: every job has its answer once, whoever dies."""

from collections import deque
from functools import partial
from pathlib import Path

import pytest
from support import pool_jobs

from streamdeq.cluster.pool import ATTEMPTS, Pool
from streamdeq.errors import StreamdeqError


def test_every_job_is_answered_once_and_jobs_may_be_added_meanwhile() -> None:
    jobs, answers = deque(range(5)), []
    for job, answer in Pool(pool_jobs.doubling, 2).run(jobs):
        answers.append((job, answer))
        if job == 3:
            jobs.extend([10, 11])
    assert sorted(answers) == [(n, 2 * n) for n in (0, 1, 2, 3, 4, 10, 11)]


def test_what_a_process_dies_of_is_tried_again_and_given_up_at_last(tmp_path: Path) -> None:
    jobs = deque([("once", 1), ("fine", 0), ("always", 99), ("odd", 0), ("fine too", 0)])
    answers = dict(Pool(partial(pool_jobs.dying, tmp_path), 2).run(jobs))
    assert set(answers) == {("once", 1), ("fine", 0), ("always", 99), ("odd", 0), ("fine too", 0)}
    assert isinstance(answers["once", 1], int)
    assert str(answers["odd", 0]) == "odd one"
    assert str(answers["always", 99]) == f"{ATTEMPTS} processes died of it, the last by signal SIGKILL"
    assert len(list(tmp_path.glob("always-*"))) == ATTEMPTS


def test_where_no_process_can_begin_the_reason_is_told() -> None:
    with pytest.raises(StreamdeqError, match="no such model"):
        list(Pool(pool_jobs.refusing, 2).run(deque([1, 2])))


def test_a_pool_that_is_stopped_gives_up_what_is_at_hand() -> None:
    pool = Pool(pool_jobs.slow, 1)
    answers = []
    for job, _ in pool.run(deque([0.0, 60.0, 60.0])):
        answers.append(job)
        pool.stop()
    assert answers == [0.0]
