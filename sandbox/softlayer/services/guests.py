"""SoftLayer_Virtual_Guest: ordering, reading, changing, switching and cancelling guests."""

from __future__ import annotations

from typing import Any

from sandbox.softlayer import billing, catalogue, errors, metrics, ordering
from sandbox.softlayer.calls import Call, Service, api
from sandbox.softlayer.guest_views import block_devices
from sandbox.softlayer.placing import place
from sandbox.softlayer.schema import Answer, DataType, One, Raw, Rows
from sandbox.softlayer.services.account import split_tags
from sandbox.softlayer.state import Guest

_MAX_NOTES = 1000
_MEMORY = [{"keyName": "MEMORY_USAGE"}]


class GuestService(Service):
    """Virtual guests."""

    name = "SoftLayer_Virtual_Guest"

    @property
    def kind(self) -> DataType:
        return self.views.guest

    def find(self, call: Call) -> Guest:
        if call.id in (None, ""):
            raise errors.no_object()
        return self.account.guest(call.id)

    # --- ordering ---

    @api("createObject")
    def create(self, call: Call) -> Answer:
        spec = ordering.read_template(self.account, call.arg(0))
        order, guests = place(self.backend, call, [spec], call.arg(0))
        if guests:
            return One(self.views.guest, guests[0])
        return One(None, {**_named(*order.names[0]), "id": None, "createDate": order.created_at})

    @api("createObjects")
    def create_several(self, call: Call) -> Answer:
        specs = [ordering.read_template(self.account, each) for each in call.arg(0) or []]
        _, guests = place(self.backend, call, specs, {"guests": call.arg(0)})
        return Rows(self.views.guest, list(guests), "createObjects")

    @api("generateOrderTemplate")
    def order_template(self, call: Call) -> Answer:
        return Raw(ordering.order_container(ordering.read_template(self.account, call.arg(0))))

    @api("getCreateObjectOptions")
    def create_options(self, call: Call) -> Answer:
        return Raw(_create_options())

    # --- reading ---

    @api("getObject")
    def object(self, call: Call) -> Answer:
        return One(self.views.guest, self.find(call))

    @api("findByHostname")
    def by_hostname(self, call: Call) -> Answer:
        for guest in self.account.listed_guests():
            if call.arg(0) in (guest.hostname, guest.fqdn):
                return One(self.views.guest, guest)
        return Raw(None)

    @api("getCurrentBillingTotal")
    def billing_total(self, call: Call) -> Answer:
        return Raw(billing.total(self.find(call), self.account.now()))

    @api("getReverseDomainRecords")
    def reverse_records(self, call: Call) -> Answer:
        guest = self.find(call)
        if guest.public_ip is None:
            return Raw([])
        name = ".".join(reversed(guest.public_ip.split("."))) + ".in-addr.arpa"
        host = f"{guest.public_ip.replace('.', '-')}.sandbox.example"
        record = {"id": guest.id, "data": f"{host}."}
        return Raw([{"id": guest.id, "name": name, "resourceRecords": [record]}])

    @api("isPingable")
    def is_pingable(self, call: Call) -> Answer:
        guest = self.find(call)
        return Raw(guest.power == "RUNNING" and guest.provisioned_at is not None)

    @api("getCpuMetricDataByDate")
    def cpu_metrics(self, call: Call) -> Answer:
        guest = self.find(call)
        cpus = call.arg(2) or range(guest.cpus)
        return self._metrics(call, guest, [{"keyName": f"CPU{number}"} for number in cpus])

    @api("getMemoryMetricDataByDate")
    def memory_metrics(self, call: Call) -> Answer:
        return self._metrics(call, self.find(call), _MEMORY)

    def _metrics(self, call: Call, guest: Guest, types: list[dict[str, Any]]) -> Answer:
        known_until = self.account.now() - self.backend.lifecycle.delays.metrics_lag
        span = metrics.span_of(guest, call.arg(0), call.arg(1), known_until)
        return Rows(None, metrics.summary(guest, types, span, 3600))

    # --- changing ---

    @api("editObject")
    def edit(self, call: Call) -> Answer:
        guest, asked = self.find(call), call.arg(0) or {}
        if len(str(asked.get("notes") or "")) > _MAX_NOTES:
            raise errors.invalid_value("notes", f"At most {_MAX_NOTES} characters are allowed.")
        for name in ("notes", "hostname", "domain"):
            if asked.get(name) is not None:
                setattr(guest, name, str(asked[name]))
        guest.modified_at = self.account.now()
        return Raw(True)

    @api("setTags")
    def set_tags(self, call: Call) -> Answer:
        self.account.set_tags(self.find(call), split_tags(call.arg(0)))
        return Raw(True)

    @api("setUserMetadata")
    def set_user_data(self, call: Call) -> Answer:
        self.find(call).user_data = tuple(str(each) for each in call.arg(0) or [])
        return Rows(None, [], "userData")

    @api("setTransientWebhook")
    def set_webhook(self, call: Call) -> Answer:
        if not self.find(call).is_transient:
            raise errors.fault(errors.PUBLIC, "The virtual guest is not transient.")
        return Raw(None)

    # --- power ---

    @api("powerOn")
    def power_on(self, call: Call) -> Answer:
        return self._switched(call, "Power On", lambda guest: self._set(guest, "RUNNING"))

    @api("powerOff")
    def power_off(self, call: Call) -> Answer:
        return self._switched(call, "Power Off", lambda guest: self._set(guest, "HALTED"))

    @api("powerOffSoft")
    def power_off_soft(self, call: Call) -> Answer:
        return self._switched(call, "Power Off", self.backend.lifecycle.shut_down)

    @api("pause")
    def pause(self, call: Call) -> Answer:
        return self._switched(call, "Pause", lambda guest: self._set(guest, "PAUSED"))

    @api("resume")
    def resume(self, call: Call) -> Answer:
        return self._switched(call, "Resume", lambda guest: self._set(guest, "RUNNING"))

    @api("rebootDefault")
    def reboot(self, call: Call) -> Answer:
        return self._switched(call, "Reboot", self._rebooted)

    @api("rebootSoft")
    def reboot_soft(self, call: Call) -> Answer:
        return self.reboot(call)

    @api("rebootHard")
    def reboot_hard(self, call: Call) -> Answer:
        return self.reboot(call)

    def _switched(self, call: Call, event: str, switch: Any) -> Answer:
        guest = self.find(call)
        if guest.machine_id is None or guest.cancelled_at is not None:
            raise errors.fault("SoftLayer_Exception_NotImplemented", "Not fully provisioned yet.")
        switch(guest)
        self.account.record(event, guest, call.username)
        return Raw(True)

    def _set(self, guest: Guest, power: Any) -> None:
        self.backend.lifecycle.set_power(guest, power)

    def _rebooted(self, guest: Guest) -> None:
        self._set(guest, "HALTED")
        self._set(guest, "RUNNING")

    # --- images and the end ---

    @api("createArchiveTemplate")
    def capture(self, call: Call) -> Answer:
        guest, name = self.find(call), call.arg(0)
        if not name:
            raise errors.invalid_value("groupName", "A name is required.")
        size_gb = _captured_gb(guest, call.arg(1))
        note = str(call.arg(2) or "")
        template = self.backend.lifecycle.capture(guest, str(name), note, size_gb)
        self.account.record("Capture Image", guest, call.username)
        return Raw(_capture_transaction(guest, template.guid))

    @api("deleteObject")
    def delete(self, call: Call) -> Answer:
        self.backend.lifecycle.cancel(self.find(call), call.username)
        return Raw(True)


