"""bootstrap.sh on machines that lack things: the script is real, its machine is a folder of
programs that stand before the real ones or, where something is to be missing, in their place."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "sandbox/bootstrap.sh"
PLAIN = """
    bash cat chmod cut dirname env flock grep mkdir nohup rm sed setsid sh sha256sum sleep tail tr
    true
""".split()
"""Programs of every Debian machine that the script uses."""

PACKAGES = "mmdebstrap docker-registry"
_PATIENCE_S = 20.0


class Machine:
    """A machine with the plain programs, Python, and an engine that answers."""

    def __init__(self, root: Path) -> None:
        self.root, self.bin, self.state = root / "checkout", root / "bin", root / "state"
        self.log = root / "log"
        self.log.touch()
        self.bin.mkdir()
        (self.root / "sandbox/images").mkdir(parents=True)
        shutil.copy(SCRIPT, self.root / "sandbox/bootstrap.sh")
        (self.root / "requirements-dev.lock").write_text("one\n")
        (self.root / "pyproject.toml").write_text("two\n")
        for name in PLAIN:
            (self.bin / name).symlink_to(shutil.which(name) or name)
        self.has("iptables", "mmdebstrap", "docker-registry", "dockerd")
        self.program("docker", "exit 0")
        self.program("id", 'case "$1" in -u|-g) echo 0 ;; *) echo root ;; esac')
        self.program("python3", PYTHON)
        self.program("apt-get", f'echo "apt-get $*" >>{self.log}')

    def program(self, name: str, script: str) -> None:
        """Put a program there."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\nLOG={self.log}\n{script}\n")
        path.chmod(0o755)

    def has(self, *names: str) -> None:
        """Programs that note that they were called."""
        for name in names:
            self.program(name, f'echo "{name} $*" >>{self.log}')

    def lacks(self, *names: str) -> None:
        for name in names:
            (self.bin / name).unlink()

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.bin / "bash", self.root / "sandbox/bootstrap.sh", *words],
            env={"PATH": str(self.bin), "DS_SANDBOX_HOME": str(self.state), "HOME": "/"}
            | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, **environment: str) -> tuple[int, str]:
        """Exit status, and all that was said."""
        process = self.start(*words, **environment)
        output, errors = process.communicate(timeout=_PATIENCE_S)
        return process.returncode, output + errors

    def called(self, name: str) -> int:
        """How many times a program was called."""
        return sum(line.split()[0] == name for line in self.log.read_text().splitlines())

    # An engine that answers once dockerd runs.

    def engine_to_be_started(self) -> None:
        up = self.root / "up"
        self.program("docker", f'[ "$1" = ps ] && cat {self.root}/containers; [ -f {up} ]')
        self.program(
            "dockerd",
            f"echo dockerd >>{self.log}; echo $$ >{up}; trap 'rm -f {up}; exit' TERM\n"
            "while :; do sleep 0.05; done",
        )
        (self.root / "containers").write_text("")

    @property
    def engine_pid(self) -> int | None:
        up = self.root / "up"
        return int(up.read_text()) if up.exists() else None


# Makes a .venv whose Python notes its calls; a second `pip` beside the first would be seen.
PYTHON = """\
case "$1" in
--version) echo "Python 3.11.2" ;;
-m) case "$2" in
    venv) mkdir -p "$3/bin"; cat "$0" >"$3/bin/python"; chmod +x "$3/bin/python" ;;
    pip) [ ! -e "$LOG.busy" ] || echo "at-once" >>"$LOG"
         : >"$LOG.busy"; sleep 0.3; rm -f "$LOG.busy"; echo "$2 $*" >>"$LOG" ;;
    esac ;;
esac"""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    if (pid := made.engine_pid) is not None:
        os.kill(pid, signal.SIGKILL)


