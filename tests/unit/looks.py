"""VMs as they look in tests of the judge: idle unless a test says otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.activity import ContainerActivity, Lease, VmActivity
from config.idle import IdlePolicy
from config.settings import load_policy

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LOOK = timedelta(minutes=2)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def policy(**changes: Any) -> IdlePolicy:
    """A policy of round numbers, checked as one from YAML is."""
    plain: dict[str, Any] = {
        "idle_after": "2h",
        "grace": "30m",
        "max_age": "30d",
        "lease": None,
        "habit": None,
        "untouched": "8h",
        "gap": "10m",
        "blind_after": "3h",
        "billing": "exact",
    }
    shipped = load_policy().idle.default.model_dump(exclude={"quiet_hours"})
    return IdlePolicy.model_validate({"quiet_hours": (), **shipped, **plain, **changes})


def container(app: str | None = None, **facts: Any) -> ContainerActivity:
    """A container in which nothing happens, on a VM that is an hour old."""
    quiet = ContainerActivity(
        id=facts.pop("id", "c1"),
        name="box",
        image="image",
        app=app,
        started_at=NOW - HOUR,
        cpu_s=100.0,
        network_bytes=10_000,
        connections=0,
    )
    if app == "rstudio":
        quiet = replace(
            quiet, sessions=1, session_cpu_s=50.0, is_executing=False, last_used_at=NOW - HOUR
        )
    if app == "shiny":
        quiet = replace(quiet, viewers=0)
    return replace(quiet, **facts)


def look(*containers: ContainerActivity, at: datetime = NOW, **facts: Any) -> VmActivity:
    """A look at a VM on which nobody is logged in."""
    quiet = VmActivity(at=at, boot_id="boot", cpu_s=1000.0, logins=0, containers=containers)
    return replace(quiet, **facts)


def lease(**facts: Any) -> Lease:
    """A VM ordered a day ago."""
    return replace(Lease(NOW - DAY, NOW - DAY, None), **facts)