def _captured_gb(guest: Guest, devices: Any) -> int:
    """Size of the disks to be captured. Raises the fault for none, for swap, for what is not its
    own [I]."""
    own = {device["id"]: device["diskImage"] for device in block_devices(guest)}
    asked = [own.get(each.get("id")) for each in devices or []]
    if not asked or any(disk is None or disk["type"]["keyName"] == "SWAP" for disk in asked):
        raise errors.invalid_value("blockDevices", "They cannot be captured.")
    return sum(disk["capacity"] for disk in asked if disk is not None)


def _capture_transaction(guest: Guest, guid: str) -> dict[str, Any]:
    """createArchiveTemplate answers with the transaction; slcli reads these very properties."""
    running = guest.transaction
    assert running is not None  # capture has just begun it
    status = {"name": running.name, "friendlyName": running.friendly_name}
    return {
        "id": running.id,
        "guestId": guest.id,
        "globalIdentifier": guid,
        "createDate": running.started_at,
        "transactionStatus": status,
    }


def _named(hostname: str, domain: str) -> dict[str, Any]:
    fqdn = f"{hostname}.{domain}"
    return {"hostname": hostname, "domain": domain, "fullyQualifiedDomainName": fqdn}


def _create_options() -> dict[str, Any]:
    def option(price: catalogue.Price, template: dict[str, Any]) -> dict[str, Any]:
        return {"itemPrice": price.as_container(), "template": template}

    priced = [(price, price.capacity) for price in catalogue.PRICES.values()]
    return {
        "datacenters": [
            {"template": {"datacenter": {"name": name}}} for name in catalogue.DATACENTERS
        ],
        "processors": [
            option(price, {"startCpus": size})
            for price, size in priced
            if price.category == "guest_core"
        ],
        "memory": [
            option(price, {"maxMemory": size * 1024})
            for price, size in priced
            if price.category == "ram"
        ],
        "operatingSystems": [
            option(price, {"operatingSystemReferenceCode": code})
            for code, price in catalogue.SYSTEMS.items()
        ],
        "networkComponents": [
            option(price, {"networkComponents": [{"maxSpeed": size}]})
            for price, size in priced
            if price.category == "port_speed"
        ],
        "blockDevices": [
            option(price, _disk_template(price))
            for price in catalogue.PRICES.values()
            if price.category.startswith("guest_disk")
        ],
        "flavors": [_flavor(preset) for preset in catalogue.PRESETS.values()],
    }


def _disk_template(price: catalogue.Price) -> dict[str, Any]:
    device = "0" if price.category == "guest_disk0" else "2"
    disk = {"device": device, "diskImage": {"capacity": price.capacity}}
    return {"blockDevices": [disk], "localDiskFlag": price.local}


def _flavor(preset: catalogue.Preset) -> dict[str, Any]:
    template: dict[str, Any] = {"supplementalCreateObjectOptions": {"flavorKeyName": preset.key}}
    if preset.transient:
        template["transientGuestFlag"] = True
    flavor = {
        "keyName": preset.key,
        "name": preset.key.replace("_", "-", 1),
        "totalMinimumHourlyFee": preset.hourly,
    }
    return {"flavor": flavor, "template": template}
