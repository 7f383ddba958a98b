"""Saving the work on a VM: R's sessions first, then every volume and container, then read again.

Nothing counts as saved before all of it was read back from the disk and found to be whole. What
cannot be saved stops what was to follow: the VM goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

from bot.errors import BotError, EngineRefused, SaveFailed
from bot.models import LOOKS_INTO, Container, Text, Vm, counted
from bot.ports import Clock, Cloud, ContainerHost
from bot.replies.engine_answers import size
from bot.replies.saves import restore_button
from bot.services.fleet import Fleet
from bot.services.recorded import Json
from bot.services.release import Saved
from bot.services.saved import (
    Manifest,
    SavedContainer,
    SavedFile,
    SavedVolume,
    is_put_back,
    manifest_from_json,
    manifest_to_json,
    restores_onto,
    without_secret,
)
from bot.services.watching import signals_of
from bot.services.work import Failed, Watch, Work
from bot.store import OperationStore, SaveRow, SaveStore, WatchStore
from config.idle import IdlePolicy
from config.settings import Policy

log = logging.getLogger(__name__)

T = TypeVar("T")

_SPARE_BYTES = 2_000_000_000
"""Of the bot's disk, what saved work never takes: the bot's own database is there, too."""

_TOLD_EVERY = 100_000_000  # bytes
_SESSION = timedelta(seconds=30)  # one container's sessions write down what they have


class Archives(Protocol):
    """Where saved work is kept. Each method may raise SaveFailed."""

    def room(self) -> int:
        """Free bytes."""

    def keep(self, save_id: str, name: str, fill: Callable[[Callable[[bytes], None]], None]) -> str:
        """Write a file, over one of that name; gives the SHA-256 of its content. fill: called with
        what takes the content, piece by piece; what it raises comes through."""

    def check(self, save_id: str, name: str, digest: str) -> int:
        """Read a file to its end: how many files and folders are in it."""

    def read(self, save_id: str, name: str) -> Iterator[bytes]:
        """A file's content, piece by piece."""

    def note(self, save_id: str, manifest: dict[str, Any]) -> int:
        """Put down what the files are; gives the bytes of all of them."""

    def has(self, save_id: str, name: str) -> bool:
        """Whether a file is there, on this machine."""

    def age(self, save_id: str) -> timedelta:
        """How long ago a save was written to last."""

    def remove(self, save_id: str) -> None:
        """Delete all of a save. Gone already is success."""

    def ids(self) -> list[str]:
        """Saves of which there is anything, whole or not."""


