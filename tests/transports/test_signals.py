"""How the process is told to stop, tried on a real one."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

PROGRAM = """
import sys, time
from bot.adapters.signals import StopSignal
with StopSignal() as stop:
    print("ready", flush=True)
    stop.wait()
    print("stopping", flush=True)
    if sys.argv[1] == "slow":
        time.sleep(60)
print("done", flush=True)
"""


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", PROGRAM, request.param]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("process", ["quick"], indirect=True)
def test_the_first_signal_lets_the_process_finish(
    process: subprocess.Popen[str], number: signal.Signals
) -> None:
    process.send_signal(number)

    assert process.communicate(timeout=10)[0] == "stopping\ndone\n"
    assert process.returncode == 0


@pytest.mark.parametrize("process", ["slow"], indirect=True)
def test_the_second_signal_ends_it_at_once(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.stdout and process.stdout.readline() == "stopping\n"

    process.send_signal(signal.SIGINT)

    assert process.communicate(timeout=10)[0] == ""
    assert process.returncode == -signal.SIGINT
