"""The container that runs somebody's R code: what it is made of, and what it may do."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from bot.models import ContainerSpec, Mount, Operation
from bot.services.fleet import CHANNEL, OPERATION, OWNER
from config.r import RPolicy

RUN = "ds-bot.r"
"""Label of the containers that run R code."""

_WATCHER_NEEDS = ("SETUID", "SETGID", "KILL")  # to become nobody, and to end what nobody runs
_SLACK = timedelta(seconds=30)  # that a run may take beyond its limits, which the watcher keeps
_LOCK_SLACK_S = 15


def spec_of(op: Operation, limits: RPolicy) -> ContainerSpec:
    """No network, no room but /tmp in memory, and user 0 only for the watcher (r_watch.pl)."""
    return ContainerSpec(
        name=f"r-{op.id}",
        image=limits.image,
        command=("perl", "-e", _watcher(), *_arguments(op, limits)),
        labels={
            OWNER: op.caller.user_id,
            OPERATION: op.id,
            CHANNEL: op.caller.channel_id,
            RUN: "1",
        },
        memory_mb=limits.memory_mb,
        cpus=limits.cpus,
        mounts=(Mount(_volume(op), "/keep"),) if _has_volume(op) else (),
        has_network=False,
        processes=limits.processes,
        user="0",
        is_confined=True,
        capabilities=_WATCHER_NEEDS,
        scratch_mb=limits.disk_mb,
    )


def longest(op: Operation, limits: RPolicy) -> timedelta:
    """How long the container runs at the most, if its watcher does what it shall."""
    waits_s = _waits_for_lock_s(limits) if _has_volume(op) else 0
    return limits.time + timedelta(seconds=waits_s) + _SLACK


def oldest(limits: RPolicy) -> timedelta:
    """The age at which no container of a run is alive: its bot has given it up."""
    return limits.queue + 3 * (limits.time + _SLACK)


def most_log_bytes(limits: RPolicy) -> int:
    """Of what a watcher reports: base 64, and names."""
    return (limits.output_kb * 1000 + limits.plots_mb * 2**20) * 3 // 2 + 100_000


def _arguments(op: Operation, limits: RPolicy) -> list[str]:
    arguments: dict[str, Any] = {
        "time": limits.time.total_seconds(),
        "lock": _waits_for_lock_s(limits),
        "output": limits.output_kb * 1000,
        "plots": limits.plots,
        "plot_bytes": limits.plots_mb * 2**20,
        "keep_bytes": limits.keep_mb * 2**20,
        "width": limits.width,
        "height": limits.height,
        "resolution": limits.resolution,
        "keep": int(bool(op.args.get("keep"))),
        "forget": int(bool(op.args.get("fresh"))),
        "code": op.args.get("code", ""),
    }
    return [f"{name}={value}" for name, value in arguments.items()]


def _waits_for_lock_s(limits: RPolicy) -> int:
    """Seconds that a run waits for another one of the same person's to keep its objects."""
    return round(limits.time.total_seconds()) + _LOCK_SLACK_S


def _has_volume(op: Operation) -> bool:
    return bool(op.args.get("keep") or op.args.get("fresh"))


def _volume(op: Operation) -> str:
    """One for each person and channel: a slash command does not tell a thread."""
    name = f"ds-r-{op.caller.user_id}-{op.caller.channel_id}".lower()
    return re.sub(r"[^a-z0-9_.-]", "-", name)


@cache
def _watcher() -> str:
    return files("bot.services").joinpath("r_watch.pl").read_text("utf-8")
