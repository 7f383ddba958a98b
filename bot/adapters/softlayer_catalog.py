"""What SoftLayer sells: places, sizes and images. Changes rarely, so it is kept for minutes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Generic, TypeVar

from bot.adapters.softlayer_client import SoftLayerApi
from bot.adapters.softlayer_guests import time_of
from bot.models import Offers
from bot.ports import Clock

T = TypeVar("T")
Row = Mapping[str, Any]

_CLOSING = "CLOSURE_ANNOUNCED"
_IMAGES = "Virtual_Guest_Block_Device_Template_Group"
_IMAGE_MASK = "mask[id,name,globalIdentifier,parentId,createDate,transaction[id]]"


class Kept(Generic[T]):
    """A value that is read when it is older than `keep_for`; who comes meanwhile waits for it."""

    def __init__(self, read: Callable[[], T], clock: Clock, keep_for: timedelta) -> None:
        self._read = read
        self._clock = clock
        self._keep_for = keep_for
        self._lock = threading.Lock()
        self._kept: tuple[T, timedelta] | None = None

    def get(self) -> T:
        """The value; raises what reading it raises, and keeps nothing then."""
        with self._lock:
            now = self._clock.monotonic()
            if self._kept is None or now - self._kept[1] >= self._keep_for:
                self._kept = (self._read(), now)
            return self._kept[0]


def read_offers(api: SoftLayerApi) -> Offers:
    """What can be ordered.

    A pod that closes has the capability CLOSURE_ANNOUNCED; the datacenter closes when all its pods
    do. Source: softlayer-python 6.2.9, managers/network.py get_closed_pods.
    """
    options = api.read("Virtual_Guest", "getCreateObjectOptions")
    mask = "mask[name,datacenterName,capabilities]"
    closing = _closing(api.rows("Network_Pod", "getAllObjects", mask=mask, order_by="name"))
    templates = [row["template"] for row in options.get("datacenters") or []]
    places = {str(template["datacenter"]["name"]) for template in templates}
    return Offers(
        open_datacenters=tuple(sorted(places - closing)),
        closing_datacenters=tuple(sorted(closing)),
        cpus=_sizes(options.get("processors") or [], "startCpus"),
        memory_mb=_sizes(options.get("memory") or [], "maxMemory"),
    )


def read_public_images(api: SoftLayerApi) -> list[Row]:
    """The public images. Children are left out: an image's copies in single datacenters."""
    rows = api.rows(_IMAGES, "getPublicImages", mask=_IMAGE_MASK)
    return [row for row in rows if not row.get("parentId")]


def has_private_image(api: SoftLayerApi, guid: str) -> bool:
    """Whether the account has this image and it is not just being written."""
    rows = api.rows(
        "Account",
        "getPrivateBlockDeviceTemplateGroups",
        mask=_IMAGE_MASK,
        root="privateBlockDeviceTemplateGroups",
        matching={"globalIdentifier": {"operation": f"_= {guid}"}},
    )
    return any(is_image(row, guid) and not row.get("transaction") for row in rows)


def is_image(row: Row, guid: str) -> bool:
    """Whether a row is the image with this GUID, in any case."""
    return str(row.get("globalIdentifier")).casefold() == guid.casefold()


def newest_named(images: Iterable[Row], name: str) -> Row | None:
    """The newest image whose name contains `name`, in any case."""
    named = [row for row in images if name.casefold() in str(row.get("name")).casefold()]
    return max(named, key=lambda row: (time_of(row["createDate"]), row["id"]), default=None)


def _closing(pods: Iterable[Row]) -> set[str]:
    is_closing: dict[str, bool] = {}
    for pod in pods:
        place = str(pod.get("datacenterName") or str(pod["name"]).partition(".")[0])
        has_notice = _CLOSING in (pod.get("capabilities") or [])
        is_closing[place] = is_closing.get(place, True) and has_notice
    return {place for place, closes in is_closing.items() if closes}


def _sizes(rows: Iterable[Row], name: str) -> tuple[int, ...]:
    """The sizes on sale, without those of dedicated hosts."""
    templates = [row["template"] for row in rows]
    shared = [each for each in templates if not each.get("dedicatedAccountHostOnlyFlag")]
    return tuple(sorted({int(each[name]) for each in shared if each.get(name)}))
