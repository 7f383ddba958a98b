"""The Docker Engine of this machine, below everything that the sandbox runs for real."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network

import docker
from docker.errors import DockerException, ImageNotFound
from docker.types import IPAMConfig, IPAMPool
from docker.utils import kwargs_from_env

from sandbox.home import only_one, sandbox_home

DOCKER = ("docker", "--context", "default")
"""The command line for the engine that `local_engine` talks to, whatever context is chosen."""

_TIMEOUT_S = 120
_NETWORK = "ds-sandbox"


class EngineAbsent(Exception):
    """No Docker Engine answers on this machine."""


@contextmanager
def local_engine(timeout_s: int = _TIMEOUT_S) -> Iterator[docker.APIClient]:
    """The engine's API. Raises EngineAbsent."""
    try:
        api = docker.APIClient(timeout=timeout_s, **kwargs_from_env())
    except DockerException as error:
        raise EngineAbsent(
            "No Docker Engine answers here. `sandbox/bootstrap.sh demo` starts one."
        ) from error
    with api:
        yield api


def image_id(name: str) -> str | None:
    """Id of an image that the engine has; None if it has not."""
    with local_engine() as api:
        try:
            found: str = api.inspect_image(name)["Id"]  # type: ignore[no-untyped-call]
        except ImageNotFound:
            return None
        return found


@dataclass(frozen=True, slots=True)
class Network:
    """The engine's network on which the sandbox's VMs are. `gateway` is this machine's address
    there: the only one at which the sandbox listens for them."""

    name: str
    subnet: IPv4Network
    gateway: str


def ensure_network() -> Network:
    """The sandbox's network; made if there is none. It stays, for the next run.

    Not the engine's default one: only on others may an address be fixed, and a VM keeps its own
    while it is switched off. Raises EngineAbsent.
    """
    with local_engine() as api, only_one(sandbox_home(), "network"):
        if not api.networks(names=[f"^{_NETWORK}$"]):
            _make_network(api)
        config = api.inspect_network(_NETWORK)["IPAM"]["Config"][0]
    subnet = IPv4Network(config["Subnet"])
    return Network(_NETWORK, subnet, config.get("Gateway") or str(next(subnet.hosts())))


def _make_network(api: docker.APIClient) -> None:
    """The engine chooses a free subnet, and is then told it: only on a network whose subnet was
    given does it let addresses be fixed."""
    draft = api.create_network(_NETWORK, driver="bridge")["Id"]
    subnet = api.inspect_network(draft)["IPAM"]["Config"][0]["Subnet"]
    api.remove_network(draft)
    ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=subnet)])
    api.create_network(_NETWORK, driver="bridge", ipam=ipam, labels={_NETWORK: "network"})
