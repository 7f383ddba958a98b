"""Images: pulled with their progress, several with one card, and removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from bot.errors import UserError
from bot.models import Operation, Text
from bot.ports import ContainerHost
from bot.replies.blocks import Button
from bot.services import pulling
from bot.services.recorded import Json
from bot.services.vm_use import VmUse
from bot.services.work import Failed, Outcome, Watch, Work


@dataclass(frozen=True, slots=True)
class PullImages:
    """`/ds pull IMAGE`, `/ds toolchain`. Implements `bot.services.operations.Act`.

    One image that cannot be pulled does not keep the others from it.
    """

    use: VmUse

    def title(self, op: Operation) -> Text:
        if len(op.args["images"]) > 1:
            return Text("Toolchain")
        return Text("Pull {image}", image=op.args["images"][0])

    def admit(self, op: Operation) -> Json:
        return self.use.admit(op.caller, op.args.get("vm"), self._command(op))

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        _, host = self.use.reach(work, admitted)
        images, missing = op_images(work.op), []
        for image in images:
            try:
                work.phase(
                    f"pull {image}",
                    Text("{image}", image=image),
                    self.use.policy.timeouts.pull,
                    partial(self._pull, host, image),
                )
            except Failed as failure:
                if len(images) == 1:
                    raise
                missing.append((image, failure))
        if len(missing) == len(images):
            raise missing[0][1]
        return self._told(images, [image for image, _ in missing])

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        again = Button(Text("Try again"), value=_on_vm(self._command(op), op))
        return Outcome(Text("What was pulled so far stays; trying again goes on from there."),
                       (again,))  # fmt: skip

    def _command(self, op: Operation) -> str:
        images = op_images(op)
        is_all = images == list(self.use.policy.toolchain)
        return "toolchain" if is_all else " ".join(["pull", *images])

    def _pull(self, host: ContainerHost, image: str, watch: Watch) -> Json:
        def look() -> Json:
            pulled = pulling.pull(watch, host, image)
            return {"id": pulled.image_id, "digest": pulled.digest, "news": pulled.is_news}

        return watch.until(look, self.use.policy.poll.host)

    def _told(self, images: Sequence[str], missing: Sequence[str]) -> Outcome:
        there = [image for image in images if image not in missing]
        if not missing:
            return Outcome(Text("On the VM: {images}.", images=there))
        successors = [
            app.successor
            for app in self.use.policy.catalog.values()
            if app.successor and app.image in missing
        ]
        if successors:
            return Outcome(
                Text(
                    "On the VM: {images}. Not pulled: {missing}; its successor today is"
                    " {successors}.",
                    images=there,
                    missing=list(missing),
                    successors=successors,
                )
            )
        return Outcome(
            Text("On the VM: {images}. Not pulled: {missing}.", images=there, missing=list(missing))
        )


@dataclass(frozen=True, slots=True)
class RemoveImage:
    """`/ds rmi IMAGE`. Implements `bot.services.operations.Act`."""

    use: VmUse

    def title(self, op: Operation) -> Text:
        return Text("Remove {image}", image=op.args["image"])

    def admit(self, op: Operation) -> Json:
        command = f"rmi {op.args['image']}"
        vm = self.use.ready(op.caller, op.args.get("vm"), command)
        if not self.use.fleet.host(vm).has_image(op.args["image"]):
            raise UserError(
                Text("`{vm}` has no image `{image}`.", vm=vm.hostname, image=op.args["image"]),
                instead="images",
            )
        return {"vm": vm.op_id, "wait": False}

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        _, host = self.use.reach(work, admitted)
        image = work.op.args["image"]
        work.phase(
            "remove",
            Text("Remove it from the VM"),
            self.use.policy.timeouts.start,
            lambda watch: watch.until(lambda: _removed(host, image), timedelta(seconds=1)),
        )
        return Outcome(Text("{image} is removed.", image=image))

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        return Outcome(Text("The image is still there. A container may have been made of it."))


def op_images(op: Operation) -> list[str]:
    """The images that an operation names, each once."""
    return list(dict.fromkeys(str(image) for image in op.args["images"]))


def _removed(host: ContainerHost, image: str) -> Json:
    host.remove_image(image)
    return {}


def _on_vm(command: str, op: Operation) -> str:
    return f"{command} on {op.args['vm']}" if op.args.get("vm") else command
