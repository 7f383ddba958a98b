"""Ordering a VM: exactly one, whatever happens on the way, and prepared until containers can run.

SoftLayer has no idempotency key. So the request's id travels inside the order (user data), the
order is one request that is never re-sent, and an answer that was lost means: look for the VM, for
longer than an order may take to show up, before ordering again (softlayer.md §A9).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.durations import parse_duration
from bot.errors import CloudError, CloudHeld, CloudRefused, CloudUnknown, UserError
from bot.models import (
    CloudVm,
    Offers,
    Operation,
    Person,
    Text,
    Vm,
    VmOrder,
    VmSpec,
    VmState,
    msgid,
)
from bot.ports import Clock, Cloud
from bot.services.recorded import Json
from bot.services.vm_find import VmFinder
from bot.services.vm_prepare import (
    CALLED_OFF,
    Identity,
    Preparation,
    check_not_cancelled,
    not_approved,
)
from bot.services.work import Failed, Outcome, Watch, Work
from bot.store import NameInUse, TooMany, VmStore
from bot.store.marks import MarkStore
from config.settings import Policy

log = logging.getLogger(__name__)

TAG = "ds-bot"
_TAKEN_BACK = timedelta(minutes=30)  # SoftLayer lists a cancelled VM until then, at the longest
_MOST_ORDERS = 2  # sent by one attempt: a second one only after a quiet time without the VM


@dataclass(frozen=True, slots=True)
class OrderVm:
    """`/ds vm NAME`. Implements `bot.services.operations.Act`."""

    cloud: Cloud
    vms: VmStore
    identity: Identity
    finder: VmFinder
    preparation: Preparation
    marks: MarkStore
    policy: Policy
    clock: Clock
    require_budget: Callable[[Operation], None] = lambda op: None

    def title(self, op: Operation) -> Text:
        return Text("VM {name}", name=op.args["name"])

    def admit(self, op: Operation, *, again: bool = False) -> Json:
        """Check the order against what is sold, and reserve the name.

        again: one of ours that had the name may still be about to vanish at SoftLayer.
        """
        vm = self._wanted(op)
        self.require_budget(op)
        _check_size(vm, self.cloud.offers())
        self._check_image(vm)
        self._reserve(vm)
        if "lease" in op.args:
            self.marks.extend(vm.op_id, self._lease_end(op), op.caller.user_id)
        try:
            self._check_name_is_free(vm, again)
        except Exception:
            self.vms.gone(vm.op_id, self.clock.now())
            raise
        return {}

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        vm = self.vms.get(work.op.id)
        work.stop_when(lambda: check_not_cancelled(self.vms, vm.op_id))
        limits = self.policy.timeouts
        sold = work.phase("price", Text("Check the price"), limits.query, lambda _: self._quote(vm))
        rate = Decimal(sold["rate"])
        work.add_fact(Text("{rate} per hour", rate=rate))
        if "lease" in work.op.args:
            work.add_fact(Text("lease until {until}", until=self._lease_end(work.op)))
        work.add_fact(_size(vm))
        ordered = work.phase(
            "order",
            Text("Order at SoftLayer"),
            limits.settle,
            lambda watch: self._order(watch, vm, sold),
        )
        self.identity.forget(vm.op_id)
        work.step("label", lambda: self._label(vm, ordered["id"]))
        outcome = self.preparation.carry_out(work, self.vms.get(vm.op_id))
        work.step("twins", lambda: self._cancel_twins(vm, ordered["id"]))
        return outcome

    def withdraw(self, op: Operation) -> None:
        self.vms.gone(op.id, self.clock.now())

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        self.identity.forget(op.id)  # nothing is ordered any more: going on only looks for it
        try:
            vm = self.vms.get(op.id)
        except LookupError:
            return Outcome(Text("Nothing was ordered."))
        if vm.cloud_id is None and failure is not None and failure.phase == "price":
            self.vms.gone(op.id, self.clock.now())
            return Outcome(Text("Nothing was ordered."))
        return self.preparation.after_failure(vm)

    # --- admitting ---

    def _wanted(self, op: Operation) -> Vm:
        defaults = self.policy.vm
        return Vm(
            op_id=op.id,
            hostname=op.args["name"],
            domain=defaults.domain,
            owner_id=op.caller.user_id,
            channel_id=op.caller.channel_id,
            team_id=op.caller.team_id,
            state=VmState.ORDERING,
            image=op.args.get("image") or defaults.image,
            cpus=op.args.get("cpus") or defaults.cpus,
            memory_mb=op.args.get("memory") or defaults.memory_mb,
            datacenter=op.args.get("datacenter") or defaults.datacenter,
            asked_at=op.requested_at,
        )

    @staticmethod
    def _lease_end(op: Operation) -> datetime:
        return op.requested_at + parse_duration(op.args["lease"])

    def _reserve(self, vm: Vm) -> None:
        try:
            self.vms.reserve(vm, self.policy.vm.max_per_owner)
        except NameInUse as taken:
            raise UserError(
                Text(
                    "There already is a VM `{name}`, ordered by {owner}, {when}.",
                    name=vm.hostname,
                    owner=Person(taken.vm.owner_id),
                    when=taken.vm.asked_at,
                ),
                instead=f"vm {_next_name(vm.hostname)}",
            ) from None
        except TooMany as error:
            raise UserError(
                Text(
                    "You have all the VMs you can have ({most}): {names}. Cancel one first.",
                    most=self.policy.vm.max_per_owner,
                    names=[each.hostname for each in error.vms],
                ),
                instead=f"vm cancel {error.vms[0].hostname}",
            ) from None

    def _check_image(self, vm: Vm) -> None:
        """A template is named by its GUID, which may be of no template."""
        if vm.image not in self.policy.vm.images and not self.cloud.template_exists(vm.image):
            raise UserError(
                Text("SoftLayer has no image `{guid}`.", guid=vm.image),
                instead=f"vm {vm.hostname} --image {self.policy.vm.image}",
            )

    def _check_name_is_free(self, vm: Vm, again: bool) -> None:
        """Somebody may have ordered a VM of that name by hand, or cancelled one just now."""
        others = self.cloud.find(vm.hostname, vm.domain)
        for other in others:
            is_vanishing = again and self._ended_at(other) is not None
            if other.request_id != vm.op_id and not is_vanishing:
                raise UserError(self._why_taken(other), instead=f"vm {_next_name(vm.hostname)}")

    def _ended_at(self, other: CloudVm) -> datetime | None:
        """When a VM of ours was cancelled; None when it was not, or is not ours."""
        try:
            return self.vms.get(other.request_id or "").ended_at
        except LookupError:
            return None

    def _why_taken(self, other: CloudVm) -> Text:
        name = f"{other.hostname}.{other.domain}"
        ended_at = self._ended_at(other)
        if ended_at is None:
            return Text(
                "The SoftLayer account has a VM `{name}` that the bot did not order.", name=name
            )
        if self.clock.now() - ended_at < _TAKEN_BACK:
            return Text(
                "`{name}` was cancelled {when}, and SoftLayer is still taking it back. Its name is"
                " free in some minutes: order it then, or take another name now.",
                name=name,
                when=ended_at,
            )
        return Text(
            "`{name}` was cancelled {when}, but SoftLayer still has it. An admin must look at it"
            " there first.",
            name=name,
            when=ended_at,
        )

    # --- ordering ---

    def _quote(self, vm: Vm) -> Json:
        spec = self._spec(vm)
        return {"spec": asdict(spec), "rate": str(self.cloud.quote(spec))}

    def _spec(self, vm: Vm) -> VmSpec:
        choice = self.policy.vm.images.get(vm.image)
        if choice is None:
            os_code, guid = None, vm.image
        elif choice.template is not None:
            os_code, guid = None, self.cloud.find_template(choice.template)
        else:
            os_code, guid = choice.os_code, None
        return VmSpec(
            hostname=vm.hostname,
            domain=vm.domain,
            cpus=vm.cpus,
            memory_mb=vm.memory_mb,
            disk_gb=self.policy.vm.disk_gb,
            datacenter=vm.datacenter,
            os_code=os_code,
            template_guid=guid,
        )

    def _order(self, watch: Watch, vm: Vm, sold: Json) -> Json:
        watch.check_stopped()
        ordered = self._order_once(watch, vm, VmSpec(**sold["spec"]))
        rate = ordered.hourly_rate or Decimal(sold["rate"])
        self.vms.change(vm.op_id, cloud_id=ordered.id, hourly_rate=rate)
        self.vms.change(vm.op_id, unless=CALLED_OFF, state=VmState.PREPARING)
        watch.conclude(Text("id {id}", id=str(ordered.id)))
        return {"id": ordered.id}

    def _order_once(self, watch: Watch, vm: Vm, spec: VmSpec) -> CloudVm:
        if watch.is_repeat:
            if self.vms.get(vm.op_id).is_held:
                return self._approved(watch, vm)
            found = self.finder.settle(watch, vm)
            if found is not None:
                return found
        order = VmOrder(
            spec=spec,
            request_id=vm.op_id,
            user_data=self.identity.user_data(vm.op_id),
            ssh_key_ids=(self._key_id(watch, vm),),
        )
        # Written down before the order: another replica, which has other files, may go on with it.
        self.vms.change(vm.op_id, host_key=self.identity.host_key(vm.op_id))
        for _ in range(_MOST_ORDERS):
            try:
                return self.cloud.order(order)
            except CloudRefused:
                self.vms.gone(vm.op_id, self.clock.now())
                raise
            except CloudHeld as error:
                log.warning("order %s: held until it is approved", vm.op_id, exc_info=error)
                self.vms.change(vm.op_id, is_held=True)
                return self._approved(watch, vm)
            except CloudUnknown as error:
                log.warning("order %s: no answer; looking for the VM", vm.op_id, exc_info=error)
            found = self.finder.settle(watch, vm)
            if found is not None:
                return found
        raise CloudUnknown(Text("SoftLayer did not say whether it took the order."))

    def _approved(self, watch: Watch, vm: Vm) -> CloudVm:
        found = self.finder.approved(watch, vm)
        if found is None:
            raise not_approved()
        return found

    def _key_id(self, watch: Watch, vm: Vm) -> int:
        """The account's id of the bot's key. Until it is known, nothing can have been ordered."""
        try:
            return self.cloud.register_key("ds-bot", self.identity.public_key())
        except CloudError:
            if not watch.is_repeat:
                self.vms.gone(vm.op_id, self.clock.now())
            raise

    def _label(self, vm: Vm, cloud_id: int) -> Json:
        """Say on the VM whose it is. Not a reason to fail: its user data says it too."""
        tags = frozenset({TAG, f"ds-owner-{vm.owner_id}", f"ds-op-{vm.op_id}"})
        notes = {"by": TAG, "owner": vm.owner_id, "op": vm.op_id, "lease_end": None}
        for wait in (*[self.policy.poll.cloud] * 3, None):
            try:
                self.cloud.label(cloud_id, tags, json.dumps(notes))
                return {}
            except CloudError as error:
                log.warning("VM %s could not be labelled: %s", cloud_id, error)
                if wait is not None:
                    self.clock.sleep(wait)
        return {}

    def _cancel_twins(self, vm: Vm, cloud_id: int) -> Json:
        """By now an order that was thought lost is shown. Cancelling the VM looks once more."""
        try:
            self.finder.cancel_twins(vm, cloud_id)
        except CloudError as error:
            log.warning("VM %s: nobody can tell whether it was ordered twice: %s", cloud_id, error)
        return {}


def _check_size(vm: Vm, offers: Offers) -> None:
    """Raises UserError for a datacenter, a CPU number or a memory size that is not sold."""
    if vm.datacenter not in offers.open_datacenters:
        is_closing = vm.datacenter in offers.closing_datacenters
        sentence = (
            msgid("Datacenter `{name}` is closing and takes no orders. Open: {open}.")
            if is_closing
            else msgid("There is no datacenter `{name}`. Open: {open}.")
        )
        open_ones = list(offers.open_datacenters)
        raise UserError(
            Text(sentence, name=vm.datacenter, open=open_ones),
            instead=f"vm {vm.hostname} --datacenter {open_ones[0]}" if open_ones else None,
        )
    if vm.cpus not in offers.cpus:
        raise UserError(
            Text("SoftLayer sells no VM with {wanted} CPUs. Sizes: {sizes}.",
                 sizes=list(offers.cpus), wanted=vm.cpus),
            instead=f"vm {vm.hostname} --cpus {_nearest(vm.cpus, offers.cpus)}",
        )  # fmt: skip
    if vm.memory_mb not in offers.memory_mb:
        raise UserError(
            Text("SoftLayer sells no VM with {wanted} MB of memory. Sizes: {sizes}.",
                 sizes=list(offers.memory_mb), wanted=vm.memory_mb),
            instead=f"vm {vm.hostname} --memory {_nearest(vm.memory_mb, offers.memory_mb)}",
        )  # fmt: skip


def _nearest(wanted: int, sizes: Sequence[int]) -> int:
    return min(sizes, key=lambda size: (abs(size - wanted), size), default=wanted)


def _next_name(hostname: str) -> str:
    """A name like it that is likely free: `web` gives `web-2`, `web-2` gives `web-3`."""
    stem, _, number = hostname.rpartition("-")
    if stem and number.isdigit():
        return f"{stem}-{int(number) + 1}"[:63]
    return f"{hostname[:61]}-2"


def _size(vm: Vm) -> Text:
    return Text(
        "{cpus} vCPU, {memory} MB, {datacenter}",
        cpus=vm.cpus,
        memory=vm.memory_mb,
        datacenter=vm.datacenter,
    )
