"""Looking at what a VM does: one command and one question to its engine, over its warm connection.

The command is vm_activity.sh: nothing is installed on the VM and nothing of the look stays there.
What it prints is partly in the hands of whoever works in the containers, so each fact is taken only
in the form that it must have, and is unknown in any other. Which containers there are is the
engine's to say; what they do, the kernel's.
"""

from __future__ import annotations

import logging
import re
import shlex
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.activity import ContainerActivity, VmActivity
from bot.adapters.docker_calls import EngineCalls
from bot.adapters.docker_rows import container_of
from bot.errors import HostError, HostKeyMismatch
from bot.signs import RSTUDIO, SHINY

log = logging.getLogger(__name__)

_HERE = Path(__file__).parent
_SCRIPT = (_HERE / "vm_activity.sh").read_text("utf-8")
_FACTS = (_HERE / "vm_activity.awk").read_text("utf-8")
_COMMAND = f"exec sh -c {shlex.quote(_SCRIPT)} ds-bot-activity /proc $$ {shlex.quote(_FACTS)}"
_MOST_BYTES = 2_000_000  # some thousand containers
_LEAST_S = 1.0  # that the engine is given to answer

_WHOLE = re.compile(r"\d{1,19}", re.ASCII)
_DECIMAL = re.compile(r"\d{1,19}(\.\d{1,9})?", re.ASCII)
_FLOAT = re.compile(r"\d{1,19}(\.\d{0,9})?(e\+\d\d)?", re.ASCII)  # as C++ prints a double
_APP_LABEL = "ds-bot.app"
# `date` tells whole seconds, and a file may be written a moment before its process is seen.
_SLACK = timedelta(seconds=5)
_FIRST_SECOND = datetime(1970, 1, 1, tzinfo=UTC)
_COUNTS = 10


def activity(calls: EngineCalls, timeout: timedelta) -> VmActivity:
    """One look. Raises HostUnreachable, HostKeyMismatch."""
    deadline = time.monotonic() + timeout.total_seconds()

    def look() -> bytes:
        left = timedelta(seconds=deadline - time.monotonic())
        return calls.ssh.output(_COMMAND, left, _MOST_BYTES)

    answer = calls.again(look).decode(errors="replace")
    at = datetime.now(UTC)
    rows = _running(calls, max(_LEAST_S, deadline - time.monotonic()))
    return activity_of(answer, rows, at, calls.ssh.access.port)


def activity_of(
    answer: str, rows: list[dict[str, Any]] | None, at: datetime, ssh_port: int = 22
) -> VmActivity:
    """What the command's answer says of the containers in GET /containers/json (None: no answer).

    An answer that was cut says nothing.
    """
    lines = answer.split("\n")
    seen = _Answer()
    if lines[-2:] == ["end", ""]:
        for line in lines[:-2]:
            seen.take(line)
    else:
        log.warning("a VM does not tell what it does: %.300r", answer[-300:])
    return VmActivity(
        at=at,
        boot_id=seen.facts.get("boot"),
        cpu_s=_decimal(seen.facts.get("cpu")),
        logins=_whole(seen.facts.get("logins")),
        containers=None if rows is None else tuple(seen.container(row, ssh_port) for row in rows),
    )


def _running(calls: EngineCalls, timeout_s: float) -> list[dict[str, Any]] | None:
    """What the engine says that runs, None when it does not."""
    try:
        return calls.running(timeout_s)
    except HostKeyMismatch:
        raise
    except HostError as error:
        log.info("no containers from %s: %s", calls.address, error)
        return None


@dataclass
class _Answer:
    """The lines of an answer, sorted."""

    facts: dict[str, str] = field(default_factory=dict)
    counts: dict[str, list[str]] = field(default_factory=dict)  # by container id
    sessions: dict[str, list[list[str]]] = field(default_factory=dict)  # by container id

    def take(self, line: str) -> None:
        kind, _, rest = line.partition(" ")
        container_id, _, facts = rest.partition(" ")
        if kind == "container":
            self.counts[container_id] = facts.split(" ")
        elif kind == "session":
            self.sessions.setdefault(container_id, []).append(facts.split(" "))
        else:
            self.facts[kind] = rest

    def container(self, row: dict[str, Any], ssh_port: int) -> ContainerActivity:
        """One of the engine's containers, with what the kernel knows of it."""
        known = container_of(row)
        counts = self.counts.get(known.id, [])
        if len(counts) != _COUNTS:  # it has just been started, or the answer is of no use
            counts = ["-"] * _COUNTS
        _pid, program, started, cpu, network, connected, loaded, session_cpu, viewers, oldest = (
            counts
        )
        app = known.labels.get(_APP_LABEL)
        is_rstudio, is_shiny = (
            program == "rstudio" or app in RSTUDIO,
            program == "shiny" or app in SHINY,
        )
        sessions = _whole(loaded) if is_rstudio else None
        files = _files(self.sessions.get(known.id, ()))
        has_own_network = (row.get("HostConfig") or {}).get("NetworkMode") != "host"
        ports = {binding.container_port for binding in known.ports} if has_own_network else None
        return ContainerActivity(
            id=known.id,
            name=known.name,
            image=known.image,
            app=app,
            started_at=_instant(started) or known.created_at,
            cpu_s=_decimal(cpu),
            network_bytes=_whole(network),
            connections=_connections(connected, ports, ssh_port),
            sessions=sessions,
            session_cpu_s=_decimal(session_cpu) if is_rstudio else None,
            is_executing=_is_executing(sessions, files, _instant(oldest)),
            last_used_at=_last_used(files, _instant(self.facts.get("clock"))),
            viewers=_whole(viewers) if is_shiny else None,
        )


def _connections(said: str, ports: set[int] | None, ssh_port: int) -> int | None:
    """Those to published ports; on the VM's own network, where nothing is published (None), those
    to any port but SSH's."""
    head, *counts = said.split(",")
    if head != "connections":
        return None
    total = 0
    for each in counts:
        port, _, count = each.partition("=")
        if not (_WHOLE.fullmatch(port) and _WHOLE.fullmatch(count)):
            return None
        if (int(port) != ssh_port) if ports is None else (int(port) in ports):
            total += int(count)
    return total


@dataclass(frozen=True, slots=True)
class _Session:
    """What the files of one R session say; None is what cannot be read."""

    is_executing: bool | None
    is_executing_at: datetime | None  # when that was written
    last_used_at: datetime | None


def _files(lines: Iterable[list[str]]) -> list[_Session]:
    return [_session(fields) for fields in lines if len(fields) == 3]


def _session(fields: list[str]) -> _Session:
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
