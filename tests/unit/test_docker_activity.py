"""What a VM is seen to do: read out of files as the kernel has them, by each shell and awk."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.activity import ContainerActivity, VmActivity
from bot.adapters.docker_activity import activity_of
from tests.unit.proc_tree import (
    BOOTED_AT,
    CREATED,
    NOW,
    TCP_HEADER,
    TOOLS,
    Machine,
    Tools,
    connection,
)

_PEER, _LOOPBACK = "0500A8C0", "0100007F"
_LISTENS = "".join(connection(port, "00000000", state="0A") for port in (22, 3838, 5432, 8787))


@pytest.fixture(params=sorted(TOOLS))
def tools(request: pytest.FixtureRequest) -> Tools:
    tools = TOOLS[request.param]
    if not tools.is_there:
        pytest.skip(f"{request.param} is not installed")
    return tools


@pytest.fixture
def any_tools() -> Tools:
    """For what does not depend on them."""
    return next(tools for tools in TOOLS.values() if tools.is_there)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def only(seen: VmActivity) -> ContainerActivity:
    assert seen.containers is not None and len(seen.containers) == 1
    return seen.containers[0]


# --- the whole -----------------------------------------------------------------------------------


@pytest.mark.parametrize("is_v1", [True, False])
def test_everything_is_read(machine: Machine, tools: Tools, is_v1: bool) -> None:
    if not is_v1:
        machine.use_v2()
        machine.process(1, "systemd", parent=0, start=7, group="/init.scope")
    container_id = machine.container(2000, app="rstudio", ports=(8787, 22))
    machine.write("2000/net/tcp", TCP_HEADER + _LISTENS + connection(8787, _PEER))
    machine.inside(2000, 2001, "rserver")
    machine.inside(2000, 2002, "rsession", parent=2001, ticks=(100, 50, 20, 5))
    machine.session(2000, executing="1", last_used="1764060000000")

    seen = machine.look(tools)

    assert seen == VmActivity(
        at=NOW,
        boot_id="b00t-7",
        cpu_s=15.0,
        logins=0,
        containers=(
            ContainerActivity(
                id=container_id,
                name="app",
                image="rocker/rstudio",
                app="rstudio",
                started_at=BOOTED_AT + timedelta(seconds=10),
                cpu_s=1.5,
                network_bytes=6240,
                connections=1,
                sessions=1,
                session_cpu_s=1.75,
                is_executing=True,
                last_used_at=datetime(2025, 11, 25, 8, 40, tzinfo=UTC),
                viewers=None,
            ),
        ),
    )


def test_a_machine_without_containers_has_none(machine: Machine, tools: Tools) -> None:
    assert machine.look(tools).containers == ()


def test_a_machine_that_is_a_container_counts_its_own_time(machine: Machine, tools: Tools) -> None:
    """The sandbox's VMs are shown the time of the machine below them."""
    machine.process(1, "init", parent=0, group="/docker/vm")
    usage = machine.groups / "cpu,cpuacct/docker/vm/cpuacct.usage"
    usage.parent.mkdir(parents=True)
    usage.write_text("2500000000\n")

    assert machine.look(tools).cpu_s == 2.5

    machine.use_v2()
    machine.process(1, "init", parent=0, group="/docker/vm")
    usage = machine.groups / "docker/vm/cpu.stat"
    usage.parent.mkdir(parents=True)
    usage.write_text("usage_usec 4500000\n")

    assert machine.look(tools).cpu_s == 4.5

    (machine.groups / "cgroup.type").write_text("domain\n")
    (machine.groups / "cpu.stat").write_text("usage_usec 3500000\n")

    assert machine.look(tools).cpu_s == 3.5


# --- R -------------------------------------------------------------------------------------------


def test_children_of_a_session_work_for_it(machine: Machine, tools: Tools) -> None:
    """Those that run, and those that it has waited for; parallel ones have the session's name."""
    machine.container(2000)
    machine.inside(2000, 2001, "rserver", ticks=(9999, 0, 0, 0))
    machine.inside(2000, 2002, "rsession", parent=2001, ticks=(100, 0, 1000, 0))
    machine.inside(2000, 2003, "rsession", parent=2002, ticks=(200, 0, 0, 0))
    machine.inside(2000, 2004, "sh", parent=2002)
    machine.inside(2000, 2005, "gcc", parent=2004, ticks=(300, 0, 0, 0), state="Z")
    machine.inside(2000, 2006, "other", ticks=(9999, 0, 0, 0))

    found = only(machine.look(tools))

    assert (found.sessions, found.session_cpu_s) == (1, 16.0)


