"""Twenty people's pulls of large images at once, and what Slack gets to see of them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import paramiko
import pytest

from sandbox.bot_process import BotProcess
from sandbox.outside import address_in
from sandbox.slack.faults import Call
from sandbox.slack.seed import JANE, PLATFORM
from sandbox.typist import Typist
from sandbox.world import World
from tests.bots import VM_S, running_bot
from tests.contracts.tiny_registry import TinyRegistry, layer_of, serving

pytest_plugins = ["tests.world"]
pytestmark = [pytest.mark.engine, pytest.mark.slow]

PULLS = 20
BASE_MB, OWN_MB, MB = 310, 4, 1_000_000
PULLED_S = 420.0
MINUTE_S, APART_S, A_MINUTE = 60.0, 3.0, 40


@pytest.fixture
def bot(world: World, tmp_path: Path) -> Iterator[BotProcess]:
    with running_bot(world, tmp_path / "bot") as running:
        yield running


@pytest.fixture
def jane(world: World, bot: BotProcess) -> Typist:
    return Typist(world.slack, JANE, PLATFORM, print)


@pytest.fixture
def registry(jane: Typist, bot: BotProcess) -> Iterator[TinyRegistry]:
    """On the VM `pulls`, at 4 MB/s for each connection."""
    address = address_in(jane.do("vm pulls", "is ready", VM_S).text)
    with paramiko.Transport((address, 22)) as transport:
        key = paramiko.Ed25519Key.from_private_key_file(str(bot.home / "ssh" / "id_ed25519"))
        transport.connect(username="root", pkey=key)
        with serving(TinyRegistry(pace=4 * MB), transport) as served:
            yield served


def test_twenty_pulls_of_300_mb_at_once_keep_slacks_pace_and_lose_nothing(
    world: World, jane: Typist, registry: TinyRegistry
) -> None:
    base = layer_of(BASE_MB * MB)
    images = [registry.publish((OWN_MB * MB,), (base,)) for _ in range(PULLS)]
    cards = [jane.begin(f"pull {image} on pulls") for image in images]

    ended = [jane.ended(card, "On the VM: ", PULLED_S) for card in cards]

    assert all(image in message.text for image, message in zip(images, ended, strict=True))
    edits = [call for call in world.slack.calls_to("chat.update") if call.outcome == "ok"]
    assert len(edits) > 2 * PULLS
    assert most_in_a_minute(edits) <= A_MINUTE
    by_card: dict[str, list[Call]] = defaultdict(list)
    for call in edits:
        by_card[call.args["ts"]].append(call)
    assert nearest(by_card) >= APART_S
    bars = {ts: [bar for call in calls for bar in bars_in(call)] for ts, calls in by_card.items()}
    assert max(len(set(each)) for each in bars.values()) > 3  # somebody saw it grow
    assert all(each == sorted(each) for each in bars.values())
    jane.do("vm cancel pulls", "is cancelled", VM_S)


def most_in_a_minute(calls: list[Call]) -> int:
    times = [call.time for call in calls]
    return max(sum(1 for at in times if first <= at < first + MINUTE_S) for first in times)


def nearest(by_card: dict[str, list[Call]]) -> float:
    """Seconds between the two edits of one card that are nearest to each other."""
    return min(
        later.time - earlier.time
        for calls in by_card.values()
        for earlier, later in pairwise(calls)
    )


def bars_in(call: Call) -> list[int]:
    """How many signs of its bar are full."""
    return [
        len(full) for full in re.findall("(▓*)░* [0-9]+ of [0-9]+ MB", str(call.args["blocks"]))
    ]
