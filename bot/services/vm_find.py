"""Finding the VM that an order has made, when nobody told us its id."""

from __future__ import annotations

import logging
from collections.abc import Iterable
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

        Surely: the list was read, without it, after the settle time. Of two, the older is kept and
        the other cancelled. Raises CloudUnknown when the list cannot be read.
        """
        watch.tell(Text("no answer from SoftLayer, looking for the VM"))
        quiet_from = self.clock.now() + self.policy.timeouts.settle
        give_up_at = quiet_from + self.policy.timeouts.settle
        while True:
            now = self.clock.now()
            try:
                ours = self.made_by(vm)
            except CloudUnknown:
                if now >= give_up_at:
                    raise
            else:
                if ours:
                    self._cancel(ours[1:])
                    return ours[0]
                if now >= quiet_from:
                    return None
            self.clock.sleep(self.policy.poll.cloud)

    def made_by(self, vm: Vm) -> list[CloudVm]:
        """The VMs that this request made, oldest first.

        One whose user data cannot be read counts when it is younger than the request, which made
        sure that the name was free.
        """
        earliest = vm.asked_at - _CLOCKS_DIFFER
        return [
            each
            for each in self.cloud.find(vm.hostname, vm.domain)
            if each.request_id == vm.op_id
            or (each.request_id is None and each.ordered_at >= earliest)
        ]

    def cancel_twins(self, vm: Vm, kept_id: int) -> None:
        """Cancel whatever else the same request has made."""
        self._cancel(each for each in self.made_by(vm) if each.id != kept_id)

    def _cancel(self, twins: Iterable[CloudVm]) -> None:
        for twin in twins:
            log.error("two VMs for one request: cancelling %s (%s)", twin.id, twin.hostname)
            try:
                self.cloud.cancel(twin.id)
            except CloudError as error:
                log.error("the second VM %s could not be cancelled: %s", twin.id, error)
