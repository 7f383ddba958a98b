"""Somebody's work out of RStudio's folders, as an archive in the card's thread or for them alone.

The folders are volumes on the VM, so no container need run. How large they are is looked at first;
where others would see the files, it is asked first. The archive is sent under a name of its own, so
that after a crash or a lost answer it can be looked whether it is there: none is sent twice without
saying so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.access import is_owner_or_admin, require_owner
from bot.errors import ChatError, ChatUnknown, EngineRefused, TooLarge, UserError, WrongName
from bot.models import Caller, Choice, Operation, Person, Text, Title, Vm, counted
from bot.ports import ContainerHost
from bot.replies.blocks import Button
from bot.replies.engine_answers import size
from bot.services.containers import homes
from bot.services.fleet import APP, OWNER
from bot.services.names import near
from bot.services.packing import Archive, packed
from bot.services.recorded import Json
from bot.services.vm_use import VmUse
from bot.services.work import CLOCKS_DIFFER, Failed, Outcome, Watch, Work
from config.settings import App

_MB = 1_000_000
_APPEARS, _LOOK_AGAIN = timedelta(seconds=20), timedelta(seconds=2)
"""How long Slack may take to show a file that it has taken."""


@dataclass(frozen=True, slots=True)
class ExportWork:
    """`/ds export [CONTAINER|APP]`. Implements `bot.services.operations.Act`."""

    use: VmUse

    def title(self, op: Operation) -> Text:
        return Text("Export work")

    def admit(self, op: Operation) -> Json:
        if op.args.get("here") and op.args.get("private"):
            raise UserError(
                Text("Choose one of `--here` and `--private`."), _typed(op, "--private")
            )
        vm, owner_id, apps = self._meant(op)
        host = self.use.fleet.host(vm)
        found = _measured(host, apps, owner_id)
        if not found and owner_id == op.caller.user_id != vm.owner_id:
            if is_owner_or_admin(op.caller, None, self.use.policy.access):
                owner_id = vm.owner_id  # an admin means the work of the VM's owner
                found = _measured(host, apps, owner_id)
        self._check_size(vm, owner_id, found)
        if not (op.args.get("here") or op.args.get("private") or _is_private(op.caller)):
            raise self._question(op, vm, owner_id, found)
        return {"vm": vm.op_id, "wait": False, "owner": owner_id, "folders": found}

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        vm, host = self.use.reach(work, admitted)
        limit = self.use.policy.timeouts.export
        sending = _Sending(work, vm, host, admitted, self.use.policy.export.most_mb * _MB)
        facts = work.phase("pack", Text("Pack the files"), limit, sending.pack)
        sent = work.phase("send", Text("Send the archive"), limit, sending.send)
        if sent["perhaps"]:
            return self._perhaps(work.op, sending.name)
        return sending.told(facts)

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        again = Button(Text("Try again"), value=_again(op))
        if failure is None:
            text = Text("Look whether an archive was sent. The files are still on the VM.")
            return Outcome(text, (again,))
        return Outcome(Text("Nothing was sent. The files are still on the VM."), (again,))

    # --- what is meant ---

    def _meant(self, op: Operation) -> tuple[Vm, str, Sequence[App]]:
        """The VM, whose work, and of which programs. Raises UserError, NotAllowed."""
        word, catalog = op.args.get("id"), self.use.policy.catalog
        if word is not None and word not in catalog:
            return self._of_container(op, word)
        apps = [catalog[word]] if word is not None else list(catalog.values())
        if not any(app.homes for app in apps):
            raise _keeps_nothing(apps[0].title)
        vm = self.use.ready(op.caller, op.args.get("vm"), _typed(op, *_flags(op), vm=""))
        return vm, op.caller.user_id, apps

    def _of_container(self, op: Operation, word: str) -> tuple[Vm, str, Sequence[App]]:
        """Of whoever started it: its VM's owner may kill it, and may not read what is in it."""
        try:
            [one] = self.use.fleet.locate([word], op.args.get("vm"), op.caller)
        except WrongName as error:
            apps = [(name, None) for name in near(word, self.use.policy.catalog)]
            meant = [*apps, *error.meant]
            raise WrongName(error.text, error.what, error.typed, meant, error.instead) from error
        owner_id = one.container.labels.get(OWNER)
        app = self.use.policy.catalog.get(one.container.labels.get(APP, ""))
        if owner_id is None or app is None or not app.homes:
            raise _keeps_nothing(one.container.name)
        require_owner(op.caller, owner_id, self.use.policy.access, one.container.name)
        return one.vm, owner_id, [app]

    def _check_size(self, vm: Vm, owner_id: str, found: list[Json]) -> None:
        if not any(each["bytes"] for each in found):
            raise UserError(
                Text("On `{vm}` there are no files of {person} to export.", vm=vm.hostname,
                     person=Person(owner_id)), instead="rstudio",
            )  # fmt: skip
        total, most = sum(each["bytes"] for each in found), self.use.policy.export.most_mb * _MB
        if total > most:
            raise UserError(
                Text(
                    "The work of {person} on `{vm}` is {size}, and at most {most} can be sent:"
                    " {folders}. In RStudio, *Files*, *More*, *Export…* saves what you tick to your"
                    " own computer; or delete what can be made again, then export once more.",
                    person=Person(owner_id), vm=vm.hostname, size=size(total), most=size(most),
                    folders=_listed(found),
                )
            )  # fmt: skip

    def _question(self, op: Operation, vm: Vm, owner_id: str, found: list[Json]) -> UserError:
        text = Text(
            "The work of {person} on `{vm}`: {folders}. That is {size} of at most {most}.\n"
            "*Whoever can read this channel can open the files* if they are posted here.",
            person=Person(owner_id), vm=vm.hostname, folders=_listed(found),
            size=size(sum(each["bytes"] for each in found)),
            most=size(self.use.policy.export.most_mb * _MB),
        )  # fmt: skip
        choices = [
            Choice(Text("Post it here"), _typed(op, "--here", vm=vm.hostname)),
            Choice(Text("Send it to me alone"), _typed(op, "--private", vm=vm.hostname)),
        ]
        return UserError(text, choices=choices)

    def _perhaps(self, op: Operation, name: str) -> Outcome:
        again = Button(Text("Export again"), value=_again(op))
        text = Text(
            "Slack has not said whether it took the archive. Look for `{name}`: if it is not there"
            " in some minutes, export once more.", name=name,
        )  # fmt: skip
        return Outcome(text, (again,), is_warning=True)


