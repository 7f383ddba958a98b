"""Finding the VM that an order has made, when nobody told us its id."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from bot.errors import CloudError, CloudUnknown
from bot.models import CloudVm, Text, Vm
from bot.ports import Clock, Cloud
from bot.services.work import Watch
from config.settings import Policy

log = logging.getLogger(__name__)

_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class VmFinder:
    """Looks for VMs by their name and by the request's id in their user data."""

    cloud: Cloud
    policy: Policy
    clock: Clock

    def settle(self, watch: Watch, vm: Vm) -> CloudVm | None:
        """The VM that an order without an answer has made; None when surely none will come.

        Surely: the list was read, without it, after the settle time. Of two, the older is meant.
        Raises CloudUnknown when the list cannot be read.
        """
        watch.tell(Text("no answer from SoftLayer, looking for the VM"))
        settle, pause = self.policy.timeouts.settle, self.policy.poll.cloud
        waited = timedelta(0)  # slept, not read off a clock: one that is set would order twice
        while True:
            try:
                ours = self.made_by(vm)
            except CloudUnknown:
                if waited >= 2 * settle:
                    raise
            else:
                if ours:
                    return ours[0]
                if waited >= settle:
                    return None
            self.clock.sleep(pause)
            waited += pause

    def approved(self, watch: Watch, vm: Vm) -> CloudVm | None:
        """The VM of an order that SoftLayer holds, once somebody has approved it there.

        None when nobody has for as long as a VM may take to boot. Raises Stopped.
        """
        waited = timedelta(0)
        while True:
            watch.tell(Text("SoftLayer holds the order until somebody approves it there"))
            try:
                ours = self.made_by(vm)
            except CloudUnknown as error:
                log.info("VM %s: nobody can tell whether it is approved: %s", vm.op_id, error)
                ours = []
            if ours or waited >= self.policy.timeouts.boot:
                return ours[0] if ours else None
            watch.check_stopped()
            self.clock.sleep(self.policy.poll.cloud)
            waited += self.policy.poll.cloud

    def made_by(self, vm: Vm) -> list[CloudVm]:
        """The VMs that this request made, oldest first.

        Where none carries its id, those whose user data cannot be read count when they are younger
        than the request, which made sure that the name was free.
        """
        named = self.cloud.find(vm.hostname, vm.domain)
        marked = [each for each in named if each.request_id == vm.op_id]
        earliest = vm.asked_at - _CLOCKS_DIFFER
        return marked or [
            each for each in named if each.request_id is None and each.ordered_at >= earliest
        ]

    def cancel_twins(self, vm: Vm, kept_id: int) -> None:
        """Cancel whatever else the same request has made. Raises CloudError when nobody can tell.

        Only what carries its id: another VM of that name may be anybody's.
        """
        for each in self.made_by(vm):
            if each.request_id == vm.op_id and each.id != kept_id:
                log.error("two VMs for one request: cancelling %s (%s)", each.id, each.hostname)
                self._cancel(each)

    def _cancel(self, twin: CloudVm) -> None:
        """SoftLayer cancels nothing that it is still making, so that is waited for."""
        waited, pause = timedelta(0), self.policy.poll.cloud
        while True:
            try:
                self.cloud.cancel(twin.id)
                return
            except CloudError as error:
                if not error.is_passing or waited >= self.policy.timeouts.cancel:
                    log.error("the second VM %s could not be cancelled: %s", twin.id, error)
                    return
            self.clock.sleep(pause)
            waited += pause