def test_sessions_are_their_containers(machine: Machine, any_tools: Tools) -> None:
    first, second = machine.container(2000), machine.container(3000)
    machine.inside(2000, 2001, "rsession", ticks=(100, 0, 0, 0))
    machine.inside(3000, 3001, "rsession", ticks=(200, 0, 0, 0))
    machine.inside(3000, 3002, "rsession", ticks=(300, 0, 0, 0))
    machine.process(4000, "rsession", ticks=(9999, 0, 0, 0))  # of none

    found = {each.id: each for each in machine.look(any_tools).containers or ()}

    assert (found[first].sessions, found[first].session_cpu_s) == (1, 1.0)
    assert (found[second].sessions, found[second].session_cpu_s) == (2, 5.0)


def test_a_session_that_ended_is_none(machine: Machine, any_tools: Tools) -> None:
    machine.container(2000, app="rstudio")
    machine.inside(2000, 2001, "rsession", state="Z")
    machine.session(2000, executing="1")

    found = only(machine.look(any_tools))

    assert (found.sessions, found.is_executing) == (0, False)


def test_viewers_are_the_apps_of_shiny_server(machine: Machine, tools: Tools) -> None:
    machine.container(2000, app="shiny")
    machine.inside(2000, 2001, "shiny-server")
    machine.inside(2000, 2002, "su", parent=2001)
    machine.inside(2000, 2003, "R", parent=2002)
    machine.inside(2000, 2004, "R", parent=2003)  # a worker of that app
    machine.inside(2000, 2005, "R", parent=2001)
    machine.inside(2000, 2006, "R", parent=2000)  # somebody's own

    found = only(machine.look(tools))

    assert (found.viewers, found.sessions) == (2, None)


def test_what_nobody_labelled_is_known_by_its_programs(machine: Machine, tools: Tools) -> None:
    machine.container(2000, name="/a")
    machine.inside(2000, 2001, "rserver")
    machine.container(3000, name="/b")
    machine.inside(3000, 3001, "node", title="/usr/bin/node /usr/bin/shiny-server")
    machine.container(4000, name="/c")
    machine.inside(4000, 4001, "node", title="/usr/bin/node server.js")

    found = {each.name: each for each in machine.look(tools).containers or ()}

    facts = {name: (each.sessions, each.viewers) for name, each in found.items()}
    assert facts == {"a": (0, None), "b": (None, 0), "c": (None, None)}


# --- RStudio's files -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("executing", "says"),
    [("1", True), ("1\n", True), ("0", False), (None, False), ("", None), ("yes", None)],
)
def test_whether_r_computes_is_what_rstudio_wrote(
    machine: Machine, any_tools: Tools, executing: str | None, says: bool | None
) -> None:
    machine.container(2000)
    machine.inside(2000, 2001, "rsession")
    machine.session(
        2000, last_used="5000", **({} if executing is None else {"executing": executing})
    )

    assert only(machine.look(any_tools)).is_executing is says


def test_one_of_two_sessions_is_enough(machine: Machine, tools: Tools) -> None:
    machine.container(2000)
    machine.inside(2000, 2001, "rsession")
    machine.session(2000, "session-1", executing="0", last_used="1000")
    machine.session(2000, "session-2", executing="1", last_used="9000.0")
    machine.session(2000, "session-3", executing="?", last_used="1e+03")

    found = only(machine.look(tools))

    assert found.is_executing is True
    assert found.last_used_at == datetime(1970, 1, 1, 0, 0, 9, tzinfo=UTC)


def test_what_a_killed_session_wrote_is_old(machine: Machine, tools: Tools) -> None:
    """It had no chance to write that it no longer computes."""
    machine.container(2000)
    machine.inside(
        2000, 2001, "rsession", start=int((time.time() - BOOTED_AT.timestamp() - 60) * 100)
    )
    written = machine.session(2000, executing="1") / "executing"
    long_ago = time.time() - 3600
    os.utime(written, (long_ago, long_ago))

    assert only(machine.look(tools)).is_executing is False


