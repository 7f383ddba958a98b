"""The thread that sends the edits, and the turns of posts."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from bot.adapters.slack_errors import ChatBusy, refused
from bot.adapters.slack_outbox import Pace
from bot.adapters.slack_pacer import Pacer, PostTurns
from bot.errors import ChatRefused, ChatUnknown
from bot.models import MessageRef
from bot.ports import Blocks
from tests.fakes.clock import FakeClock

A, B = MessageRef("C1", "1.0"), MessageRef("C1", "2.0")
SECOND = timedelta(seconds=1)


class Slack:
    """Takes edits; raises what it is told to, and can be made to wait before it answers."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.edits: list[tuple[datetime, MessageRef, str]] = []
        self.errors: list[Exception] = []
        self.always: Exception | None = None
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.asked = threading.Event()

    def edit(self, ref: MessageRef, text: str, blocks: Blocks) -> None:
        self.asked.set()
        assert self.may_answer.wait(10)
        if self.always or self.errors:
            raise self.always or self.errors.pop(0)
        self.edits.append((self._clock.now(), ref, text))

    @property
    def texts(self) -> list[str]:
        return [text for _, _, text in self.edits]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def slack(clock: FakeClock) -> Slack:
    return Slack(clock)


@pytest.fixture
def pacer(slack: Slack, clock: FakeClock) -> Pacer:
    return Pacer(slack.edit, clock)


def test_final_returns_when_slack_has_taken_it(pacer: Pacer, slack: Slack) -> None:
    pacer.final(A, "ready", [])

    assert slack.texts == ["ready"]


def test_trouble_that_passes_is_waited_out(pacer: Pacer, slack: Slack, clock: FakeClock) -> None:
    """chat.update says the same whenever it is repeated."""
    begun = clock.now()
    slack.errors = [ChatUnknown("no answer"), ChatBusy(7 * SECOND), ChatUnknown("no answer")]

    pacer.final(A, "ready", [])

    assert slack.texts == ["ready"]
    assert clock.now() - begun >= 8 * SECOND


def test_what_slack_refuses_is_raised_where_it_was_called(pacer: Pacer, slack: Slack) -> None:
    slack.errors = [refused("message_not_found")]

    with pytest.raises(ChatRefused):
        pacer.final(A, "ready", [])

    pacer.final(B, "ready", [])


def test_a_mistake_of_ours_does_not_end_the_thread(pacer: Pacer, slack: Slack) -> None:
    slack.errors = [TypeError("not JSON")]

    with pytest.raises(TypeError):
        pacer.final(A, "ready", [])

    pacer.final(B, "ready", [])


def test_it_gives_up_after_a_bounded_time(slack: Slack, clock: FakeClock) -> None:
    slack.always = ChatUnknown("no answer")
    begun = clock.now()

    with pytest.raises(ChatUnknown):
        Pacer(slack.edit, clock, Pace(patience=60 * SECOND)).final(A, "ready", [])

    assert 20 * SECOND < clock.now() - begun <= 61 * SECOND


def test_a_final_state_follows_progress_that_is_under_way(pacer: Pacer, slack: Slack) -> None:
    """The request is out already; only after its answer may the final state go."""
    slack.may_answer.clear()
    pacer.soon(A, "50 %", [])
    assert slack.asked.wait(10)
    pacer.soon(A, "60 %", [])
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(pacer.final, A, "ready", [])
        slack.may_answer.set()
        done.result(10)

    pacer.final(B, "other", [])
    pacer.close(SECOND)
    assert slack.texts == ["50 %", "ready", "other"] or slack.texts == [
        "50 %",
        "60 %",
        "ready",
        "other",
    ]


def test_many_cards_with_progress_all_get_their_final_state(
    pacer: Pacer, slack: Slack, clock: FakeClock
) -> None:
    """Through the real thread: 20 cards, each from a thread of its own."""
    refs = [MessageRef("C1", f"{number}.0") for number in range(20)]

    def work(ref: MessageRef) -> None:
        for percent in range(0, 100, 5):
            pacer.soon(ref, f"{percent}", [])
        pacer.final(ref, "ready", [])

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, refs))
    pacer.close(SECOND)

    for ref in refs:
        assert [text for _, each, text in slack.edits if each == ref][-1] == "ready"
    for at, _, _ in slack.edits:
        assert len([1 for other, _, _ in slack.edits if at - 60 * SECOND < other <= at]) <= 50


def close_while_asked(pacer: Pacer, slack: Slack, timeout: timedelta) -> Future[None]:
    """Close once the first request is out, and only then let Slack answer it."""
    slack.may_answer.clear()
    pool = ThreadPoolExecutor(2)
    waiting = pool.submit(pacer.final, A, "ready a", [])
    assert slack.asked.wait(10)
    pacer.soon(B, "50 %", [])
    closing = pool.submit(pacer.close, timeout)
    tick = threading.Event()
    while not pacer._is_closed:
        tick.wait(0.001)
    slack.may_answer.set()
    closing.result(10)
    pool.shutdown()
    return waiting


def test_closing_sends_what_is_final_and_forgets_progress(pacer: Pacer, slack: Slack) -> None:
    """Even what needs a second try."""
    slack.errors = [ChatUnknown("no answer")]

    waiting = close_while_asked(pacer, slack, 60 * SECOND)

    assert waiting.exception() is None
    assert slack.texts == ["ready a"]


def test_closing_does_not_wait_for_ever(pacer: Pacer, slack: Slack, clock: FakeClock) -> None:
    """The process has been told to end; the operation goes on in the next one."""
    slack.always = ChatUnknown("no answer")
    begun = clock.now()

    waiting = close_while_asked(pacer, slack, 5 * SECOND)

    assert isinstance(waiting.exception(), ChatUnknown)
    assert clock.now() - begun < 6 * SECOND


def test_nobody_waits_for_a_thread_that_has_died(
    pacer: Pacer, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake in the outbox itself must not hang an operation."""
    monkeypatch.setattr(threading, "excepthook", lambda _args: None)
    monkeypatch.setattr(pacer._outbox, "settle", lambda *_args: 1 / 0)

    with pytest.raises(ChatUnknown):
        pacer.final(A, "ready", [])


def test_a_closed_pacer_takes_nothing(pacer: Pacer, slack: Slack) -> None:
    pacer.close(SECOND)
    pacer.close(SECOND)

    pacer.soon(A, "50 %", [])
    with pytest.raises(ChatUnknown):
        pacer.final(A, "ready", [])

    assert slack.texts == []


# --- posts ---


def test_posts_in_one_channel_keep_a_distance_of_a_second(clock: FakeClock) -> None:
    turns = PostTurns(clock)
    times = []
    for _ in range(3):
        turns.wait("C1")
        times.append(clock.now())

    assert [later - earlier for earlier, later in zip(times, times[1:], strict=False)] == [
        SECOND,
        SECOND,
    ]


def test_posts_in_different_channels_do_not_wait_for_each_other(clock: FakeClock) -> None:
    turns = PostTurns(clock)
    begun = clock.now()
    for number in range(50):
        turns.wait(f"C{number}")

    assert clock.now() == begun


def test_posts_of_the_whole_workspace_stay_below_slacks_cap(clock: FakeClock) -> None:
    turns = PostTurns(clock, per_minute=10)
    times = []
    for number in range(25):
        turns.wait(f"C{number}")
        times.append(clock.now())

    for at in times:
        assert len([1 for other in times if at - 60 * SECOND < other <= at]) <= 10
