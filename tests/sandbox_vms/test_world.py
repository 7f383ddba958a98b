"""The whole world: opened and closed without a trace, and demos that end in every way there is."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from sandbox.demo import PORT
from sandbox.engine import local_engine
from sandbox.home import sandbox_home
from sandbox.world import World

pytestmark = [pytest.mark.engine, pytest.mark.slow]

_PATIENCE_S = 240.0  # somebody may have to make images first
_END_S = 60.0


def descriptors() -> set[str]:
    """What this process has open, but for files: sockets and pipes."""
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(path)
        except FileNotFoundError:  # the one that lists them
            continue
        if target.startswith(("socket:", "pipe:")):
            found.add(target)
    return found


def vms_of(pid: int) -> list[str]:
    """The VMs that a process runs."""
    with local_engine() as api:
        rows = api.containers(all=True, filters={"label": ["ds-sandbox.vm"]})
    return [row["Id"] for row in rows if row["Labels"]["ds-sandbox.vm"].startswith(f"{pid}:")]


def children_of(pid: int) -> set[int]:
    """Processes that it has started, and theirs."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True
    )
    found = {int(word) for word in listed.stdout.split()}
    return found.union(*(children_of(child) for child in found))


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def run_directories_of(pid: int) -> list[Path]:
    return list((sandbox_home() / "runs").glob(f"{pid}:*"))


def nothing_is_left_of(pid: int, processes: set[int]) -> bool:
    directories = run_directories_of(pid)
    return not (vms_of(pid) or directories or any(is_alive(each) for each in processes))


def eventually(ask: Callable[[], object], timeout_s: float = _END_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not ask():
        assert time.monotonic() < deadline, "it never came"
        threading.Event().wait(0.05)


class Demo:
    """`ds-bot demo` or another command of the sandbox, as a person starts it."""

    def __init__(self, log: Path, *words: str) -> None:
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot", *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a group of its own, as at a terminal
            )

    @property
    def said(self) -> str:
        return self._log.read_text()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Until it has printed that."""

        def look() -> object:
            assert self.process.poll() is None or re.search(pattern, self.said), self.said
            return re.search(pattern, self.said)

        eventually(look, _PATIENCE_S)
        found = re.search(pattern, self.said)
        assert found
        return found

    def press_ctrl_c(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)

    def ended(self) -> int:
        return self.process.wait(_END_S)


@contextmanager
def running(log: Path, *words: str) -> Iterator[Demo]:
    demo = Demo(log, *words)
    try:
        yield demo
    finally:
        demo.process.kill()
        demo.process.wait()


def test_two_worlds_one_after_the_other_leave_nothing() -> None:
    """Neither threads nor sockets: warnings of unclosed ones are errors in these tests."""
    threads, before = set(threading.enumerate()), descriptors()

    for _ in range(2):
        with World() as world:
            assert world.environment["SL_ENDPOINT_URL"] == world.softlayer.url

    eventually(lambda: set(threading.enumerate()) <= threads)
    assert descriptors() <= before
    assert vms_of(os.getpid()) == []


@pytest.mark.parametrize("moment", ["> /ds vm plain-dev", "ok: slcli vs list has"])
def test_ctrl_c_in_a_tour_leaves_nothing(tmp_path: Path, moment: str) -> None:
    """While VMs boot, and while the bot works on them."""
    with running(tmp_path / "log", "demo", "--tour") as demo:
        demo.wait_for(re.escape(moment))
        pid, processes = demo.process.pid, children_of(demo.process.pid)
        eventually(lambda: vms_of(pid))

        demo.press_ctrl_c()

        assert demo.ended() == 1  # it did not come to its end
    assert nothing_is_left_of(pid, processes), demo.said
    assert "Traceback" not in demo.said


@pytest.mark.parametrize("command", ["demo", "sandbox up", "sandbox hub"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_the_usual_end(tmp_path: Path, command: str, number: signal.Signals) -> None:
    with running(tmp_path / "log", *command.split()) as demo:
        demo.wait_for("Ctrl-C here ends|export SL_API_KEY|search index")
        pid, processes = demo.process.pid, children_of(demo.process.pid)
        assert processes  # a registry at least

        if number == signal.SIGINT:
            demo.press_ctrl_c()
        else:
            demo.process.send_signal(number)

        assert demo.ended() == 0
    assert nothing_is_left_of(pid, processes), demo.said
    assert "Traceback" not in demo.said


def test_impatience_does_not_cut_the_cleaning_up_short(tmp_path: Path) -> None:
    with running(tmp_path / "log", "demo", "--tour") as demo:
        demo.wait_for("> /ds vm plain-dev")
        pid, processes = demo.process.pid, children_of(demo.process.pid)
        eventually(lambda: vms_of(pid))

        for _ in range(20):
            demo.press_ctrl_c()
            time.sleep(0.05)  # somebody at the keyboard

        assert demo.ended() == 1
    assert nothing_is_left_of(pid, processes), demo.said
    assert "cleaning up" in demo.said


def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    """kill -9: bot and registry end at once by themselves, VMs and files when somebody comes."""
    with running(tmp_path / "killed", "demo", "--tour") as killed:
        killed.wait_for("ok: slcli vs list has")
        pid, processes = killed.process.pid, children_of(killed.process.pid)
        assert vms_of(pid) and len(processes) >= 2

        killed.process.kill()

        eventually(lambda: not any(is_alive(each) for each in processes))

    with running(tmp_path / "next", "demo") as demo:
        demo.wait_for("Ctrl-C here ends")
        assert nothing_is_left_of(pid, processes)


def test_a_bot_that_dies_ends_the_demo_with_its_log(tmp_path: Path) -> None:
    with running(tmp_path / "log", "demo") as demo:
        demo.wait_for("Ctrl-C here ends")
        pid, processes = demo.process.pid, children_of(demo.process.pid)
        (bot,) = (each for each in processes if b"serve\0--port" in command_line(each))

        os.kill(bot, signal.SIGKILL)

        assert demo.ended() == 1
    assert "the bot ended by itself (status -9):\n" in demo.said
    assert "connected to Slack" in demo.said.partition("by itself")[2]  # its log
    assert nothing_is_left_of(pid, processes), demo.said


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_taken_port_is_told_and_another_one_used(tmp_path: Path) -> None:
    with hold(PORT), running(tmp_path / "log", "demo") as demo:
        demo.wait_for(f"port {PORT} is taken by another program")
        page = demo.wait_for(r"Slack is here: (http://127\.0\.0\.1:(\d+)\S+)")
        assert page[2] != str(PORT)
        assert requests.get(page[1], timeout=10).ok
        demo.press_ctrl_c()
        assert demo.ended() == 0


def test_a_taken_port_that_was_asked_for_is_an_error(tmp_path: Path) -> None:
    with hold(0) as port, running(tmp_path / "log", "demo", "--port", str(port)) as demo:
        assert demo.ended() == 1

    assert f"port {port} is taken by another program; choose one with --port" in demo.said


@contextmanager
def hold(port: int) -> Iterator[int]:
    """Somebody has the port; perhaps somebody has it anyway."""
    try:
        holder = socket.create_server(("127.0.0.1", port))
    except OSError:
        yield port
        return
    with holder:
        yield holder.getsockname()[1]
