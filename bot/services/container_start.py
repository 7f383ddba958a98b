"""Starting a container once, whatever is lost on the way: the same for all that is run on a VM.

Its id is recorded before it is started. So a container that is not there any more, as one that was
to remove itself, is known to have been started, and is never started again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

from bot.errors import (
    ContainerNotFound,
    EngineRefused,
    HostError,
    HostUnreachable,
    NameTaken,
    PortTaken,
    UserError,
)
from bot.models import Container, ContainerSpec, Operation, PortBinding, Text
from bot.ports import ContainerHost
from bot.replies.answers import owner_buttons
from bot.replies.blocks import Button
from bot.services.fleet import OPERATION
from bot.services.recorded import Json
from bot.services.vm_use import VmUse
from bot.services.work import Outcome, Watch, Work

_PORTS_TRIED = 100  # beginning with those that were asked for


@dataclass(frozen=True, slots=True)
class Started:
    """What was started. is_gone: it has ended since, and removed itself."""

    id: str
    ports: tuple[PortBinding, ...]
    is_gone: bool


@dataclass
class _Tries:
    """What one attempt knows of the container that it is starting.

    ports: of the VM, that it was made with. taken: ports that something else has. may_make: there
    was one, it surely never ran, and it is gone. was_started: perhaps.
    """

    ports: set[int] = field(default_factory=set)
    taken: set[int] = field(default_factory=set)
    may_make: bool = False
    was_started: bool = False


@dataclass(frozen=True, slots=True)
class ContainerStart:
    """The phase in which an operation starts its container.

    spec: its labels name the operation, by which a container is looked up whose id was lost. Where
    a port of it is taken, the next free one is used.
    """

    host: ContainerHost
    op_id: str
    spec: ContainerSpec
    every: timedelta  # a VM that does not answer is asked again

    def carry_out(self, work: Work, timeout: timedelta) -> Started:
        """Raises Failed."""
        done = work.phase(
            "start", Text("Start the container"), timeout, self._start, first=self._create
        )
        ports = tuple(PortBinding(inside, outside) for inside, outside in done["ports"])
        return Started(done["id"], ports, done["is_gone"])

    def _create(self, watch: Watch) -> Json:
        tries = _Tries()

        def look() -> Container:
            there = existing(self.host, self.op_id)
            if there is not None and _is_unstarted(there):
                self.host.remove(there.id)  # an earlier attempt's; it may have died half way
                there = None
            return there or self._created(tries)

        return {"id": watch.until(look, self.every).id, "ports": sorted(tries.ports)}

    def _created(self, tries: _Tries) -> Container:
        published = {each.host_port for one in self.host.containers() for each in one.ports}
        ports = moved(self.spec.ports, tries.taken | published)
        tries.ports = {each.host_port for each in ports}
        try:
            return self.host.create(replace(self.spec, ports=ports))
        except NameTaken as error:
            if existing(self.host, self.op_id) is None:
                raise
            raise HostUnreachable(error.text) from error  # another attempt's: look again

    def _start(self, watch: Watch, created: Json) -> Json:
        """Until it was started. What was perhaps started and is not there is not made again."""
        tries = _Tries(set(created["ports"]), was_started=watch.is_repeat)
        done: Json = watch.until(lambda: self._started(watch, created["id"], tries), self.every)
        self._tell_moved(watch, done)
        return done

    def _started(self, watch: Watch, container_id: str, tries: _Tries) -> Json:
        """As long as something that is no container has its port, it is made anew with another."""
        is_removed = False
        for _ in range(_PORTS_TRIED):
            there = None if is_removed else existing(self.host, self.op_id)
            if there is None and not tries.may_make:
                return self._gone(watch, container_id, was_started=tries.was_started)
            there, is_removed = there or self._created(tries), False
            if _is_unstarted(there):
                tries.may_make, tries.was_started = False, True
                try:
                    there = self.host.start(there.id)
                except PortTaken:
                    tries.may_make, tries.was_started = True, False
                    tries.taken |= tries.ports
                    self.host.remove(there.id)
                    is_removed = True  # an engine may list it a moment longer
                    continue
                except ContainerNotFound:
                    continue
            ports = [[each.container_port, each.host_port] for each in there.ports]
            return {"id": there.id, "ports": ports, "is_gone": False}
        raise EngineRefused(
            Text(
                "No port from {port} upwards is free on the VM.",
                port=str(min((each.host_port for each in self.spec.ports), default=1)),
            )
        )

    def _gone(self, watch: Watch, container_id: str, *, was_started: bool) -> Json:
        if not (self.spec.removes_itself and was_started):
            raise EngineRefused(
                Text("The container is not there any more. It was not started again.")
            )
        watch.conclude(Text("ended and removed itself"))
        return {"id": container_id, "ports": [], "is_gone": True}

    def _tell_moved(self, watch: Watch, done: Json) -> None:
        for each in self.spec.ports:
            used = [outside for inside, outside in done["ports"] if inside == each.container_port]
            if used and each.host_port not in used:
                port, taken = str(used[0]), str(each.host_port)
                watch.conclude(
                    Text("port {port}, because {taken} is in use", port=port, taken=taken)
                )
                return


def existing(host: ContainerHost, op_id: str) -> Container | None:
    """The container that an operation has made, if there is one."""
    return next(iter(host.containers(all=True, label=f"{OPERATION}={op_id}")), None)


def moved(ports: tuple[PortBinding, ...], taken: set[int]) -> tuple[PortBinding, ...]:
    """The same ports of a container at free ones of the VM: each the next above what was asked."""
    used, free = set(taken), []
    for each in ports:
        port = each.host_port
        while port in used and port < 65535:
            port += 1
        used.add(port)
        free.append(replace(each, host_port=port))
    return tuple(free)


def left_behind(
    use: VmUse, op: Operation, admitted: Json, again: tuple[Button, ...] = ()
) -> Outcome:
    """What an operation that failed has left: what does not run is removed.

    again: offered when nothing of it can be running any more.
    """
    try:
        host = use.fleet.host(use.vms.get(admitted["vm"]))
        left = existing(host, op.id)
        if left is not None and not left.is_running:
            host.remove(left.id)
            left = None
    except (LookupError, HostError, UserError):
        return Outcome(
            Text("See what still runs with `{command} ps`.", command=use.policy.command), again
        )
    if left is None:
        return Outcome(Text("No container was left behind."), again)
    return Outcome(
        Text("Container `{id}` was started and is still running.", id=left.short_id),
        tuple(owner_buttons(left.short_id)),
    )


def _is_unstarted(container: Container) -> bool:
    return container.status.startswith("Created")
