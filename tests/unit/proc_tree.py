"""A machine's /proc as files, for what looks into it; and the shells and awks that may look."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.activity import VmActivity
from bot.adapters.docker_activity import activity_of

ADAPTERS = Path(__file__).parents[2] / "bot/adapters"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
BOOTED_AT = datetime(2026, 11, 20, tzinfo=UTC)
OUR_SSHD, OUR_SHELL = 900, 901

# Programs that the script uses, besides shell and awk.
_PROGRAMS = ("timeout", "date", "dd", "stat", "tr", "sort", "xargs", "grep")


@dataclass(frozen=True)
class Tools:
    """A shell, and what it finds on its PATH."""

    shell: tuple[str, ...]
    awk: str
    programs: str = "/usr/bin"

    @property
    def is_there(self) -> bool:
        return all(shutil.which(name) for name in (self.shell[0], self.awk))


TOOLS = {
    "dash-mawk": Tools(("/bin/dash",), "mawk"),
    "bash-gawk": Tools(("/bin/bash", "--posix"), "gawk"),
    "dash-original-awk": Tools(("/bin/dash",), "original-awk"),
    "busybox": Tools(("busybox", "sh"), "busybox", programs="busybox"),
}


@dataclass
class Machine:
    """Begins as one that just booted: init, sshd with our connection, an engine, no containers."""

    root: Path
    rows: list[dict[str, Any]] | None = field(default_factory=list)  # GET /containers/json

    def __post_init__(self) -> None:
        self.proc = self.root / "proc"
        self.groups = self.root / "cgroup"
        self.write("sys/kernel/random/boot_id", "b00t\n")
        self.write("uptime", "100000.00 12345.00\n")
        times = "cpu  1000 0 500 99999 777 0 0 50 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\nintr 1 2\n"
        self.write("stat", f"{times}btime {BOOTED_AT.timestamp():.0f}\nprocesses 9\n")
        self.use_v1()
        self.process(1, "systemd", parent=0, start=7)
        self.process(800, "sshd", title="sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups")
        self.process(OUR_SSHD, "sshd", parent=800, title="sshd: root@notty")
        self.process(OUR_SHELL, "sh", parent=OUR_SSHD, title="sh")

    def write(self, path: str, text: str | bytes) -> Path:
        file = self.proc / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def use_v1(self) -> None:
        line = f"cgroup {self.groups}/cpu,cpuacct cgroup rw,nosuid,cpu,cpuacct 0 0\n"
        self.write("self/mounts", f"proc /proc proc rw 0 0\n{line}")
        self.is_v1 = True

    def use_v2(self) -> None:
        self.write("self/mounts", f"cgroup2 {self.groups} cgroup2 rw,nsdelegate 0 0\n")
        self.is_v1 = False

    def process(
        self,
        pid: int,
        name: str,
        *,
        parent: int = 1,
        ticks: tuple[int, int, int, int] = (0, 0, 0, 0),
        start: int = 1000,
        tty: int = 0,
        state: str = "S",
        title: str = "",
        group: str = "/",
    ) -> None:
        times = " ".join(map(str, ticks))
        fields = f"{state} {parent} 1 1 {tty} -1 0 1 2 3 4 {times} 20 0 1 0 {start} 1 1 1"
        self.write(f"{pid}/stat", f"{pid} ({name}) {fields}\n")
        self.write(f"{pid}/cmdline", title.replace(" ", "\0", title.count(" ")) + "\0")
        if title.startswith("sshd"):
            self.write(f"{pid}/cmdline", title + "\0\0\0")
        controllers = "4:cpu,cpuacct" if self.is_v1 else "0:"
        self.write(f"{pid}/cgroup", f"{controllers}:{group}\n")

    def container(
        self,
        pid: int,
        *,
        name: str = "/app",
        app: str | None = None,
        ports: tuple[int, ...] = (),
        cpu_s: float | None = 1.5,
        network: str = "default",
    ) -> str:
        """Id of a container whose first process is `pid`."""
        container_id = f"{pid:064x}"
        group = self.group(container_id)
        shim = pid + 500
        self.process(shim, "containerd-shim")
        self.process(pid, "init", parent=shim, group=group)
        self.process(shim + 1, "bash", parent=shim, start=2000, group=group)  # `docker exec`
        if cpu_s is not None and self.is_v1:
            path = self.groups / "cpu,cpuacct" / group.strip("/") / "cpuacct.usage"
            _write(path, f"{int(cpu_s * 1e9)}\n")
        elif cpu_s is not None:
            path = self.groups / group.strip("/") / "cpu.stat"
            _write(path, f"usage_usec {int(cpu_s * 1e6)}\nuser_usec 1\nsystem_usec 2\n")
        self.write(f"{pid}/net/dev", NET_DEV)
        self.write(f"{pid}/net/tcp", TCP_HEADER)
        (self.proc / str(pid) / "root/home").mkdir(parents=True)
        assert self.rows is not None
        self.rows.append(
            {
                "Id": container_id,
                "Names": [name],
                "Image": "rocker/rstudio",
                "Command": "/init",
                "Created": int(CREATED.timestamp()),
                "State": "running",
                "Status": "Up 2 hours",
                "Ports": [
                    {"PrivatePort": port, "PublicPort": 10_000 + port, "Type": "tcp"}
                    for port in ports
                ],
                "Labels": {"ds-bot.app": app} if app else {},
                "HostConfig": {"NetworkMode": network},
            }
        )
        return container_id

    @staticmethod
    def group(container_id: str) -> str:
        return f"/system.slice/docker-{container_id}.scope"

    def inside(self, container: int, pid: int, name: str, **facts: object) -> None:
        """A process in the container whose first process is `container`."""
        facts.setdefault("parent", container)
        self.process(pid, name, group=self.group(f"{container:064x}"), **facts)  # type: ignore[arg-type]

    def session(self, pid: int, folder: str = "session-1", **files: str) -> Path:
        """RStudio's files of a session, in the container whose first process is `pid`."""
        path = Path(f"{pid}/root/home/rstudio/.local/share/rstudio/sessions/active/{folder}")
        for name, content in files.items():
            self.write(f"{path}/properites/{name.replace('_', '-')}", content)
        (self.proc / path / "properites").mkdir(parents=True, exist_ok=True)
        return self.proc / path / "properites"

    def answer(self, tools: Tools) -> str:
        """What the script prints here."""
        _programs(self.root / "bin", tools)
        script, facts = (
            (ADAPTERS / f"vm_activity.{kind}").read_text("utf-8") for kind in ("sh", "awk")
        )
        words = ("-c", script, "ds-bot-activity", str(self.proc), str(OUR_SHELL), facts)
        done = subprocess.run(
            (str(shutil.which(tools.shell[0])), *tools.shell[1:], *words),
            capture_output=True,
            timeout=60,
            env={"PATH": str(self.root / "bin")},
        )
        return done.stdout.decode(errors="replace")

    def look(self, tools: Tools) -> VmActivity:
        return activity_of(self.answer(tools), self.rows, NOW)


NET_DEV = """Inter-|   Receive                            |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop
    lo: 9999999    11    0    0    0     0          0         0  9999999    11    0    0
  eth0:    1000    11    0    0    0     0          0         0      234    11    0    0
  eth1:5000 11 0 0 0 0 0 0 6 11 0 0
"""
TCP_HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"


CREATED = datetime(2026, 11, 25, 9, tzinfo=UTC)


def connection(port: int, peer: str, state: str = "01", here: str = "0200A8C0") -> str:
    """A row of /proc/net/tcp."""
    return (
        f"   0: {here}:{port:04X} {peer}:C001 {state} 00000000:00000000 00:00000000 00000000  0\n"
    )


def _programs(folder: Path, tools: Tools) -> None:
    """A folder for PATH with these tools."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    awk = shutil.which(tools.awk)
    busybox = shutil.which("busybox") if tools.programs == "busybox" else None
    assert awk
    os.symlink(busybox or awk, folder / "awk")
    for name in _PROGRAMS:
        os.symlink(busybox or Path(tools.programs) / name, folder / name)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
