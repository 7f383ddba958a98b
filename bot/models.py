"""The facts that travel through the bot: frozen, typed, free of any outside system's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from bot.sentences import Channel as Channel
from bot.sentences import Choice as Choice
from bot.sentences import Link as Link
from bot.sentences import Output as Output
from bot.sentences import Person as Person
from bot.sentences import Text as Text
from bot.sentences import Title as Title
from bot.sentences import counted as counted
from bot.sentences import msgid as msgid

LOCAL_TEAM = "local"
"""The team of those who type in a terminal of the bot's machine; Slack's begin with T or E."""

_LOCAL = "local:"


def is_local(address: str) -> bool:
    """Whether the id of a person or a channel is of our making: Slack is never asked about it."""
    return address.startswith(_LOCAL)


def local_id(name: str) -> str:
    """The id of a person who types in a terminal, and of the conversation with them."""
    return f"{_LOCAL}{name}"


@dataclass(frozen=True, slots=True)
class Caller:
    """The person who typed or clicked, and where. Names are never trusted.

    Ids are Slack's, or all of them ours: then the person has a terminal on the bot's machine.
    """

    user_id: str
    team_id: str
    channel_id: str

    @property
    def is_local(self) -> bool:
        """Whether they type in a terminal. What comes from Slack always has a team of Slack's."""
        return self.team_id == LOCAL_TEAM and is_local(self.user_id)


@dataclass(frozen=True, slots=True)
class Member:
    """What Slack says about a person."""

    user_id: str
    language: str  # "en" or "ko"
    is_full_member: bool  # False: guest, bot, deactivated, or of another workspace
    tz: str = "UTC"


# --- the cloud -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VmSpec:
    """The VM that somebody wants. Exactly one of `os_code` and `template_guid` is set."""

    hostname: str
    domain: str
    cpus: int
    memory_mb: int
    disk_gb: int
    datacenter: str
    os_code: str | None = None
    template_guid: str | None = None


@dataclass(frozen=True, slots=True)
class VmOrder:
    """One order for one hourly VM: the spec, and what lets us find and trust the VM later."""

    spec: VmSpec
    request_id: str  # our operation id; handed over as user data, so a lost answer can be looked up
    user_data: str  # cloud-config: the SSH host key that we made for it
    ssh_key_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CloudVm:
    """A VM as the cloud describes it now."""

    id: int
    hostname: str
    domain: str
    request_id: str | None  # read back from user data; None when not ours or not readable
    public_ip: str | None
    private_ip: str | None
    ordered_at: datetime
    provisioned_at: datetime | None
    transaction: str | None  # the cloud's friendly name of what it is doing to the VM, None if idle
    is_running: bool
    is_hourly: bool
    hourly_rate: Decimal | None  # USD, parent and children; None when the cloud does not say
    tags: frozenset[str]
    notes: str = ""
    cpus: int = 0
    memory_mb: int = 0
    datacenter: str = ""

    @property
    def is_ready(self) -> bool:
        """Provisioned, running, addressed and in no transaction.

        All four: IPs come before `provisionDate`, and between two transactions there is briefly
        none (terraform-provider-ibm#554, terraform-provider-softlayer#47).
        """
        return (
            self.provisioned_at is not None
            and self.transaction is None
            and self.is_running
            and (self.public_ip or self.private_ip) is not None
        )


@dataclass(frozen=True, slots=True)
class Captured:
    """A private image of the account's, captured from a VM."""

    guid: str
    is_ready: bool  # written to its end: it can be ordered, and its VM be cancelled
    size_bytes: int | None = None  # what it is billed by; None when the cloud does not say


@dataclass(frozen=True, slots=True)
class Offers:
    """What the cloud sells now."""

    open_datacenters: tuple[str, ...]
    closing_datacenters: tuple[str, ...]
    cpus: tuple[int, ...]
    memory_mb: tuple[int, ...]


# --- containers ----------------------------------------------------------------------------------


LOOKS_INTO = "ds-bot.looks-into"  # label of a container that only lends its mounts


@dataclass(frozen=True, slots=True)
class HostAccess:
    """How to reach one VM over SSH, and how to know that it is that VM."""

    address: str
    host_key: str | None  # "ssh-ed25519 AAAA…", pinned; None = accept and report (see bot.yaml)
    user: str = "root"
    port: int = 22


@dataclass(frozen=True, slots=True)
class Engine:
    """A Docker Engine that answers."""

    version: str
    operating_system: str
    cpus: int
    memory_bytes: int
    containers_running: int
    containers: int = 0  # running or not
    images: int = 0
    storage_driver: str = ""
    kernel: str = ""
    architecture: str = ""
    warnings: tuple[str, ...] = ()  # the engine's own words


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One row of the engine's own image search."""

    name: str
    description: str
    stars: int
    is_official: bool
    is_automated: bool


@dataclass(frozen=True, slots=True)
class Image:
    """An image that a VM has. An image without a name is a former `latest`, or half a build."""

    id: str  # "sha256:" and 64 hexadecimal digits
    names: tuple[str, ...]  # "rocker/shiny:latest"
    created_at: datetime
    size_bytes: int
    layers: tuple[str, ...]  # digests of its layers, the lowest first: shared ones tell descent
    digest: str | None = None  # the registry's, when it came from one


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull has brought."""

    image_id: str
    digest: str | None
    is_news: bool  # False: what the VM had was up to date


@dataclass(frozen=True, slots=True)
class Mount:
    """A named volume of the VM's, and where a container sees it. Made if there is none yet."""

    volume: str
    path: str
    owner: int | None = None  # user and group id that its top folder is given; None: as it is