def test_sessions_without_files_are_unknown(machine: Machine, any_tools: Tools) -> None:
    """They may keep them elsewhere."""
    machine.container(2000)
    machine.inside(2000, 2001, "rsession")

    assert only(machine.look(any_tools)).is_executing is None


def test_links_are_not_followed(machine: Machine, tools: Tools) -> None:
    """Whoever works in a container must not make us read what is elsewhere."""
    machine.container(2000)
    machine.inside(2000, 2001, "rsession")
    elsewhere = machine.write("elsewhere", "1")
    folder = machine.session(2000)
    (folder / "executing").symlink_to(elsewhere)
    (folder / "last-used").symlink_to(elsewhere)

    found = only(machine.look(tools))
    assert (found.is_executing, found.last_used_at) == (None, None)

    outside = machine.proc / "outside/properites"
    outside.mkdir(parents=True)
    (outside / "executing").write_text("1")
    (folder.parent.parent / "session-2").symlink_to(outside.parent)
    (folder / "executing").unlink()

    assert only(machine.look(tools)).is_executing is False

    home = machine.proc / "2000/root/home"
    home.rename(machine.proc / "moved")
    home.symlink_to(machine.proc / "moved")

    assert only(machine.look(tools)).is_executing is None


def test_what_is_no_file_or_endless_holds_up_nothing(machine: Machine, tools: Tools) -> None:
    machine.container(2000)
    machine.inside(2000, 2001, "rsession")
    folder = machine.session(2000)
    os.mkfifo(folder / "executing")
    with (folder / "last-used").open("wb") as file:
        file.truncate(10 * 2**30)
    began = time.monotonic()

    found = only(machine.look(tools))

    assert (found.is_executing, found.last_used_at) == (None, None)
    assert time.monotonic() - began < 3.5  # less than a single file may take


def test_last_use_in_the_future_is_none(machine: Machine, any_tools: Tools) -> None:
    machine.container(2000)
    machine.inside(2000, 2001, "rserver")
    machine.session(2000, last_used=f"{(time.time() + 3600) * 1000:.0f}")
    assert only(machine.look(any_tools)).last_used_at is None

    machine.session(2000, last_used="9" * 19)
    assert only(machine.look(any_tools)).last_used_at is None

    machine.session(2000, last_used=f"{(time.time() - 60) * 1000:.0f}")
    used_at = only(machine.look(any_tools)).last_used_at
    assert used_at is not None
    assert abs(datetime.now(UTC) - used_at - timedelta(seconds=60)) < timedelta(seconds=30)


def test_more_sessions_than_anybody_has_are_unknown(machine: Machine, any_tools: Tools) -> None:
    machine.container(2000)
    machine.inside(2000, 2001, "rsession")
    for number in range(60):
        machine.session(2000, f"session-{number}", executing="0")

    assert only(machine.look(any_tools)).is_executing is None


# --- names and numbers of processes --------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["a b", "a) S 1 (b", ")", "x\n9 (y) S 1 1 1", "(", "日本語", "rsession) R 1 1 1 0 0"]
)
def test_a_name_is_no_trap(machine: Machine, tools: Tools, name: str) -> None:
    machine.container(2000)
    machine.inside(2000, 2001, "rsession")
    machine.inside(2000, 2002, name, parent=2001, ticks=(100, 0, 0, 0))

    found = only(machine.look(tools))

    assert (found.sessions, found.session_cpu_s) == (1, 1.0)


@pytest.mark.parametrize("name", ["/line\nend 1", "/a b", '/"]\\', "/" + "x" * 500, "/한글"])
def test_a_containers_name_is_no_trap(machine: Machine, any_tools: Tools, name: str) -> None:
    machine.container(2000, name=name)

    assert only(machine.look(any_tools)).name == name[1:]


