"""The bot's process: stopped in the middle of its work, and asked what is wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.bot_process import BotProcess
from sandbox.outside import wait_until
from sandbox.slack.seed import JANE, PLATFORM
from sandbox.softlayer.faults import late
from sandbox.typist import Typist
from sandbox.world import World
from tests.bots import QUICK_S, VM_S, running_bot

pytest_plugins = ["tests.world"]
pytestmark = [pytest.mark.engine, pytest.mark.slow]

STOPPED_WITHIN_S = 25.0
ORDER_S = 3.0


@pytest.fixture
def bot(world: World, tmp_path: Path) -> Iterator[BotProcess]:
    with running_bot(world, tmp_path) as running:
        yield running


@pytest.fixture
def jane(world: World) -> Typist:
    return Typist(world.slack, JANE, PLATFORM, print)


@pytest.mark.parametrize("moment", ["ordering", "booting"])
def test_a_bot_told_to_stop_ends_soon_and_goes_on_after_its_restart(
    world: World, bot: BotProcess, jane: Typist, moment: str
) -> None:
    """Ordering: SoftLayer has taken the order and has not answered yet."""
    if moment == "ordering":
        world.softlayer.faults.add(late(ORDER_S, "Virtual_Guest.createObject"))
    orders = len(world.softlayer.orders)
    place = jane.begin(f"vm stop-{moment}")
    wait_until(lambda: len(world.softlayer.orders) > orders, QUICK_S)
    if moment == "booting":
        _wait_for_text(jane, place, "Boot the VM")
    began = time.monotonic()
    assert bot.stop() == 0
    assert time.monotonic() - began < STOPPED_WITHIN_S
    assert "is ready" not in jane.card(place).text

    bot.start()
    jane.ended(place, "is ready", VM_S)
    assert len(world.softlayer.orders) == orders + 1
    assert len(world.slack.messages(PLATFORM)) == place + 1
    jane.do(f"vm cancel stop-{moment}", "is cancelled", VM_S)


def test_check_finds_everything_in_order_and_names_each_vm(bot: BotProcess, jane: Typist) -> None:
    jane.do("vm checked", "is ready", VM_S)
    checked = bot.run("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    lines = checked.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * len(lines)
    for what in ("Slack", "Slack Socket Mode", "SoftLayer", "database", "checked.xwmooc.net"):
        assert any(line.startswith(f"ok   {what}: ") for line in lines), what
    jane.do("vm cancel checked", "is cancelled", VM_S)


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("SLACK_BOT_TOKEN", "xoxb-wrong", "FAIL Slack: "),
        ("SLACK_APP_TOKEN", "xapp-wrong", "FAIL Slack Socket Mode: "),
        ("SL_API_KEY", "wrong", "FAIL SoftLayer: "),
    ],
)
def test_check_names_the_wrong_secret_and_fails(
    bot: BotProcess, variable: str, value: str, named: str
) -> None:
    checked = bot.run("check", **{variable: value})
    assert checked.returncode == 1
    failures = [line for line in checked.stdout.splitlines() if not line.startswith("ok")]
    assert [line[: len(named)] for line in failures] == [named]
    assert value not in checked.stdout + checked.stderr


def _wait_for_text(typist: Typist, place: int, text: str) -> None:

    wait_until(lambda: text in str(typist.card(place).blocks), QUICK_S)
