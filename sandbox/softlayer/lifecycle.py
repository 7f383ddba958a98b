"""What happens to a guest over time: provisioning, cancelling, capturing, power.

Transaction names were seen in public logs of the real service (terraform-provider-ibm#554 and
others); their order and durations vary there. The defaults come to about three minutes
(docker/machine#863); another log shows twenty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sandbox.softlayer import errors
from sandbox.softlayer.hypervisor import Machine
from sandbox.softlayer.image_templates import Template, Writing, new_guid
from sandbox.softlayer.machines import MachineRoom
from sandbox.softlayer.state import ACCOUNT_ID, Account, Guest, Order, Power, Transaction


def _s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Delays:
    """How long things take, in the sandbox's time."""

    list_lag: timedelta = _s(5)  # from order to the first list that shows it [I]
    queue: timedelta = _s(2)  # from order to the first transaction
    gap: timedelta = _s(1)  # between two transactions there is none (provider-softlayer#47)
    assign_host: timedelta = _s(15)
    transfer: timedelta = _s(60)  # the machine boots here
    attach_disk: timedelta = _s(10)
    setup: timedelta = _s(20)
    metadata: timedelta = _s(10)
    boot: timedelta = _s(40)  # does not end before the machine is up
    service: timedelta = _s(20)
    soft_power_off: timedelta = _s(10)
    capture: timedelta = _s(300)
    delete_image: timedelta = _s(60)
    reclaim: timedelta = _s(90)  # cancelled, still readable, no billing item any more
    metrics_lag: timedelta = _s(600)

    @property
    def provisioning(self) -> timedelta:
        """From order to provisionDate, if the machine is in time."""
        steps = _steps(self)
        return self.queue + sum((each.lasts for each in steps), self.gap * (len(steps) - 1))


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    friendly_name: str
    lasts: timedelta


_TRANSFER = "CLONE_CLOUD_TEMPLATE"
_BOOT = "POWER_ON"


def _steps(delays: Delays) -> tuple[_Step, ...]:
    return (
        _Step("ASSIGN_HOST", "Assign Host", delays.assign_host),
        _Step(_TRANSFER, "Clone Cloud Template", delays.transfer),
        _Step("ATTACH_PRIMARY_DISK", "Attach Primary Disk", delays.attach_disk),
        _Step("CLOUD_PROVISION_SETUP", "Setup provision configuration", delays.setup),
        _Step("CLOUD_CONFIGURE_METADATA_DISK", "Configure Cloud Metadata Disk", delays.metadata),
        _Step(_BOOT, "Power On", delays.boot),
        _Step("SERVICE_SETUP", "Service Setup", delays.service),
    )


