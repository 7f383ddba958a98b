"""`logs` is a question: whoever asks gets an answer, or that there is none, in the time for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.docker_host import DockerHost
from bot.adapters.ssh_keys import BotKey
from bot.errors import HostUnreachable
from tests.unit.loopback_sshd import LoopbackEngine, loopback_sshd

CONTAINER = "a" * 64
TIMEOUT = timedelta(seconds=0.5)


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def host(tmp_path: Path, released: threading.Event) -> Iterator[DockerHost]:
    """An engine that knows one container, and hangs when it is asked for its output."""
    bot, machine = BotKey(tmp_path / "bot").private, BotKey(tmp_path / "host").private
    with loopback_sshd(bot, machine) as sshd:
        engine = LoopbackEngine(sshd)
        inspected = {"Id": CONTAINER, "Config": {"Tty": True}}
        engine.routes[f"GET /containers/{CONTAINER}/json"] = lambda query: (200, inspected)

        def hang(query: object) -> tuple[int, object]:
            released.wait(30)
            return 200, None

        engine.routes[f"GET /containers/{CONTAINER}/logs"] = hang
        host = DockerHost(sshd.access(machine), bot, timedelta(seconds=10))
        yield host
        host.close()


def test_output_that_never_comes_is_not_waited_for(host: DockerHost) -> None:
    began = time.monotonic()
    with pytest.raises(HostUnreachable):
        host.logs(CONTAINER, 10, timeout=TIMEOUT)
    assert time.monotonic() - began < 15
