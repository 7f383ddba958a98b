"""What a save holds, as the store keeps it: the VM, its volumes and its containers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from bot.models import ContainerSpec, Mount, Operation, OperationState, PortBinding, Vm
from bot.services.fleet import APP, SECRET
from bot.services.recorded import Json
from bot.store import OperationStore, SaveStore


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A file of a save. digest: the SHA-256 of what is packed in it."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class SavedVolume:
    """A named volume."""

    volume: str
    file: SavedFile


@dataclass(frozen=True, slots=True)
class SavedContainer:
    """A container: how it is made again, and what it had written besides its volumes."""

    spec: ContainerSpec
    was_running: bool
    file: SavedFile


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that a save holds. idle_since: when its VM was used last, if that is known."""

    image: str
    cpus: int
    memory_mb: int
    datacenter: str
    volumes: tuple[SavedVolume, ...]
    containers: tuple[SavedContainer, ...]
    absences: tuple[tuple[datetime, datetime], ...] = ()
    idle_since: datetime | None = None

    @property
    def files(self) -> list[SavedFile]:
        kept = [each.file for each in self.volumes]
        return kept + [each.file for each in self.containers]


def restores_onto(vm: Vm, operations: OperationStore) -> list[Operation]:
    """Tries to put a save back onto this VM; the first of them, if any, has ordered it."""
    return [
        op
        for op in operations.since(vm.asked_at)
        if op.kind == "restore" and op.args["name"] == vm.hostname
    ]


def is_put_back(vm: Vm, tries: Sequence[Operation], saves: SaveStore) -> bool:
    """Whether it has the files of a save. tries: `restores_onto` it."""
    is_done = any(op.state is OperationState.DONE for op in tries)
    return is_done or saves.is_restored_on(vm.op_id)


def without_secret(spec: ContainerSpec) -> ContainerSpec:
    """The spec without the password that the bot has made: it is kept nowhere else, either."""
    if APP not in spec.labels:
        return spec
    kept = {name: value for name, value in spec.environment.items() if name != SECRET}
    return replace(spec, environment=kept)


def manifest_to_json(manifest: Manifest) -> Json:
    """As the store and the file beside the volumes have it."""
    written = asdict(manifest) | {"version": 1}
    for container in written["containers"]:
        del container["spec"]["files"]
    written["absences"] = [[at.isoformat() for at in each] for each in manifest.absences]
    written["idle_since"] = manifest.idle_since.isoformat() if manifest.idle_since else None
    return written


def manifest_from_json(written: Json) -> Manifest:
    """What `manifest_to_json` wrote down."""
    known = {name: value for name, value in written.items() if name != "version"}
    return Manifest(
        **known
        | {
            "volumes": tuple(
                SavedVolume(each["volume"], SavedFile(**each["file"]))
                for each in written["volumes"]
            ),
            "containers": tuple(
                SavedContainer(_spec(each["spec"]), each["was_running"], SavedFile(**each["file"]))
                for each in written["containers"]
            ),
            "absences": tuple(
                (datetime.fromisoformat(left), datetime.fromisoformat(back))
                for left, back in written["absences"]
            ),
            "idle_since": datetime.fromisoformat(written["idle_since"])
            if written["idle_since"]
            else None,
        }
    )


def _spec(written: dict[str, Any]) -> ContainerSpec:
    return ContainerSpec(
        **written
        | {
            "ports": tuple(PortBinding(**each) for each in written["ports"]),
            "mounts": tuple(Mount(**each) for each in written["mounts"]),
            "command": tuple(written["command"]),
            "capabilities": tuple(written["capabilities"]),
        }
    )
