"""`ds-bot sandbox softlayer` in the foreground, as a process of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import SoftLayer

from sandbox.softlayer import cli

RUN = "import sys; from sandbox.softlayer.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    arguments = [sys.executable, "-c", RUN, "--seed", "7", "--speed", "600"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        yield process
        watchdog.cancel()
        process.kill()


def endpoint(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("endpoint_url"):
            return line.partition("=")[2].strip()
    raise AssertionError("no endpoint was printed")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_what_it_prints_and_ends_cleanly(
    process: subprocess.Popen[str], number: signal.Signals
) -> None:
    """Status 0, and nobody is left listening."""
    url = endpoint(process)
    client: Any = SoftLayer.create_client_from_env(
        username="sandbox", api_key="sandbox-key", endpoint_url=url, timeout=10
    )
    assert len(client["Account"].getVirtualGuests(mask="id")) == 7

    process.send_signal(number)

    assert process.wait(20) == 0
    with pytest.raises(SoftLayer.TransportError):
        client["Account"].getVirtualGuests(mask="id")


def test_a_taken_port_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    """No stack trace; status 1."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        try:
            assert cli.main(["--port", str(port)]) == 1
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)

    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--speed", "0"], ["--speed", "x"], ["--vms", "real"]])
def test_bad_arguments_are_refused(arguments: list[str]) -> None:
    """Before anything listens."""
    with pytest.raises(SystemExit):
        cli.main(arguments)
