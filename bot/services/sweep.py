"""The sweep: cloud and store compared, every VM looked at and judged, and what follows begun.

Nothing is remembered in a process and nothing waits here: what a sweep began, the next one finds in
the store, whichever replica runs it, and however many sweeps were missed between.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.activity import VmActivity
from bot.errors import CloudError
from bot.metrics import show_sweep
from bot.models import CloudVm, Operation, VmState
from bot.ports import Clock, Cloud
from bot.reaping import StepKind
from bot.services.follow_up import FollowUp, Stores
from bot.services.looking import Looks
from bot.services.reconcile import ListLost
from bot.services.repair import Repair
from bot.services.watching import Assessed, Known, assessed, own_sign
from bot.store import LeaseRow, WatchRow
from config.settings import Policy

log = logging.getLogger(__name__)

_LOOKED_AT = frozenset({VmState.READY, VmState.ATTENTION})
_HOUR = timedelta(hours=1)
_PART = 500  # VMs whose rows are read and written together


@dataclass(frozen=True, slots=True)
class Sweep:
    """One look at everything. `run` is called at every tick, on every replica."""

    cloud: Cloud
    looks: Looks
    stores: Stores
    repair: Repair
    follow_up: FollowUp
    policy: Policy
    clock: Clock

    def run(self, due_at: datetime) -> Counter[str] | None:
        """The sweep that was due at an instant; None when another replica has it.

        Gives what really happened, by name; a VM whose turn failed is counted as `failed`.
        """
        if not self.stores.switches.tick("sweep", due_at, self.policy.reaper.look):
            return None
        counts: Counter[str] = Counter()
        listed = self._listed()
        is_sure = listed is not None and self._compared(listed, counts)
        ours, found = 0, []
        for some in self._assess_all(listed if is_sure else None):
            written = self.stores.watch.put_all([each.row for each in some])
            fresh = [each for each in some if each.vm.op_id in written]
            ours += len(fresh)
            found += [each for each in fresh if _concerns(each)]
            counts.update(f"vm {each.verdict.use}" for each in some)
        self.follow_up.act(found, ours, counts, is_sure=is_sure)
        self.stores.watch.forget()
        show_sweep(counts)
        return counts

    def preview(self) -> list[Assessed]:
        """Every VM with what would follow now. Nothing is changed or told. Raises CloudError."""
        before = self.stores.watch.all()  # ahead of looking: a bot that runs looks meanwhile, too
        listed = list(self.cloud.vms())
        return [each for some in self._assess_all(listed, before) for each in some]

    # --- looking ---

    def _listed(self) -> list[CloudVm] | None:
        """The whole list, or nothing: a part of it proves nothing."""
        try:
            return list(self.cloud.vms())
        except CloudError as error:
            log.warning("the cloud's list could not be read: %s", error)
            return None

    def _compared(self, listed: Sequence[CloudVm], counts: Counter[str]) -> bool:
        try:
            counts.update(self.repair.see_to(listed))
        except ListLost:
            counts["list lost"] += 1
            return False
        return True

    def _assess_all(
        self, listed: Sequence[CloudVm] | None, before: Mapping[str, WatchRow] | None = None
    ) -> Iterator[list[Assessed]]:
        """All VMs, in parts: what was written down about each is in memory only for its part.

        before: what was written down, where others may write meanwhile.
        """
        stores = self.stores
        taken = self._being_taken()
        vms = [vm for vm in stores.vms.live() if vm.state in _LOOKED_AT and vm.op_id not in taken]
        leases, marks = stores.marks.leases(), stores.marks.all_current()
        there = {vm.id: vm for vm in listed or ()}
        seen = self.looks.at(vms)
        first = stores.watch.oldest() or self.clock.now()
        operations = stores.operations.since(first - _HOUR)
        for begin in range(0, len(vms), _PART):
            part = vms[begin : begin + _PART]
            watch = stores.watch.of([vm.op_id for vm in part]) if before is None else before
            found = []
            for vm in part:
                lease = leases.get(vm.op_id) or LeaseRow(vm.op_id)
                cloud_vm = there.get(vm.cloud_id) if vm.cloud_id is not None else None
                known = Known(vm, watch.get(vm.op_id), lease, marks.get(vm.op_id), cloud_vm)
                one = self._assess(known, seen.pop(vm.op_id), operations)
                if one is not None:
                    found.append(one)
            yield found

    def _being_taken(self) -> set[str]:
        """VMs whose work is being saved, which looks like use; who does that looks for real use."""
        operations = self.stores.operations.since(self.clock.now())
        return {op.args["vm"] for op in operations if op.kind == "reap" and not op.state.is_final}

    def _assess(
        self, known: Known, seen: VmActivity | None, operations: Sequence[Operation]
    ) -> Assessed | None:
        now = self.clock.now()
        try:
            last_look = known.watch.looked_at if known.watch else None
            own = own_sign(known.vm, operations, last_look, now)
            return assessed(known, seen, own, self.policy.idle, now)
        except Exception:  # one VM's trouble is not the next one's
            log.exception("%s could not be judged", known.vm.hostname)
            return None


def _concerns(one: Assessed) -> bool:
    """Whether something follows, or may, from what was found."""
    return one.mark is not None or one.step.kind not in (StepKind.NOTHING, StepKind.WAIT)
