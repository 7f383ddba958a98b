"""RStudio, Shiny and whatever else the catalogue has: pulled, started, and proved to answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.errors import EngineRefused
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
from bot.replies.answers import owner_buttons
from bot.replies.blocks import OPEN, Button, password_button
from bot.services import pulling
from bot.services.container_start import ContainerStart, left_behind
from bot.services.containers import homes
from bot.services.fleet import APP, CHANNEL, OPERATION, OWNER, SECRET, new_secret
from bot.services.recorded import Json
from bot.services.vm_use import VmUse
from bot.services.work import Failed, Outcome, Watch, Work
from config.settings import App, Policy

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
        start = ContainerStart(host, work.op.id, _spec(app, work.op), self.policy.poll.host)
        started = start.carry_out(work, limits.start)
        ports = {each.container_port: each.host_port for each in started.ports}
        url = f"http://{vm.address}:{ports.get(app.port, app.port)}"
        work.phase(
            "ready",
            Text("Wait for its page"),
            limits.ready,
            lambda watch: self._answers(watch, host, started.id, url + app.probe),
        )
        return self._told(app, vm, started.id, url + app.path)

    def _app(self, op: Operation) -> App:
        return self.policy.catalog[op.args["app"]]

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        """What ended is removed; what runs is left for its owner to judge."""
        again = Button(Text("Try again"), value=_command(op))
        return left_behind(self.use, op, admitted, (again,))

    # --- phases ---

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
            buttons.append(password_button(vm.op_id, container_id))
        buttons += owner_buttons(container_id[:12])
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


def _spec(app: App, op: Operation) -> ContainerSpec:
    """The password is made here, lives in the container's environment and nowhere else."""
    return ContainerSpec(
        name=_name(op),
        image=app.image,
        ports=(PortBinding(app.port, app.port),),
        environment={} if app.login is None else {SECRET: new_secret()},
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
