"""One warm connection per VM, verified, shared by threads."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import paramiko
import pytest

from bot.adapters.ssh import COMMAND_SESSIONS, MARK, Ssh
from bot.adapters.ssh_errors import CommandTimeout, ConnectionBroke
from bot.adapters.ssh_keys import BotKey
from bot.errors import HostKeyMismatch, HostUnreachable
from bot.models import HostAccess
from tests.unit.loopback_sshd import Command, LoopbackSshd, loopback_sshd

LONG = timedelta(seconds=30)


@pytest.fixture(scope="module")
def bot_key(tmp_path_factory: pytest.TempPathFactory) -> paramiko.PKey:
    return BotKey(tmp_path_factory.mktemp("bot")).private


@pytest.fixture(scope="module")
def host_key(tmp_path_factory: pytest.TempPathFactory) -> paramiko.PKey:
    return BotKey(tmp_path_factory.mktemp("host")).private


@pytest.fixture
def sshd(bot_key: paramiko.PKey, host_key: paramiko.PKey) -> Iterator[LoopbackSshd]:
    with loopback_sshd(bot_key, host_key) as server:
        yield server


@pytest.fixture
def ssh(sshd: LoopbackSshd, bot_key: paramiko.PKey, host_key: paramiko.PKey) -> Iterator[Ssh]:
    connection = Ssh(sshd.access(host_key), bot_key)
    yield connection
    connection.close()


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Takes connections and says nothing, like a machine that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def _reach(listener: socket.socket) -> HostAccess:
    return HostAccess("127.0.0.1", None, port=listener.getsockname()[1])


def test_a_wrong_machine_sees_no_authentication(sshd: LoopbackSshd, bot_key: paramiko.PKey) -> None:
    """Not even our public key and user name are for a machine that is not ours."""
    with pytest.raises(HostKeyMismatch):
        Ssh(sshd.access(bot_key), bot_key).transport()

    assert sshd.connections == 1
    assert sshd.auth_attempts == 0


@pytest.mark.parametrize("pinned", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
def test_the_pinned_type_is_compared_when_a_host_has_several_keys(
    bot_key: paramiko.PKey, host_key: paramiko.PKey, pinned: str
) -> None:
    """Comparing with a key of another type would be a false alarm."""
    keys = [host_key, paramiko.ECDSAKey.generate(), paramiko.RSAKey.generate(2048)]
    (expected,) = [key for key in keys if key.get_name() == pinned]
    with loopback_sshd(bot_key, *keys) as sshd:
        ssh = Ssh(sshd.access(expected), bot_key)

        assert ssh.host_key() == f"{pinned} {expected.get_base64()}"
        ssh.close()


def test_a_machine_without_a_key_of_the_pinned_type_is_another_machine(
    bot_key: paramiko.PKey, host_key: paramiko.PKey
) -> None:
    """It does not have the key; that it also cannot agree with us is beside the point."""
    with loopback_sshd(bot_key, paramiko.ECDSAKey.generate()) as sshd:
        with pytest.raises(HostKeyMismatch):
            Ssh(sshd.access(host_key), bot_key).transport()

        assert sshd.auth_attempts == 0


def test_an_unpinned_key_must_stay_the_same(
    sshd: LoopbackSshd, bot_key: paramiko.PKey, host_key: paramiko.PKey
) -> None:
    """Accepting whatever is shown is a risk that is taken once, not at every reconnect."""
    ssh = Ssh(sshd.access(None), bot_key)
    assert ssh.host_key() == f"{host_key.get_name()} {host_key.get_base64()}"
    sshd.host_keys = [bot_key]
    _cut(sshd, ssh)

    with pytest.raises(HostKeyMismatch):
        ssh.transport()


def test_only_our_own_key_is_offered(
    sshd: LoopbackSshd, host_key: paramiko.PKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator's agent and ~/.ssh are not the bot's to use."""
    monkeypatch.setenv("SSH_AUTH_SOCK", "/nonexistent/agent")

    with pytest.raises(HostUnreachable, match="does not take the bot's SSH key"):
        Ssh(sshd.access(host_key), host_key).transport()

    assert sshd.auth_attempts == 1


def test_nothing_listens_there(bot_key: paramiko.PKey, silent: socket.socket) -> None:
    """A VM that is not up yet refuses connections: ask again later."""
    access = _reach(silent)
    silent.close()

    with pytest.raises(HostUnreachable) as caught:
        Ssh(access, bot_key).transport()

    assert caught.value.is_passing
    assert not isinstance(caught.value, ConnectionBroke)


def test_a_dead_vm_costs_all_threads_one_timeout(
    bot_key: paramiko.PKey, silent: socket.socket
) -> None:
    """Sixteen callers in a row would otherwise wait sixteen times as long."""
    ssh = Ssh(_reach(silent), bot_key, timedelta(seconds=0.5))
    began = time.monotonic()

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(lambda _: _outcome(ssh), range(16)))

    assert outcomes == [HostUnreachable] * 16
    assert time.monotonic() - began < 3


def test_a_dead_vm_does_not_hold_up_the_others(
    bot_key: paramiko.PKey, silent: socket.socket, ssh: Ssh
) -> None:
    """Each VM has its own connection and its own lock."""
    dead = Ssh(_reach(silent), bot_key, timedelta(seconds=20))
    waiting = threading.Thread(target=_outcome, args=(dead,))
    waiting.start()

    ssh.transport()

    assert waiting.is_alive()
    silent.close()
    dead.close()
    waiting.join(30)


def test_threads_share_one_connection(sshd: LoopbackSshd, ssh: Ssh) -> None:
    """A connection per call would take 100 ms each."""
    with ThreadPoolExecutor(16) as pool:
        transports = set(pool.map(lambda _: ssh.transport(), range(64)))

    assert len(transports) == 1
    assert (sshd.connections, sshd.auth_attempts) == (1, 1)