class _Sending:
    """One archive on its way, in this process: what was packed is lost with it, and packed anew."""

    def __init__(
        self, work: Work, vm: Vm, host: ContainerHost, admitted: Json, most_bytes: int
    ) -> None:
        self._work = work
        self._vm = vm
        self._host = host
        self._owner_id: str = admitted["owner"]
        self._folders: list[Json] = admitted["folders"]
        self._most_bytes = most_bytes
        self._is_alone = bool(work.op.args.get("private")) and not _is_private(work.op.caller)
        self._archive: Archive | None = None
        day = f"{work.op.requested_at:%Y-%m-%d}"
        self.name = f"{vm.hostname}-work-{day}-{work.op.id[:8]}.tar.gz"

    def pack(self, watch: Watch) -> Json:
        """How many files there are, and how large they and the archive are. Raises TooLarge."""
        archive = self._packed(watch)
        if archive.files == 0:
            raise EngineRefused(Text("The folders are empty."))
        watch.conclude(
            counted("{count} file, {size} packed", "{count} files, {size} packed",
                    archive.files, size=size(len(archive.content)))
        )  # fmt: skip
        return {"files": archive.files, "bytes": archive.bytes}

    def send(self, watch: Watch) -> Json:
        """perhaps: nobody knows whether it is there. Raises ChatRefused."""
        if watch.is_repeat:
            if self._appears(watch):
                return {"perhaps": False}
            watch.conclude(Text("sent again after a restart, as it was not there"))
        archive = self._archive or self._packed(watch)
        facts = {"files": archive.files, "bytes": archive.bytes}
        try:
            self._work.share(self.name, archive.content, self._comment(facts), alone=self._is_alone)
        except ChatUnknown:
            return {"perhaps": not self._appears(watch)}
        return {"perhaps": False}

    def told(self, facts: Json) -> Outcome:
        """Where it is, what is in it, and how it is unpacked."""
        known = {"vm": self._vm.hostname, "person": Person(self._owner_id),
                 "contents": self._contents(facts)}  # fmt: skip
        if not self._is_alone:
            return Outcome(
                Text("The work of {person} on {vm} is in the thread below: {contents}", **known)
            )
        return Outcome(
            Text(
                "The work of {person} on {vm} was sent to {reader} alone: {contents}",
                reader=Person(self._work.op.caller.user_id),
                **known,
            )
        )

    def _comment(self, facts: Json) -> Text:
        return Text("The work of {person} on {vm}: {contents}", vm=self._vm.hostname,
                    person=Person(self._owner_id), contents=self._contents(facts))  # fmt: skip

    def _contents(self, facts: Json) -> Text:
        return counted(
            "{count} file, {size}, from {folders}. Unpack it with `{line}`",
            "{count} files, {size}, from {folders}. Unpack them with `{line}`",
            facts["files"], size=size(facts["bytes"]), line=f"tar -xzf {self.name}",
            folders=[each["path"] for each in self._folders],
        )  # fmt: skip

    def _packed(self, watch: Watch) -> Archive:
        """Reading is repeated while the VM does not answer; nothing is written anywhere."""
        left = self._most_bytes

        def give(folder: Json) -> bytes:
            nonlocal left
            watch.tell(Text("{path}", path=folder["path"]))
            content = watch.until(lambda: self._host.archive(folder["volume"], left), _LOOK_AGAIN)
            left = max(0, left - folder["bytes"])
            return content

        folders = [(each["name"], lambda each=each: give(each)) for each in self._folders]
        top = self.name.removesuffix(".tar.gz")
        try:
            self._archive = packed(top, folders, self._work.op.requested_at)
        except TooLarge as error:
            most = size(self._most_bytes)
            raise TooLarge(
                Text("It has grown to more than {most} meanwhile.", most=most)
            ) from error
        return self._archive

    def _appears(self, watch: Watch) -> bool:
        """Whether the archive is there, or comes to be in the time that Slack may take."""
        until = watch.clock.now() + _APPEARS
        while True:
            try:
                since = self._work.op.requested_at - CLOCKS_DIFFER
                if self._work.is_shared(self.name, since, alone=self._is_alone):
                    return True
            except ChatError:
                pass  # it may be there all the same
            if watch.clock.now() >= until:
                return False
            watch.clock.sleep(_LOOK_AGAIN)