class Lifecycle:
    """Moves guests along. Every method is called under the account's lock."""

    def __init__(self, account: Account, machines: MachineRoom, delays: Delays) -> None:
        self.delays = delays
        self._account = account
        self._machines = machines
        self._steps = _steps(delays)
        self._waiting: dict[int, int] = {}  # guest id -> step that ends when the machine is up

    def provision(self, order: Order, guests: Sequence[Guest], list_lag: timedelta | None) -> None:
        """Bring an order's guests into the account and begin to provision them."""
        now = self._account.now()
        for guest in guests:
            guest.listed_at = now + (self.delays.list_lag if list_lag is None else list_lag)
            self._account.guests[guest.id] = guest
            order.guest_ids.append(guest.id)
            self._account.record("Create", guest, order.username)
            self._account.at(now + self.delays.queue, partial(self._begin_step, guest, 0))
        order.status = "APPROVED"

    def cancel(self, guest: Guest, username: str) -> None:
        """Cancel at once: the machine goes, the guest is reclaimed, then forgotten.

        Raises the refusal while a transaction runs.
        """
        if guest.transaction is not None:
            raise errors.active_transaction()
        now = self._account.now()
        self._account.record("Cancel Service", guest, username)
        guest.cancelled_at = guest.modified_at = now
        guest.power = "HALTED"
        self._waiting.pop(guest.id, None)
        self._machines.destroy(guest)
        name, text = "CLOUD_INSTANCE_NETWORK_RECLAIM", "Cloud Instance Network Reclaim"
        self._begin(guest, name, text, "Cloud Reclaim", now)
        self._account.at(now + self.delays.reclaim, partial(self._forget, guest))

    def capture(self, guest: Guest, name: str, note: str, size_gb: int) -> Template:
        """Begin to write an image of the guest; guest and image are in a transaction meanwhile."""
        if guest.transaction is not None:
            raise errors.fault(errors.PUBLIC, "There is currently an active transaction.")
        if guest.provisioned_at is None:
            raise errors.fault("SoftLayer_Exception_NotImplemented", "Not fully provisioned yet.")
        now = self._account.now()
        text = "Create Archive Template"
        begun = self._begin(guest, "CLOUD_CREATE_ARCHIVE_TEMPLATE", text, text, now)
        writing = Writing(begun.id, begun.name, text, now)
        template = self._image_of(guest, name, note, size_gb)
        copy = self._image_of(guest, name, note, size_gb)
        copy.parent, copy.datacenter = template, guest.datacenter
        template.children = [copy]
        for each in template.with_children:
            each.transaction = writing
            self._account.templates[each.id] = each
        self._account.at(now + self.delays.capture, partial(self._captured, guest, template))
        return template

    def delete_image(self, template: Template) -> Writing:
        """Begin to delete an image with its copies; it is read and listed meanwhile."""
        if any(each.transaction is not None for each in template.with_children):
            raise errors.fault(errors.PUBLIC, "There is currently an active transaction.")
        now = self._account.now()
        deleting = Writing(
            self._account.new_id(), "CLOUD_DELETE_IMAGE_TEMPLATE", "Delete Image Template", now
        )
        for each in template.with_children:
            each.transaction = deleting
        self._account.at(now + self.delays.delete_image, partial(self._forget_image, template))
        return deleting

    def set_power(self, guest: Guest, power: Power) -> None:
        """Switch a guest at once. The hours it stood are kept for suspend billing."""
        now = self._account.now()
        if power == guest.power:
            return
        if guest.halted_at is not None:
            guest.halted_for += now - guest.halted_at
            guest.halted_at = None
        if power == "HALTED":
            guest.halted_at = now
        (self._machines.power_on if power == "RUNNING" else self._machines.power_off)(guest)
        guest.power = power
        guest.modified_at = now

    def shut_down(self, guest: Guest) -> None:
        """Ask the guest's system to stop; it takes a moment."""
        when = self._account.now() + self.delays.soft_power_off
        self._account.at(when, partial(self._shut_down, guest))

    def _shut_down(self, guest: Guest, _when: datetime) -> None:
        if guest.cancelled_at is None:
            self.set_power(guest, "HALTED")

    def _begin(
        self, guest: Guest, name: str, friendly_name: str, group: str, when: datetime
    ) -> Transaction:
        transaction = Transaction(self._account.new_id(), name, friendly_name, group, when)
        guest.transaction = guest.last_transaction = transaction
        return transaction

    def _begin_step(self, guest: Guest, at: int, when: datetime) -> None:
        if guest.cancelled_at is not None:
            return
        step = self._steps[at]
        self._begin(guest, step.name, step.friendly_name, "Cloud Provision", when)
        if step.name == _TRANSFER:
            self._machines.boot(guest, partial(self._booted, guest))
        self._account.at(when + step.lasts, partial(self._end_step, guest, at))

    def _end_step(self, guest: Guest, at: int, when: datetime) -> None:
        if self._steps[at].name == _BOOT and guest.machine_id is None:
            self._waiting[guest.id] = at
            return
        guest.transaction = None
        guest.modified_at = when
        if at + 1 < len(self._steps):
            self._account.at(when + self.delays.gap, partial(self._begin_step, guest, at + 1))
        else:
            guest.provisioned_at = when

    def _booted(self, guest: Guest, machine: Machine) -> None:
        number = guest.id % 2**16
        guest.private_ip = f"10.120.{number // 256}.{number % 256}"
        if guest.is_private:
            guest.private_ip = machine.ip
        else:
            guest.public_ip = machine.ip
        guest.power = "RUNNING"
        waiting = self._waiting.pop(guest.id, None)
        if waiting is not None:
            self._account.at(self._account.now(), partial(self._end_step, guest, waiting))

    def _forget(self, guest: Guest, _when: datetime) -> None:
        self._account.guests.pop(guest.id, None)

    def _captured(self, guest: Guest, template: Template, when: datetime) -> None:
        guest.transaction = None
        guest.modified_at = when
        for each in template.with_children:
            each.transaction = None

    def _forget_image(self, template: Template, _when: datetime) -> None:
        for each in template.with_children:
            self._account.templates.pop(each.id, None)
        if template.parent is not None:
            template.parent.children.remove(template)

    def _image_of(self, guest: Guest, name: str, note: str, size_gb: int) -> Template:
        return Template(
            id=self._account.new_id(),
            guid=new_guid(),
            name=name,
            note=note,
            account_id=ACCOUNT_ID,
            created_at=self._account.now(),
            is_public=False,
            system=guest.os_code or (guest.template.system if guest.template else ""),
            kind=guest.image,
            size_gb=size_gb,
        )
