"""VMs as containers of this machine's engine. Implements `sandbox.softlayer.hypervisor.Hypervisor`.

A VM boots as a machine does (init, cloud-init, sshd), has an address that it keeps, limits on CPU
and memory, and a volume for its own engine. What a container cannot have: a kernel of its own, and
the sight of its limits (`docker info` in a VM shows this machine's CPUs and memory).
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

import docker
from docker.errors import APIError, NotFound

from sandbox.engine import Network, ensure_network, local_engine
from sandbox.hub.hub import HubAddresses
from sandbox.images.build import ensure_images
from sandbox.images.recipes import VM_IMAGES
from sandbox.processes import is_running, this_process
from sandbox.softlayer.hypervisor import Image
from sandbox.vms.seed import packed, seed_files

log = logging.getLogger(__name__)

_VM = "ds-sandbox.vm"  # label on every VM; its value is the process that runs it
_ADDRESS = "ds-sandbox.address"
_RECIPE: dict[Image, str] = {"plain": "vm_plain", "docker": "vm_docker"}
_SHUTDOWN_S = 20
_ADDRESS_TRIES = 5
_REMOVALS = 4  # at once; each waits for processes to end and for a disk to be emptied


@dataclass(frozen=True, slots=True)
class VmMachine:
    """A booted VM."""

    id: str
    ip: str


class VmContainers:
    """Boots, switches and destroys VMs. Safe to be called from many threads.

    hub: what the VMs shall use in the place of Docker Hub; None: the real one.
    tell: told of images that have to be made first. owner: name of the process whose VMs
    they are (sandbox/processes.py); default: this one. Methods raise EngineAbsent, ImageFailed.
    """

    def __init__(
        self,
        hub: HubAddresses | None = None,
        tell: Callable[[str], None] = lambda line: None,
        *,
        owner: str | None = None,
    ) -> None:
        self.hub = hub
        self._tell = tell
        self._owner = owner or this_process()
        self._network: Network | None = None

    def boot(
        self,
        name: str,
        *,
        image: Image,
        cpus: int,
        memory_mb: int,
        user_data: str,
        authorized_keys: Sequence[str],
        labels: Mapping[str, str],
    ) -> VmMachine:
        """Start a VM; it has an address at once, and sshd answers some seconds later."""
        tag = ensure_images(VM_IMAGES, self._tell)[_RECIPE[image]]
        network = self._network = self._network or ensure_network()
        hostname = labels.get("softlayer.fqdn", name).partition(".")[0]
        unique = f"{name}-{secrets.token_hex(3)}"
        files = seed_files(unique, hostname, user_data, authorized_keys, self.hub)
        with local_engine() as api:
            wanted = {
                "image": tag,
                "name": unique,
                "hostname": hostname,
                "host_config": self._host_config(api, cpus, memory_mb),
                "volumes": ["/var/lib/docker"],  # its own: overlay2 does not work upon overlay2
            }
            return self._start(api, network, wanted, dict(labels), packed(files))

    def destroy(self, machine_id: str) -> None:
        """Remove a VM and its volume; gone already is success."""
        with local_engine() as api:
            _remove(api, machine_id)

    def power_off(self, machine_id: str) -> None:
        """Shut a VM down as its power button does; its disk, volume and address stay."""
        with local_engine() as api:
            api.stop(machine_id, timeout=_SHUTDOWN_S)

    def power_on(self, machine_id: str) -> None:
        """Boot a VM that was shut down."""
        with local_engine() as api:
            api.start(machine_id)

    def close(self) -> None:
        """Destroy every VM of this process that is left."""
        with local_engine() as api:
            mine = [row["Id"] for row in _vms(api) if row["Labels"][_VM] == self._owner]
        with ThreadPoolExecutor(_REMOVALS) as pool:
            list(pool.map(self.destroy, mine))

    @staticmethod
    def remove_leftovers() -> int:
        """Destroy the VMs of processes that are no more; gives their number."""
        with local_engine() as api:
            left = [row for row in _vms(api) if not is_running(row["Labels"][_VM])]
            for row in left:
                _remove(api, row["Id"])
        return len(left)

    def _host_config(self, api: docker.APIClient, cpus: int, memory_mb: int) -> dict[str, Any]:
        """As little as an engine within a container needs. `--privileged` is not it: where this
        machine itself lacks a capability, the engine refuses that."""
        hub = self.hub
        options: dict[str, Any] = {
            "cap_add": ["ALL"],
            "cap_drop": ["SYS_RESOURCE"],
            "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
            "nano_cpus": cpus * 10**9,
            "mem_limit": memory_mb * 2**20,
            "extra_hosts": {name: hub.host for name in hub.names} if hub else {},
        }
        config: dict[str, Any] = api.create_host_config(**options)
        config["MaskedPaths"] = config["ReadonlyPaths"] = []  # `docker run`: systempaths=unconfined
        if api.info().get("CgroupVersion") == "2":
            config["CgroupnsMode"] = "private"  # the VM's sysinit prepares its own hierarchy
        else:
            # A private view of version 1 breaks the containers within, so it gets this machine's.
            config["CgroupnsMode"] = "host"
            config["Binds"] = ["/sys/fs/cgroup:/sys/fs/cgroup:rw"]
        return config

    def _start(
        self,
        api: docker.APIClient,
        network: Network,
        wanted: dict[str, Any],
        labels: dict[str, str],
        files: bytes,
    ) -> VmMachine:
        """Start the VM at an address that no other has, not even one that is switched off."""
        for tries_left in reversed(range(_ADDRESS_TRIES)):
            address = _free_address(api, network)
            labels |= {_VM: self._owner, _ADDRESS: address}
            endpoint = api.create_endpoint_config(ipv4_address=address)
            networking = {"EndpointsConfig": {network.name: endpoint}}
            created = api.create_container(
                **wanted, labels=labels, networking_config=networking, detach=True
            )
            machine_id = str(created["Id"])
            try:
                api.put_archive(machine_id, "/", files)
                api.start(machine_id)
            except BaseException as error:
                _remove(api, machine_id)
                is_taken = isinstance(error, APIError) and "already in use" in str(error)
                if not is_taken or not tries_left:
                    raise
            else:
                return VmMachine(machine_id, address)
        raise AssertionError("the last try returns or raises")


def _vms(api: docker.APIClient) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = api.containers(all=True, filters={"label": [_VM]})
    return rows


def _free_address(api: docker.APIClient, network: Network) -> str:
    """One of the network's, by chance, so that two processes hardly ever choose the same."""
    taken = {row["Labels"].get(_ADDRESS) for row in _vms(api)} | {network.gateway}
    first, last = int(network.subnet.network_address) + 2, int(network.subnet.broadcast_address)
    while True:
        address = str(IPv4Address(first + secrets.randbelow(last - first)))
        if address not in taken:
            return address


def _remove(api: docker.APIClient, machine_id: str) -> None:
    try:
        api.remove_container(machine_id, v=True, force=True)
    except NotFound:
        return
    except APIError as error:
        if "already in progress" not in str(error):
            raise