def _measured(host: ContainerHost, apps: Sequence[App], owner_id: str) -> list[Json]:
    """The person's folders that are on the VM, with their sizes in bytes."""
    folders: dict[str, tuple[str, str]] = {}
    for app in apps:
        for name, mount in zip(app.homes, homes(app, owner_id), strict=True):
            folders.setdefault(mount.volume, (name, mount.path))
    sizes = host.volume_sizes(folders)
    return [
        {"volume": volume, "name": name, "path": path, "bytes": sizes[volume]}
        for volume, (name, path) in folders.items()
        if volume in sizes
    ]


def export_button(app: str, vm: Vm, *, is_only: bool) -> Button:
    """Asks where the work of whoever clicks shall go. is_only: there is no other such button."""
    label = Text("Export work") if is_only else Text("Export work on {vm}", vm=vm.hostname)
    return Button(label, value=f"export {app} on {vm.hostname}")


def _is_private(caller: Caller) -> bool:
    """Whether only the person reads along: a direct conversation, the App Home, a terminal."""
    return caller.is_local or caller.channel_id.startswith(("D", "U", "W"))


def _keeps_nothing(what: Title | str) -> UserError:
    return UserError(
        Text("{what} has no folders that outlive it, so there is nothing to export.", what=what),
        instead="export rstudio",
    )


def _listed(found: Sequence[Json]) -> list[Text]:
    return [Text("{path} ({size})", path=each["path"], size=size(each["bytes"])) for each in found]


def _flags(op: Operation) -> list[str]:
    return [f"--{name}" for name in ("here", "private") if op.args.get(name)]


def _again(op: Operation) -> str:
    """Asks anew where it shall go: others may press the button of a card, and it is theirs then."""
    return _typed(op, *(["--private"] if op.args.get("private") else []))


def _typed(op: Operation, *flags: str, vm: str | None = None) -> str:
    """How it is typed, with these options, on the VM that was typed or on another; "": on none."""
    word, name = op.args.get("id"), op.args.get("vm") if vm is None else vm
    words = ["export", *([word] if word else []), *flags]
    return " ".join([*words, *(["on", name] if name else [])])
