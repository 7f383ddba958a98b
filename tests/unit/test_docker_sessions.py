"""What an engine answers when RStudio's sessions are to be suspended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.docker_host import DockerHost
from bot.adapters.ssh_keys import BotKey
from bot.errors import HostUnreachable
from tests.unit.loopback_sshd import LoopbackEngine, loopback_sshd

CONTAINER = "a" * 64
AT_ONCE = timedelta(0)
HEADER = b"    PID     TIME COMMAND\n"
SESSION = b"     %d 00:00:03 /usr/lib/rstudio-server/bin/rsession -u rstudio\n"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[tuple[DockerHost, LoopbackEngine]]:
    """An engine on which one container runs."""
    bot, machine = BotKey(tmp_path / "bot").private, BotKey(tmp_path / "host").private
    with loopback_sshd(bot, machine) as sshd:
        engine = LoopbackEngine(sshd)
        found = {"Id": CONTAINER, "State": {"Running": True}}
        engine.routes[f"GET /containers/{CONTAINER}/json"] = lambda headers: (200, found)
        engine.routes[f"POST /containers/{CONTAINER}/exec"] = lambda headers: (201, {"Id": "e1"})
        host = DockerHost(sshd.access(machine), bot, timedelta(seconds=10))
        yield host, engine
        host.close()


def prints(engine: LoopbackEngine, *parts: bytes, exit_code: int = 0) -> None:
    """The command in the container, in frames of Docker Engine API v1.41."""
    answer = b"".join(b"\1\0\0\0" + len(part).to_bytes(4, "big") + part for part in parts)
    ended = {"ExitCode": exit_code, "Running": False}
    engine.routes["POST /exec/e1/start"] = lambda headers: (200, answer)
    engine.routes["GET /exec/e1/json"] = lambda headers: (200, ended)


def test_sessions_are_counted(engine: tuple[DockerHost, LoopbackEngine]) -> None:
    """The answer ends with its connection, and is read all the same; again and again, though there
    are only so many connections."""
    host, loopback = engine
    prints(loopback, HEADER, SESSION % 7 + SESSION % 12, b"     9 00:00:00 x <defunct>\n", b"end\n")

    assert [host.suspend(CONTAINER, AT_ONCE) for _ in range(10)] == [2] * 10


def test_no_session_is_none(engine: tuple[DockerHost, LoopbackEngine]) -> None:
    host, loopback = engine
    prints(loopback, HEADER, b"end\n")

    assert host.suspend(CONTAINER, AT_ONCE) == 0


def test_half_an_answer_is_none(engine: tuple[DockerHost, LoopbackEngine]) -> None:
    """It looks as if there were no sessions, and a container would be stopped under one."""
    host, loopback = engine
    prints(loopback, HEADER)

    with pytest.raises(HostUnreachable):
        host.suspend(CONTAINER, AT_ONCE)


def test_a_container_without_a_shell_has_no_rstudio(
    engine: tuple[DockerHost, LoopbackEngine],
) -> None:
    host, loopback = engine
    prints(loopback, b'exec: "sh": executable file not found in $PATH\r\n', exit_code=126)

    assert host.suspend(CONTAINER, AT_ONCE) == 0
