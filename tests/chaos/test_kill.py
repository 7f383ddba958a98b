"""The bot is killed again and again in the middle of everything; nothing is lost or done twice.

SoftLayer is at its worst: it drops the connection of an order that it has taken, carries it out
only after that, and lists the VM later still. Slack loses answers to posts that it has taken.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest

from bot.models import Vm, VmState
from bot.store import OperationStore, VmStore, open_database
from sandbox.bot_process import BotProcess
from sandbox.foreground import say
from sandbox.outside import Outside, page_at, wait_until
from sandbox.slack.records import Message
from sandbox.slack.seed import GENERAL, JANE
from sandbox.softlayer.faults import Drop, Fault
from sandbox.softlayer.state import Guest
from sandbox.typist import Typist, has_failed
from sandbox.world import SPEED, World
from tests.bots import QUICK_S, VM_S, running_bot

pytest_plugins = ["tests.world"]
pytestmark = [pytest.mark.engine, pytest.mark.slow]

PAIRS = 5  # of `vm` and `shiny`
KILLS = 20
LONGEST_LIFE_S = 6.0  # from the start of the process: many do not even become ready
LIFE_AFTER_TYPING_S = 2.0  # the order is placed in this time
IN_THE_END_S = 300.0
assert 2 * 2 * PAIRS == KILLS  # a command in every other life

SETTLE_S = 8.0
POLICY = f"""\
timeouts: {{settle: {SETTLE_S:.0f}s}}
poll: {{cloud: 500ms, host: 500ms}}
"""
ANSWER_S, EFFECT_S, LISTED_S = 1.0, 1.0, 2.0  # an order is surely listed after their sum
assert ANSWER_S + EFFECT_S + LISTED_S < SETTLE_S
NAMES = [f"chaos-{number}" for number in range(1, PAIRS + 1)]


@dataclass(frozen=True)
class Left:
    """What is there when every operation has ended."""

    names_ordered: Sequence[str]
    guests: Sequence[Guest]
    known: Sequence[Vm]
    unfinished: Sequence[str]
    messages: Sequence[Message]

    @property
    def is_over(self) -> bool:
        """Whether the bot and its messages say that every operation has ended."""
        told = ["is ready" in each.text or has_failed(each) for each in self.messages]
        return len(told) >= 2 * PAIRS and all(told) and not self.unfinished


@pytest.fixture(scope="module")
def seed() -> int:
    """DS_CHAOS_SEED repeats a run, as far as processes can be repeated."""
    told = os.environ.get("DS_CHAOS_SEED")
    return int(told) if told else random.SystemRandom().randrange(2**32)


@pytest.fixture(scope="module")
def bot(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BotProcess]:
    with running_bot(world, tmp_path_factory.mktemp("chaos"), policy=POLICY) as running:
        yield running


@pytest.fixture(scope="module")
def left(world: World, bot: BotProcess, seed: int) -> Iterator[Left]:
    """Five times a VM and a Shiny on it, while the bot is killed twenty times."""
    say(f"DS_CHAOS_SEED={seed}")
    orders, messages = len(world.softlayer.orders), len(world.slack.messages(GENERAL))
    _trouble(world, seed)
    _kill_again_and_again(world, bot, random.Random(seed))
    with suppress(TimeoutError):  # then the tests say what is missing
        wait_until(lambda: _left(world, bot, orders, messages).is_over, IN_THE_END_S)
    found = _left(world, bot, orders, messages)
    for message in found.messages:
        say(message.text)
    yield found
    world.softlayer.faults.clear()
    jane = Typist(world.slack, JANE, GENERAL)
    for name in NAMES:
        jane.do(f"vm cancel {name}", "is cancelled", VM_S)


def test_every_vm_is_ordered_exactly_once(left: Left) -> None:
    assert sorted(left.names_ordered) == NAMES
    assert sorted(guest.hostname for guest in left.guests) == NAMES


def test_every_operation_has_one_message_with_its_final_state(left: Left) -> None:
    assert len(left.messages) == 2 * PAIRS
    for name in NAMES:
        about = [each.text for each in left.messages if name in str(each.blocks)]
        ready = [text.partition(" is ready")[0] for text in about if " is ready" in text]
        assert sorted(ready) == ["Shiny Server", name], about
    assert [each.text for each in left.messages if "is ready" not in each.text] == []
    assert left.unfinished == []


def test_exactly_one_container_runs_on_each_vm_and_answers(left: Left, world: World) -> None:
    outside = Outside(world)
    for guest in left.guests:
        assert guest.public_ip is not None
        there = outside.run_on_vm(guest.public_ip, "docker ps --all --format '{{.Image}}'")
        assert there.splitlines() == ["rocker/shiny"]
        assert "Old Faithful" in page_at(f"http://{guest.public_ip}:3838/")[1]


def test_no_vm_is_unknown_to_the_bot(left: Left) -> None:
    assert {guest.id for guest in left.guests} == {vm.cloud_id for vm in left.known}
    assert {vm.state for vm in left.known} == {VmState.READY}


def _trouble(world: World, seed: int) -> None:
    """Half of the orders are carried out after their client is gone; all are listed late."""
    order = "Virtual_Guest.createObject"
    listed = timedelta(seconds=LISTED_S * SPEED)
    dropped = Fault(
        Drop.DROP,
        order,
        late_s=ANSWER_S,
        effect_after=timedelta(seconds=EFFECT_S * SPEED),
        list_lag=listed,
        times=None,
        probability=0.5,
    )
    answered = Fault(method=order, is_after=True, late_s=ANSWER_S, list_lag=listed, times=None)
    world.softlayer.faults.add(dropped, answered)
    world.slack.faults.drop_after("chat.postMessage", times=2)


def _kill_again_and_again(world: World, bot: BotProcess, chance: random.Random) -> None:
    """Twenty lives of the bot. In every other one a command is typed as soon as it is ready (to one
    that is not, Slack would say so), and the end comes in the next moments."""
    jane = Typist(world.slack, JANE, GENERAL, say)
    lines = [line for name in NAMES for line in (f"vm {name}", f"shiny on {name}")]
    for number in range(KILLS):
        if number:
            bot.launch()
        if number % 2 == 0:
            line = lines[number // 2]
            if number:
                bot.wait_ready()
            if line.startswith("shiny"):
                _wait_until_shown(world, line.split()[-1])
            jane.type(line)
            _live(chance.uniform(0, LIFE_AFTER_TYPING_S))
        else:
            _live(chance.uniform(0, LONGEST_LIFE_S))
        bot.kill()
    bot.start()


def _wait_until_shown(world: World, name: str) -> None:
    """A person sees that a VM is being ordered, and then asks for something on it."""

    def look() -> bool:
        return any(name in str(each.blocks) for each in world.slack.messages(GENERAL))

    wait_until(look, QUICK_S)


def _live(seconds: float) -> None:
    """No condition is waited for: a kill may come at any moment."""
    threading.Event().wait(seconds)


def _left(world: World, bot: BotProcess, orders: int, messages: int) -> Left:
    engine = open_database(f"sqlite:///{bot.home / 'ds-bot.db'}")
    try:
        known, unfinished = VmStore(engine).live(), OperationStore(engine).unfinished()
    finally:
        engine.dispose()
    return Left(
        names_ordered=[
            name for order in world.softlayer.orders[orders:] for name, _ in order.names
        ],
        guests=[each for each in world.softlayer.live() if each.hostname in NAMES],
        known=known,
        unfinished=unfinished,
        messages=world.slack.messages(GENERAL)[messages:],
    )
