"""The signs of use in two looks at a VM: pure, and in words.

Counters are compared only within the same boot of the VM and the same start of a container. What
has no earlier look to be compared with is young, which is use; what was not readable is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.activity import ContainerActivity, Signal, Use, VmActivity
from bot.models import Text, counted
from config.idle import Thresholds

RSTUDIO = frozenset({"rstudio", "hadleyverse"})
SHINY = frozenset({"shiny"})

UNTOUCHED = frozenset({"viewer", "connection"})
"""Signs that a page which nobody looks at any more gives, too."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """A container in two looks; `before` is None when the earlier one did not have it."""

    before: ContainerActivity | None
    now: ContainerActivity
    at: datetime
    seconds: float  # between the looks

    def sign(self, name: str, use: Use, why: Text) -> Signal:
        return Signal(name, use, self.at, why)

    def cpu_percent(self) -> float | None:
        """Of one CPU, the largest that can be told.

        The sessions' CPU time falls when one of them ends; the container's never does.
        """
        if self.before is None:
            return None
        rates = (
            _rate(self.before.cpu_s, self.now.cpu_s, self.seconds),
            _rate(self.before.session_cpu_s, self.now.session_cpu_s, self.seconds),
        )
        return max((100 * rate for rate in rates if rate is not None), default=None)

    def bytes_per_s(self) -> float | None:
        if self.before is None:
            return None
        return _rate(self.before.network_bytes, self.now.network_bytes, self.seconds)


def signs_of(
    before: VmActivity | None, after: VmActivity, limits: Thresholds
) -> tuple[Signal, ...]:
    """Every sign that `after` gives, compared with the look `before`."""
    earlier = before if _comparable(before, after) else None
    is_rebooted = _rebooted(before, after)
    signs = [_login(after), _vm_cpu(earlier, after, is_rebooted, limits)]
    if after.containers is None:
        why = Text("The containers could not be listed.")
        return (*signs, Signal("containers", Use.UNKNOWN, after.at, why))
    if before and not is_rebooted and (earlier is None or earlier.containers is None):
        return (*signs, Signal("containers", Use.UNKNOWN, after.at, _no_earlier()))
    for pair in _pairs(earlier, after):
        signs += _container(pair, limits)
    return tuple(signs)


def _comparable(before: VmActivity | None, after: VmActivity) -> bool:
    return (
        before is not None
        and after.boot_id is not None
        and before.boot_id == after.boot_id
        and before.at < after.at
    )


def _rebooted(before: VmActivity | None, after: VmActivity) -> bool:
    return (
        before is not None
        and None not in (before.boot_id, after.boot_id)
        and before.boot_id != after.boot_id
    )


def _no_earlier() -> Text:
    return Text("There is no earlier look at the VM to compare with.")


def _login(after: VmActivity) -> Signal:
    if after.logins is None:
        why = Text("Whether somebody is logged in on the VM could not be read.")
        return Signal("login", Use.UNKNOWN, after.at, why)
    if after.logins:
        why = counted(
            "{count} login on the VM is open.", "{count} logins on the VM are open.", after.logins
        )
        return Signal("login", Use.BUSY, after.at, why)
    return Signal("login", Use.IDLE, after.at, Text("Nobody is logged in on the VM."))


def _vm_cpu(
    before: VmActivity | None, after: VmActivity, is_rebooted: bool, limits: Thresholds
) -> Signal:
    if is_rebooted:
        return Signal("cpu", Use.BUSY, after.at, Text("The VM has just been started."))
    if before is None:
        return Signal("cpu", Use.UNKNOWN, after.at, _no_earlier())
    rate = _rate(before.cpu_s, after.cpu_s, _seconds(before, after))
    if rate is None:
        why = Text("The CPU time of the VM could not be read.")
        return Signal("cpu", Use.UNKNOWN, after.at, why)
    if 100 * rate >= limits.vm_cpu_percent:
        why = Text("The VM uses {percent} % of a CPU.", percent=round(100 * rate))
        return Signal("cpu", Use.BUSY, after.at, why)
    return Signal("cpu", Use.IDLE, after.at, Text("The VM computes nothing."))


def _pairs(before: VmActivity | None, after: VmActivity) -> Iterator[_Pair]:
    known = {each.id: each for each in (before.containers or ()) if before} if before else {}
    seconds = _seconds(before, after) if before else 0.0
    for now in after.containers or ():
        then = known.get(now.id)
        is_same = then is not None and then.started_at == now.started_at
        yield _Pair(then if is_same else None, now, after.at, seconds)


def _container(pair: _Pair, limits: Thresholds) -> Iterable[Signal]:
    name = pair.now.name
    if pair.before is None:
        why = Text("Container `{name}` is new.", name=name)
        return (pair.sign("young", Use.BUSY, why),)
    common = (_computing(pair, limits), _traffic(pair, limits))
    if _is_rstudio(pair.now):
        return (*_sessions(pair), *common)
    if _is_shiny(pair.now):
        return (_viewers(pair), *common)
    return (_connections(pair), *common)


def _is_rstudio(container: ContainerActivity) -> bool:
    return container.app in RSTUDIO or container.sessions is not None


def _is_shiny(container: ContainerActivity) -> bool:
    return container.app in SHINY or container.viewers is not None


def _computing(pair: _Pair, limits: Thresholds) -> Signal:
    percent, name = pair.cpu_percent(), pair.now.name
    if percent is None:
        why = Text("The CPU time of container `{name}` could not be read.", name=name)
        return pair.sign("computing", Use.UNKNOWN, why)
    if percent >= limits.cpu_percent:
        why = Text(
            "Container `{name}` uses {percent} % of a CPU.", name=name, percent=round(percent)
        )
        return pair.sign("computing", Use.BUSY, why)
    return pair.sign("computing", Use.IDLE, Text("Container `{name}` computes nothing.", name=name))


def _traffic(pair: _Pair, limits: Thresholds) -> Signal:
    rate, name = pair.bytes_per_s(), pair.now.name
    if rate is None:
        why = Text("The traffic of container `{name}` could not be read.", name=name)
        return pair.sign("network", Use.UNKNOWN, why)
    if rate >= limits.network_bytes_per_s:
        why = Text(
            "Container `{name}` has a traffic of {rate} bytes per second.",
            name=name,
            rate=round(rate),
        )
        return pair.sign("network", Use.BUSY, why)
    return pair.sign("network", Use.IDLE, Text("Container `{name}` has no traffic.", name=name))


def _sessions(pair: _Pair) -> Iterable[Signal]:
    """What RStudio itself says; its connections say nothing, as an open page polls for ever."""
    now, name = pair.now, pair.now.name
    if now.is_executing:
        yield pair.sign(
            "executing", Use.BUSY, Text("R is computing in container `{name}`.", name=name)
        )
    elif now.sessions is None or (now.sessions and now.is_executing is None):
        why = Text("Whether R computes in container `{name}` could not be read.", name=name)
        yield pair.sign("executing", Use.UNKNOWN, why)
    else:
        yield pair.sign(
            "executing", Use.IDLE, Text("R is at rest in container `{name}`.", name=name)
        )
    if pair.before and now.last_used_at != pair.before.last_used_at and now.sessions is not None:
        why = Text("Somebody used RStudio in container `{name}`.", name=name)
        yield pair.sign("session", Use.BUSY, why)


def _viewers(pair: _Pair) -> Signal:
    viewers, name = pair.now.viewers, pair.now.name
    if viewers is None:
        why = Text(
            "Whether a Shiny app is open in container `{name}` could not be read.", name=name
        )
        return pair.sign("viewer", Use.UNKNOWN, why)
    if viewers:
        why = Text("A Shiny app is open in container `{name}`.", name=name)
        return pair.sign("viewer", Use.BUSY, why)
    why = Text("No Shiny app is open in container `{name}`.", name=name)
    return pair.sign("viewer", Use.IDLE, why)


def _connections(pair: _Pair) -> Signal:
    connections, name = pair.now.connections, pair.now.name
    if connections is None:
        why = Text("The connections of container `{name}` could not be read.", name=name)
        return pair.sign("connection", Use.UNKNOWN, why)
    if connections:
        why = counted(
            "{count} connection to container `{name}` is open.",
            "{count} connections to container `{name}` are open.",
            connections,
            name=name,
        )
        return pair.sign("connection", Use.BUSY, why)
    why = Text("Nobody is connected to container `{name}`.", name=name)
    return pair.sign("connection", Use.IDLE, why)


def _seconds(before: VmActivity, after: VmActivity) -> float:
    return (after.at - before.at).total_seconds()


def _rate(before: float | None, after: float | None, seconds: float) -> float | None:
    """Growth per second; None when it cannot be told, also for a counter that went back."""
    if before is None or after is None or after < before or seconds <= 0:
        return None
    return (after - before) / seconds
