"""Images without a page: made sure of, and shown by what they say of themselves."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import EngineRefused
from bot.models import ContainerSpec, Operation, Output, Text
from bot.ports import ContainerHost
from bot.replies.blocks import Button
from bot.services import pulling
from bot.services.container_start import existing
from bot.services.fleet import OPERATION, OWNER
from bot.services.recorded import Json
from bot.services.vm_use import VmUse
from bot.services.work import Failed, Outcome, Watch, Work
from config.settings import Tool

_LINES = 3


@dataclass(frozen=True, slots=True)
class ShowTool:
    """`/ds r-base`, `/ds r-devel`. Implements `bot.services.operations.Act`.

    By hand, `docker run -d rocker/r-base` looks like success and has ended at once.
    """

    use: VmUse

    def title(self, op: Operation) -> Text:
        return Text("{tool}", tool=self._tool(op).image)

    def admit(self, op: Operation) -> Json:
        return self.use.admit(op.caller, op.args.get("vm"), op.args["tool"])

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        vm, host = self.use.reach(work, admitted)
        tool, limits = self._tool(work.op), self.use.policy.timeouts
        work.phase(
            "pull",
            Text("Pull {image}", image=tool.image),
            limits.pull,
            lambda watch: self._pull(watch, host, tool.image),
        )
        said = work.phase(
            "show",
            Text("Ask for its version"),
            limits.start,
            lambda watch: self._show(watch, host, work.op),
        )
        return Outcome(
            Text("{image} is on {vm}:\n{output}", image=tool.image, vm=vm.hostname,
                 output=Output(said["output"]))
        )  # fmt: skip

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        again = f"{op.args['tool']} on {op.args['vm']}" if op.args.get("vm") else op.args["tool"]
        return Outcome(Text("Nothing was left behind."), (Button(Text("Try again"), value=again),))

    def _tool(self, op: Operation) -> Tool:
        return self.use.policy.tools[op.args["tool"]]

    def _pull(self, watch: Watch, host: ContainerHost, image: str) -> Json:
        def look() -> Json:
            pulling.pull(watch, host, image)
            return {}

        return watch.until(look, self.use.policy.poll.host)

    def _show(self, watch: Watch, host: ContainerHost, op: Operation) -> Json:
        """Run its command in a container of its own, which is removed again."""

        def look() -> Json:
            left = existing(host, op.id)
            if left is not None:
                host.remove(left.id)
            container = host.run(self._spec(op))
            try:
                exit_code = host.wait(container.id, watch.timeout)
                output = host.logs(container.id, 200)
            finally:
                host.remove(container.id)
            if exit_code != 0:
                raise EngineRefused(Text("It said:\n{output}", output=Output(output[-500:])))
            return {"output": "\n".join(output.strip().splitlines()[:_LINES])}

        return watch.until(look, self.use.policy.poll.host)

    def _spec(self, op: Operation) -> ContainerSpec:
        tool = self._tool(op)
        return ContainerSpec(
            name=f"{op.args['tool']}-{op.id}",
            image=tool.image,
            command=tool.command,
            labels={OWNER: op.caller.user_id, OPERATION: op.id},
            has_network=False,
        )
