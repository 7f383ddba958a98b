"""RStudio, Shiny and whatever else the catalogue has: pulled, started, and proved to answer."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from bot.errors import EngineRefused, HostError, HostUnreachable, NameTaken, PortTaken, UserError
from bot.models import (
    Container,
    ContainerSpec,
    Link,
    Operation,
    Output,
    PortBinding,
    Text,
    Vm,
)
from bot.ports import ContainerHost, Web
from bot.replies.blocks import OPEN, PASSWORD, Button, password_value
from bot.services import pulling
from bot.services.containers import existing, homes, kill_button
from bot.services.fleet import APP, CHANNEL, OPERATION, OWNER
from bot.services.recorded import Json
from bot.services.vm_use import VmUse
from bot.services.work import Failed, Outcome, Watch, Work
from config.settings import App, Policy

_PORTS_TRIED = 100  # beginning with the program's own
_ONE_LOOK = timedelta(seconds=5)
_LOG_LINES = 8


@dataclass(frozen=True, slots=True)
class RunApp:
    """`/ds rstudio`, `/ds shiny`. Implements `bot.services.operations.Act`."""

    use: VmUse
    web: Web
    policy: Policy

    def title(self, op: Operation) -> Text:
        return Text("{app}", app=self._app(op).title)

    def admit(self, op: Operation) -> Json:
        return self.use.admit(op.caller, op.args.get("vm"), op.args["app"])

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        app, limits = self._app(work.op), self.policy.timeouts
        vm, host = self.use.reach(work, admitted)
        work.phase(
            "pull",
            Text("Pull {image}", image=app.image),
            limits.pull,
            lambda watch: pulling.provide(watch, host, app.image, self.policy.poll.host),
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

    def _app(self, op: Operation) -> App:
        return self.policy.catalog[op.args["app"]]

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        """What ended is removed; what runs is left for its owner to judge."""
        again = _command(op)
        retry = Button(Text("Try again"), value=again)
        try:
            vm = self.use.vms.get(admitted["vm"])
            left = existing(self.use.fleet.host(vm), op.id)
            if left is not None and not left.is_running:
                self.use.fleet.host(vm).remove(left.id)
                left = None
        except (LookupError, HostError, UserError):
            return Outcome(
                Text("See what still runs with `{command} ps`.", command=self.policy.command),
                (retry,),
            )
        if left is None:
            return Outcome(Text("No container was left behind."), (retry,))
        return Outcome(
            Text("Container `{id}` was started and is still running.", id=left.short_id),
            (kill_button(left.id),),
        )

    # --- phases ---

    def _start(self, watch: Watch, host: ContainerHost, op: Operation) -> Json:
        """Until the container runs. It has a name of its own, so a lost answer is looked up."""

        def look() -> Container:
            there = existing(host, op.id)
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
        buttons.append(kill_button(container_id))
        sentence = Text("*{app}* is ready: {link}", app=app.title, link=Link(url))
        if app.login is not None:
            sentence = Text(
                "*{app}* is ready: {link}\n"
                "Log in as `{login}`; only the owner can see the password.",
                app=app.title,
                link=Link(url),
                login=app.login,
            )
        facts = [Text("work in `{path}` outlives the container", path=path)
                 for path in list(app.homes.values())[:1]]  # fmt: skip
        return Outcome(sentence, tuple(buttons), tuple(facts))


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
        mounts=homes(app, op.caller.user_id),
    )


def _ended(container: Container, log: str) -> Text:
    return Text(
        "The container stopped by itself ({status}). Its last output:\n{log}",
        status=container.status,
        log=Output(log),
    )
