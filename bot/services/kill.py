"""Killing containers: gone from the engine, whatever state they were in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from bot.models import Operation, Text
from bot.replies.blocks import Button
from bot.services.export import export_button
from bot.services.fleet import APP, OWNER, Fleet
from bot.services.recorded import Json
from bot.services.work import Failed, Outcome, Watch, Work
from bot.store import VmStore
from config.settings import Policy


@dataclass(frozen=True, slots=True)
class KillContainers:
    """`/ds kill ID…`. Implements `bot.services.operations.Act`."""

    fleet: Fleet
    vms: VmStore
    policy: Policy

    def title(self, op: Operation) -> Text:
        return Text("Kill {ids}", ids=op.args["ids"])

    def admit(self, op: Operation) -> Json:
        located = self.fleet.locate(op.args["ids"], op.args.get("vm"), op.caller)
        return {
            "targets": [
                {
                    "vm": one.vm.op_id,
                    "id": one.container.id,
                    "name": one.container.name,
                    "image": one.container.image,
                    "app": one.container.labels.get(APP, ""),
                    "owner": one.container.labels.get(OWNER, ""),
                }
                for one in located
            ]
        }

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        for target in admitted["targets"]:
            vm = self.vms.get(target["vm"])
            work.phase(
                f"kill {target['id'][:12]}",
                Text("`{id}` {image} on {vm}", id=target["id"][:12], image=target["image"],
                     vm=vm.hostname),
                self.policy.timeouts.start,
                partial(self._kill, target),
            )  # fmt: skip
        names = [target["name"] for target in admitted["targets"]]
        kept = {path for target in admitted["targets"] for path in self._homes(target)[:1]}
        if kept:
            return Outcome(
                Text(
                    "Killed and removed: {names}. Work in {folders} is still on the VM, and there"
                    " again when you start the same program.",
                    names=names,
                    folders=sorted(kept),
                ),
                self._exports(work.op, admitted["targets"]),
            )
        return Outcome(Text("Killed and removed: {names}.", names=names))

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        vm = f" on {op.args['vm']}" if op.args.get("vm") else ""
        again = Button(
            Text("Try again"),
            value=f"kill {' '.join(op.args['ids'])}{vm}",
            style="danger",
            confirm=Text("Kill this container? What it holds outside a volume is lost."),
        )
        return Outcome(
            Text("See what still runs with `{command} ps`.", command=self.policy.command), (again,)
        )

    def _exports(self, op: Operation, targets: list[Json]) -> tuple[Button, ...]:
        """A button for each VM where work of the person's own is left."""
        apps = {
            target["vm"]: target["app"]
            for target in targets
            if target.get("owner") == op.caller.user_id and self._homes(target)
        }
        vms = [(app, self.vms.get(vm)) for vm, app in apps.items()]
        return tuple(export_button(app, vm, is_only=len(vms) == 1) for app, vm in vms)

    def _homes(self, target: Json) -> list[str]:
        app = self.policy.catalog.get(target["app"])
        return list(app.homes.values()) if app is not None else []

    def _kill(self, target: Json, watch: Watch) -> Json:
        """Until it is gone; gone already is success."""

        def look() -> Json:
            self.fleet.host(self.vms.get(target["vm"])).remove(target["id"])
            return {}

        return watch.until(look, self.policy.poll.host)
