"""Killing containers: gone from the engine, whatever state they were in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from bot.models import Operation, Text
from bot.services.fleet import APP, Fleet
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
        kept = {
            path
            for target in admitted["targets"]
            if target["app"] in self.policy.catalog
            for path in list(self.policy.catalog[target["app"]].homes.values())[:1]
        }
        if kept:
            return Outcome(
                Text(
                    "Killed and removed: {names}. Work in {folders} is still on the VM, and there"
                    " again when you start the same program.",
                    names=names,
                    folders=sorted(kept),
                )
            )
        return Outcome(Text("Killed and removed: {names}.", names=names))

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        return Outcome(
            Text("See what still runs with `{command} ps`.", command=self.policy.command)
        )

    def _kill(self, target: Json, watch: Watch) -> Json:
        """Until it is gone; gone already is success."""

        def look() -> Json:
            self.fleet.host(self.vms.get(target["vm"])).remove(target["id"])
            return {}

        return watch.until(look, self.policy.poll.host)