def test_five_thousand_processes_are_not_too_many(machine: Machine, any_tools: Tools) -> None:
    machine.container(2000)
    machine.inside(2000, 2001, "rsession")
    for number in range(5000):
        pid = 3000 + number
        machine.inside(
            2000, pid, "rsession", parent=pid - 1 if number else 2001, ticks=(1, 0, 0, 0)
        )
    began = time.monotonic()

    found = only(machine.look(any_tools))

    assert (found.sessions, found.session_cpu_s) == (1, 50.0)
    assert time.monotonic() - began < 10


# --- connections ---------------------------------------------------------------------------------


def test_connections_to_published_ports_are_counted(machine: Machine, tools: Tools) -> None:
    machine.container(2000, ports=(3838, 8080))
    rows = [
        connection(3838, _PEER),
        connection(3838, "0600A8C0"),
        connection(3838, _PEER, state="06"),  # has ended
        connection(3838, _LOOPBACK, here=_LOOPBACK),  # its own
        connection(5432, _PEER),  # not published
        connection(8080, _PEER),  # its own to elsewhere, as nobody listens
    ]
    machine.write("2000/net/tcp", TCP_HEADER + _LISTENS + "".join(rows))
    wide = "0000000000000000FFFF0000"
    rows6 = [
        connection(3838, wide + _PEER, here=wide + "0200A8C0"),
        connection(3838, wide + _LOOPBACK, here=wide + _LOOPBACK),
        connection(3838, "0" * 24 + "01000000", here="0" * 24 + "01000000"),
    ]
    machine.write("2000/net/tcp6", TCP_HEADER + "".join(rows6))

    assert only(machine.look(tools)).connections == 3


def test_where_nothing_is_published_nobody_connects(machine: Machine, any_tools: Tools) -> None:
    machine.container(2000)
    machine.write("2000/net/tcp", TCP_HEADER + _LISTENS + connection(3838, _PEER))

    assert only(machine.look(any_tools)).connections == 0


def test_on_the_vms_own_network_every_connection_but_ssh_counts(
    machine: Machine, any_tools: Tools
) -> None:
    """Nothing is published there, and whose port is whose cannot be told."""
    machine.container(2000, network="host")
    rows = connection(3838, _PEER) + connection(22, _PEER)
    machine.write("2000/net/tcp", TCP_HEADER + _LISTENS + rows)

    assert only(machine.look(any_tools)).connections == 1


@pytest.mark.parametrize(
    ("inuse", "count"), [("TCP: inuse 0 orphan 0 tw 1", 0), ("TCP: inuse 4 orphan 0 tw 1", 1)]
)
def test_networks_without_sockets_are_passed_over(
    machine: Machine, tools: Tools, inuse: str, count: int
) -> None:
    """Listing them would cost the kernel milliseconds each."""
    machine.container(2000, ports=(3838,))
    machine.write("2000/net/tcp", TCP_HEADER + _LISTENS + connection(3838, _PEER))
    machine.write("2000/net/sockstat", f"sockets: used 9\n{inuse} alloc 1 mem 1\nUDP: inuse 7\n")
    machine.write("2000/net/sockstat6", "TCP6: inuse 0\nUDP6: inuse 0\n")

    assert only(machine.look(tools)).connections == count


# --- logins --------------------------------------------------------------------------------------


def test_our_own_connection_is_no_login(machine: Machine, tools: Tools) -> None:
    """With as many channels as it has, and those of replicas."""
    machine.process(902, "docker", parent=900, title="docker system dial-stdio")
    machine.process(910, "sshd", parent=800, title="sshd: root@notty")
    machine.process(911, "ds-bot", parent=910, title="sh -c read")
    machine.process(912, "docker", parent=910, title="docker system dial-stdio")

    assert machine.look(tools).logins == 0


def test_a_new_connection_may_be_about_to_say_whose_it_is(machine: Machine, tools: Tools) -> None:
    """A replica that connects while we look is no login; who does anything is."""
    now = 100_000 * 100
    machine.process(910, "sshd", parent=800, title="sshd: root@notty", start=now - 500)
    machine.process(911, "bash", parent=910, title="bash -c exec sh -c 'x; read -r _' ds-bot")
    assert machine.look(tools).logins == 0

    machine.process(912, "awk", parent=911, title="awk of the replica's own look")
    assert machine.look(tools).logins == 0

    machine.process(940, "sshd", parent=800, title="sshd: root@notty", start=now - 500)
    machine.process(941, "sftp-server", parent=940, title="sftp-server")
    assert machine.look(tools).logins == 1

    machine.process(920, "sshd", parent=800, title="sshd: root@pts/0", start=now - 500)
    machine.process(930, "sshd", parent=800, title="sshd: root [priv]", start=now - 500)
    assert machine.look(tools).logins == 2

    machine.process(930, "sshd", parent=800, title="sshd: root [priv]", start=now - 1100)
    assert machine.look(tools).logins == 3


