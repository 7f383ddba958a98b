"""Making a container from a ContainerSpec: what the engine is asked for, in docker-py's words."""

from __future__ import annotations

import logging
import re
from typing import Any

import docker
from docker.types import LogConfig, Ulimit
from docker.types import Mount as EngineMount

from bot.errors import ContainerNotFound, EngineRefused, ImageNotFound
from bot.models import ContainerSpec, Text

log = logging.getLogger(__name__)

# A chatty container must not fill a VM's 25 GB disk: two files of 10 MB each.
_LOG_CONFIG = {"max-size": "10m", "max-file": "2"}

_SCRATCH_FILES = 20_000  # each costs a kilobyte of the kernel's memory

# docker-py 7.2.0 leaves "/" in what it puts into a URL, so "x/../../images" would be another
# question. What does not look like a name is no container and no image. And a volume's name with
# a "/" would be a folder of the VM's.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_IMAGE_NAME = re.compile(
    rf"{_NAME.pattern}(:\d+)?(/{_NAME.pattern})*(:\w[\w.-]*)?(@sha256:[0-9a-f]{{64}})?", re.ASCII
)


def create(api: docker.APIClient, spec: ContainerSpec) -> str:
    """Id of a new, stopped container.

    The engine may answer with warnings, as when its kernel cannot limit memory: it has done all
    that it can then, so they are logged and no error.
    """
    created = api.create_container(
        spec.image,
        command=list(spec.command) or None,
        name=spec.name,
        environment=spec.environment,
        labels=spec.labels,
        ports=[binding.container_port for binding in spec.ports],
        user=spec.user,
        host_config=_host_config(api, spec),
    )
    if created.get("Warnings"):
        log.info("container %s: %s", spec.name, created["Warnings"])
    return str(created["Id"])


def check_spec(spec: ContainerSpec) -> None:
    """Raises ImageNotFound, EngineRefused for what no engine has to be asked."""
    check_image(spec.image)
    for mount in spec.mounts:
        check_volume(mount.volume)


def check_container(container_id: str) -> None:
    if not _NAME.fullmatch(container_id):
        raise no_container()


def check_image(image: str) -> None:
    if not _IMAGE_NAME.fullmatch(image):  # an id looks like one
        raise ImageNotFound(Text("No registry has that image, or it is not public."))


def check_volume(volume: str) -> None:
    if not _NAME.fullmatch(volume):
        raise EngineRefused(Text("There is no such volume on the VM."))


def no_container() -> ContainerNotFound:
    return ContainerNotFound(Text("There is no such container, or not any more."))


def _host_config(api: docker.APIClient, spec: ContainerSpec) -> dict[str, Any]:
    """No restart policy: what ended stays ended, and is seen to have."""
    memory = None if spec.memory_mb is None else f"{spec.memory_mb}m"
    config: dict[str, Any] = api.create_host_config(
        port_bindings={
            binding.container_port: ("0.0.0.0", binding.host_port) for binding in spec.ports
        },
        publish_all_ports=spec.publishes_all,
        auto_remove=spec.removes_itself,
        mounts=[EngineMount(mount.path, mount.volume, type="volume") for mount in spec.mounts],
        network_mode=None if spec.has_network else "none",
        pids_limit=spec.processes,
        mem_limit=memory,
        nano_cpus=None if spec.cpus is None else round(spec.cpus * 1_000_000_000),
        log_config=LogConfig(type=LogConfig.types.JSON, config=_LOG_CONFIG),
        **(_confinement(memory, spec.capabilities) if spec.is_confined else {}),
        **(_scratch(spec.scratch_mb) if spec.scratch_mb is not None else {}),
    )
    return config


def _confinement(memory: str | None, capabilities: tuple[str, ...]) -> dict[str, Any]:
    """What code of anybody's gets by without. R needs none of the capabilities."""
    return {
        "cap_drop": ["ALL"],
        "cap_add": list(capabilities),
        "security_opt": ["no-new-privileges"],
        "memswap_limit": memory,  # memory and swap together: so there is none to swap to
        "cpu_shares": 256,  # a quarter of what others get when they all want the CPU
        "oom_score_adj": 500,  # when the VM itself runs out of memory, this goes first
        "ulimits": [Ulimit(name="core", soft=0, hard=0)],
    }


def _scratch(size_mb: int) -> dict[str, Any]:
    """A root that cannot be written to, and a /tmp in memory, which counts as the container's.

    So no file of the container's can fill the VM's disk, whatever file system that has: limits of
    the storage driver's own need XFS with quotas.
    """
    options = f"rw,exec,nosuid,nodev,mode=1777,size={size_mb}m,nr_inodes={_SCRATCH_FILES}"
    return {"read_only": True, "tmpfs": {"/tmp": options}, "shm_size": "16m"}
