"""RStudio, Shiny and whatever else the catalogue has: pulled, started, and proved to answer."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.errors import EngineRefused, HostError, HostUnreachable, NameTaken, PortTaken, UserError
from bot.models import (
    Caller,
    Choice,
    Container,
    ContainerSpec,
    Link,
    Operation,
    Output,
    PortBinding,
    PullProgress,
    Text,
    Vm,
    VmState,
)
from bot.ports import ContainerHost, Web
from bot.replies.answers import choices_of
from bot.replies.blocks import OPEN, PASSWORD, Button, password_value
from bot.services.fleet import APP, CHANNEL, OPERATION, OWNER, Fleet
from bot.services.recorded import Json
from bot.services.vm_prepare import check_not_cancelled, owned_vm
from bot.services.work import Failed, Outcome, Stopped, Watch, Work
from bot.store import VmStore
from config.settings import App, Policy

_PORTS_TRIED = 100  # beginning with the program's own
_ONE_LOOK = timedelta(seconds=5)
_LOG_LINES = 8
_WAITING = frozenset({VmState.ORDERING, VmState.PREPARING})
_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class RunApp:
    """`/ds rstudio`, `/ds shiny`. Implements `bot.services.operations.Act`."""

    fleet: Fleet
    vms: VmStore
    web: Web
    policy: Policy

    def title(self, op: Operation) -> Text:
        return Text("{app}", app=self._app(op).title)

    def admit(self, op: Operation) -> Json:
        vm = self._vm_for(op.caller, op.args.get("vm"), op.args["app"])
        if vm.state is VmState.ATTENTION:
            raise UserError(
                Text("`{name}` needs attention first: its preparation failed.", name=vm.hostname),
                instead=f"vm prepare {vm.hostname}",
            )
        if vm.state is VmState.CANCELLING:
            raise UserError(
                Text("`{name}` is being cancelled.", name=vm.hostname), instead="vm list"
            )
        return {"vm": vm.op_id, "wait": vm.state in _WAITING}

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        app, limits = self._app(work.op), self.policy.timeouts
        vm = self.vms.get(admitted["vm"])
        work.stop_when(lambda: check_not_cancelled(self.vms, vm.op_id))
        work.add_fact(Text("on {vm}", vm=vm.hostname))
        if admitted["wait"]:
            wait_limit = limits.boot + limits.connect + limits.docker
            work.phase(
                "vm", Text("Wait for the VM"), wait_limit, lambda watch: self._ready(watch, vm)
            )
        vm = self.vms.get(admitted["vm"])
        host = self.fleet.host(vm)
        work.phase(
            "pull",
            Text("Pull {image}", image=app.image),
            limits.pull,
            lambda watch: self._pull(watch, host, app.image),
        )
        started = work.phase(
            "start",
            Text("Start the container"),
            limits.start,
            lambda watch: self._start(watch, host, work.op),
        )
        url = f"http://{vm.address}:{started['port']}"
        work.phase(
            "ready",
            Text("Wait for its page"),
            limits.ready,
            lambda watch: self._answers(watch, host, started["id"], url + app.probe),
        )
        return self._told(app, vm, started["id"], url + app.path)

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        """What ended is removed; what runs is left for its owner to judge."""
        again = _command(op)
        retry = Button(Text("Try again"), value=again)
        try:
            vm = self.vms.get(admitted["vm"])
            left = _existing(self.fleet.host(vm), _name(op))
            if left is not None and not left.is_running:
                self.fleet.host(vm).remove(left.id)
                left = None
        except (LookupError, HostError, UserError):
            return Outcome(
                Text("See what still runs with `{command} ps`.", command=self.policy.command),
                (retry,),
            )
        if left is None:
            return Outcome(Text("No container was left behind."), (retry,))
        kill = Button(Text("Kill"), value=f"kill {left.short_id}", style="danger")
        return Outcome(
            Text("Container `{id}` was started and is still running.", id=left.short_id), (kill,)
        )

    # --- which VM ---

    def _app(self, op: Operation) -> App:
        return self.policy.catalog[op.args["app"]]

    def _vm_for(self, caller: Caller, name: str | None, app: str) -> Vm:
        """The VM named, or the person's only one. Raises UserError with buttons to choose from."""
        if name is not None:
            return owned_vm(self.vms, name, caller, self.policy.access)
        own = [vm for vm in self.vms.live(caller.user_id) if vm.state is not VmState.CANCELLING]
        if len(own) == 1:
            return own[0]
        if own:
            raise UserError(Text("On which VM?"), choices=choices_of(own, app))
        suggested = self._free_name(app)
        raise UserError(
            Text("You have no VM yet. Order one first, then ask again."),
            instead=f"vm {suggested}",
            choices=[Choice(Text("Order VM {name}", name=suggested), f"vm {suggested}")],
        )

    def _free_name(self, app: str) -> str:
        number = 1
        while self.vms.named(f"{app}-{number}") is not None:
            number += 1
        return f"{app}-{number}"

    # --- phases ---

    def _ready(self, watch: Watch, vm: Vm) -> Json:
        """Until the VM is ready, or somebody has to do something about it."""

        def look() -> Json | None:
            state = self.vms.get(vm.op_id).state
            if state is VmState.READY:
                return {}
            if state in _WAITING:
                return None
            raise Stopped(Text("The VM did not become ready. Its own message says why."))

        return watch.until(look, self.policy.poll.host)

    def _pull(self, watch: Watch, host: ContainerHost, image: str) -> Json:
        """Until the image is on the VM. Pulling again what is partly there goes on where it was."""

        def look() -> Json:
            if host.has_image(image):
                watch.conclude(watch.conclusion or Text("was there already"))
                return {}
            watch.conclude(Text("pulled"))
            host.pull(image, lambda progress: watch.tell(_shown(progress)))
            return {}

        return watch.until(look, self.policy.poll.host)

    def _start(self, watch: Watch, host: ContainerHost, op: Operation) -> Json:
        """Until the container runs. It has a name of its own, so a lost answer is looked up."""

        def look() -> Container:
            there = _existing(host, _name(op))
            if there is not None and there.status.startswith("Created"):
                host.remove(there.id)  # made, not started: a crash came between
                there = None
            return there or self._run(host, op)

        container = watch.until(look, self.policy.poll.host)
        app = self._app(op)
        port = next(
            (each.host_port for each in container.ports if each.container_port == app.port),
            app.port,
        )
        if port != app.port:
            watch.conclude(
                Text("port {port}, because {taken} is in use", port=str(port), taken=str(app.port))
            )
        return {"id": container.id, "port": port}

    def _run(self, host: ContainerHost, op: Operation) -> Container:
        app = self._app(op)
        taken = {each.host_port for one in host.containers() for each in one.ports}
        for port in range(app.port, min(app.port + _PORTS_TRIED, 65536)):
            if port in taken:
                continue
            try:
                return host.run(_spec(app, op, port))
            except PortTaken:
                continue  # by something that is no container
            except NameTaken as error:
                raise HostUnreachable(error.text) from error  # another attempt's: look again
        raise EngineRefused(
            Text("No port from {port} upwards is free on the VM.", port=str(app.port))
        )

    def _answers(self, watch: Watch, host: ContainerHost, container_id: str, url: str) -> Json:
        """Until the page answers. A container that ends by itself is told with its log."""

        def look() -> Json | None:
            if self.web.answers(url, _ONE_LOOK):
                return {}
            container = host.get(container_id)
            if not container.is_running:
                raise EngineRefused(_ended(container, host.logs(container_id, _LOG_LINES)))
            return None

        return watch.until(look, self.policy.poll.page)

    def _told(self, app: App, vm: Vm, container_id: str, url: str) -> Outcome:
        buttons = [Button(Text("Open"), OPEN, url=url, style="primary")]
        if app.login is not None:
            value = password_value(vm.op_id, container_id)
            buttons.append(Button(Text("Show password"), PASSWORD, value))
        buttons.append(_kill_button(container_id))
        sentence = Text("*{app}* is ready: {link}", app=app.title, link=Link(url))
        if app.login is not None:
            sentence = Text(
                "*{app}* is ready: {link}\n"
                "Log in as `{login}`; only the owner can see the password.",
                app=app.title,
                link=Link(url),
                login=app.login,
            )
        return Outcome(sentence, tuple(buttons))