@dataclass(frozen=True, slots=True)
class PortBinding:
    """One published port: `host_port` on the VM leads to `container_port` (TCP)."""

    container_port: int
    host_port: int


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container to be started, detached."""

    name: str
    image: str
    ports: tuple[PortBinding, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    memory_mb: int | None = None
    cpus: float | None = None
    command: tuple[str, ...] = ()
    publishes_all: bool = False  # every port that the image exposes, at a port the engine chooses
    removes_itself: bool = False  # when it ends
    mounts: tuple[Mount, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict, repr=False)  # put there before the start
    has_network: bool = True
    processes: int | None = None  # at most, threads included
    user: str | None = None  # of the image's own, when None
    is_confined: bool = False  # for code of anybody's: no capabilities, no new privileges, no swap
    capabilities: tuple[str, ...] = ()  # that a confined one has all the same: "SETUID"
    scratch_mb: int | None = None  # set: nothing but /tmp can be written to, and that is in memory


@dataclass(frozen=True, slots=True)
class Container:
    """A container on a VM, as its engine describes it."""

    id: str  # 64 hexadecimal digits
    name: str
    image: str
    command: str
    created_at: datetime
    is_running: bool
    status: str  # the engine's own words: "Up 5 minutes", "Exited (0) 3 seconds ago"
    ports: tuple[PortBinding, ...]
    labels: dict[str, str]
    exit_code: int | None = None

    @property
    def short_id(self) -> str:
        """The twelve digits that `docker ps` shows."""
        return self.id[:12]


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a pull is, all layers folded together."""

    done_bytes: int
    total_bytes: int  # of the layers whose size is known so far; grows while layers are announced
    layers_done: int
    layers_total: int
    phase: str = "downloading"  # or "extracting"


# --- what the bot remembers ----------------------------------------------------------------------


class VmState(StrEnum):
    """Where a VM is in its life, as the bot knows it."""

    ORDERING = "ordering"  # asked for; whether the cloud has it may be unknown
    PREPARING = "preparing"  # ordered, not ready for containers yet
    READY = "ready"
    ATTENTION = "attention"  # it exists and costs money, but a phase failed: somebody must decide
    CANCELLING = "cancelling"
    GONE = "gone"  # cancelled or never ordered; its name is free again

    @property
    def is_live(self) -> bool:
        """True while the VM may cost money, so that its name is taken."""
        return self is not VmState.GONE


@dataclass(frozen=True, slots=True)
class Vm:
    """A VM that the bot ordered for somebody."""

    op_id: str  # the operation that ordered it; also the row's key
    hostname: str
    domain: str
    owner_id: str
    channel_id: str
    team_id: str
    state: VmState
    image: str  # "docker", "plain" or a template GUID, as it was asked for
    cpus: int
    memory_mb: int
    datacenter: str
    asked_at: datetime
    cloud_id: int | None = None
    address: str | None = None
    host_key: str | None = None
    hourly_rate: Decimal | None = None
    ready_at: datetime | None = None
    ended_at: datetime | None = None
    is_held: bool = False  # the cloud took the order and named no VM: somebody must approve it

    @property
    def waits_for_approval(self) -> bool:
        """Nothing is ordered for it again, and it is never taken for one that was not ordered."""
        return self.is_held and self.cloud_id is None

    @property
    def fqdn(self) -> str:
        return f"{self.hostname}.{self.domain}"


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message that we posted: needed to edit it. `channel_id` is the one Slack answered with."""

    channel_id: str
    ts: str


class ClickStage(StrEnum):
    """How far the operation is that a click asked for."""

    ASKED = "asked"  # nobody knows yet whether the person may
    USED = "used"  # it was let in: the button is used up
    OVER = "over"  # and what the buttons beside it are for is gone


@dataclass(frozen=True, slots=True)
class Click:
    """A click on a button, and the message with the button as Slack described it.

    Of a message that only one person sees, Slack tells no blocks; then `listed` is the command of
    the list that it shows, if it is one.
    """

    message: MessageRef
    value: str
    label: str
    block_id: str
    is_answer: bool = False  # to a question: all its buttons are used up
    is_private: bool = False
    listed: str = ""
    text: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list, repr=False)
    stage: ClickStage = ClickStage.ASKED
    user_id: str = ""
    at: datetime | None = None


class OperationState(StrEnum):
    """How far an operation is."""

    REQUESTED = "requested"
    DONE = "done"
    REFUSED = "refused"  # said no to, nothing was changed
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        return self is not OperationState.REQUESTED


@dataclass(frozen=True, slots=True)
class Operation:
    """Something somebody asked for that changes the world, recorded before it is begun."""

    id: str
    kind: str
    args: dict[str, Any]  # JSON
    caller: Caller
    requested_at: datetime
    state: OperationState = OperationState.REQUESTED
    response_url: str | None = field(default=None, repr=False)  # good for 30 minutes
    message: MessageRef | None = None  # the card, once it is posted