def eventually(ask: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not ask():
        assert time.monotonic() < deadline, "it never came"
        threading.Event().wait(0.02)


# --- what is missing -----------------------------------------------------------------------------


def test_a_machine_that_has_everything_is_left_alone(machine: Machine) -> None:
    assert machine.run("demo") == (
        0,
        "bootstrap: installing the Python packages of requirements-dev.lock into .venv"
        " (about a minute)\n",
    )
    assert machine.run("demo") == (0, "")
    assert machine.called("apt-get") == machine.called("dockerd") == 0


def test_what_is_missing_is_installed(machine: Machine) -> None:
    machine.lacks("mmdebstrap", "docker-registry")

    assert machine.run("demo")[0] == 0

    assert f"install -y -qq --no-install-recommends {PACKAGES}\n" in machine.log.read_text()


def test_without_root_and_sudo_the_command_to_run_as_root_is_shown(machine: Machine) -> None:
    machine.lacks("mmdebstrap", "docker-registry")
    machine.program("id", "echo 1000")

    status, said = machine.run("demo")

    assert status == 1
    assert "You are not root and there is no sudo." in said
    assert f"apt-get install -y --no-install-recommends {PACKAGES}\n" in said
    assert machine.called("apt-get") == 0


def test_with_sudo_root_is_not_needed(machine: Machine) -> None:
    machine.lacks("mmdebstrap")
    machine.program("id", "echo 1000")
    machine.program("sudo", 'echo "sudo $*" >>"$LOG"; exec "$@"')

    assert machine.run("demo")[0] == 0

    assert machine.called("sudo") == machine.called("apt-get") == 2


def test_another_system_is_told_what_to_install(machine: Machine) -> None:
    machine.lacks("apt-get", "mmdebstrap", "docker-registry")

    status, said = machine.run("demo")

    assert status == 1
    assert "this needs Debian 12 or Ubuntu (apt)" in said
    assert f"to be installed by hand: {PACKAGES}\n" in said


def test_an_old_python_is_named(machine: Machine) -> None:
    machine.program("python3", '[ "$1" = --version ] && echo "Python 3.9.2"')

    status, said = machine.run("demo")

    assert status == 1
    assert "Python 3.11 or newer is needed; python3 is Python 3.9.2." in said


def test_a_newer_python_beside_an_old_one_is_taken(machine: Machine) -> None:
    machine.program("python3", '[ "$1" = --version ] && echo "Python 3.9.2"')
    machine.program("python3.12", PYTHON)

    assert machine.run("venv")[0] == 0

    assert machine.called("pip") == 2


def test_the_virtual_environment_alone_asks_for_nothing_else(machine: Machine) -> None:
    """`make check` must run on a machine without an engine, and without root."""
    machine.lacks("docker", "dockerd", "mmdebstrap", "docker-registry", "apt-get", "iptables")
    machine.program("id", "echo 1000")

    assert machine.run("venv")[0] == 0

    assert machine.called("pip") == 2


def test_a_wrong_word_is_answered_with_the_usage(machine: Machine) -> None:
    status, said = machine.run("demon")

    assert status == 1
    assert "usage: sandbox/bootstrap.sh venv|demo|test|stop-engine [COMMAND…]" in said


# --- .venv ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["requirements-dev.lock", "pyproject.toml"])
def test_the_packages_follow_what_they_are_made_from(machine: Machine, name: str) -> None:
    machine.run("venv")
    machine.run("venv")
    assert machine.called("pip") == 2

    (machine.root / name).write_text("changed\n")
    machine.run("venv")

    assert machine.called("pip") == 4


def test_what_broke_off_is_done_again(machine: Machine) -> None:
    """An installation that failed half way must not be taken for a whole one."""
    machine.program("python3", PYTHON.replace("sleep 0.3", "exit 1"))
    assert machine.run("venv")[0] != 0
    (machine.root / ".venv/bin/python").write_text(f"#!/bin/sh\nLOG={machine.log}\n{PYTHON}\n")

    assert machine.run("venv")[0] == 0

    assert machine.called("pip") == 2


def test_two_at_once_do_the_work_once(machine: Machine) -> None:
    first, second = machine.start("venv"), machine.start("venv")
    said = [process.communicate(timeout=_PATIENCE_S)[0] for process in (first, second)]

    assert (first.returncode, second.returncode) == (0, 0)
    assert machine.called("pip") == 2
    assert machine.called("at-once") == 0
    assert "another run is preparing this machine; waiting for it" in "".join(said)


# --- the engine ----------------------------------------------------------------------------------


def test_without_root_no_engine_can_be_started(machine: Machine) -> None:
    machine.engine_to_be_started()
    machine.program("id", "echo 1000")

    status, said = machine.run("demo")

    assert status == 1
    assert "no Docker Engine answers, and starting one needs root." in said


def test_an_engine_that_may_not_be_used_is_told_apart(machine: Machine) -> None:
    machine.program("docker", "echo 'permission denied while trying to connect' >&2; exit 1")
    machine.program("id", 'case "$1" in -u) echo 1000 ;; *) echo ada ;; esac')

    status, said = machine.run("demo")

    assert status == 1
    assert "sudo usermod -aG docker ada" in said


def test_an_engine_that_does_not_come_up_shows_its_log(machine: Machine) -> None:
    machine.engine_to_be_started()
    machine.program("dockerd", "echo 'no space left'; exit 1")

    status, said = machine.run("demo")

    assert status == 1
    assert "no space left\nbootstrap: dockerd did not come up" in said


def test_an_engine_of_others_is_never_stopped(machine: Machine) -> None:
    assert machine.run("demo", "true")[0] == 0
    assert "no engine that was started from here" in machine.run("stop-engine")[1]

    assert machine.called("dockerd") == 0


def test_a_process_that_only_has_the_number_of_our_engine_is_left_alone(machine: Machine) -> None:
    machine.state.mkdir()
    with subprocess.Popen(["sleep", "60"]) as other:
        (machine.state / "engine.pid").write_text(f"{other.pid} 1 passing\n")

        said = machine.run("stop-engine")[1]

        assert "no engine that was started from here" in said
        assert other.poll() is None
        other.kill()


def test_an_engine_is_stopped_after_the_command_it_was_started_for(machine: Machine) -> None:
    machine.engine_to_be_started()

    status, _ = machine.run("demo", "sh", "-c", f"docker info && echo used >>{machine.log}; exit 3")

    assert status == 3
    assert machine.called("used") == 1
    assert machine.engine_pid is None


def test_an_engine_that_was_asked_for_alone_stays(machine: Machine) -> None:
    machine.engine_to_be_started()
    machine.run("demo")

    machine.run("demo", "true")
    assert machine.engine_pid is not None

    assert "stopped dockerd" in machine.run("stop-engine")[1]
    assert machine.engine_pid is None


def test_keep_engine_keeps_it(machine: Machine) -> None:
    machine.engine_to_be_started()

    machine.run("demo", "true", KEEP_ENGINE="1")

    assert machine.engine_pid is not None


def test_an_engine_with_containers_stays(machine: Machine) -> None:
    machine.engine_to_be_started()
    (machine.root / "containers").write_text("c0ffee\n")

    machine.run("demo", "true")

    assert machine.engine_pid is not None


def test_the_last_of_two_commands_stops_the_engine(machine: Machine) -> None:
    """Whichever of them has started it."""
    machine.engine_to_be_started()
    go_on, begun = machine.root / "go-on", machine.root / "begun"
    command = f": >{begun}; until [ -f {go_on} ]; do sleep 0.05; done"
    long = machine.start("demo", "sh", "-c", command)
    try:
        eventually(begun.exists)

        assert machine.run("demo", "true")[0] == 0
        assert machine.engine_pid is not None
    finally:
        go_on.touch()
        long.communicate(timeout=_PATIENCE_S)
    assert machine.engine_pid is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_command_ends_in_its_own_way(machine: Machine, number: signal.Signals) -> None:
    """SIGTERM comes to the script alone, Ctrl-C to it and to the command."""
    machine.engine_to_be_started()
    begun = machine.root / "begun"
    name = number.name.removeprefix("SIG")
    command = f"trap 'sleep 0.2; exit 7' {name}; echo $$ >{begun}; while :; do sleep 0.05; done"
    process = machine.start("demo", "bash", "-c", command)
    eventually(lambda: begun.exists() and begun.read_text())

    process.send_signal(number)
    if number == signal.SIGINT:
        os.kill(int(begun.read_text()), number)
    process.communicate(timeout=_PATIENCE_S)

    assert process.returncode == 7
    assert machine.engine_pid is None
