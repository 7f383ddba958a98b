"""`ds-bot shell` as operators run it: beside a bot and without one, killed and relieved."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.store import OperationStore, open_database
from sandbox.bot_process import BotProcess, clean_environment
from sandbox.outside import wait_until
from sandbox.processes import END_WITH_PARENT
from sandbox.slack.seed import PLATFORM
from sandbox.softlayer.faults import late
from sandbox.world import World
from tests.bots import APP_S, QUICK_S, VM_S, running_bot

pytest_plugins = ["tests.world"]
pytestmark = [pytest.mark.engine, pytest.mark.slow]

_SLACK = ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_API_URL")


class Shell:
    """`ds-bot shell --user alice` on a data directory, without any token of Slack's."""

    def __init__(self, environment: Mapping[str, str], home: Path) -> None:
        self.home = home
        self.environment = {
            **clean_environment(),
            **{name: value for name, value in environment.items() if name not in _SLACK},
            "DS_HOME": str(home),
            "LANG": "C.UTF-8",
        }

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            [*END_WITH_PARENT, sys.executable, "-m", "bot", "shell", "--user", "alice", *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, timeout_s: float = VM_S) -> subprocess.CompletedProcess[str]:
        """One command to its end."""
        process = self.begin(*words)
        out, errors = process.communicate(timeout=timeout_s)
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)

    def document(self, *words: str, status: int = 0) -> dict[str, Any]:
        """What a command says in JSON; it must end as it should."""
        done = self.run("--json", *words)
        assert done.returncode == status, done.stdout + done.stderr + self.log
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    @property
    def log(self) -> str:
        path = self.home / "shell.log"
        return path.read_text() if path.exists() else ""

    @property
    def under_way(self) -> list[str]:
        """Ids of operations that have not ended."""
        if not (self.home / "ds-bot.db").exists():
            return []
        engine = open_database(f"sqlite:///{self.home / 'ds-bot.db'}")
        try:
            return OperationStore(engine).unfinished()
        finally:
            engine.dispose()


@pytest.fixture
def bot(world: World, tmp_path: Path) -> Iterator[BotProcess]:
    with running_bot(world, tmp_path) as running:
        yield running


@pytest.fixture
def shell(world: World, tmp_path: Path) -> Shell:
    return Shell(world.environment, tmp_path / "data")


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_vm_is_ordered_listed_used_and_cancelled_beside_a_bot(
    world: World, bot: BotProcess, shell: Shell
) -> None:
    orders, posts = len(world.softlayer.orders), len(world.slack.messages(PLATFORM))
    ordered = shell.document("vm", "shell-beside")
    assert ordered["status"] == "done" and ordered["operation"]
    [vm] = ordered["facts"]["vms"]
    assert (vm["name"], vm["state"], vm["owner"]) == ("shell-beside", "ready", "local:alice")
    assert {"label": "RStudio", "command": "rstudio on shell-beside"} in ordered["next"]

    listed = shell.document("vm", "list")
    assert [each["address"] for each in listed["facts"]["vms"]] == [vm["address"]]

    started = shell.document("rstudio", "on", "shell-beside")
    assert f"http://{vm['address']}:8787/" in started["links"]
    [container] = shell.document("ps")["facts"]["containers"]
    refused = shell.document("password", container["id"], status=1)
    assert "terminal only" in refused["text"]
    shown = in_terminal(shell, "password", container["id"])
    assert "rstudio" in shown and "Password" in shown

    cancelled = shell.document("vm", "cancel", "shell-beside")
    assert "shell-beside is cancelled" in cancelled["text"]
    assert cancelled["facts"]["vms"][0]["state"] == "gone"
    assert shell.document("vm", "list")["facts"] == {"vms": []}
    assert len(world.softlayer.orders) == orders + 1
    assert len(world.slack.messages(PLATFORM)) == posts
    assert "local:" not in str([call.args for call in world.slack.calls])


