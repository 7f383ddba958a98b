"""The Cloud on SoftLayer (IBM Cloud Classic), through the SoftLayer package's XML-RPC client.

Facts about the service come from SLDN, the package's source (6.2.9) and public issue threads, as
named where they are used. Nothing of SoftLayer's words (guest, mask, fault) leaves these modules.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from bot.adapters import softlayer_images
from bot.adapters.softlayer_catalog import (
    Kept,
    has_private_image,
    is_image,
    newest_named,
    read_offers,
    read_public_images,
)
from bot.adapters.softlayer_client import ReadRetry, SoftLayerAccount, SoftLayerApi
from bot.adapters.softlayer_errors import understanding
from bot.adapters.softlayer_guests import (
    ENDING_MASK,
    VM_MASK,
    check_label,
    is_ending,
    money_of,
    template_of,
    template_of_order,
    vm_of,
)
from bot.errors import CloudBusy, CloudHeld, CloudNotFound, CloudRefused, CloudUnknown
from bot.models import Captured, CloudVm, Offers, Text, VmOrder, VmSpec
from bot.ports import Clock

_GUESTS = "virtualGuests"


class SoftLayerCloud:
    """Implements `bot.ports.Cloud`. Made once, used by many threads.

    nic_mbps: speed of the public network port of every VM. read_timeout, act_timeout: how long
    SoftLayer may be silent before a read is tried again, or an act is given up as unknown; orders
    take up to a minute. keep_for: for how long offers and public images are not asked for again.
    """

    def __init__(
        self,
        account: SoftLayerAccount,
        clock: Clock,
        *,
        nic_mbps: int = 100,
        read_timeout: timedelta = timedelta(seconds=20),
        act_timeout: timedelta = timedelta(seconds=90),
        retry: ReadRetry | None = None,
        page_size: int = 500,
        keep_for: timedelta = timedelta(minutes=5),
    ) -> None:
        self._api = api = SoftLayerApi(
            account,
            clock,
            read_timeout=read_timeout,
            act_timeout=act_timeout,
            retry=retry or ReadRetry(),
            page_size=page_size,
        )
        self._nic_mbps = nic_mbps
        self._registering = threading.Lock()
        self._offers = Kept(lambda: read_offers(api), clock, keep_for)
        self._public_images = Kept(lambda: read_public_images(api), clock, keep_for)

    def check(self) -> str:
        """Name of the user as whom we ask: one cheap request, not tried again, for health checks.

        Raises CloudRefused when the credentials are not good, CloudUnknown.
        """
        user = self._api.read_once("Account", "getCurrentUser", mask="mask[id,username]")
        with understanding():
            return str(user["username"])

    def close(self) -> None:
        """Drop idle connections. The adapter may still be used; it opens new ones."""
        self._api.close()

    # --- what can be ordered ---

    def offers(self) -> Offers:
        """What can be ordered now, some minutes old at most."""
        with understanding():
            return self._offers.get()

    def find_template(self, name: str) -> str:
        """GUID of the newest public image template whose name contains `name` (any case).

        Raises CloudNotFound when there is none.
        """
        with understanding():
            newest = newest_named(self._public_images.get(), name)
            if newest is not None:
                return str(newest["globalIdentifier"])
        raise CloudNotFound(
            Text("SoftLayer has no public image with {name} in its name.", name=name)
        )

    def template_exists(self, guid: str) -> bool:
        """Whether a public or private image template with this GUID can be ordered."""
        with understanding():
            if any(is_image(row, guid) for row in self._public_images.get()):
                return True
            return has_private_image(self._api, guid)

    def quote(self, spec: VmSpec) -> Decimal:
        """Price of the spec in USD per hour, taxes left out, nothing ordered.

        Raises CloudRefused. Source: SLDN SoftLayer_Product_Order::verifyOrder. The sum of an order
        template's prices would not do: it leaves out what a flavor brings along.
        """
        template = template_of(spec, self._nic_mbps)
        container = self._api.read("Virtual_Guest", "generateOrderTemplate", template)
        verified = self._api.read("Product_Order", "verifyOrder", container)
        with understanding():
            for name in ("preTaxRecurringHourly", "postTaxRecurringHourly"):
                price = money_of(verified.get(name))
                if price is not None:
                    return price
        raise CloudUnknown(Text("SoftLayer names no price for that."))

    def register_key(self, label: str, public_key: str) -> int:
        """Id of the account's SSH key with this public key; registers it if there is none.

        A key's comment does not count. Raises CloudRefused.
        Source: softlayer-python 6.2.9, managers/sshkey.py.
        """
        with self._registering:
            found = self._key_id(public_key)
            return found if found is not None else self._registered(label, public_key)

    # --- VMs ---

    def order(self, order: VmOrder) -> CloudVm:
        """Order one hourly VM: one request, never re-sent.

        createObject is called directly: VSManager.create_instance sets tags after it, and when that
        fails it loses the id of a VM that is being billed (softlayer-python#884).
        Raises CloudRefused when nothing was ordered, CloudUnknown when nobody can tell.
        """
        template = template_of_order(order, self._nic_mbps)
        row = self._api.act("Virtual_Guest", "createObject", template)
        with understanding():
            if not row.get("id"):  # held for approval in spite of immediateApprovalOnlyFlag
                raise CloudHeld(Text("SoftLayer took the order but has not named the VM yet."))
            return replace(  # what createObject's answer, being unmasked, leaves out
                vm_of(row),
                request_id=order.request_id,
                datacenter=order.spec.datacenter,
                is_hourly=True,
            )

    def find(self, hostname: str, domain: str) -> list[CloudVm]:
        """All VMs of the account with exactly this name, oldest first; may lag behind orders."""
        named = {
            "hostname": {"operation": f"_= {hostname}"},
            "domain": {"operation": f"_= {domain}"},
        }
        wanted = (hostname.casefold(), domain.casefold())
        found = [
            vm
            for vm in self._vms(named)  # a filter SoftLayer does not like is ignored: look again
            if (vm.hostname.casefold(), vm.domain.casefold()) == wanted
        ]
        return sorted(found, key=lambda vm: (vm.ordered_at, vm.id))

    def get(self, vm_id: int) -> CloudVm:
        """One VM, read fresh. Raises CloudNotFound when it is gone."""
        row = self._api.read("Virtual_Guest", "getObject", id=vm_id, mask=VM_MASK, about_vm=True)
        with understanding():
            return vm_of(row)

    def vms(self) -> Iterator[CloudVm]:
        """All VMs of the account, paged; collect before acting (deleting shifts the pages)."""
        return self._vms({})

    def label(self, vm_id: int, tags: frozenset[str], notes: str) -> None:
        """Replace the VM's tags and notes: printable ASCII, notes of at most 1,000 characters.

        The tags go last: a VM that has them has its notes, and one without is seen to have none.
        Raises CloudNotFound, CloudRefused; ValueError for what SoftLayer cannot keep.
        """
        check_label(tags, notes)
        self._act_on(vm_id, "editObject", {"notes": notes})
        self._act_on(vm_id, "setTags", ",".join(sorted(tags)))

    def replace_user_data(self, vm_id: int, user_data: str) -> None:
        """As the port says. The VM's configuration drive keeps what it was made with.

        Raises CloudNotFound, CloudRefused.
        Source: SLDN SoftLayer_Virtual_Guest::setUserMetadata, as softlayer-python 6.2.9 calls it.
        """
        self._act_on(vm_id, "setUserMetadata", [user_data])

    def capture(self, vm_id: int, name: str, notes: str) -> None:
        """As the port says; all disks of the VM. Raises ValueError for notes or a name that are
        not printable ASCII."""
        check_label(frozenset(), notes)
        check_label(frozenset(), name)
        softlayer_images.capture(self._api, vm_id, name, notes)

    def captured(self, name: str) -> Captured | None:
        """As the port says."""
        return softlayer_images.newest_captured(self._api, name)

    def delete_image(self, guid: str) -> None:
        """As the port says; one that is being deleted is success too. Raises CloudBusy while it is
        being written, CloudRefused when it is not the account's."""
        softlayer_images.delete_image(self._api, guid)

    def cancel(self, vm_id: int) -> None:
        """Cancel one VM now; its data is deleted. A VM already gone, or going, is success.

        Raises CloudBusy while a transaction runs on it, CloudRefused.
        Source: SLDN SoftLayer_Virtual_Guest::deleteObject ("charges will stop immediately").
        """
        try:
            is_done = self._act_on(vm_id, "deleteObject")
        except CloudNotFound:
            if self._is_ending(vm_id):
                return
            raise CloudUnknown(
                Text("SoftLayer did not find the VM, and then it did: it may be there still.")
            ) from None
        except CloudBusy:
            if self._is_ending(vm_id):
                return
            raise
        if not is_done:
            raise CloudRefused(Text("SoftLayer did not cancel the VM."))

    # --- within ---

    def _act_on(self, vm_id: int, method: str, *args: Any) -> Any:
        return self._api.act("Virtual_Guest", method, *args, id=vm_id, about_vm=True)

    def _vms(self, matching: dict[str, Any]) -> Iterator[CloudVm]:
        rows = self._api.rows(
            "Account", "getVirtualGuests", mask=VM_MASK, root=_GUESTS, matching=matching
        )
        for row in rows:
            with understanding():
                vm = vm_of(row)
            yield vm

    def _is_ending(self, vm_id: int) -> bool:
        """Whether the VM is gone, or what is under way on it is its cancellation."""
        try:
            row = self._api.read(
                "Virtual_Guest", "getObject", id=vm_id, mask=ENDING_MASK, about_vm=True
            )
        except CloudNotFound:
            return True
        return is_ending(row)

    def _key_id(self, public_key: str) -> int | None:
        wanted = _without_comment(public_key)
        for row in self._api.rows("Account", "getSshKeys", mask="mask[id,key]", root="sshKeys"):
            if _without_comment(str(row.get("key"))) == wanted:
                return int(row["id"])
        return None

    def _registered(self, label: str, public_key: str) -> int:
        key = {"key": public_key, "label": label}
        try:
            row = self._api.act("Security_Ssh_Key", "createObject", key)
        except CloudRefused:
            found = self._key_id(public_key)  # another process was faster
            if found is None:
                raise
            return found
        with understanding():
            return int(row["id"])


def _without_comment(public_key: str) -> list[str]:
    return public_key.split()[:2]