@dataclass(frozen=True, slots=True)
class SaveWork:
    """Implements `bot.services.release.Saver`. A save has the id of the operation that made it."""

    archives: Archives
    saves: SaveStore
    watch: WatchStore
    operations: OperationStore
    fleet: Fleet
    cloud: Cloud
    policy: Policy
    clock: Clock

    def suspend(self, work: Work, vm: Vm) -> None:
        work.phase(
            "suspend",
            Text("Suspend R's sessions"),
            self.policy.timeouts.suspend,
            lambda watch: self._suspend(watch, self.fleet.host(vm)),
        )

    def save(self, work: Work, vm: Vm, policy: IdlePolicy) -> Saved:
        limit, save_id = self.policy.timeouts.save, work.op.id
        if not work.step("whole", lambda: {"is_whole": self._is_whole(vm)})["is_whole"]:
            raise Failed(
                "save",
                Text("Save the files"),
                Text("Not everything was put back on it yet: restore it, or cancel it."),
            )
        written = work.phase(
            "save",
            Text("Save the files"),
            limit,
            lambda watch: self._save(watch, vm, save_id, policy),
        )
        captured: Json = {}
        if policy.capture:
            captured = work.phase(
                "capture",
                Text("Capture an image of the VM"),
                limit,
                lambda watch: self._capture(watch, vm, image_name(save_id)),
            )
        row = SaveRow(
            id=save_id,
            vm=vm.op_id,
            hostname=vm.hostname,
            owner_id=vm.owner_id,
            saved_at=self.clock.now(),
            expires_at=self.clock.now() + self.policy.keep.saves,
            bytes=written["bytes"],
            manifest=written["manifest"],
            image_guid=captured.get("guid"),
            image_bytes=captured.get("bytes"),
        )
        work.step("saved", lambda: self._note(row))
        saved = self.saves.get(save_id)
        self._require_files(saved)  # no step: another machine may have gone on with it
        return self._told(saved)

    def expire(self) -> None:
        """Delete saves whose time is over, but none that is being restored; and what is left of
        those that failed."""
        restored = {
            op.args["name"]
            for op in self.operations.since(self.clock.now())
            if op.kind == "restore" and not op.state.is_final
        }
        for row in self.saves.expired(self.clock.now()):
            if row.hostname not in restored:
                self._remove(row)
        try:
            left = [each for each in self.archives.ids() if self._is_left_over(each)]
        except BotError as error:
            log.warning("files of saves that failed are not deleted: %s", error)
            return
        for save_id in left:
            self._remove_left_over(save_id)

    def _is_left_over(self, save_id: str) -> bool:
        """Whether files belong to no save, and to nothing that is still under way. Those of which
        nothing is known stay for as long as a save does: the database may have forgotten them."""
        try:
            self.saves.get(save_id)
        except LookupError:
            try:
                return self.operations.get(save_id).state.is_final
            except LookupError:
                return self.archives.age(save_id) > self.policy.keep.saves
        return False

    def _remove_left_over(self, save_id: str) -> None:
        try:
            image = self.cloud.captured(image_name(save_id))
            if image is not None:
                self.cloud.delete_image(image.guid)
            self.archives.remove(save_id)
        except BotError as error:
            log.warning("what is left of save %s is not deleted: %s", save_id, error)

    # --- whether it can be ---

    def _is_whole(self, vm: Vm) -> bool:
        """A VM on which not everything was put back has less than the save that it came from."""
        tries = restores_onto(vm, self.operations)
        is_restored = any(op.id == vm.op_id for op in tries)
        return not is_restored or is_put_back(vm, tries, self.saves)

    def _require_files(self, row: SaveRow) -> None:
        for file in manifest_from_json(row.manifest).files:
            if not self.archives.has(row.id, file.name):
                raise Failed(
                    "save",
                    Text("Save the files"),
                    Text("They are on the disk of another machine, which does not answer for it."),
                )

    def _require_images(self, host: ContainerHost, watch: Watch) -> None:
        """Raises EngineRefused for an image that was made on the VM: no registry has it, so what
        is in it would be lost."""
        images = watch.until(host.images, self.policy.poll.host)
        own = [name for image in images if image.digest is None for name in image.names]
        if own:
            raise EngineRefused(
                Text("Only this VM has the images {names}. Push them to a registry, or remove"
                     " them.", names=own)
            )  # fmt: skip

    # --- sessions ---

    def _suspend(self, watch: Watch, host: ContainerHost) -> Json:
        every = self.policy.poll.host
        for container in watch.until(host.containers, every):
            if watch.until(partial(host.suspend, container.id, _SESSION), every):
                raise EngineRefused(
                    Text("R is still computing in container `{name}`.", name=container.name)
                )
        return {}

    # --- files ---

    def _save(self, watch: Watch, vm: Vm, save_id: str, policy: IdlePolicy) -> Json:
        host, every = self.fleet.host(vm), self.policy.poll.host
        if not policy.capture:
            self._require_images(host, watch)
        volumes = watch.until(host.volumes, every)
        self._require_room(sum(watch.until(lambda: host.volume_sizes(volumes), every).values()))
        kept = [
            SavedVolume(
                volume,
                self._kept(
                    watch, save_id, f"volume-{number}.tar.gz", volume,
                    partial(host.save_volume, volume),
                ),
            )
            for number, volume in enumerate(volumes, 1)
        ]  # fmt: skip
        containers = [
            self._container(watch, save_id, number, host, container)
            for number, container in enumerate(
                watch.until(lambda: host.containers(all=True), every), 1
            )
            if LOOKS_INTO not in container.labels
        ]
        manifest = self._manifest(vm, kept, containers)
        written = manifest_to_json(manifest)
        total = self.archives.note(save_id, written)
        watch.tell(Text("reading it again"))
        entries = sum(
            self.archives.check(save_id, file.name, file.digest) for file in manifest.files
        )
        watch.conclude(
            counted("{count} file, {size} packed, read again",
                    "{count} files, {size} packed, read again", entries, size=size(total))
        )  # fmt: skip
        return {"bytes": total, "manifest": written}

    def _container(
        self, watch: Watch, save_id: str, number: int, host: ContainerHost, container: Container
    ) -> SavedContainer:
        spec = watch.until(lambda: host.blueprint(container.id), self.policy.poll.host)
        file = self._kept(
            watch, save_id, f"container-{number}.tar.gz", container.name,
            partial(host.save_changes, container.id),
        )  # fmt: skip
        return SavedContainer(without_secret(spec), container.is_running, file)

    def _kept(
        self,
        watch: Watch,
        save_id: str,
        name: str,
        shown: str,
        give: Callable[[Callable[[bytes], None]], None],
    ) -> SavedFile:
        """Written from its begin, again while the VM does not answer."""

        def fill(write: Callable[[bytes], None]) -> None:
            done = told = 0

            def take(piece: bytes) -> None:
                nonlocal done, told
                watch.check_going_on()
                write(piece)
                done += len(piece)
                if done >= told:
                    told = done + _TOLD_EVERY
                    self._require_room(_TOLD_EVERY)
                    watch.tell(Text("`{name}`, {size}", name=shown, size=size(done)))

            give(take)

        keep = lambda: self.archives.keep(save_id, name, fill)  # noqa: E731
        return SavedFile(name, watch.until(keep, self.policy.poll.host))

    def _require_room(self, needed: int) -> None:
        free = self.archives.room() - _SPARE_BYTES
        if needed > free:
            raise SaveFailed(
                Text("There is no room for it: {size} are needed, and the bot's disk has {free} to"
                     " spare.", size=size(needed), free=size(max(free, 0)))
            )  # fmt: skip

    def _manifest(
        self, vm: Vm, volumes: Sequence[SavedVolume], containers: Sequence[SavedContainer]
    ) -> Manifest:
        """With what was learned of its people."""
        row = self.watch.get(vm.op_id)
        absences = signals_of(row).absences if row else ()
        return Manifest(
            image=vm.image,
            cpus=vm.cpus,
            memory_mb=vm.memory_mb,
            datacenter=vm.datacenter,
            volumes=tuple(volumes),
            containers=tuple(containers),
            absences=tuple((each.left_at, each.back_at) for each in absences),
            idle_since=row.idle_since if row else None,
        )

    # --- the image ---

    def _capture(self, watch: Watch, vm: Vm, name: str) -> Json:
        """Until the image is whole and nothing is under way on the VM any more: a VM that is
        cancelled earlier takes its image with it (softlayer.md §A7)."""
        assert vm.cloud_id is not None
        cloud_id, every = vm.cloud_id, self.policy.poll.cloud

        def begin() -> bool | None:
            if self.cloud.captured(name) is not None:
                return True
            if self.cloud.get(cloud_id).transaction is not None:
                return None  # perhaps this very one, whose image is not listed yet
            self.cloud.capture(cloud_id, name, f"ds-bot: {vm.hostname}")
            return True

        def look() -> Json | None:
            image = self.cloud.captured(name)
            if image is None or not image.is_ready:
                return None
            if self.cloud.get(cloud_id).transaction is not None:
                return None
            return {"guid": image.guid, "bytes": image.size_bytes}

        watch.until(begin, every)
        found = watch.until(look, every)
        if found["bytes"]:
            watch.conclude(Text("{size}, billed by its size", size=size(found["bytes"])))
        return found

    # --- the record ---

    def _note(self, row: SaveRow) -> Json:
        """Write it down, and drop what was saved of the same VM before."""
        self.saves.add(row)
        for older in self.saves.of_vm(row.vm):
            if older.id != row.id and older.saved_at <= row.saved_at:
                self._remove(older)
        return {}

    def _remove(self, row: SaveRow) -> None:
        """The record goes last, so that what is left is found again. Tried again at the next
        housekeeping."""
        try:
            if row.image_guid is not None:
                self.cloud.delete_image(row.image_guid)
            self.archives.remove(row.id)
        except BotError as error:
            log.warning("the save %s of %s is not deleted: %s", row.id, row.hostname, error)
            return
        self.saves.remove(row.id)

    def _told(self, row: SaveRow) -> Saved:
        manifest = manifest_from_json(row.manifest)
        text = Text(
            "Its files ({size}) and {containers} are kept until {until}.",
            size=size(row.bytes),
            containers=counted("{count} container", "{count} containers", len(manifest.containers)),
            until=row.expires_at,
        )
        return Saved(text, (restore_button(row.hostname, row.id),))


def image_name(save_id: str) -> str:
    """Of a captured image: the same for each try of one save."""
    return f"ds-bot-save-{save_id}"