def test_the_bot_carries_on_when_the_shell_is_killed(
    world: World, bot: BotProcess, shell: Shell
) -> None:
    orders = len(world.softlayer.orders)
    process = shell.begin("vm", "shell-killed")
    wait_until(lambda: len(world.softlayer.orders) > orders, QUICK_S)
    kill(process)
    again = shell.document("wait")  # under way, or ended since
    assert "shell-killed is ready" in again["text"]
    assert len(world.softlayer.orders) == orders + 1
    shell.document("vm", "cancel", "shell-killed")


def test_without_a_bot_the_shell_carries_out_itself_even_after_it_was_killed(
    world: World, shell: Shell
) -> None:
    orders = len(world.softlayer.orders)
    world.softlayer.faults.add(late(3.0, "Virtual_Guest.createObject"))
    process = shell.begin("vm", "shell-alone")
    wait_until(lambda: len(world.softlayer.orders) > orders, QUICK_S)
    kill(process)
    assert len(shell.under_way) == 1

    again = shell.document("wait")
    assert "shell-alone is ready" in again["text"], again
    assert len(world.softlayer.orders) == orders + 1
    assert shell.document("vm", "cancel", "shell-alone")["status"] == "done"
    assert shell.document("vm", "cancel", "shell-alone", status=1)["status"] == "refused"


def test_a_bot_that_starts_relieves_the_shell(world: World, shell: Shell, tmp_path: Path) -> None:
    orders = len(world.softlayer.orders)
    process = shell.begin("--json", "vm", "shell-relieved")
    wait_until(lambda: len(world.softlayer.orders) > orders, QUICK_S)
    with running_bot(world, tmp_path):
        out, errors = process.communicate(timeout=VM_S)
        assert process.returncode == 0, out + errors + shell.log
        assert "shell-relieved is ready" in json.loads(out)["text"]
        assert len(world.softlayer.orders) == orders + 1
        shell.document("vm", "cancel", "shell-relieved")


def test_what_is_no_command_orders_nothing(world: World, bot: BotProcess, shell: Shell) -> None:
    orders = len(world.softlayer.orders)
    assert shell.document("vn", "a", status=2)["status"] == "not_understood"
    assert shell.document("vm", status=2)["status"] == "not_understood"
    assert shell.document("vm", "prepare", "nobodys", status=1)["status"] == "refused"
    assert shell.run("--user", "no such name", "vm", "list").returncode == 2
    assert len(world.softlayer.orders) == orders


# --- a terminal ----------------------------------------------------------------------------------


def in_terminal(shell: Shell, *words: str, width: int = 100, lines: Sequence[str] = ()) -> str:
    """What a person sees in a terminal of their own. lines: typed one by one at the prompt."""
    with _terminal(width) as (ours, theirs):
        process = subprocess.Popen(
            [*END_WITH_PARENT, sys.executable, "-m", "bot", "shell", "--user", "alice", *words],
            env=shell.environment | {"TERM": "xterm-256color", "COLUMNS": str(width)},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        seen = b""
        waiting = list(lines)
        while read := _read(ours):
            seen += read
            if waiting and seen.count(b"ds> ") > len(lines) - len(waiting):
                os.write(ours, waiting.pop(0).encode())
        assert process.wait(APP_S) == 0, seen.decode(errors="replace")
        return seen.decode(errors="replace")


@contextmanager
def _terminal(width: int) -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    try:
        yield ours, theirs
    finally:
        os.close(ours)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # EIO: the other side has closed
        return b""


def test_a_prompt_takes_commands_until_ctrl_d(bot: BotProcess, shell: Shell) -> None:
    seen = in_terminal(shell, lines=["vm list\n", "/ds help vm\n", "nonsense\n", "\x04"])

    assert "There is no VM yet" in seen
    assert "--datacenter" in seen
    assert "There is no command" in seen
    assert (shell.home / "shell.history").read_text().count("\n") >= 3
