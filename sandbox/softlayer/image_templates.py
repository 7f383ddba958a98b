"""The public image templates: about fifty, each with one child row per datacenter group.

Names follow what the walk-through saw in 2015 (among them "Ubuntu with LAMP and Docker"); the other
rows are there so that listing pages and filters have work to do (the real list has ~155 rows).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sandbox.softlayer.hypervisor import Image

PUBLIC_ACCOUNT_ID = 208938
_FIRST_ID = 1100000
_NAMESPACE = uuid.UUID("5b0c3f9e-6d5c-4f0e-9c55-3d1f3f3c7a10")
_EPOCH = datetime(2015, 6, 1, 15, 4, 5, tzinfo=UTC)

_STACKS = ("LAMP", "LEMP", "MEAN", "PostgreSQL", "MySQL", "Redis", "Jenkins", "GitLab", "Tomcat")
_SYSTEMS = (
    ("Ubuntu", "Ubuntu Linux 14.04 LTS Trusty Tahr - Minimal Install (64 bit)"),
    ("CentOS", "CentOS 7.x - Minimal Install (64 bit)"),
    ("RHEL", "Red Hat Enterprise Linux 7.x - Minimal Install (64 bit)"),
    ("Debian", "Debian GNU/Linux 8.0 Jessie/Stable - Minimal Install (64 bit)"),
)
_DOCKER = (
    ("Ubuntu with LAMP and Docker", 0),
    ("Ubuntu with Docker", 0),
    ("CentOS 7 with Docker", 1),
    ("CentOS 7 with LAMP and Docker", 1),
    ("RHEL 7 with Docker", 2),
    ("RHEL 7 with LAMP and Docker", 2),
)
_STORES = ("dal05", "ams03")


@dataclass(frozen=True, slots=True)
class Writing:
    """What is being done to an image."""

    id: int
    name: str
    friendly_name: str
    started_at: datetime


@dataclass(slots=True)
class Template:
    """An image template group; a child is the copy of its parent in one datacenter."""

    id: int
    guid: str
    name: str
    note: str
    account_id: int
    created_at: datetime
    is_public: bool
    system: str
    kind: Image = "plain"
    parent: Template | None = None
    datacenter: str = ""
    size_gb: int = 25
    children: list[Template] = field(default_factory=list)
    transaction: Writing | None = None  # set while it is being written or deleted
    status: str = "Active"

    @property
    def with_children(self) -> list[Template]:
        """The image and its copies in datacenters."""
        return [self, *self.children]


def kind_of(name: str) -> Image:
    """What boots from a template of this name."""
    return "docker" if "docker" in name.casefold() else "plain"


def new_guid() -> str:
    """A GUID as SoftLayer writes them."""
    return str(uuid.uuid4()).upper()


def public_templates() -> list[Template]:
    """Parents and children, as getPublicImages lists them."""
    rows = []
    for number, (name, system) in enumerate(_named()):
        parent = _template(_FIRST_ID + number * 10, name, system, number)
        parent.children = [_child(parent, at, store) for at, store in enumerate(_STORES)]
        rows.extend([parent, *parent.children])
    return rows


def _named() -> Iterator[tuple[str, str]]:
    for system, text in _SYSTEMS:
        yield f"{system} Minimal", text
        for stack in _STACKS:
            yield f"{system} with {stack}", text
    for name, at in _DOCKER:
        yield name, _SYSTEMS[at][1]
    for number in range(1, 5):
        yield f"Virtual appliance {number}", _SYSTEMS[1][1]


def _template(template_id: int, name: str, system: str, age_rank: int) -> Template:
    return Template(
        id=template_id,
        guid=_stable_guid(name),
        name=name,
        note=f"{name}, public image",
        account_id=PUBLIC_ACCOUNT_ID,
        created_at=_EPOCH + timedelta(days=age_rank),
        is_public=True,
        system=system,
        kind=kind_of(name),
    )


def _child(parent: Template, at: int, store: str) -> Template:
    child = _template(parent.id + at + 1, parent.name, parent.system, 0)
    child.guid = _stable_guid(f"{parent.name}/{store}")
    child.created_at = parent.created_at + timedelta(minutes=at + 1)
    child.parent = parent
    child.datacenter = store
    return child


def _stable_guid(name: str) -> str:
    """The same GUID in every run, in the form of a random one (version 4)."""
    return str(uuid.UUID(bytes=uuid.uuid5(_NAMESPACE, name).bytes, version=4)).upper()
