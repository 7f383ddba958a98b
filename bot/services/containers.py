"""Containers of any image: run with docker's own words, and stopped."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from bot.errors import ContainerNotFound, HostError
from bot.models import (
    ContainerSpec,
    Link,
    Mount,
    Operation,
    Output,
    PortBinding,
    Text,
    Vm,
)
from bot.ports import ContainerHost
from bot.replies.answers import owner_buttons
from bot.replies.blocks import OPEN, Button, password_button
from bot.services import pulling
from bot.services.container_start import ContainerStart, left_behind
from bot.services.fleet import APP, CHANNEL, OPERATION, OWNER, SECRET, Fleet, new_secret
from bot.services.recorded import Json
from bot.services.vm_use import VmUse
from bot.services.work import Failed, Outcome, Watch, Work
from bot.store import VmStore
from config.settings import App, Policy

_SETTLES = timedelta(seconds=2)
"""A container that ends within this time is told as one that ended at once."""

_LOG_LINES = 20
_ROCKER_USER = 1000
_GRACE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class RunContainer:
    """`/ds run IMAGE …`. Implements `bot.services.operations.Act`."""

    use: VmUse

    def title(self, op: Operation) -> Text:
        return Text("Run {image}", image=op.args["image"])

    def admit(self, op: Operation) -> Json:
        return self.use.admit(op.caller, op.args.get("vm"), _typed(op))

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        vm, host = self.use.reach(work, admitted)
        limits, image = self.use.policy.timeouts, work.op.args["image"]
        work.phase(
            "pull",
            Text("Pull {image}", image=image),
            limits.pull,
            lambda watch: pulling.provide(watch, host, image, self.use.policy.poll.host),
        )
        start = ContainerStart(
            host, work.op.id, _spec(work.op, self.use.policy), self.use.policy.poll.host
        )
        started = start.carry_out(work, limits.start)
        if started.is_gone:
            return _removed_itself()
        ended = work.phase(
            "settle",
            Text("See whether it keeps running"),
            limits.start,
            lambda watch: self._settle(watch, host, started.id),
        )
        return self._told(vm, host, work.op, started.id, ended)

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        """A container that does not run is removed; what runs is left for its owner to judge."""
        return left_behind(self.use, op, admitted)

    def _settle(self, watch: Watch, host: ContainerHost, container_id: str) -> Json:
        """Its exit code, None when it runs on; "gone" when it has removed itself."""
        try:
            exit_code = host.wait(container_id, _SETTLES)
        except ContainerNotFound:
            watch.conclude(Text("ended and removed itself"))
            return {"gone": True, "exit_code": None, "log": ""}
        if exit_code is None:
            watch.conclude(Text("it does"))
            return {"gone": False, "exit_code": None, "log": ""}
        watch.conclude(Text("ended with exit code {code}", code=str(exit_code)))
        log = host.logs(container_id, _LOG_LINES)[-1500:]
        return {"gone": False, "exit_code": exit_code, "log": log}

    def _told(
        self, vm: Vm, host: ContainerHost, op: Operation, container_id: str, ended: Json
    ) -> Outcome:
        short_id = container_id[:12]
        if ended["gone"]:
            return _removed_itself()
        if ended["exit_code"] is not None:
            sentence = Text(
                "Container `{id}` ended at once, with exit code {code}. Its output:\n{log}",
                id=short_id,
                code=str(ended["exit_code"]),
                log=Output(ended["log"]),
            )
            return Outcome(sentence, tuple(owner_buttons(short_id, is_running=False)))
        links, buttons = self._pages(vm, host, op, container_id)
        if not links:
            return Outcome(Text("Container `{id}` is running.", id=short_id), tuple(buttons))
        return Outcome(
            Text("Container `{id}` is running: {links}", id=short_id, links=links), tuple(buttons)
        )

    def _pages(
        self, vm: Vm, host: ContainerHost, op: Operation, container_id: str
    ) -> tuple[list[Link], list[Button]]:
        """Every published port as an address; a container that is gone meanwhile has none."""
        try:
            ports = host.get(container_id).ports
        except HostError:
            ports = ()
        links = [Link(f"http://{vm.address}:{each.host_port}/") for each in ports]
        buttons = [Button(Text("Open"), OPEN, url=link.url, style="primary") for link in links[:1]]
        app = _catalogued(op, self.use.policy)
        if app is not None and app.login:
            buttons.append(password_button(vm.op_id, container_id))
        return links, [*buttons, *owner_buttons(container_id[:12])]


@dataclass(frozen=True, slots=True)
class StopContainers:
    """`/ds stop ID…`: they end cleanly and stay. Implements `bot.services.operations.Act`."""

    fleet: Fleet
    vms: VmStore
    policy: Policy

    def title(self, op: Operation) -> Text:
        return Text("Stop {ids}", ids=op.args["ids"])

    def admit(self, op: Operation) -> Json:
        located = self.fleet.locate(op.args["ids"], op.args.get("vm"), op.caller)
        return {
            "targets": [
                {"vm": one.vm.op_id, "id": one.container.id, "name": one.container.name}
                for one in located
            ]
        }

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        for target in admitted["targets"]:
            vm = self.vms.get(target["vm"])
            work.phase(
                f"stop {target['id'][:12]}",
                Text("{name} on {vm}", name=target["name"], vm=vm.hostname),
                self.policy.timeouts.start,
                partial(self._stop, target),
            )
        names = [target["name"] for target in admitted["targets"]]
        return Outcome(Text("Stopped: {names}. Their files are still there.", names=names))

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        return Outcome(
            Text("See what still runs with `{command} ps`.", command=self.policy.command)
        )

    def _stop(self, target: Json, watch: Watch) -> Json:
        def look() -> Json:
            self.fleet.host(self.vms.get(target["vm"])).stop(target["id"], _GRACE)
            return {}

        return watch.until(look, self.policy.poll.host)


def _removed_itself() -> Outcome:
    return Outcome(Text("The container has ended and removed itself, as `--rm` asks."))


def homes(app: App, owner_id: str) -> tuple[Mount, ...]:
    """The owner's volumes on a VM, the same for each container of theirs: work outlives it.

    They belong to the user that rocker's programs run as (uid and gid 1000; workspaces.md §2).
    """
    return tuple(
        Mount(f"ds-{owner_id.lower().replace(':', '-')}-{name}", path, owner=_ROCKER_USER)
        for name, path in app.homes.items()
    )


def _typed(op: Operation) -> str:
    """How it is typed, without the VM."""
    args = op.args
    words = ["run", args["image"]]
    for outside, inside in args.get("publish") or []:
        words += ["-p", f"{outside}:{inside}"]
    for name, value in args.get("env") or []:
        words += ["-e", f"{name}={value}"]
    words += ["-P"] if args.get("publish-all") else []
    words += ["--rm"] if args.get("rm") else []
    words += ["--name", args["name"]] if args.get("name") else []
    words += ["--memory", f"{args['memory']}m"] if args.get("memory") else []
    words += ["--cpus", str(args["cpus"])] if args.get("cpus") else []
    line = shlex.join(words)
    return f"{line} -- {shlex.join(args['command'])}" if args.get("command") else line


def _catalogued(op: Operation, policy: Policy) -> App | None:
    """The program of the catalogue that an image is, if it is one."""
    image = op.args["image"].removesuffix(":latest")
    return next((app for app in policy.catalog.values() if app.image == image), None)


def _spec(op: Operation, policy: Policy) -> ContainerSpec:
    """The container that was asked for. A program with a login gets a password of its own."""
    args, app = op.args, _catalogued(op, policy)
    environment = dict(args.get("env") or [])
    labels = {
        OWNER: op.caller.user_id,
        OPERATION: op.id,
        CHANNEL: op.caller.channel_id,
    }
    if app is not None and app.login:
        environment.setdefault(SECRET, new_secret())
    if app is not None:
        labels[APP] = next(name for name, one in policy.catalog.items() if one is app)
    return ContainerSpec(
        name=args.get("name") or f"run-{op.id}",
        image=args["image"],
        ports=tuple(PortBinding(inside, outside) for outside, inside in args.get("publish") or []),
        environment=environment,
        labels=labels,
        memory_mb=args.get("memory"),
        cpus=args.get("cpus"),
        command=tuple(args.get("command") or ()),
        publishes_all=args.get("publish-all", False),
        removes_itself=args.get("rm", False),
        mounts=homes(app, op.caller.user_id) if app is not None else (),
    )
