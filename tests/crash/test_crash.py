"""Real processes, killed by SIGKILL: nothing recorded is done again, and everything ends."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from bot.adapters.durable import TEMPORARY_FAILURE
from tests.crash.processes import Line, Worker, await_log, ended, read
from tests.crash.worker import REFUSED, STEPS

pytest_plugins = ["tests.postgres"]

OPERATIONS = 8
KILLS = 8
LONGEST_LIFE_S = 0.9


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "world.log"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return "sqlite:///unused.db"


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    started: list[Worker] = []
    yield started
    for worker in started:
        worker.kill()


def acts(lines: list[Line], op_id: str) -> Counter[str]:
    return Counter(line.step for line in lines if line.op == op_id and line.what == "act")


def assert_nothing_recorded_was_done_again(lines: list[Line]) -> None:
    came_back: set[tuple[str, str]] = set()
    for line in lines:
        if line.what == "begin":
            assert (line.op, line.step) not in came_back, f"done again: {line}"
        elif line.what == "back":
            came_back.add((line.op, line.step))


@pytest.mark.parametrize(("moment", "times"), [("before", 1), ("unrecorded", 2), ("recorded", 1)])
def test_a_killed_step_is_done_again_only_if_it_was_not_recorded(
    url: str, tmp_path: Path, log: Path, workers: list[Worker], moment: str, times: int
) -> None:
    op_id = f"op@order:{moment}"

    workers.append(Worker(url, tmp_path, log))
    workers[0].start(op_id)
    status, _ = workers[0].await_exit()
    workers.append(Worker(url, tmp_path, log))
    await_log(log, ended(op_id))

    assert status == -9
    assert acts(read(log), op_id) == dict.fromkeys(STEPS, 1) | {"order": times}
    assert_nothing_recorded_was_done_again(read(log))


@pytest.mark.slow
def test_random_kills_lose_and_repeat_nothing(
    url: str, tmp_path: Path, log: Path, workers: list[Worker]
) -> None:
    op_ids = [f"op-{number}" for number in range(OPERATIONS)]

    for kill in range(KILLS):
        workers.append(Worker(url, tmp_path, log))
        workers[-1].start(*op_ids[: 2 + kill])  # new ones come while old ones are resumed
        time.sleep(random.uniform(0, LONGEST_LIFE_S))  # when the axe falls, not a wait
        workers[-1].kill()
    workers.append(Worker(url, tmp_path, log))
    workers[-1].start(*op_ids)
    await_log(log, ended(*op_ids))

    lines = read(log)
    assert_nothing_recorded_was_done_again(lines)
    assert [line for line in lines if line.what == "crash"] == []
    for op_id in op_ids:
        counts = acts(lines, op_id)
        assert set(counts) == set(STEPS)
        assert max(counts.values()) <= 1 + KILLS
    assert_each_process_is_an_attempt_of_its_own(lines)


def assert_each_process_is_an_attempt_of_its_own(lines: list[Line]) -> None:
    attempts: defaultdict[str, set[tuple[int, str]]] = defaultdict(set)
    for line in lines:
        attempts[line.op].add((line.pid, line.attempt))
    for of_one in attempts.values():
        assert len({pid for pid, _ in of_one}) == len(of_one)
        assert len({attempt for _, attempt in of_one}) == len(of_one)
    assert max(map(len, attempts.values())) > 1, "no kill met an operation: nothing was tested"


@pytest.mark.postgres
def test_a_living_replica_finishes_the_work_of_a_dead_one(
    postgres_url: str, tmp_path: Path, log: Path, workers: list[Worker]
) -> None:
    op_ids = [f"op-{number}@wait:blocked" for number in range(5)]
    workers += [Worker(postgres_url, tmp_path, log) for _ in range(2)]
    mortal, survivor = workers

    def all_wait(lines: list[Line]) -> bool:
        return sum(line.step == "wait" for line in lines) == len(op_ids)

    mortal.start(*op_ids)
    await_log(log, all_wait)
    mortal.kill()
    log.with_suffix(".go").touch()
    took = await_log(log, ended(*op_ids))

    assert took <= 5
    assert_nothing_recorded_was_done_again(read(log))
    assert {line.pid for line in read(log) if line.what == "end"} == {survivor.process.pid}


@pytest.mark.postgres
def test_a_living_replica_keeps_its_work(
    postgres_url: str, tmp_path: Path, log: Path, workers: list[Worker]
) -> None:
    """However long a step takes; the other one takes over the dead's meanwhile, so it does look."""
    workers += [Worker(postgres_url, tmp_path, log) for _ in range(3)]
    living, mortal, _ = workers
    living.start("long@wait:blocked")
    mortal.start("other@order:unrecorded")

    await_log(log, ended("other@order:unrecorded"))
    log.with_suffix(".go").touch()
    await_log(log, ended("long@wait:blocked"))

    assert acts(read(log), "long@wait:blocked") == dict.fromkeys(STEPS, 1)
    assert len({line.attempt for line in read(log) if line.op.startswith("long")}) == 1


@pytest.mark.postgres
def test_a_replica_that_lost_its_session_ends_itself(
    postgres_url: str, tmp_path: Path, log: Path, workers: list[Worker]
) -> None:
    """Others take over what it did, so it must not go on."""
    workers.append(Worker(postgres_url, tmp_path, log))
    workers[0].start("op@wait:blocked")
    await_log(log, lambda lines: any(line.step == "wait" for line in lines))

    url = make_url(postgres_url).set(drivername="postgresql").render_as_string()
    with psycopg.connect(url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'ds-bot seat' AND datname = current_database()"
        )

    assert workers[0].await_exit()[0] == TEMPORARY_FAILURE


def test_a_second_process_on_the_same_directory_is_refused_until_the_first_is_dead(
    tmp_path: Path, log: Path, workers: list[Worker]
) -> None:
    workers.append(Worker("sqlite:///unused.db", tmp_path, log))
    workers.append(Worker("sqlite:///unused.db", tmp_path, log, is_awaited=False))

    status, said = workers[1].await_exit()
    workers[0].kill()
    workers.append(Worker("sqlite:///unused.db", tmp_path, log))

    assert status == REFUSED
    assert f"DS_HOME={tmp_path}: another ds-bot uses this directory" in said
