"""The bot as a process of its own in the sandbox's world, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from sandbox.bot_process import BotProcess
from sandbox.world import World

Transport = Literal["socket", "http"]

VM_S, APP_S, QUICK_S = 180.0, 240.0, 60.0
"""Seconds that a busy machine may take: for a VM, for a program on it, for anything else."""

_OTHER_SECRET = {"socket": "SLACK_SIGNING_SECRET", "http": "SLACK_APP_TOKEN"}


@contextmanager
def running_bot(
    world: World, home: Path, transport: Transport = "socket", policy: str = ""
) -> Iterator[BotProcess]:
    """The bot's own process, reached by Slack over one transport, without the other's secret.

    policy: YAML laid over the shipped one.
    """
    home.mkdir(parents=True, exist_ok=True)
    environment = world.environment | {"DS_TRANSPORT": transport}
    del environment[_OTHER_SECRET[transport]]
    if policy:
        config = home / "policy.yaml"
        config.write_text(policy)
        environment["DS_CONFIG"] = str(config)
    with BotProcess(environment, home / "data", home / "bot.log") as bot:
        if transport == "http":
            world.slack.use_http(f"{bot.url}/slack/events")
        try:
            yield bot
        finally:
            world.slack.use_socket_mode()
