"""How each property of a guest is read, as far as the guest itself can tell."""

from __future__ import annotations

from typing import Any

from sandbox.softlayer import catalogue, metrics
from sandbox.softlayer.schema import Getter
from sandbox.softlayer.state import ACCOUNT_ID, Guest, Transaction

_POWER_NAMES = {"RUNNING": "Running", "HALTED": "Halted", "PAUSED": "Paused"}
_PUBLIC_PORT, _PRIVATE_PORT = 1, 0

LOCALS: dict[str, Getter] = {
    "id": lambda guest: guest.id,
    "accountId": lambda guest: ACCOUNT_ID,
    "createDate": lambda guest: guest.created_at,
    "dedicatedAccountHostOnlyFlag": lambda guest: False,
    "domain": lambda guest: guest.domain,
    "fullyQualifiedDomainName": lambda guest: guest.fqdn,
    "hostname": lambda guest: guest.hostname,
    "lastVerifiedDate": lambda guest: None,
    "maxCpu": lambda guest: guest.cpus,
    "maxCpuUnits": lambda guest: "CORE",
    "maxMemory": lambda guest: guest.memory_mb,
    "metricPollDate": lambda guest: None,
    "modifyDate": lambda guest: guest.modified_at,
    "notes": lambda guest: guest.notes,
    "placementGroupId": lambda guest: None,
    "postInstallScriptUri": lambda guest: guest.post_install,
    "provisionDate": lambda guest: guest.provisioned_at,
    "startCpus": lambda guest: guest.cpus,
    "statusId": lambda guest: 1001,
    "uuid": lambda guest: guest.guid,
}
_IDENTITY: dict[str, Getter] = {
    "dedicatedHost": lambda guest: None,
    "globalIdentifier": lambda guest: guest.guid,
    "hourlyBillingFlag": lambda guest: guest.is_hourly,
    "localDiskFlag": lambda guest: guest.is_local_disk,
    "managedResourceFlag": lambda guest: False,
    "privateNetworkOnlyFlag": lambda guest: guest.is_private,
    "transientGuestFlag": lambda guest: guest.is_transient,
    "userData": lambda guest: [{"value": each} for each in guest.user_data],
}
ABSENT = frozenset(
    {
        "lastOperatingSystemReload",
        "monitoringServiceComponent",
        "networkMonitors",
        "pendingMigrationFlag",
        "internalTagReferences",
        "hardwareFunctionDescription",
        "monitoringRobot",
        "securityScanRequests",
    }
)


def _transaction(item: Transaction | None) -> dict[str, Any] | None:
    if item is None:
        return None
    return {
        "id": item.id,
        "createDate": item.started_at,
        "modifyDate": item.started_at,
        "statusChangeDate": item.started_at,
        "transactionGroup": {"name": item.group},
        "transactionStatus": {"name": item.name, "friendlyName": item.friendly_name},
    }


def _device_status(guest: Guest) -> dict[str, Any]:
    name = "PROVISIONING" if guest.provisioned_at is None else "ACTIVE"
    if guest.cancelled_at is not None:
        name = "RECLAIM"
    return {"id": 1, "keyName": name, "name": name.capitalize()}


def _power_state(guest: Guest) -> dict[str, Any]:
    return {"keyName": guest.power, "name": _POWER_NAMES[guest.power]}


_STATE: dict[str, Getter] = {
    "activeTransaction": lambda guest: _transaction(guest.transaction),
    "activeTransactions": lambda guest: [_transaction(guest.transaction)] * bool(guest.transaction),
    "deviceStatus": _device_status,
    "lastKnownPowerState": _power_state,
    "lastTransaction": lambda guest: _transaction(guest.last_transaction),
    "powerState": _power_state,
    "status": lambda guest: {"keyName": "ACTIVE", "name": "Active"},
}


def _place(guest: Guest) -> dict[str, Any]:
    place = catalogue.DATACENTERS[guest.datacenter]
    return {"id": place.id, "name": place.name, "longName": place.long_name, "statusId": 2}


def _component(guest: Guest, port: int) -> dict[str, Any]:
    ip = guest.public_ip if port == _PUBLIC_PORT else guest.private_ip
    space = "PUBLIC" if port == _PUBLIC_PORT else "PRIVATE"
    component: dict[str, Any] = {
        "id": guest.id * 2 + port,
        "guestId": guest.id,
        "macAddress": f"06:{port:02x}:" + ":".join(f"{b:02x}" for b in guest.id.to_bytes(4)),
        "maxSpeed": guest.nic_speed,
        "name": "eth",
        "port": port,
        "speed": guest.nic_speed,
        "status": "ACTIVE",
        "primarySubnet": {"addressSpace": space},
        "securityGroupBindings": [],
    }
    return {**component, "primaryIpAddress": ip} if ip else component


