"""`/ds restore NAME`: a VM like the one that was cancelled, with its files and containers again.

What was saved is read first, so that no VM is paid for that nothing can be put on. Each step may be
done again: files are laid over files, and a container that was not started yet is made anew.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from bot.access import is_owner_or_admin, require_owner
from bot.activity import Absence
from bot.errors import BotError, EngineRefused, WrongName
from bot.idle import with_absence
from bot.models import (
    LOOKS_INTO,
    Container,
    ContainerSpec,
    Link,
    Operation,
    Text,
    Vm,
    VmState,
    counted,
)
from bot.ports import ContainerHost, Web
from bot.replies.blocks import OPEN, Button, password_button
from bot.services import pulling
from bot.services.fleet import APP, SECRET, Fleet, new_secret
from bot.services.names import near
from bot.services.recorded import Json, text_from_json, text_to_json
from bot.services.saved import (
    Manifest,
    SavedContainer,
    is_put_back,
    manifest_from_json,
    restores_onto,
)
from bot.services.saving import Archives
from bot.services.vm_order import OrderVm
from bot.services.vm_prepare import cancel_button, check_not_cancelled
from bot.services.watching import policy_for, with_absences
from bot.services.work import Failed, Outcome, Stopped, Watch, Work
from bot.store import OperationStore, SaveRow, SaveStore, WatchStore
from config.settings import App, Policy

log = logging.getLogger(__name__)

_HELD = timedelta(days=2)
_BUTTONS = 8  # programs with buttons of their own; the others have their address


@dataclass(frozen=True, slots=True)
class RestoreVm:
    """`/ds restore NAME`. Implements `bot.services.operations.Act`."""

    order: OrderVm
    archives: Archives
    saves: SaveStore
    watch: WatchStore
    operations: OperationStore
    fleet: Fleet
    web: Web
    policy: Policy

    def title(self, op: Operation) -> Text:
        return Text("Restore VM {name}", name=op.args["name"])

    def admit(self, op: Operation) -> Json:
        """The save that is meant, and a VM for it: reserved, or the one of an earlier try."""
        row = self._meant(op)
        there = self.order.vms.named(row.hostname)
        if there is not None and self._is_half_way(op, there, row):
            has_files = row.restored_as == there.op_id
            return {"vm": there.op_id, "save": row.id, "has_files": has_files}
        self.order.admit(self._as_ordered(op, row), again=True)
        return {"vm": op.id, "save": row.id, "has_files": False}

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        row, op = self.saves.get(admitted["save"]), work.op
        manifest, limit = manifest_from_json(row.manifest), self.policy.timeouts.restore
        work.step("hold", lambda: self._hold(row))
        work.phase(
            "read",
            Text("Read what was saved"),
            limit,
            lambda watch: self._read(watch, row, manifest),
        )
        if admitted["vm"] == op.id:
            self.order.carry_out(work, {})
        vm = self.order.vms.get(admitted["vm"])
        work.stop_when(lambda: check_not_cancelled(self.order.vms, vm.op_id))
        host = self.fleet.host(vm)
        if not admitted["has_files"]:
            work.phase(
                "files",
                Text("Put the files back"),
                limit,
                lambda watch: self._put_back(watch, host, row, manifest),
            )
            work.step("restored", lambda: self._note(row, vm))
            work.step("habits", lambda: self._hand_on(vm, manifest))
        started, missing = self._start_all(work, host, row, manifest)
        outcome = self._told(vm, manifest, started, missing)
        if not missing:
            return outcome
        return replace(outcome, buttons=(_go_on(vm, row.id), *outcome.buttons))

    def withdraw(self, op: Operation) -> None:
        self.order.withdraw(op)

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        vm = self._vm(admitted)
        if failure is not None and failure.phase == "read" and admitted["vm"] == op.id:
            self.order.withdraw(op)
            return Outcome(Text("Nothing was ordered."))
        if vm is None or vm.state is not VmState.READY:
            outcome = self.order.after_failure(op, {}, failure)
            line = f"{self.policy.command} restore {op.args['name']}"
            then = Text("Once it is ready, `{command}` puts the files back.", command=line)
            has_vm = vm is not None and vm.state is VmState.ATTENTION
            return replace(outcome, details=(*outcome.details, then)) if has_vm else outcome
        again = _go_on(vm, admitted["save"])
        return Outcome(
            Text("The VM runs and costs money, and not everything was put back. What was saved is"
                 " still there: go on, or cancel the VM."),
            (again, cancel_button(vm)),
        )  # fmt: skip

    # --- which ---

    def _meant(self, op: Operation) -> SaveRow:
        """The save that is named, else the newest of that name. Raises WrongName, NotAllowed."""
        found = self.saves.named(op.args["name"])
        if "save" in op.args:
            found = [row for row in found if row.id == op.args["save"]]
        rules = self.policy.access
        if not found:
            own = [
                row.hostname
                for row in self.saves.of()
                if is_owner_or_admin(op.caller, row.owner_id, rules)
            ]
            text = Text("Nothing is saved of a VM `{name}`.", name=op.args["name"])
            meant = [(name, None) for name in near(op.args["name"], dict.fromkeys(own))]
            raise WrongName(text, "vm", op.args["name"], meant, "saves")
        usable = [row for row in found if is_owner_or_admin(op.caller, row.owner_id, rules)]
        if not usable:
            require_owner(op.caller, found[0].owner_id, rules, found[0].hostname)
        return usable[0]

    def _as_ordered(self, op: Operation, row: SaveRow) -> Operation:
        """The order of a VM like it, for whom it belonged to."""
        manifest = manifest_from_json(row.manifest)
        image = row.image_guid
        if image is None or not self.order.cloud.template_exists(image):
            image = manifest.image
        if image not in self.policy.vm.images and not self.order.cloud.template_exists(image):
            image = self.policy.vm.image  # it was of an image that has expired
        args = {
            "name": row.hostname,
            "image": image,
            "cpus": manifest.cpus,
            "memory": manifest.memory_mb,
            "datacenter": op.args.get("datacenter") or manifest.datacenter,
        }
        return replace(op, args=args, caller=replace(op.caller, user_id=row.owner_id))

    def _is_half_way(self, op: Operation, vm: Vm, row: SaveRow) -> bool:
        """Whether an earlier try has ordered it and none is at work. One that has this save's files
        already gets what containers are missing; files are never written over."""
        tries = [each for each in restores_onto(vm, self.operations) if each.id != op.id]
        is_ours = any(each.id == vm.op_id for each in tries)
        is_free = all(each.state.is_final for each in tries)
        may_go_on = row.restored_as == vm.op_id or not is_put_back(vm, tries, self.saves)
        return vm.state is VmState.READY and is_ours and is_free and may_go_on

    def _vm(self, admitted: Json) -> Vm | None:
        try:
            return self.order.vms.get(admitted["vm"]) if admitted else None
        except LookupError:
            return None

    # --- putting back ---

    def _read(self, watch: Watch, row: SaveRow, manifest: Manifest) -> Json:
        entries = 0
        for file in manifest.files:
            watch.check_going_on()
            entries += self.archives.check(row.id, file.name, file.digest)
        watch.conclude(counted("{count} file", "{count} files", entries))
        return {}

    def _put_back(
        self, watch: Watch, host: ContainerHost, row: SaveRow, manifest: Manifest
    ) -> Json:
        self._require_unused(
            watch.until(lambda: host.containers(all=True), self.policy.poll.host), manifest
        )
        for each in manifest.volumes:
            watch.tell(Text("{path}", path=each.volume))

            def load(volume: str = each.volume, file: str = each.file.name) -> Json:
                host.load_volume(volume, self.archives.read(row.id, file))
                return {}

            watch.until(load, self.policy.poll.host)
        volumes = counted("{count} volume", "{count} volumes", len(manifest.volumes))
        watch.conclude(volumes)
        return {}

    def _require_unused(self, there: Sequence[Container], manifest: Manifest) -> None:
        """A VM may have been ready for long before somebody goes on with it."""
        ours = {each.spec.name for each in manifest.containers}
        others = [
            each.name for each in there if each.name not in ours and LOOKS_INTO not in each.labels
        ]
        if others:
            raise EngineRefused(
                Text("Somebody has begun to use the VM ({names}), so nothing is written over it.",
                     names=others)
            )  # fmt: skip

    def _start_all(
        self, work: Work, host: ContainerHost, row: SaveRow, manifest: Manifest
    ) -> tuple[list[Json], list[Text]]:
        """What runs again, and what does not: one container's trouble is not the next one's."""
        limits = self.policy.timeouts
        started, missing = [], []
        for number, saved in enumerate(manifest.containers):
            name = saved.spec.name
            made = work.phase(
                f"container {number}",
                Text("Container {name}", name=name),
                limits.pull,
                partial(self._tried, host=host, row=row, saved=saved),
            )
            if "trouble" in made:
                why = text_from_json(made["trouble"])
                missing.append(Text("`{name}`: {why}", name=name, why=why))
            else:
                started.append(made | {"app": saved.spec.labels.get(APP)})
        return started, missing

    def _tried(
        self, watch: Watch, host: ContainerHost, row: SaveRow, saved: SavedContainer
    ) -> Json:
        try:
            return self._make(watch, host, row, saved)
        except Stopped:
            raise
        except BotError as error:
            log.warning("%s is not restored: %s", saved.spec.name, error, exc_info=error)
            watch.conclude(Text("not restored"))
            return {"trouble": text_to_json(error.text)}

    def _make(self, watch: Watch, host: ContainerHost, row: SaveRow, saved: SavedContainer) -> Json:
        """Until the container is there, with what it had written, and runs if it ran."""
        every = self.policy.poll.host
        pulling.provide(watch, host, saved.spec.image, every)
        there = watch.until(lambda: self._made(host, row, saved), every)
        if saved.was_running:
            there = watch.until(lambda: host.start(there.id), every)
        ports = [[each.container_port, each.host_port] for each in there.ports]
        return {"id": there.id, "ports": ports, "runs": saved.was_running}

    def _made(self, host: ContainerHost, row: SaveRow, saved: SavedContainer) -> Container:
        """One that was not started yet is an earlier try's, and perhaps half filled."""
        name = saved.spec.name
        known = {each.name: each for each in host.containers(all=True)}
        there = known.get(name)
        if there is not None and not there.status.startswith("Created"):
            return there
        if there is not None:
            host.remove(there.id)
        made = host.create(self._with_password(saved.spec))
        host.load_changes(made.id, self.archives.read(row.id, saved.file.name))
        return made

    def _with_password(self, spec: ContainerSpec) -> ContainerSpec:
        """With a new password where the program had one: the old one was not saved."""
        app = self._app(spec.labels.get(APP))
        if app is None or app.login is None:
            return spec
        return replace(spec, environment=spec.environment | {SECRET: new_secret()})

    def _app(self, word: str | None) -> App | None:
        return self.policy.catalog.get(word or "")

    def _hold(self, row: SaveRow) -> Json:
        """It must not expire while it is being put back, nor before somebody can go on."""
        self.saves.hold(row.id, self.order.clock.now() + _HELD)
        return {}

    def _note(self, row: SaveRow, vm: Vm) -> Json:
        self.saves.restored(row.id, vm.op_id)
        return {}

    def _hand_on(self, vm: Vm, manifest: Manifest) -> Json:
        """When it was used before, so that what was learned of its people is not forgotten."""
        now = self.order.clock.now()
        absences = tuple(Absence(left, back) for left, back in manifest.absences)
        if manifest.idle_since is not None:
            policy = policy_for(vm, self.policy.idle)
            absences = with_absence(absences, Absence(manifest.idle_since, now), policy)
        self.watch.put(with_absences(vm, self.watch.get(vm.op_id), absences, now))
        return {}

    # --- telling ---

    def _told(
        self, vm: Vm, manifest: Manifest, started: Sequence[Json], missing: Sequence[Text]
    ) -> Outcome:
        buttons: list[Button] = []
        details: list[Text] = []
        for made in started:
            app = self._app(made["app"])
            ports = dict(made["ports"])
            if app is None or not made["runs"] or app.port not in ports:
                continue
            url = f"http://{vm.address}:{ports[app.port]}{app.path}"
            details.append(Text("*{app}*: {link}", app=app.title, link=Link(url)))
            if len(buttons) < _BUTTONS:
                buttons += _buttons_of(app, vm, made["id"], url)
        if missing:
            details.append(Text("Not restored: {why}", why=list(missing)))
        text = Text(
            "*{name}* is restored at `{address}`: {volumes}, {containers}.",
            name=vm.hostname,
            address=vm.address,
            volumes=counted("{count} volume", "{count} volumes", len(manifest.volumes)),
            containers=counted("{count} container", "{count} containers", len(started)),
        )
        return Outcome(
            text,
            (*buttons, cancel_button(vm)),
            details=tuple(details),
            is_warning=bool(missing),
        )


def _go_on(vm: Vm, save_id: str) -> Button:
    value = f"restore {vm.hostname} --save {save_id}"
    return Button(Text("Go on"), value=value, style="primary")


def _buttons_of(app: App, vm: Vm, container_id: str, url: str) -> list[Button]:
    buttons = [Button(Text("Open {app}", app=app.title), OPEN, url=url, style="primary")]
    if app.login is not None:
        buttons.append(password_button(vm.op_id, container_id))
    return buttons
