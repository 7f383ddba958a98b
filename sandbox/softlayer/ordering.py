"""Reads orders as SoftLayer does: what may be asked for, and in which words it is refused.

Two ways lead to the same `Spec`: the createObject template (SLDN SoftLayer_Virtual_Guest::
createObject) and the order container made of price ids (Product_Order::placeOrder).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sandbox.softlayer import catalogue, errors
from sandbox.softlayer.catalogue import Preset, Price
from sandbox.softlayer.image_templates import Template, new_guid
from sandbox.softlayer.state import Account, Guest, Order

_CONTAINER = "SoftLayer_Container_Product_Order_Virtual_Guest"
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")  # RFC 1123
_TOP_LABEL = re.compile(r"[A-Za-z]{2,63}|xn--[A-Za-z0-9-]+")
_MAX_FQDN = 253


@dataclass(frozen=True, slots=True)
class Spec:
    """An order that can be taken."""

    hostname: str
    domain: str
    datacenter: str
    is_hourly: bool
    cpus: int
    memory_mb: int
    disks_gb: tuple[int, ...]
    is_local_disk: bool
    nic_speed: int
    os_code: str | None = None
    template: Template | None = None
    preset: Preset | None = None
    is_private: bool = False
    is_transient: bool = False
    is_immediate_only: bool = False
    ssh_key_ids: tuple[int, ...] = ()
    user_data: tuple[str, ...] = ()
    post_install: str | None = None

    def prices(self, *, with_preset: bool = True) -> tuple[Price, ...]:
        """Everything that is billed, the parent (guest_core) first.

        An order template leaves out what a preset brings along (`with_preset=False`).
        """
        system = catalogue.system(self.os_code) if self.os_code else None
        sized = self.preset.prices if self.preset else self._sizes()
        more = [_price("guest_disk1", gb, self.is_local_disk) for gb in self.disks_gb[1:]]
        port = _price("port_speed", self.nic_speed)
        chosen = [*sized] if with_preset or not self.preset else []
        chosen += [system] if system else []
        return (*chosen, *more, port, *catalogue.INCLUDED)

    def _sizes(self) -> tuple[Price, ...]:
        return (
            _price("guest_core", self.cpus),
            _price("ram", self.memory_mb // 1024),
            _price("guest_disk0", self.disks_gb[0], self.is_local_disk),
        )

    def guest(self, account: Account, order: Order) -> Guest:
        """The guest that comes of the order."""
        now = account.now()
        return Guest(
            id=account.new_id(),
            guid=new_guid().lower(),
            hostname=self.hostname,
            domain=self.domain,
            cpus=self.cpus,
            memory_mb=self.memory_mb,
            disks_gb=self.disks_gb,
            datacenter=self.datacenter,
            prices=self.prices(),
            is_hourly=self.is_hourly,
            order_id=order.id,
            created_at=now,
            modified_at=now,
            os_code=self.os_code,
            template=self.template,
            preset=self.preset,
            is_local_disk=self.is_local_disk,
            is_private=self.is_private,
            is_transient=self.is_transient,
            nic_speed=self.nic_speed,
            post_install=self.post_install,
            user_data=self.user_data,
            ssh_key_ids=self.ssh_key_ids,
        )


def read_template(account: Account, asked: object) -> Spec:
    """The order in a createObject template. Raises the fault SoftLayer would answer with."""
    if not isinstance(asked, Mapping):
        raise errors.missing_property("hostname")
    hostname, domain = _name(asked)
    _require(asked, "hourlyBillingFlag")
    options = asked.get("supplementalCreateObjectOptions") or {}
    preset = _preset(options.get("flavorKeyName"))
    os_code, template = _image(account, asked)
    spec = Spec(
        hostname=hostname,
        domain=domain,
        datacenter=_datacenter(asked),
        is_hourly=bool(asked["hourlyBillingFlag"]),
        cpus=_cpus(asked, preset),
        memory_mb=_memory_mb(asked, preset),
        disks_gb=_disks_gb(asked, preset, template),
        is_local_disk=_is_local(asked, preset),
        nic_speed=_nic_speed(asked),
        os_code=os_code,
        template=template,
        preset=preset,
        is_private=bool(asked.get("privateNetworkOnlyFlag")),
        is_transient=bool(asked.get("transientGuestFlag")),
        is_immediate_only=bool(options.get("immediateApprovalOnlyFlag")),
        ssh_key_ids=_ssh_keys(account, [each.get("id") for each in asked.get("sshKeys") or []]),
        user_data=_user_data(asked),
        post_install=options.get("postInstallScriptUri") or asked.get("postInstallScriptUri"),
    )
    return _checked(spec)


def order_container(spec: Spec) -> dict[str, Any]:
    """The order container of generateOrderTemplate. It leaves out userData, as the real one does
    (softlayer/terraform-provider-softlayer#60)."""
    package = "PUBLIC_CLOUD_SERVER" if spec.preset else "CLOUD_SERVER"
    guest = {
        "hostname": spec.hostname,
        "domain": spec.domain,
        "privateNetworkOnlyFlag": spec.is_private,
        "transientGuestFlag": spec.is_transient,
        "postInstallScriptUri": spec.post_install,
    }
    container: dict[str, Any] = {
        "complexType": _CONTAINER,
        "imageTemplateId": spec.template.id if spec.template else None,
        "location": str(catalogue.DATACENTERS[spec.datacenter].id),
        "packageId": catalogue.PACKAGE_IDS[package],
        "prices": [price.as_container() for price in spec.prices(with_preset=False)],
        "quantity": 1,
        "sourceVirtualGuestId": None,
        "sshKeys": [{"sshKeyIds": list(spec.ssh_key_ids)}] if spec.ssh_key_ids else [],
        "useHourlyPricing": spec.is_hourly,
        "virtualGuests": [guest],
    }
    return {**container, "presetId": spec.preset.id} if spec.preset else container


def read_container(account: Account, asked: object) -> list[Spec]:
    """The orders in a container, one per guest in it. Raises the fault for what cannot be."""
    if not isinstance(asked, Mapping) or not asked.get("virtualGuests"):
        raise errors.fault(errors.PUBLIC, "Invalid order container: no virtual guests.")
    presets = {preset.id: preset for preset in catalogue.PRESETS.values()}
    preset = presets.get(asked.get("presetId") or 0)
    prices = [_ordered_price(each) for each in asked.get("prices") or []]
    sizes = {price.category: price for price in [*prices, *(preset.prices if preset else ())]}
    for category in ("guest_core", "ram", "guest_disk0", "port_speed"):
        if category not in sizes:
            raise errors.fault(errors.PUBLIC, f"Price for category '{category}' is required.")
    common = _common_spec(account, asked, preset, sizes)
    others = tuple(price.capacity for price in prices if price.category == "guest_disk1")
    disks = (sizes["guest_disk0"].capacity, *others)
    return [
        _checked(replace(common, disks_gb=disks, **_guest_part(guest)))
        for guest in asked["virtualGuests"]
    ]


def _common_spec(
    account: Account, asked: Mapping[str, Any], preset: Preset | None, sizes: Mapping[str, Price]
) -> Spec:
    by_id = {str(place.id): place.name for place in catalogue.DATACENTERS.values()}
    location = by_id.get(str(asked.get("location")))
    if location is None:
        raise errors.invalid_value("location", "The location is not available.")
    template = asked.get("imageTemplateId") or asked.get("imageTemplateGlobalIdentifier")
    if not template and "os" not in sizes:
        raise errors.fault(errors.PUBLIC, "Price for category 'os' is required.")
    keys = [key for each in asked.get("sshKeys") or [] for key in each.get("sshKeyIds") or []]
    return Spec(
        hostname="",
        domain="",
        datacenter=location,
        is_hourly=bool(asked.get("useHourlyPricing")),
        cpus=sizes["guest_core"].capacity,
        memory_mb=sizes["ram"].capacity * 1024,
        disks_gb=(),
        is_local_disk=sizes["guest_disk0"].local,
        nic_speed=sizes["port_speed"].capacity,
        os_code=None if template else sizes["os"].reference_code,
        template=account.template(template) if template else None,
        preset=preset,
        ssh_key_ids=_ssh_keys(account, keys),
    )


def _guest_part(guest: Mapping[str, Any]) -> dict[str, Any]:
    hostname, domain = _name(guest)
    return {
        "hostname": hostname,
        "domain": domain,
        "is_private": bool(guest.get("privateNetworkOnlyFlag")),
        "is_transient": bool(guest.get("transientGuestFlag")),
        "post_install": guest.get("postInstallScriptUri") or None,
        "user_data": _user_data(guest),
    }


def _ordered_price(asked: Mapping[str, Any]) -> Price:
    price = catalogue.PRICES.get(asked.get("id") or 0)
    if price is None:
        raise errors.fault(errors.PUBLIC, f"Price # {asked.get('id')} does not exist.")
    return price


def _price(category: str, capacity: int, local: bool = False) -> Price:
    price = catalogue.price_of(category, capacity, local)
    if price is None:
        raise errors.invalid_value(category, f"'{capacity}' is not available.")
    return price


def _require(asked: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if asked.get(name) in (None, ""):
            raise errors.missing_property(name)


def _name(asked: Mapping[str, Any]) -> tuple[str, str]:
    _require(asked, "hostname", "domain")
    hostname, domain = str(asked["hostname"]), str(asked["domain"])
    if not all(_LABEL.fullmatch(label) for label in hostname.split(".")):
        raise errors.invalid_value("hostname", "The hostname is not valid.")
    *labels, top = domain.split(".")
    if not labels or not all(map(_LABEL.fullmatch, labels)) or not _TOP_LABEL.fullmatch(top):
        raise errors.invalid_value("domain", "The domain is not valid.")
    if len(hostname) + 1 + len(domain) > _MAX_FQDN:
        raise errors.invalid_value("hostname", "The fully qualified domain name is too long.")
    return hostname, domain


def _datacenter(asked: Mapping[str, Any]) -> str:
    place = asked.get("datacenter") or {}
    if not place.get("name"):
        raise errors.missing_property("datacenter.name")
    if place["name"] not in catalogue.DATACENTERS:
        text = f"'{place['name']}' is not a valid datacenter."
        raise errors.invalid_value("datacenter.name", text)
    return str(place["name"])


def _preset(key: object) -> Preset | None:
    if not key:
        return None
    preset = catalogue.PRESETS.get(str(key))
    if preset is None:
        text = f"'{key}' is not a valid flavor."
        raise errors.invalid_value("supplementalCreateObjectOptions.flavorKeyName", text)
    return preset


def _image(account: Account, asked: Mapping[str, Any]) -> tuple[str | None, Template | None]:
    code = asked.get("operatingSystemReferenceCode")
    guid = (asked.get("blockDeviceTemplateGroup") or {}).get("globalIdentifier")
    if code and guid:
        text = "An operating system may not be provided when using an image template."
        raise errors.invalid_value("operatingSystemReferenceCode", text)
    if guid:
        template = account.template_by_guid(str(guid))
        if template is None:
            name = "blockDeviceTemplateGroup.globalIdentifier"
            raise errors.invalid_value(name, "The image template does not exist.")
        return None, template
    if not code:
        raise errors.missing_property("operatingSystemReferenceCode")
    system = catalogue.system(str(code))
    if system is None:
        text = f"'{code}' is not a valid reference code."
        raise errors.invalid_value("operatingSystemReferenceCode", text)
    return system.reference_code, None


def _cpus(asked: Mapping[str, Any], preset: Preset | None) -> int:
    if preset:
        return preset.cpus
    _require(asked, "startCpus")
    return _one_of(asked, "startCpus", catalogue.CPUS)


def _memory_mb(asked: Mapping[str, Any], preset: Preset | None) -> int:
    if preset:
        return preset.memory_mb
    _require(asked, "maxMemory")
    return _one_of(asked, "maxMemory", catalogue.MEMORY_MB)


def _one_of(asked: Mapping[str, Any], name: str, allowed: Sequence[int]) -> int:
    number = _number(asked[name], name)
    if number not in allowed:
        raise errors.invalid_value(name, f"'{number}' is not available.")
    return number


def _number(value: Any, name: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise errors.invalid_value(name, f"'{value}' is not a number.") from error


def _is_local(asked: Mapping[str, Any], preset: Preset | None) -> bool:
    flag = asked.get("localDiskFlag")
    if preset:
        if flag not in (None, "", preset.local):
            raise errors.invalid_value("localDiskFlag", "It does not match the flavor.")
        return preset.local
    _require(asked, "localDiskFlag")
    return bool(flag)


def _disks_gb(
    asked: Mapping[str, Any], preset: Preset | None, template: Template | None
) -> tuple[int, ...]:
    devices = asked.get("blockDevices") or []
    if devices and template is not None:
        text = "Block devices may not be provided when using an image template."
        raise errors.invalid_value("blockDevices", text)
    sizes = {str(each.get("device")): _capacity(each) for each in devices}
    first = preset.disk_gb if preset else sizes.get("0", template.size_gb if template else 25)
    if first not in catalogue.FIRST_DISK_GB or "1" in sizes:  # device 1 is the swap disk
        raise errors.invalid_value("blockDevices", f"'{first}' is not available as first disk.")
    return (first, *(gb for device, gb in sorted(sizes.items()) if device != "0"))


def _capacity(device: Mapping[str, Any]) -> int:
    return _number((device.get("diskImage") or {}).get("capacity"), "blockDevices")


def _nic_speed(asked: Mapping[str, Any]) -> int:
    components = asked.get("networkComponents") or []
    speed = components[0].get("maxSpeed") if components else None
    if speed is None:
        return catalogue.PORT_SPEEDS_MBPS[0]
    name = "networkComponents.maxSpeed"
    return _one_of({name: speed}, name, catalogue.PORT_SPEEDS_MBPS)


def _user_data(asked: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(each.get("value", "")) for each in asked.get("userData") or [])


def _ssh_keys(account: Account, ids: Sequence[Any]) -> tuple[int, ...]:
    found = tuple(_number(each, "sshKeys") for each in ids)
    for key_id in found:
        if key_id not in account.ssh_keys:
            raise errors.invalid_value("sshKeys", f"SSH key '{key_id}' does not exist.")
    return found


def _checked(spec: Spec) -> Spec:
    """What can only be seen of the whole."""
    if spec.is_transient and not (spec.is_hourly and spec.preset and spec.preset.transient):
        raise errors.invalid_value("transientGuestFlag", "Transient servers need a flavor for it.")
    spec.prices()  # every size must be on sale
    return spec
