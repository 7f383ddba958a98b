"""A sandbox whose time only moves by hand, and clients for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import SoftLayer

from sandbox.softlayer.clock import ManualClock
from sandbox.softlayer.lifecycle import Delays
from sandbox.softlayer.server import SoftLayerSandbox

LONG = Delays().provisioning + timedelta(minutes=1)

#: What vm-create.py of the walk-through sent.
TEMPLATE: dict[str, Any] = {
    "hostname": "jekyll-dev",
    "domain": "xwmooc.net",
    "startCpus": 1,
    "maxMemory": 1024,
    "hourlyBillingFlag": True,
    "operatingSystemReferenceCode": "UBUNTU_LATEST",
    "localDiskFlag": True,
    "datacenter": {"name": "dal09"},
}


@pytest.fixture(autouse=True)
def no_proxy_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package sends even loopback calls through https_proxy."""
    monkeypatch.delenv("https_proxy", raising=False)


@pytest.fixture
def cloud() -> Iterator[SoftLayerSandbox]:
    with SoftLayerSandbox(clock=ManualClock()) as sandbox:
        yield sandbox


def client_of(
    sandbox: SoftLayerSandbox, timeout_s: float = 10.0, settings: Mapping[str, str] | None = None
) -> Any:
    """The unmodified package's client; `settings` overrides the right credentials."""
    login = {"username": sandbox.username, "api_key": sandbox.api_key, **(settings or {})}
    return SoftLayer.create_client_from_env(endpoint_url=sandbox.url, timeout=timeout_s, **login)


@pytest.fixture
def client(cloud: SoftLayerSandbox) -> Any:
    return client_of(cloud)


@pytest.fixture
def guest(cloud: SoftLayerSandbox, client: Any) -> int:
    """The id of a guest that is ready."""
    created = client["Virtual_Guest"].createObject(TEMPLATE)
    cloud.advance(LONG)
    return int(created["id"])


@pytest.fixture
def refused() -> Callable[..., SoftLayer.SoftLayerAPIError]:
    """Calls a function and gives the fault it must raise."""

    def call(function: Callable[..., Any], *args: Any, **more: Any) -> SoftLayer.SoftLayerAPIError:
        with pytest.raises(SoftLayer.SoftLayerAPIError) as caught:
            function(*args, **more)
        return caught.value

    return call