def _components(guest: Guest) -> list[dict[str, Any]]:
    ports = [_PRIVATE_PORT] if guest.is_private else [_PRIVATE_PORT, _PUBLIC_PORT]
    return [_component(guest, port) for port in ports]


def _vlans(guest: Guest) -> list[dict[str, Any]]:
    base = catalogue.DATACENTERS[guest.datacenter].id
    private = {"id": base + 1, "vlanNumber": 801, "networkSpace": "PRIVATE"}
    public = {"id": base + 2, "vlanNumber": 802, "networkSpace": "PUBLIC"}
    return [private] if guest.is_private else [private, public]


def _disk(guest: Guest, device: int, capacity: int, kind: str, name: str) -> dict[str, Any]:
    image = {
        "id": guest.id + 700_000_000 + device,
        "capacity": capacity,
        "units": "GB",
        "description": name,
        "name": name,
        "metadataFlag": kind == "METADATA",
        "type": {"keyName": kind, "name": kind.capitalize()},
    }
    return {
        "id": guest.id + 800_000_000 + device,
        "bootableFlag": int(device == 0),
        "createDate": guest.created_at,
        "device": str(device),
        "guestId": guest.id,
        "mountType": "Disk",
        "statusId": 1,
        "diskImage": image,
    }


def block_devices(guest: Guest) -> list[dict[str, Any]]:
    """Device 1 is always the swap disk."""
    first, *others = guest.disks_gb
    disks = [
        _disk(guest, 0, first, "SYSTEM", guest.fqdn),
        _disk(guest, 1, 2, "SWAP", f"{guest.id}-SWAP"),
    ]
    disks += [_disk(guest, at, gb, "SYSTEM", guest.fqdn) for at, gb in enumerate(others, start=2)]
    return disks


_HARDWARE: dict[str, Getter] = {
    "averageDailyPublicBandwidthUsage": lambda guest: 0.0017 if guest.provisioned_at else None,
    "blockDevices": block_devices,
    "bandwidthAllotmentDetail": lambda guest: {
        "id": guest.id,
        "allocationId": guest.id,
        "allocation": {"id": guest.id, "amount": "250"},
    },
    "billingCycleBandwidthUsage": lambda guest: [
        {"amountIn": ".448", "amountOut": ".52157", "type": {"alias": "PUBLIC_SERVER_BW"}},
        {"amountIn": ".03842", "amountOut": ".01822", "type": {"alias": "PRIVATE_SERVER_BW"}},
    ],
    "datacenter": _place,
    "location": _place,
    "metricTrackingObjectId": metrics.tracking_id,
    "networkComponents": _components,
    "networkVlans": _vlans,
    "primaryBackendIpAddress": lambda guest: guest.private_ip,
    "primaryBackendNetworkComponent": lambda guest: _component(guest, _PRIVATE_PORT),
    "primaryIpAddress": lambda guest: guest.public_ip,
    "primaryNetworkComponent": lambda guest: (
        None if guest.is_private else _component(guest, _PUBLIC_PORT)
    ),
}


def _software_description(guest: Guest) -> dict[str, Any]:
    price = catalogue.system(guest.os_code) if guest.os_code else None
    if price is None:
        text = guest.template.system if guest.template else ""
        return {"name": text.partition(" ")[0], "version": text, "longDescription": text}
    family, _, version = price.reference_code.partition("_")
    return {
        "manufacturer": family.capitalize(),
        "name": family.capitalize(),
        "version": f"{version} {price.description.partition('-')[2].strip()}".strip(),
        "referenceCode": price.reference_code,
        "longDescription": price.description,
    }


def _software(guest: Guest) -> dict[str, Any]:
    component: dict[str, Any] = {
        "id": guest.id + 1,
        "softwareLicense": {"softwareDescription": _software_description(guest)},
        "passwords": [],
    }
    return component


_SOFTWARE: dict[str, Getter] = {
    "blockDeviceTemplateGroup": lambda guest: guest.template,
    "operatingSystem": _software,
    "operatingSystemReferenceCode": lambda guest: guest.os_code,
    "softwareComponents": lambda guest: [_software(guest)],
}

RELATIONS: dict[str, Getter] = {**_IDENTITY, **_STATE, **_HARDWARE, **_SOFTWARE}