def test_a_broken_connection_is_made_again(sshd: LoopbackSshd, ssh: Ssh) -> None:
    """VMs reboot; nobody should have to restart the bot for that."""
    first = ssh.transport()
    _cut(sshd, ssh)

    assert ssh.transport() is not first
    assert sshd.connections == 2


def test_a_dropped_connection_stays_dropped(sshd: LoopbackSshd, ssh: Ssh) -> None:
    """The VM was cancelled: its address may belong to somebody else by now."""
    ssh.transport()
    ssh.close()

    with pytest.raises(HostUnreachable, match="given up"):
        ssh.transport()
    assert sshd.connections == 1


def test_a_command_gives_its_lines_and_its_status(sshd: LoopbackSshd, ssh: Ssh) -> None:
    """Lines are told as they come, whatever way they were cut into packets."""
    told: list[str] = []

    def speak(channel: paramiko.Channel) -> int:
        for part in (b"Read", b"ing\nSetting\r\n\n", "é".encode()[:1], "é".encode()[1:]):
            channel.sendall(part)
        channel.sendall_stderr(b"\nE: no")
        return 100

    sshd.commands["install"] = speak

    result = ssh.run("install", LONG, told.append)

    assert result.exit_status == 100
    assert told == ["Reading", "Setting", "é", "E: no"]
    assert result.lines == tuple(told)


def test_a_command_that_never_ends_is_given_up(sshd: LoopbackSshd, ssh: Ssh) -> None:
    """A hanging package manager must not hold a worker for ever."""
    ended = threading.Event()
    sshd.commands["hang"] = lambda channel: int(ended.wait(30))

    with pytest.raises(CommandTimeout):
        ssh.run("hang", timedelta(seconds=0.2))

    ended.set()


def test_a_command_whose_connection_breaks_is_not_a_success(sshd: LoopbackSshd, ssh: Ssh) -> None:
    """The end of the output is not the end of the command."""

    def cut(channel: paramiko.Channel) -> int:
        channel.sendall(b"half\n")
        sshd.cut()
        return 0

    sshd.commands["cut"] = cut

    with pytest.raises(ConnectionBroke):
        ssh.run("cut", LONG)


def test_a_command_that_is_refused_is_an_error(ssh: Ssh) -> None:
    """Some accounts may not run commands."""
    with pytest.raises(ConnectionBroke):
        ssh.run("nothing", LONG)


def test_a_command_that_is_never_begun_is_given_up(sshd: LoopbackSshd, ssh: Ssh) -> None:
    """sshd may be alive for the kernel and stopped otherwise; paramiko would wait for ever."""
    answered = threading.Event()

    class Stopped(dict[str, Command]):
        def get(self, command: str, default: object = None) -> None:  # type: ignore[override]
            answered.wait(30)

    ssh.transport()
    sshd.commands = Stopped()
    began = time.monotonic()

    with pytest.raises(CommandTimeout):
        ssh.output("look", timedelta(seconds=0.3), 100)

    assert time.monotonic() - began < 5
    answered.set()


def test_output_is_what_was_printed_and_no_more_than_wanted(sshd: LoopbackSshd, ssh: Ssh) -> None:
    def speak(channel: paramiko.Channel) -> int:
        channel.sendall_stderr(b"warning")
        channel.sendall(b"x" * 100_000)
        return 3

    sshd.commands["look"] = speak

    assert ssh.output("look", LONG, 1_000_000) == b"x" * 100_000
    assert ssh.output("look", LONG, 1_000) == b"x" * 1_000


def test_commands_wait_for_their_turn_and_not_longer(sshd: LoopbackSshd, ssh: Ssh) -> None:
    """sshd allows few sessions on one connection."""
    end = threading.Event()
    sshd.commands["long"] = lambda channel: int(end.wait(30))
    sshd.commands["short"] = lambda channel: 0
    with ThreadPoolExecutor(COMMAND_SESSIONS) as pool:
        running = [pool.submit(ssh.run, "long", LONG) for _ in range(COMMAND_SESSIONS)]
        _wait_until(lambda: sshd.sessions == COMMAND_SESSIONS)

        with pytest.raises(CommandTimeout):
            ssh.output("short", timedelta(seconds=0.2), 100)

        end.set()
        assert [each.result().exit_status for each in running] == [1, 1]
    assert ssh.output("short", LONG, 100) == b""


def test_a_connection_says_whose_it_is_as_long_as_it_stands(sshd: LoopbackSshd, ssh: Ssh) -> None:
    """Else the bot's replicas would seem to be people who are logged in."""
    ended = threading.Event()

    def mark(channel: paramiko.Channel) -> int:
        while channel.recv(100):
            pass
        ended.set()
        return 0

    sshd.commands[MARK] = mark

    ssh.transport()
    _wait_until(lambda: sshd.sessions == 1)
    assert not ended.is_set()

    ssh.close()
    assert ended.wait(10)


def test_a_name_that_does_not_resolve_is_unreachable(bot_key: paramiko.PKey) -> None:
    """Addresses come from the cloud, and may be wrong."""
    nowhere = replace(HostAccess("nowhere.invalid", None), port=22)

    with pytest.raises(HostUnreachable):
        Ssh(nowhere, bot_key).transport()


def _cut(sshd: LoopbackSshd, ssh: Ssh) -> None:
    """End the connection, and wait until our side has noticed."""
    transport = ssh.transport()
    sshd.cut()
    transport.join(10)
    assert not transport.is_active()


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def _outcome(ssh: Ssh) -> type[Exception] | None:
    try:
        ssh.transport()
    except HostUnreachable as error:
        return type(error)
    return None
