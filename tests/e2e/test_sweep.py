"""The sweep of a running bot on a real VM: what it sees, and what is done behind its back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.adapters.clock import SystemClock
from bot.app import make_cloud
from bot.store import VmStore, open_database
from config.settings import load_settings
from sandbox.bot_process import BotProcess
from sandbox.outside import wait_until
from sandbox.slack.seed import JANE, PLATFORM
from sandbox.typist import Typist
from sandbox.world import World
from tests.bots import QUICK_S, VM_S, running_bot

pytest_plugins = ["tests.world"]
pytestmark = [pytest.mark.engine, pytest.mark.slow]

POLICY = """\
reaper: {look: 3s}
timeouts: {settle: 8s}
"""
NAME = "swept"


@pytest.fixture
def bot(world: World, tmp_path: Path) -> Iterator[BotProcess]:
    with running_bot(world, tmp_path, policy=POLICY) as running:
        yield running


def test_a_vm_is_judged_and_one_cancelled_by_hand_is_noticed(
    world: World, bot: BotProcess, tmp_path: Path
) -> None:
    jane = Typist(world.slack, JANE, PLATFORM, print)
    jane.do(f"vm {NAME}", "is ready", VM_S)

    def row() -> dict[str, str] | None:
        printed = bot.run("reap", "--dry-run", "--json")
        assert printed.returncode == 0, printed.stderr
        rows = [each for each in json.loads(printed.stdout) if each["vm"] == NAME]
        assert len(rows) == 1
        return rows[0] if rows[0]["verdict"] == "idle" else None

    judged = wait_until(row, VM_S)
    assert judged is not None and judged["owner"] == JANE
    told = jane.answer(f"why {NAME}").text
    assert "not in use" in told and "reaper is off" in told

    _cancel_by_hand(world, tmp_path)
    wait_until(lambda: _is_told(world), VM_S)
    assert "no VM" in jane.answer("vm list").text
    ghosts = [each for each in world.slack.messages(PLATFORM) if "does not exist" in each.text]
    assert len(ghosts) == 1


def _is_told(world: World) -> bool:
    told = [each.text for each in world.slack.messages(PLATFORM)]
    return any(f"{NAME} does not exist at SoftLayer any more" in each for each in told)


def _cancel_by_hand(world: World, home: Path) -> None:
    """As with slcli, past the bot."""
    engine = open_database(f"sqlite:///{home / 'data' / 'ds-bot.db'}")
    try:
        vm = VmStore(engine).named(NAME)
    finally:
        engine.dispose()
    assert vm is not None and vm.cloud_id is not None
    cloud_id = vm.cloud_id
    settings = load_settings(world.environment)
    with closing(make_cloud(settings, SystemClock())) as cloud:
        wait_until(lambda: cloud.get(cloud_id).transaction is None, QUICK_S)
        cloud.cancel(cloud_id)
