"""R in the channel: somebody's code, run in a container of its own that may do nothing.

What is guaranteed, and by what: no network (none is there); memory with files, CPU, processes (the
engine's limits); time (the watcher in the container, r_watch.pl, even while no bot runs); nothing
written to the VM's disk but a log of at most 20 MB (the root cannot be written to, files are in
memory) and, with `--keep`, one file of at most `keep_mb`, which only the watcher can write.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import timedelta

from bot.errors import (
    ChatError,
    ChatRefused,
    ChatUnknown,
    ContainerNotFound,
    EngineRefused,
    HostError,
    HostUnreachable,
    NameTaken,
    OutsideError,
    UserError,
)
from bot.models import Container, Operation, Output, Text, Vm, counted
from bot.ports import ContainerHost
from bot.replies.blocks import Button, Picture
from bot.services import pulling
from bot.services.container_start import existing
from bot.services.r_answer import is_fine, told
from bot.services.r_container import RUN, longest, most_log_bytes, oldest, spec_of
from bot.services.r_report import RReport, excerpt, readable, report_from
from bot.services.recorded import Json, text_from_json, text_to_json
from bot.services.vm_use import VmUse
from bot.services.work import CLOCKS_DIFFER, Failed, Outcome, TimedOut, Watch, Work
from config.r import RPolicy

log = logging.getLogger(__name__)

_CODE_SHOWN = 600  # characters
_ONE_LOOK = timedelta(seconds=1)
_SOON = timedelta(milliseconds=100)
_LOG_LINES = 100_000
_REMOVALS = 5
_APPEARS = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class RunR:
    """`/ds r CODE`. Implements `bot.services.operations.Act`."""

    use: VmUse

    @property
    def _limits(self) -> RPolicy:
        return self.use.policy.r

    def title(self, op: Operation) -> Text:
        return Text("R")

    def admit(self, op: Operation) -> Json:
        return self.use.admit(op.caller, op.args.get("vm"), _typed(op))

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        limits, timeouts, op = self._limits, self.use.policy.timeouts, work.op
        if code := op.args.get("code"):
            work.add_detail(Text("{code}", code=Output(_shortened(code), most=_CODE_SHOWN)))
        _, host = self.use.reach(work, admitted)
        work.phase(
            "pull",
            Text("Pull {image}", image=limits.image),
            timeouts.pull,
            lambda watch: pulling.provide(watch, host, limits.image, self.use.policy.poll.host),
        )
        made = work.phase(
            "create",
            Text("Wait for its turn"),
            limits.queue + timeouts.start,
            lambda watch: self._create(watch, host, op),
        )
        work.phase(
            "run",
            Text("Run the code"),
            longest(op, limits),
            lambda watch: self._run(watch, host, made["id"]),
        )
        done = work.phase(
            "collect",
            Text("Get what it printed and drew"),
            timeouts.start,
            lambda watch: self._collect(watch, work, host, made["id"]),
        )
        more = self._share(work, host, made["id"]) if done["is_long"] else []
        removed = work.step("remove", lambda: self._remove(work, host, made["id"]))
        return self._outcome(done, more, is_removed=removed["is_removed"])

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        retry = Button(Text("Try again"), value=_typed(op, op.args.get("vm")))
        buttons = (retry,) if retry.fits else ()
        if all([self._is_clean(op, vm) for vm in self._places(op, admitted)]):
            return Outcome(Text("Nothing was left behind."), buttons)
        text = Text("See what still runs with `{command} ps`.", command=self.use.policy.command)
        return Outcome(text, buttons)

    def _is_clean(self, op: Operation, vm: Vm) -> bool:
        """Whether the VM has no container of the operation, or has none any more."""
        try:
            host = self.use.fleet.host(vm)
            left = existing(host, op.id)
            if left is not None:
                host.remove(left.id)
        except (HostError, UserError) as error:
            log.warning("operation %s: is a container left on %s? %s", op.id, vm.hostname, error)
            return False
        return True

    # --- phases ---

    def _create(self, watch: Watch, host: ContainerHost, op: Operation) -> Json:
        """Make the container, which is its place in the line, and wait until it is its turn."""

        def look() -> Json | None:
            mine = existing(host, op.id) or self._made(host, op)
            ahead = self._ahead(watch, host, mine)
            if ahead >= self._limits.at_once and not _has_begun(mine):
                watch.tell(counted("{count} run is ahead", "{count} runs are ahead", ahead))
                return None
            return {"id": mine.id}

        return watch.until(look, self.use.policy.poll.host)

    def _made(self, host: ContainerHost, op: Operation) -> Container:
        try:
            return host.create(spec_of(op, self._limits))
        except NameTaken as error:
            raise HostUnreachable(error.text) from error  # another attempt's: look again

    def _ahead(self, watch: Watch, host: ContainerHost, mine: Container) -> int:
        """How many runs on the VM go on, or wait since before this one."""
        since = watch.clock.now() - oldest(self._limits)
        others = [each for each in host.containers(all=True, label=RUN) if each.id != mine.id]
        mine_began = (mine.created_at, mine.id)
        return sum(
            each.is_running or (not _has_begun(each) and (each.created_at, each.id) < mine_began)
            for each in others
            if each.created_at > since
        )

    def _run(self, watch: Watch, host: ContainerHost, container_id: str) -> Json:
        """Until it has ended. It is started once: what has begun is only waited for."""

        def look() -> Json | None:
            if not _has_begun(host.get(container_id)):
                host.start(container_id)
            exit_code = host.wait(container_id, _ONE_LOOK)
            return None if exit_code is None else {"exit_code": exit_code}

        try:
            return watch.until(look, _SOON)
        except ContainerNotFound as error:
            raise EngineRefused(
                Text("Somebody removed its container. The code was not run again.")
            ) from error

    def _collect(self, watch: Watch, work: Work, host: ContainerHost, container_id: str) -> Json:
        """What is told, with the plots uploaded; a file that nobody shows is seen by nobody."""
        report = self._report(watch, host, container_id)
        keeps, command = bool(work.op.args.get("keep")), self.use.policy.command
        text = told(report, self._limits, command, keeps=keeps)
        output = readable(report.output if report is not None else "")
        pictures: list[Picture] = []
        try:
            self._upload(watch, work, report, pictures)
        except (ChatRefused, TimedOut) as error:  # the rest is told all the same
            pictures = []
            text = Text("{one}\nIts plots cannot be shown: {why}", one=text, why=error.text)
        return {
            "text": text_to_json(text),
            "is_fine": is_fine(report),
            "shown": excerpt(output, self._limits.shown),
            "is_long": len(output) > self._limits.shown,
            "plots": [[each.file_id, text_to_json(each.alt)] for each in pictures],
        }

    def _upload(
        self, watch: Watch, work: Work, report: RReport | None, pictures: list[Picture]
    ) -> None:
        plots = report.plots if report is not None else ()

        def upload_next() -> Picture:
            number = len(pictures) + 1
            content = plots[number - 1]
            alt = Text(
                "Plot {number} of {count} that R has drawn: {code}",
                number=number,
                count=len(plots),
                code=work.op.args.get("code", ""),
            )
            kind = "png" if content.startswith(b"\x89PNG") else "jpg"
            return work.upload(f"plot-{number}.{kind}", content, alt)

        while len(pictures) < len(plots):
            pictures.append(watch.until(upload_next, self.use.policy.poll.host))

    def _share(self, work: Work, host: ContainerHost, container_id: str) -> list[Text]:
        """The output as a file in the card's thread; looked for before it is put there again."""
        name = f"r-output-{work.op.id}.txt"

        def share(watch: Watch) -> Json:
            try:
                report = self._report(watch, host, container_id)
                if not (watch.is_repeat and self._appears(watch, work, name)):
                    output = report.output if report is not None else ""
                    work.share(name, output.encode(), Text("What R has printed"))
            except ChatUnknown:
                if not self._appears(watch, work, name):
                    return text_to_json(Text("Its whole output may be in the thread."))
            except OutsideError as error:
                why = Text("Its whole output is not in the thread: {why}", why=error.text)
                return text_to_json(why)
            return text_to_json(self._shared(report))

        title = Text("Put the output into the thread")
        shared = work.phase("share", title, self.use.policy.timeouts.start, share)
        return [text_from_json(shared)]

    def _appears(self, watch: Watch, work: Work, name: str) -> bool:
        """Whether the file is there, or comes to be in the time that Slack may take."""
        until = watch.clock.now() + _APPEARS
        while True:
            try:
                if work.is_shared(name, work.op.requested_at - CLOCKS_DIFFER):
                    return True
            except ChatError as error:
                log.info("operation %s: is its file there? %s", work.op.id, error)
            if watch.clock.now() >= until:
                return False
            watch.clock.sleep(self.use.policy.poll.host)

    def _shared(self, report: RReport | None) -> Text:
        if report is None or not report.is_cut:
            return Text("Its whole output is in the thread.")
        return Text(
            "It printed {size} MB; the first and the last of it, {most} KB, are in the thread.",
            size=f"{report.printed_bytes / 1e6:.1f}",
            most=str(self._limits.output_kb),
        )

    def _report(self, watch: Watch, host: ContainerHost, container_id: str) -> RReport | None:
        most_bytes = most_log_bytes(self._limits)

        def look() -> str:
            return host.logs(container_id, _LOG_LINES, most_bytes)

        return report_from(watch.until(look, self.use.policy.poll.host))

    def _remove(self, work: Work, host: ContainerHost, container_id: str) -> Json:
        for _ in range(_REMOVALS):
            try:
                host.remove(container_id)
            except HostError as error:
                log.warning("container %s is not removed yet: %s", container_id, error)
                work.clock.sleep(self.use.policy.poll.host)
            else:
                return {"is_removed": True}
        return {"is_removed": False}

    # --- telling ---

    def _outcome(self, done: Json, more: list[Text], *, is_removed: bool) -> Outcome:
        text = text_from_json(done["text"])
        for each in more:
            text = Text("{one} {more}", one=text, more=each)
        limits = self._limits
        facts = [
            Text(
                "no network, {memory} MB, {time} at most",
                memory=str(limits.memory_mb),
                time=limits.time,
            )
        ]
        if not is_removed:
            facts.append(Text("its container could not be removed"))
        shown = Output(done["shown"], most=limits.shown)
        return Outcome(
            text,
            facts=tuple(facts),
            details=(Text("{output}", output=shown),) if done["shown"].strip() else (),
            pictures=tuple(Picture(file_id, text_from_json(alt)) for file_id, alt in done["plots"]),
            is_warning=not done["is_fine"],
        )

    def _places(self, op: Operation, admitted: Json) -> list[Vm]:
        """The VM that it ran on; when that is not known, all that may be it."""
        if "vm" in admitted:
            return [self.use.vms.get(admitted["vm"])]
        return [vm for vm in self.use.vms.live() if vm.address and vm.host_key
                and op.args.get("vm") in (None, vm.hostname)]  # fmt: skip


def _has_begun(container: Container) -> bool:
    return not container.status.startswith("Created")


def _shortened(code: str) -> str:
    return code if len(code) <= _CODE_SHOWN else f"{code[: _CODE_SHOWN - 2]}\n…"


def _typed(op: Operation, vm: str | None = None) -> str:
    """How it is typed: for buttons, which `--` lets put `on VM` before the code."""
    flags = "".join(f" --{name}" for name in ("keep", "fresh") if op.args.get(name))
    on_vm = f" on {vm}" if vm else ""
    code = op.args.get("code", "")
    # What Slack makes of an ampersand is undone when a line is read.
    code = re.sub(r"&(?=(?:lt|gt|amp);)", "&amp;", code)
    return f"r{flags}{on_vm} -- {code}" if code else f"r{flags}{on_vm}"