@pytest.mark.parametrize(
    ("parent_title", "child", "count"),
    [
        ("sshd: root@pts/0", "bash", 1),
        ("sshd: root@notty", "sftp-server", 1),
        ("sshd: root@notty", "docker", 1),
        ("sshd: root [priv]", None, 1),  # `ssh -N`
        ("sshd: root [priv]", "sshd: root [net]", 0),  # asks for its key
        ("sshd: unknown [priv]", "sshd: unknown [net]", 0),
        ("sshd: [accepted]", None, 0),
        ("sshd: ann [priv]", "sshd: ann@pts/1", 1),
        ("sshd: ann [priv]", "sshd: ann [priv]", 1),
        ("sshd: /usr/sbin/sshd [listener] 1 of 10-100 startups", None, 0),
    ],
)
@pytest.mark.parametrize("program", ["sshd", "sshd-session"])
def test_a_login_is_who_was_let_in(
    machine: Machine,
    any_tools: Tools,
    program: str,
    parent_title: str,
    child: str | None,
    count: int,
) -> None:
    machine.process(910, program, parent=800, title=parent_title.replace("sshd", program, 1))
    if child is not None and child.startswith("sshd"):
        machine.process(911, program, parent=910, title=child.replace("sshd", program, 1))
    elif child is not None:
        machine.process(911, child, parent=910)

    assert machine.look(any_tools).logins == count


def test_newer_sshd_asks_in_a_program_of_its_own(machine: Machine, any_tools: Tools) -> None:
    machine.process(910, "sshd-session", parent=800, title="sshd-session: root [priv]")
    machine.process(911, "sshd-auth", parent=910, title="sshd-auth: root [net]")

    assert machine.look(any_tools).logins == 0


def test_sshd_in_a_container_lets_nobody_onto_the_vm(machine: Machine, any_tools: Tools) -> None:
    machine.container(2000)
    machine.inside(2000, 2001, "sshd", title="sshd: root@pts/0")

    assert machine.look(any_tools).logins == 0


def test_a_shell_at_a_console_is_a_login(machine: Machine, tools: Tools) -> None:
    console, serial, remote = 4 * 256 + 1, 4 * 256 + 64, 136 * 256
    machine.process(1000, "agetty", tty=console)
    machine.process(1001, "bash", tty=serial)
    machine.process(1002, "vi", parent=1001, tty=serial)
    machine.process(1003, "bash", tty=remote)  # of an SSH connection or a container

    assert machine.look(tools).logins == 1


def test_who_does_not_find_itself_knows_nobody(machine: Machine, any_tools: Tools) -> None:
    """Some other SSH server, whose processes are named otherwise."""
    machine.process(900, "dropbear", parent=1)

    assert machine.look(any_tools).logins is None


# --- what cannot be read -------------------------------------------------------------------------


def test_a_fact_of_the_vm_that_is_missing_is_unknown(machine: Machine, tools: Tools) -> None:
    machine.container(2000)
    whole = machine.look(tools)

    (machine.proc / "sys/kernel/random/boot_id").unlink()
    machine.write("stat", f"cpu  12\nbtime {BOOTED_AT.timestamp():.0f}\n")

    assert machine.look(tools) == replace(whole, boot_id=None, cpu_s=None)


@pytest.mark.parametrize(
    ("missing", "facts"),
    [
        ("2000/net/dev", {"network_bytes"}),
        ("2000/net/tcp", {"connections"}),
    ],
)
def test_a_fact_of_a_container_that_is_missing_is_unknown(
    machine: Machine, tools: Tools, missing: str, facts: set[str]
) -> None:
    machine.container(2000, ports=(8787,))
    whole = only(machine.look(tools))

    (machine.proc / missing).unlink()

    found = only(machine.look(tools))
    assert found == replace(whole, **dict.fromkeys(facts))  # type: ignore[arg-type]


