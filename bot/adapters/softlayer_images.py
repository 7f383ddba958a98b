"""Private images of the account: captured from VMs, looked for, deleted.

An image is a parent row with one child per datacenter that holds a copy; the children have the
disks. Source: SLDN SoftLayer_Virtual_Guest_Block_Device_Template_Group, and what `slcli image
detail` of 6.2.9 reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bot.adapters.softlayer_catalog import is_image
from bot.adapters.softlayer_client import SoftLayerApi
from bot.adapters.softlayer_errors import understanding
from bot.adapters.softlayer_guests import time_of
from bot.errors import CloudBusy, CloudNotFound, CloudRefused, CloudUnknown
from bot.models import Captured, Text

Row = Mapping[str, Any]

_IMAGES = "Virtual_Guest_Block_Device_Template_Group"
_TRANSACTION = "transaction[id,transactionGroup[name],transactionStatus[name]]"
_IMAGE_MASK = (
    f"mask[id,name,globalIdentifier,parentId,createDate,blockDevicesDiskSpaceTotal,{_TRANSACTION},"
    f"children[id,blockDevicesDiskSpaceTotal,{_TRANSACTION}]]"
)
_DISKS_MASK = "mask[id,blockDevices[id,device,mountType,diskImage[id,metadataFlag,type[keyName]]]]"


def capture(api: SoftLayerApi, vm_id: int, name: str, notes: str) -> None:
    """Have all disks of a VM captured, swap left out: one request after its disks were read.

    Source: softlayer-python 6.2.9, managers/vs.py capture.
    """
    row = api.read("Virtual_Guest", "getObject", id=vm_id, mask=_DISKS_MASK, about_vm=True)
    with understanding():
        disks = [disk for disk in row.get("blockDevices") or [] if _is_kept(disk)]
    if not disks:
        raise CloudRefused(Text("SoftLayer names no disk of that VM."))
    method = "createArchiveTemplate"
    api.act("Virtual_Guest", method, name, disks, notes, id=vm_id, about_vm=True)


def newest_captured(api: SoftLayerApi, name: str) -> Captured | None:
    """The newest private image of exactly this name."""
    named = [row for row in _private_rows(api, {"name": name}) if row.get("name") == name]
    with understanding():
        newest = max(named, key=lambda row: (time_of(row["createDate"]), row["id"]), default=None)
        return None if newest is None else _captured(newest)


def delete_image(api: SoftLayerApi, guid: str) -> None:
    """Delete a private image; one that is gone, or is being deleted, is success.

    It takes a transaction, which is refused while another runs. A GUID is as good as a number
    (softlayer-python 6.2.9, utils.py resolve_ids). Source: SLDN, deleteObject.
    """
    try:
        api.act(_IMAGES, "deleteObject", id=guid, about_vm=True)
    except CloudNotFound:
        if _row_of(api, guid) is not None:
            raise CloudUnknown(
                Text("SoftLayer did not find the image, and then it did: it may be there still.")
            ) from None
    except CloudBusy:
        row = _row_of(api, guid)
        if row is not None and not any(map(_is_being_deleted, _with_copies(row))):
            raise


def _captured(row: Row) -> Captured:
    """It is ready when nothing is done to it any more and its disks have a size.

    Having no transaction alone would not do: a VM has none between two of them (softlayer.md A3),
    and one that is cancelled too early takes its image along.
    """
    parts = _with_copies(row)
    size = int(sum(float(part.get("blockDevicesDiskSpaceTotal") or 0) for part in parts))
    is_idle = not any(part.get("transaction") for part in parts)
    return Captured(str(row["globalIdentifier"]), is_idle and size > 0, size or None)


def _with_copies(row: Row) -> list[Row]:
    return [row, *(row.get("children") or [])]


def _is_being_deleted(row: Row) -> bool:
    """By its words: which ones SoftLayer uses is not documented."""
    running = row.get("transaction") or {}
    names = (running.get("transactionGroup") or {}, running.get("transactionStatus") or {})
    return any("DELETE" in str(each.get("name")).upper() for each in names)


def _row_of(api: SoftLayerApi, guid: str) -> Row | None:
    rows = _private_rows(api, {"globalIdentifier": guid})
    return next((row for row in rows if is_image(row, guid)), None)


def _private_rows(api: SoftLayerApi, equal: Mapping[str, str]) -> Iterator[Row]:
    """Parents alone. A filter that SoftLayer does not like is ignored: who asks looks again."""
    rows = api.rows(
        "Account",
        "getPrivateBlockDeviceTemplateGroups",
        mask=_IMAGE_MASK,
        root="privateBlockDeviceTemplateGroups",
        matching={name: {"operation": f"_= {value}"} for name, value in equal.items()},
    )
    return (row for row in rows if not row.get("parentId"))


def _is_kept(disk: Row) -> bool:
    """Whether a block device holds data of its own: no swap, no CD, no metadata."""
    image = disk.get("diskImage") or {}
    kind = (image.get("type") or {}).get("keyName")
    return not image.get("metadataFlag") and kind != "SWAP" and disk.get("mountType") != "CD"
