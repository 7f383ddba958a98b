"""Looking at what a VM does: one command over its warm connection, and what its answer means.

The command is vm_activity.sh: nothing is installed on the VM and nothing of the look stays there.
What it prints is partly in the hands of whoever works in the containers, so each fact is taken only
in the form that it must have, and is unknown in any other.
"""

from __future__ import annotations

import json
import logging
import re
import shlex
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.activity import ContainerActivity, VmActivity
from bot.adapters.docker_calls import EngineCalls
from bot.adapters.ssh import Ssh
from bot.signs import RSTUDIO, SHINY

log = logging.getLogger(__name__)

_HERE = Path(__file__).parent
_SCRIPT = (_HERE / "vm_activity.sh").read_text("utf-8")
_FACTS = (_HERE / "vm_activity.awk").read_text("utf-8")
_COMMAND = f"exec sh -c {shlex.quote(_SCRIPT)} ds-bot-activity /proc $$ {shlex.quote(_FACTS)}"
_MOST_BYTES = 2_000_000  # some thousand containers

_WHOLE = re.compile(r"\d{1,19}", re.ASCII)
_DECIMAL = re.compile(r"\d{1,19}(\.\d{1,9})?", re.ASCII)
_FLOAT = re.compile(r"\d{1,19}(\.\d{0,9})?(e\+\d\d)?", re.ASCII)  # as C++ prints a double
_STARTED = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?\d*Z", re.ASCII)
# `date` tells whole seconds, and a file may be written a moment before its process is seen.
_SLACK = timedelta(seconds=5)
_FIRST_SECOND = datetime(1970, 1, 1, tzinfo=UTC)


def activity(ssh: Ssh, timeout: timedelta) -> VmActivity:
    """One look. Raises HostUnreachable, HostKeyMismatch."""

    def look() -> bytes:
        return ssh.output(_COMMAND, timeout, _MOST_BYTES)

    answer = EngineCalls.again(look).decode(errors="replace")
    return activity_of(answer, datetime.now(UTC))


def activity_of(answer: str, at: datetime) -> VmActivity:
    """What the command's answer says. One that is cut says nothing."""
    lines = answer.split("\n")
    if lines[-2:] != ["end", ""]:
        log.warning("a VM does not tell what it does: %.300r", answer[-300:])
        return VmActivity(at=at, boot_id=None, cpu_s=None, logins=None, containers=None)
    seen = _Answer()
    for line in lines[:-2]:
        seen.take(line)
    return VmActivity(
        at=at,
        boot_id=seen.facts.get("boot"),
        cpu_s=_decimal(seen.facts.get("cpu")),
        logins=_whole(seen.facts.get("logins")),
        containers=seen.containers() if seen.is_listed else None,
    )


@dataclass
class _Answer:
    """The lines of an answer, sorted."""

    facts: dict[str, str] = field(default_factory=dict)
    is_listed: bool = False  # the engine named all its containers
    about: dict[str, str] = field(default_factory=dict)  # by container id, from the engine
    counts: dict[str, list[str]] = field(default_factory=dict)  # by container id, from the kernel
    sessions: dict[str, list[list[str]]] = field(default_factory=dict)  # by container id

    def take(self, line: str) -> None:
        kind, _, rest = line.partition(" ")
        container_id, _, about = rest.partition(" ")
        if kind == "engine":
            self.is_listed = True
        elif kind == "container":
            self.about[container_id] = about
        elif kind == "facts":
            self.counts[container_id] = about.split()
        elif kind == "session":
            self.sessions.setdefault(container_id, []).append(about.split())
        else:
            self.facts[kind] = rest

    def containers(self) -> tuple[ContainerActivity, ...] | None:
        """None when there is one of which not even its name and start can be read."""
        found = [self._container(container_id) for container_id in self.about]
        whole = tuple(each for each in found if each is not None)
        return whole if len(whole) == len(found) else None

    def _container(self, container_id: str) -> ContainerActivity | None:
        try:
            _pid, _ports, about = self.about[container_id].split(" ", 2)
            name, image, app, started = json.loads(about)
            started_at = _started(started)
        except (ValueError, TypeError):
            log.warning("a container cannot be read: %.300r", self.about[container_id])
            return None
        counts = self.counts.get(container_id, [])
        if len(counts) != _COUNTS:
            counts = ["-"] * _COUNTS
        cpu, network, connections, sessions, session_cpu, viewers, kind, oldest = counts
        is_rstudio, is_shiny = app in RSTUDIO or kind == "rstudio", app in SHINY or kind == "shiny"
        loaded = _whole(sessions) if is_rstudio else None
        files = [
            each for each in map(_session, self.sessions.get(container_id, ())) if each is not None
        ]
        return ContainerActivity(
            id=container_id,
            name=str(name).removeprefix("/"),
            image=str(image),
            app=str(app) if app else None,
            started_at=started_at,
            cpu_s=_decimal(cpu),
            network_bytes=_whole(network),
            connections=_whole(connections),
            sessions=loaded,
            session_cpu_s=_decimal(session_cpu) if is_rstudio else None,
            is_executing=_is_executing(loaded, files, _instant(oldest)),
            last_used_at=_last_used(files, _instant(self.facts.get("clock"))),
            viewers=_whole(viewers) if is_shiny else None,
        )


_COUNTS = 8


@dataclass(frozen=True, slots=True)
class _Session:
    """What the files of one R session say; None is what cannot be read."""

    is_executing: bool | None
    is_executing_at: datetime | None  # when that was written
    last_used_at: datetime | None


def _session(fields: list[str]) -> _Session | None:
    if len(fields) != 3:
        return None
    executing, last_used, written = fields
    milliseconds = float(last_used) if _FLOAT.fullmatch(last_used) else None
    return _Session(
        # RStudio writes it at the first code only.
        is_executing={"1": True, "0": False, "-": False}.get(executing),
        is_executing_at=_instant(written),
        last_used_at=_after(milliseconds / 1000) if milliseconds else None,
    )


def _is_executing(loaded: int | None, files: list[_Session], since: datetime | None) -> bool | None:
    """Whether a session says that it computes: one that is loaded, not one that was killed.

    since: the oldest loaded session began then; what was written before is of a dead one.
    """
    if not loaded:
        return None if loaded is None else False
    if not files:
        return None
    said = {
        session.is_executing
        for session in files
        if since is None
        or session.is_executing_at is None
        or session.is_executing_at >= since - _SLACK
    }
    return True if True in said else None if None in said else False


def _last_used(files: list[_Session], clock: datetime | None) -> datetime | None:
    """The latest instant in the files that is not in the future."""
    said = [session.last_used_at for session in files if session.last_used_at is not None]
    past = [instant for instant in said if clock is None or instant <= clock + _SLACK]
    return max(past, default=None)


def _started(text: str) -> datetime:
    """An instant as the engine writes it (RFC 3339, nanoseconds). Raises ValueError, TypeError."""
    match = _STARTED.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return datetime.fromisoformat(f"{match[1]}{match[2] or ''}+00:00")


def _instant(seconds: str | None) -> datetime | None:
    number = _decimal(seconds)
    return None if number is None else _after(number)


def _after(seconds: float) -> datetime | None:
    try:
        return _FIRST_SECOND + timedelta(seconds=seconds)
    except OverflowError:
        return None


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and _WHOLE.fullmatch(text) else None


def _decimal(text: str | None) -> float | None:
    return float(text) if text is not None and _DECIMAL.fullmatch(text) else None