def _command(op: Operation) -> str:
    vm = op.args.get("vm")
    return f"{op.args['app']} on {vm}" if vm else str(op.args["app"])


def _name(op: Operation) -> str:
    return f"{op.args['app']}-{op.id}"


def _spec(app: App, op: Operation, port: int) -> ContainerSpec:
    """The password is made here, lives in the container's environment and nowhere else."""
    return ContainerSpec(
        name=_name(op),
        image=app.image,
        ports=(PortBinding(app.port, port),),
        environment={} if app.login is None else {"PASSWORD": secrets.token_urlsafe(15)},
        labels={
            OWNER: op.caller.user_id,
            OPERATION: op.id,
            APP: op.args["app"],
            CHANNEL: op.caller.channel_id,
        },
        memory_mb=app.memory_mb,
    )


def _existing(host: ContainerHost, name: str) -> Container | None:
    found: Sequence[Container] = host.containers(all=True, label=OPERATION)
    return next((one for one in found if one.name == name), None)


def _shown(progress: PullProgress) -> Text:
    """How far a pull is: "120 of 370 MB, 3 of 7 layers"."""
    return Text(
        "{done} of {total} MB, layers: {layers} of {all}",
        done=progress.done_bytes // _MB,
        total=progress.total_bytes // _MB,
        layers=progress.layers_done,
        all=progress.layers_total,
    )


def _ended(container: Container, log: str) -> Text:
    return Text(
        "The container stopped by itself ({status}). Its last output:\n{log}",
        status=container.status,
        log=Output(log),
    )


def _kill_button(container_id: str) -> Button:
    return Button(
        Text("Kill"),
        value=f"kill {container_id[:12]}",
        style="danger",
        confirm=Text("Kill this container? What it holds outside a volume is lost."),
    )