def test_hidden_processes_are_unknown_and_not_none(machine: Machine, any_tools: Tools) -> None:
    """As for a user who is not root where /proc is mounted with hidepid."""
    machine.container(2000, app="rstudio")
    (machine.proc / "1/stat").unlink()

    seen = machine.look(any_tools)

    assert (seen.boot_id, seen.logins) == (None, None)
    found = only(seen)
    assert (found.sessions, found.session_cpu_s, found.is_executing) == (None, None, None)


def test_a_group_that_is_gone_is_unknown(machine: Machine, any_tools: Tools) -> None:
    machine.container(2000, cpu_s=None)

    assert only(machine.look(any_tools)).cpu_s is None


def test_a_silent_engine_is_unknown(machine: Machine, any_tools: Tools) -> None:
    machine.container(2000)
    machine.rows = None

    seen = machine.look(any_tools)

    assert seen.containers is None
    assert (seen.boot_id, seen.logins) == ("b00t-7", 0)


def test_a_container_that_the_kernel_does_not_show_is_not_left_out(
    machine: Machine, any_tools: Tools
) -> None:
    """It may have just been started, or run in another way. The engine knows it."""
    container_id = machine.container(2000, app="rstudio")
    (machine.proc / "2000/cgroup").unlink()
    (machine.proc / "2501/cgroup").unlink()

    found = only(machine.look(any_tools))

    assert (found.id, found.started_at) == (container_id, CREATED)
    assert (found.cpu_s, found.network_bytes, found.connections) == (None, None, None)
    assert (found.sessions, found.is_executing) == (None, None)


def test_a_container_in_a_container_belongs_to_the_outer_one(
    machine: Machine, any_tools: Tools
) -> None:
    machine.container(2000)
    outer, inner = machine.group(f"{2000:064x}"), "f" * 64
    machine.inside(2000, 2101, "containerd-shim")
    machine.process(2102, "init", parent=2101, group=f"{outer}/docker/{inner}")
    machine.process(2103, "rsession", parent=2102, group=f"{outer}/docker/{inner}")

    assert only(machine.look(any_tools)).sessions == 1


def test_a_vm_that_is_a_container_knows_its_own(machine: Machine, tools: Tools) -> None:
    """Other VMs have their groups beside it."""
    machine.group = lambda container_id: f"/docker/{'e' * 64}/containers/{container_id}"  # type: ignore[method-assign]
    machine.container(2000)
    machine.inside(2000, 2001, "rsession", ticks=(100, 0, 0, 0))

    found = only(machine.look(tools))

    assert (found.sessions, found.session_cpu_s, found.cpu_s) == (1, 1.0, 1.5)


# --- the answer ----------------------------------------------------------------------------------


def test_an_answer_that_was_cut_says_nothing(machine: Machine, any_tools: Tools) -> None:
    machine.container(2000, app="rstudio")
    answer = machine.answer(any_tools)
    assert activity_of(answer, machine.rows, NOW).boot_id

    for cut in ("", "end", answer[:-1], answer[: len(answer) // 2], answer + "x"):
        seen = activity_of(cut, machine.rows, NOW)
        assert (seen.boot_id, seen.cpu_s, seen.logins) == (None, None, None)
        found = only(seen)
        assert (found.cpu_s, found.sessions, found.is_executing) == (None, None, None)


@pytest.mark.parametrize("value", ["-", "", "-1", "1e5", "nan", "１", "9" * 40, "x", "1\r"])
def test_a_number_that_is_none_is_unknown(machine: Machine, value: str) -> None:
    container_id = machine.container(2000)
    facts = " ".join((value, value, value, f"connections,22={value}", value, value, value, value))
    row = f"container {container_id} 2000 rstudio {facts}"

    seen = activity_of(f"{row}\nlogins {value}\ncpu {value}\nend\n", machine.rows, NOW)

    assert (seen.logins, seen.cpu_s) == (None, None)
    found = only(seen)
    assert (found.cpu_s, found.network_bytes, found.sessions) == (None, None, None)
    assert (found.connections, found.session_cpu_s, found.is_executing) == (None, None, None)
    assert found.started_at == CREATED
