"""Virtual guests in SoftLayer's words: the order that makes one, and what reading one gives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from bot.adapters.cloud_config import request_id_of
from bot.models import CloudVm, VmOrder, VmSpec

Row = Mapping[str, Any]

MAX_NOTES = 1000  # characters (SLDN SoftLayer_Virtual_Guest, notes)
_TAG_SIGNS = frozenset(" -_.:")

# Local properties have to be named once any is: naming one hides the others (SLDN, object masks).
VM_MASK = (
    "mask[id,hostname,domain,createDate,provisionDate,notes,maxCpu,maxMemory,hourlyBillingFlag,"
    "primaryIpAddress,primaryBackendIpAddress,powerState[keyName],datacenter[name],"
    "activeTransaction[transactionStatus[name,friendlyName]],tagReferences[tag[name]],"
    "userData[value],billingItem[hourlyRecurringFee,children[hourlyRecurringFee]]]"
)
ENDING_MASK = (
    "mask[id,activeTransaction[transactionGroup[name],transactionStatus[name]],"
    "billingItem[cancellationDate]]"
)

# A time without offset is US Central's (SLDN); SoftLayer itself always writes the offset.
_CENTRAL = timezone(timedelta(hours=-6))


def template_of(spec: VmSpec, nic_mbps: int) -> dict[str, Any]:
    """The spec as SoftLayer_Virtual_Guest::createObject and ::generateOrderTemplate take it.

    Hourly, on local disk. Flags are real booleans: text works by its truth only, so that 'false'
    would mean true. An order that would have to wait for a person's approval is to be refused.
    """
    template: dict[str, Any] = {
        "hostname": spec.hostname,
        "domain": spec.domain,
        "datacenter": {"name": spec.datacenter},
        "startCpus": spec.cpus,
        "maxMemory": spec.memory_mb,
        "hourlyBillingFlag": True,
        "localDiskFlag": True,
        "networkComponents": [{"maxSpeed": nic_mbps}],
        "supplementalCreateObjectOptions": {"immediateApprovalOnlyFlag": True},
    }
    if spec.template_guid is not None:  # its disks come with it: naming any is refused
        template["blockDeviceTemplateGroup"] = {"globalIdentifier": spec.template_guid}
    else:
        template["operatingSystemReferenceCode"] = spec.os_code
        template["blockDevices"] = [{"device": "0", "diskImage": {"capacity": spec.disk_gb}}]
    return template


def template_of_order(order: VmOrder, nic_mbps: int) -> dict[str, Any]:
    """The whole order: the spec, our keys, and the user data that says whose it is."""
    template = template_of(order.spec, nic_mbps)
    template["userData"] = [{"value": order.user_data}]
    if order.ssh_key_ids:
        template["sshKeys"] = [{"id": key_id} for key_id in order.ssh_key_ids]
    return template


def vm_of(row: Row) -> CloudVm:
    """The VM in a row read with VM_MASK, or in createObject's answer, which has less in it.

    An absent relation is an absent key, an absent value the empty string (softlayer.md A2, C4).
    Raises LookupError or ValueError when even the id, the name or the order's time is missing.
    """
    return CloudVm(
        id=int(row["id"]),
        hostname=str(row["hostname"]),
        domain=str(row["domain"]),
        request_id=_request_id(row),
        public_ip=row.get("primaryIpAddress") or None,
        private_ip=row.get("primaryBackendIpAddress") or None,
        ordered_at=time_of(row["createDate"]),
        provisioned_at=time_of(row["provisionDate"]) if row.get("provisionDate") else None,
        transaction=_transaction(row),
        is_running=_inner(row, "powerState").get("keyName") == "RUNNING",
        is_hourly=bool(row.get("hourlyBillingFlag")),
        hourly_rate=_hourly_rate(row),
        tags=frozenset(_tags(row)),
        notes=str(row.get("notes") or ""),
        cpus=int(row.get("maxCpu") or row.get("startCpus") or 0),
        memory_mb=int(row.get("maxMemory") or 0),
        datacenter=str(_inner(row, "datacenter").get("name") or ""),
    )


def is_ending(row: Row) -> bool:
    """Whether a guest read with ENDING_MASK is cancelled already and only being cleared away.

    Only positive signs count. A missing billing item is none: a user who may not see bills gets
    none of a living VM either.
    """
    transaction = _inner(row, "activeTransaction")
    names = (
        _inner(transaction, "transactionGroup").get("name"),
        _inner(transaction, "transactionStatus").get("name"),
    )
    is_reclaimed = any("RECLAIM" in str(name).upper() for name in names)
    return is_reclaimed or bool(_inner(row, "billingItem").get("cancellationDate"))


def check_label(tags: frozenset[str], notes: str) -> None:
    """Raises ValueError for tags and notes that SoftLayer would refuse, split or garble.

    Tags go over as one list with commas. The package declares its requests as ISO-8859-1 and sends
    UTF-8 (transports/xmlrpc.py of 6.2.9): beyond ASCII, what arrives is not what was sent.
    """
    if len(notes) > MAX_NOTES:
        raise ValueError(f"notes have {len(notes)} characters, {MAX_NOTES} are allowed")
    if not (notes.isascii() and all(char.isprintable() or char in "\n\t" for char in notes)):
        raise ValueError("notes must be printable ASCII")
    for tag in tags:
        if not tag.strip() or not tag.isascii():
            raise ValueError(f"not fit as a tag: {tag!r}")
        if not all(char.isalnum() or char in _TAG_SIGNS for char in tag):
            raise ValueError(f"not fit as a tag: {tag!r}")


def time_of(text: object) -> datetime:
    """An instant of SoftLayer's, aware. Raises ValueError when it is none."""
    when = datetime.fromisoformat(str(text))
    return when if when.tzinfo else when.replace(tzinfo=_CENTRAL)


def money_of(text: object) -> Decimal | None:
    """An amount of SoftLayer's, which comes as text such as '.053'; None when it is none."""
    try:
        amount = Decimal(str(text))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def _inner(row: Row, name: str) -> Row:
    value = row.get(name)
    return value if isinstance(value, Mapping) else {}


def _inner_rows(row: Row, name: str) -> list[Row]:
    value = row.get(name)
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _request_id(row: Row) -> str | None:
    texts = (str(each.get("value") or "") for each in _inner_rows(row, "userData"))
    return next(filter(None, map(request_id_of, texts)), None)


def _transaction(row: Row) -> str | None:
    running = row.get("activeTransaction")
    if not running:
        return None
    status = _inner(_inner(row, "activeTransaction"), "transactionStatus")
    return str(status.get("friendlyName") or status.get("name") or "Transaction")


def _hourly_rate(row: Row) -> Decimal | None:
    """The parent item is the CPU alone; memory, disk and system are its children (SLDN).

    None without a parent's fee, or with a fee that is no number: too low a rate is worse than none.
    """
    item = _inner(row, "billingItem")
    rate = money_of(item.get("hourlyRecurringFee"))
    for child in _inner_rows(item, "children"):
        fee = money_of(child.get("hourlyRecurringFee") or "0")
        rate = None if rate is None or fee is None else rate + fee
    return rate


def _tags(row: Row) -> list[str]:
    names = (_inner(each, "tag").get("name") for each in _inner_rows(row, "tagReferences"))
    return [str(name) for name in names if name]
