"""What the bot sees of a life: counters, as a look at a real VM gives them. Never the truth itself.

The figures are those of real containers in their order of size: an R session in a loop takes a
whole CPU, a person at work some of one and some traffic, a page that lies open next to none of
either (RStudio's polls, about one request in 50 s), an idle VM its own engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from bot.activity import ContainerActivity, VmActivity
from bot.simulate.life import Kind, Life
from config.idle import Subject

_VM_CPU = 0.02  # of one CPU: engine, system, looks
_COMPUTE_CPU, _SESSION_CPU, _TAB_CPU = 1.0, 0.12, 0.01
_SESSION_BYTES_PER_S, _TAB_BYTES_PER_S = 4000.0, 60.0
_SHINY_CPU, _SHINY_BYTES_PER_S = 0.06, 3000.0  # per viewer
_STRAY_BYTES_PER_S = 20.0  # strangers on the network who try every port


@dataclass(frozen=True, slots=True)
class Instruments:
    """The counters of one lease of a VM: everything on it was started when the lease began."""

    life: Life
    since: float

    def look(self, at: float) -> VmActivity:
        """The VM at an instant at or after the lease's begin."""
        level, sums = self.life.level(at), self.life.sums(at)
        age = at - self.since
        containers = [self._rstudio(at, age, level, sums)]
        cpu_s = _VM_CPU * age + (containers[0].cpu_s or 0.0)
        if self.life.has_shiny:
            containers.append(self._shiny(age, level, sums))
            cpu_s += containers[1].cpu_s or 0.0
        return VmActivity(instant(at), f"boot-{self.since}", cpu_s, 0, tuple(containers))

    def _rstudio(
        self, at: float, age: float, level: tuple[int, ...], sums: tuple[float, ...]
    ) -> ContainerActivity:
        computed, worked, open_s = sums[Kind.COMPUTE], sums[Kind.SESSION], sums[Kind.TAB]
        session_cpu = _COMPUTE_CPU * computed + _SESSION_CPU * worked + _TAB_CPU * open_s
        traffic = _SESSION_BYTES_PER_S * worked + _TAB_BYTES_PER_S * open_s
        touched_at = self.life.touched_at(at)
        return ContainerActivity(
            id="rstudio",
            name="rstudio",
            image="rocker/rstudio",
            app="rstudio",
            started_at=instant(self.since),
            cpu_s=0.004 * age + session_cpu,
            network_bytes=int(_STRAY_BYTES_PER_S * age + traffic),
            connections=level[Kind.SESSION] + level[Kind.TAB],
            sessions=int(computed + worked + open_s > 0),
            session_cpu_s=session_cpu,
            is_executing=level[Kind.COMPUTE] > 0,
            last_used_at=None if touched_at is None else instant(touched_at),
        )

    def _shiny(
        self, age: float, level: tuple[int, ...], sums: tuple[float, ...]
    ) -> ContainerActivity:
        watched = sums[Kind.VIEWER]
        return ContainerActivity(
            id="shiny",
            name="shiny",
            image="rocker/shiny",
            app="shiny",
            started_at=instant(self.since),
            cpu_s=0.002 * age + _SHINY_CPU * watched,
            network_bytes=int(_STRAY_BYTES_PER_S * age + _SHINY_BYTES_PER_S * watched),
            connections=level[Kind.VIEWER],
            viewers=level[Kind.VIEWER],
        )


def subject(life: Life) -> Subject:
    """What the rules of a policy can know of a simulated VM: its containers' images."""
    images = {"rocker/rstudio", "rocker/shiny"} if life.has_shiny else {"rocker/rstudio"}
    return Subject(owner_id="", channel_id="", images=frozenset(images))


def instant(at: float) -> datetime:
    """Seconds since 1970 as an instant."""
    return datetime.fromtimestamp(at, UTC)
