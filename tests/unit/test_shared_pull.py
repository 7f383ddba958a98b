"""One pull for all who want the same image."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from bot.adapters.shared_pull import SharedPulls, Steps
from bot.errors import HostUnreachable
from bot.models import Pulled, PullProgress

PULLED = Pulled("sha256:1", "sha256:2", True)
_PATIENCE_S = 10


def step(done: int) -> PullProgress:
    return PullProgress(done, 100, 0, 1)


class Engine:
    """Pulls whose steps the test gives one by one."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.is_ended = threading.Event()
        self._steps: queue.Queue[PullProgress | Pulled | Exception] = queue.Queue()

    def say(self, *steps: PullProgress | Pulled | Exception) -> None:
        for each in steps:
            self._steps.put(each)

    @contextmanager
    def pull(self, image: str) -> Iterator[Steps]:
        self.begun.append(image)
        try:
            yield self._each()
        finally:
            self.ended.append(image)
            self.is_ended.set()

    def _each(self) -> Steps:
        while True:
            each = self._steps.get(timeout=_PATIENCE_S)
            if isinstance(each, Exception):
                raise each
            yield each


class Somebody:
    """Who pulls on a thread of their own."""

    def __init__(
        self, pool: ThreadPoolExecutor, pulls: SharedPulls, gives_up_at: int | None = None
    ) -> None:
        self.told: list[int] = []
        self.threads: set[str] = set()
        self._gives_up_at = gives_up_at
        self._changed = threading.Condition()
        self.outcome: Future[Pulled] = pool.submit(pulls.pull, "rocker/shiny", self._tell)

    def _tell(self, progress: PullProgress) -> None:
        with self._changed:
            self.told.append(progress.done_bytes)
            self.threads.add(threading.current_thread().name)
            self._changed.notify_all()
        if progress.done_bytes == self._gives_up_at:
            raise InterruptedError("enough")

    def await_told(self, done: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: done in self.told, _PATIENCE_S)

    def result(self) -> Pulled:
        return self.outcome.result(_PATIENCE_S)


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def pulls(engine: Engine) -> SharedPulls:
    return SharedPulls(engine.pull, most=1)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8, thread_name_prefix="somebody") as running:
        yield running


def test_two_share_one_pull_and_both_see_it(
    engine: Engine, pulls: SharedPulls, pool: ThreadPoolExecutor
) -> None:
    first = Somebody(pool, pulls)
    engine.say(step(10))
    first.await_told(10)
    second = Somebody(pool, pulls)
    second.await_told(10)

    engine.say(step(60))
    first.await_told(60)
    second.await_told(60)
    engine.say(PULLED)

    assert first.result() == second.result() == PULLED
    assert engine.begun == ["rocker/shiny"]
    assert all(name.startswith("somebody") for name in first.threads | second.threads)


def test_the_last_progress_is_told_before_the_end(
    engine: Engine, pulls: SharedPulls, pool: ThreadPoolExecutor
) -> None:
    """However quickly it comes; what lies between may be left out."""
    engine.say(*map(step, range(1, 100)), PULLED)
    somebody = Somebody(pool, pulls)

    somebody.result()

    assert somebody.told[-1] == 99
    assert somebody.told == sorted(set(somebody.told))


def test_one_who_gives_up_leaves_the_others_their_pull(
    engine: Engine, pulls: SharedPulls, pool: ThreadPoolExecutor
) -> None:
    """Also if it is the one who began it."""
    impatient = Somebody(pool, pulls, gives_up_at=20)
    engine.say(step(10))
    impatient.await_told(10)
    patient = Somebody(pool, pulls)
    patient.await_told(10)

    engine.say(step(20))
    with pytest.raises(InterruptedError):
        impatient.result()
    engine.say(step(30), PULLED)

    assert patient.result() == PULLED
    assert engine.begun == ["rocker/shiny"]


def test_a_pull_that_nobody_wants_any_more_is_ended(
    engine: Engine, pulls: SharedPulls, pool: ThreadPoolExecutor
) -> None:
    somebody = Somebody(pool, pulls, gives_up_at=10)
    engine.say(step(10))
    with pytest.raises(InterruptedError):
        somebody.result()

    engine.say(step(20))

    assert engine.is_ended.wait(_PATIENCE_S)
    later = Somebody(pool, pulls)
    engine.say(PULLED)
    assert later.result() == PULLED
    assert len(engine.begun) == 2


def test_all_get_the_error_and_the_next_one_tries_anew(
    engine: Engine, pulls: SharedPulls, pool: ThreadPoolExecutor
) -> None:
    first = Somebody(pool, pulls)
    engine.say(step(10))
    first.await_told(10)
    second = Somebody(pool, pulls)
    second.await_told(10)

    engine.say(HostUnreachable("lost"))

    for somebody in (first, second):
        with pytest.raises(HostUnreachable):
            somebody.result()
    third = Somebody(pool, pulls)
    engine.say(PULLED)
    assert third.result() == PULLED


def test_only_so_many_pulls_go_on_at_once(pool: ThreadPoolExecutor) -> None:
    engine = Engine()
    pulls = SharedPulls(engine.pull, most=1)
    told: queue.Queue[int] = queue.Queue()
    tell: Callable[[PullProgress], None] = lambda progress: told.put(progress.done_bytes)  # noqa: E731
    first = pool.submit(pulls.pull, "a", tell)
    engine.say(step(10))
    assert told.get(timeout=_PATIENCE_S) == 10

    second = pool.submit(pulls.pull, "b", tell)
    assert engine.begun == ["a"]
    engine.say(PULLED)
    assert first.result(_PATIENCE_S) == PULLED
    engine.say(PULLED)

    assert second.result(_PATIENCE_S) == PULLED
    assert engine.begun == ["a", "b"]


def test_hundreds_at_once_all_get_their_image() -> None:
    """Joining, leaving and beginning anew cross each other here in every way."""

    @contextmanager
    def quick(image: str) -> Iterator[Steps]:
        yield iter([step(1), step(2), Pulled(image, None, True)])

    pulls = SharedPulls(quick, most=2)
    images = [f"image-{number % 3}" for number in range(600)]
    with ThreadPoolExecutor(24) as pool:
        brought = list(pool.map(lambda image: pulls.pull(image, lambda _: None), images))

    assert [each.image_id for each in brought] == images
