"""What a VM in memory does, over the time of whoever tells it (`FakeHost.doing`).

State is told, counters grow by themselves:

    vm.doing.use("app", FakeUse(cpus=1.0, sessions=1, session_cpus=1.0))  # from now on
    vm.doing.use("app", FakeUse(sessions=1, connections=1))     # a tab is open, nothing runs
    vm.doing.logins = 1
    vm.doing.unreadable |= {"logins", "app.viewers"}            # a fact, or one of a container's
    vm.reboot()
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from bot.activity import ContainerActivity, VmActivity
from bot.models import Container
from bot.signs import RSTUDIO, SHINY

_APP_LABEL = "ds-bot.app"


@dataclass(frozen=True)
class FakeUse:
    """What goes on in a container until something else does."""

    cpus: float = 0.0  # at work in all of it
    network: float = 0.0  # bytes per second
    connections: int = 0
    sessions: int | None = None  # None: 0 where RStudio is started as an app, else not RStudio
    session_cpus: float = 0.0  # of `cpus`, those at work in sessions
    is_executing: bool = False
    last_used_at: datetime | None = None
    viewers: int | None = None  # None: 0 where Shiny is started as an app, else not Shiny


class FakeDoing:
    """Activity of one VM. Its state is told; only counters grow by themselves."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.logins = 0
        self.unreadable: set[str] = set()
        self._now = now
        self._boots = itertools.count(1)
        self._uses: dict[str | None, list[tuple[datetime, FakeUse]]] = {}  # by name, in order
        self.reboot()

    def reboot(self) -> None:
        """Counters begin anew, and nobody is logged in."""
        self.boot_id = f"boot-{next(self._boots)}"
        self.logins = 0
        self._booted_at = self._now()
        self._inside: dict[str, float] = {}  # CPU seconds by container id, of ended ones too

    def use(self, name: str | None, use: FakeUse) -> None:
        """What goes on in the container of that name from now on, also when it is made later;
        None: on the VM outside of containers (only `cpus` counts)."""
        self._uses.setdefault(name, []).append((self._now(), use))

    def suspend(self, container: Container) -> int:
        """Its sessions end, unless they are at work; how many are still there."""
        use = self._uses.get(container.name, [(self._now(), FakeUse())])[-1][1]
        if use.sessions and not use.is_executing:
            left = replace(use, sessions=0, cpus=use.cpus - use.session_cpus, session_cpus=0.0)
            self.use(container.name, left)
            return 0
        return use.sessions or 0

    def look(self, running: Iterable[tuple[Container, float]], *, has_engine: bool) -> VmActivity:
        """One look at a VM on which these containers run.

        running: each with the CPUs at work in it where `use` said nothing.
        """
        containers = tuple(self._activity(*each) for each in running)
        outside = self._total(None, self._booted_at, lambda use: use.cpus)
        seen = VmActivity(
            at=self._now(),
            boot_id=self.boot_id,
            cpu_s=outside + sum(self._inside.values()),
            logins=self.logins,
            containers=containers if has_engine else None,
        )
        return replace(seen, **self._unreadable(seen, ""))

    def _activity(self, container: Container, cpus: float) -> ContainerActivity:
        name, since = container.name, container.created_at
        _, use = self._uses.setdefault(name, [(since, FakeUse(cpus=cpus))])[-1]
        app = container.labels.get(_APP_LABEL)
        sessions = 0 if use.sessions is None and app in RSTUDIO else use.sessions
        cpu_s = self._total(name, since, lambda use: use.cpus)
        session_cpu_s = self._total(name, since, lambda use: use.session_cpus)
        self._inside[container.id] = cpu_s
        seen = ContainerActivity(
            id=container.id,
            name=name,
            image=container.image,
            app=app,
            started_at=since,
            cpu_s=cpu_s,
            network_bytes=int(self._total(name, since, lambda use: use.network)),
            connections=use.connections,
            sessions=sessions,
            session_cpu_s=None if sessions is None else session_cpu_s,
            is_executing=None if sessions is None else use.is_executing,
            last_used_at=use.last_used_at,
            viewers=0 if use.viewers is None and app in SHINY else use.viewers,
        )
        return replace(seen, **self._unreadable(seen, f"{name}."))

    def _total(self, name: str | None, since: datetime, rate: Callable[[FakeUse], float]) -> float:
        """A counter that grew at the rate of what went on, since that instant."""
        uses = self._uses.get(name, [])
        ends = [began for began, _ in uses[1:]] + [self._now()]
        return sum(
            rate(use) * max(0.0, (end - max(began, since)).total_seconds())
            for (began, use), end in zip(uses, ends, strict=False)
        )

    def _unreadable(self, seen: Any, prefix: str) -> dict[str, Any]:
        names = (each.name for each in fields(seen))
        return {name: None for name in names if prefix + name in self.unreadable}
