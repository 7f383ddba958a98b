"""The services of the sandbox's SoftLayer, by family."""

from __future__ import annotations

from sandbox.softlayer.calls import Backend, Service
from sandbox.softlayer.services.account import AccountService, TagService, UserService
from sandbox.softlayer.services.catalogue import LocationService, PackageService, PodService
from sandbox.softlayer.services.guests import GuestService
from sandbox.softlayer.services.images import ImageService
from sandbox.softlayer.services.orders import BillingItemService, OrderService
from sandbox.softlayer.services.records import EventLogService, MetricService
from sandbox.softlayer.services.ssh_keys import SshKeyService

_ALL: tuple[type[Service], ...] = (
    AccountService,
    BillingItemService,
    EventLogService,
    GuestService,
    ImageService,
    LocationService,
    MetricService,
    OrderService,
    PackageService,
    PodService,
    SshKeyService,
    TagService,
    UserService,
)


def all_services(backend: Backend) -> dict[str, Service]:
    """Every service by its full name."""
    return {each.name: each(backend) for each in _ALL}
