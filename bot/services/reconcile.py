"""What the cloud has and what the store says: where the two differ. Facts in, findings out.

A VM belongs to a row by the request's id in its user data, or by the id that the cloud gave it; its
name alone proves nothing. What follows from a finding is in `bot.services.repair`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.models import CloudVm, Vm, VmState

TAG = "ds-bot"

_STEADY = frozenset({VmState.READY, VmState.ATTENTION})
"""States in which no operation is at work on the VM that will see to it by itself."""


class Kind(StrEnum):
    """How store and cloud differ about a VM."""

    GHOST = "ghost"  # the store calls it live, the cloud's list has it no more
    ORPHAN = "orphan"  # marked as ours, and no row knows it
    TWINS = "twins"  # one request, several VMs; the one to keep comes first
    UNTAGGED = "untagged"  # ours, and its tags do not say so
    RENAMED = "renamed"  # ours, and it has another name now
    RETURNED = "returned"  # alive, though the store says that it is gone
    FOUND = "found"  # made by an order whose answer was lost; or its twin, the known one being gone


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. row: what the store says; there: what the cloud has, may be nothing."""

    kind: Kind
    row: Vm | None
    there: tuple[CloudVm, ...] = ()

    @property
    def key(self) -> str:
        """The same in each sweep that finds it: kind, and whose."""
        whose = self.row.op_id if self.row else str(self.there[0].id)
        return f"{self.kind}:{whose}"

    @property
    def fact(self) -> str:
        """Changes when it is worth telling again."""
        ids = " ".join(f"{vm.id}={vm.hostname}" for vm in self.there)
        return ids or str(self.row.cloud_id if self.row else "")


class ListLost(Exception):
    """The cloud's list lacks more than it may of what is known: nothing follows from it."""

    def __init__(self, known: int, listed: int) -> None:
        super().__init__(f"{listed} of {known} known VMs are in the list")
        self.known = known
        self.listed = listed


def compare(
    listed: Sequence[CloudVm],
    rows: Sequence[Vm],
    now: datetime,
    *,
    settle: timedelta,
    ending: timedelta,
    lost_from: int,
    lost_percent: float,
) -> tuple[Finding, ...]:
    """The differences. Raises ListLost.

    listed: the whole list, read before the rows were: so each VM in it has its row already. rows:
    all live ones, and of those that are gone the ones that a listed VM names. settle: how long the
    cloud may take to list a VM. ending: how long a cancelled VM may be seen to live. lost_from,
    lost_percent: once so many VMs are known, the list must not lack more than that part of them.
    """
    steady = [row for row in rows if row.state in _STEADY and now - row.asked_at > settle]
    ids = {vm.id for vm in listed}
    _check_whole(steady, ids, lost_from, lost_percent)
    owned, orphans = _sorted_out(listed, rows)
    findings = [finding for row in steady for finding in _of_live(row, owned[row.op_id], ids)]
    for row in rows:
        since = row.ended_at or row.asked_at
        if not row.state.is_live and owned[row.op_id] and now - since > ending:
            findings.append(Finding(Kind.RETURNED, row, owned[row.op_id]))
    findings += [Finding(Kind.ORPHAN, None, (vm,)) for vm in orphans]
    return tuple(findings)


def tags_of(vm: Vm) -> frozenset[str]:
    """What a VM's tags say: that it is ours, whose, and which request made it."""
    return frozenset({TAG, f"ds-owner-{vm.owner_id}", f"ds-op-{vm.op_id}"})


def is_tagged(there: CloudVm, tags: Collection[str]) -> bool:
    """Whether a VM has these tags. SoftLayer keeps them in the case in which one first had them."""
    return {tag.casefold() for tag in tags} <= {tag.casefold() for tag in there.tags}


def is_ending(vm: CloudVm) -> bool:
    """Whether the cloud is clearing it away: it is cancelled and can still be read for a while."""
    return "reclaim" in (vm.transaction or "").casefold()


def _check_whole(
    steady: Sequence[Vm], ids: Collection[int], lost_from: int, lost_percent: float
) -> None:
    known = [row for row in steady if row.cloud_id is not None]
    found = sum(row.cloud_id in ids for row in known)
    if len(known) >= lost_from and 100 * (len(known) - found) > lost_percent * len(known):
        raise ListLost(len(known), found)


def _sorted_out(
    listed: Sequence[CloudVm], rows: Sequence[Vm]
) -> tuple[Mapping[str, tuple[CloudVm, ...]], list[CloudVm]]:
    """Which VMs belong to which row, oldest first; and those marked as ours that no row knows."""
    by_request = {row.op_id: row for row in rows}
    by_id = {row.cloud_id: row for row in rows if row.cloud_id is not None}
    owned: defaultdict[str, tuple[CloudVm, ...]] = defaultdict(tuple)
    orphans = []
    for vm in sorted(listed, key=lambda vm: (vm.ordered_at, vm.id)):
        row = by_request.get(vm.request_id or "")
        if row is None and vm.request_id is None:
            row = by_id.get(vm.id)
        if is_ending(vm):
            continue
        if row is not None:
            owned[row.op_id] = (*owned[row.op_id], vm)
        elif vm.request_id is not None or is_tagged(vm, {TAG}):
            orphans.append(vm)
    return owned, orphans


def _of_live(row: Vm, there: tuple[CloudVm, ...], ids: Collection[int]) -> list[Finding]:
    if not there:
        is_gone = row.cloud_id is not None and row.cloud_id not in ids
        return [Finding(Kind.GHOST, row)] if is_gone else []
    kept = next((vm for vm in there if vm.id == row.cloud_id), None)
    if kept is None:  # while the one that we know is being cleared away, nothing is done yet
        return [] if row.cloud_id in ids else [Finding(Kind.FOUND, row, there)]
    findings = []
    if len(there) > 1:
        others = tuple(vm for vm in there if vm is not kept)
        findings.append(Finding(Kind.TWINS, row, (kept, *others)))
    if kept.hostname.casefold() != row.hostname.casefold():
        findings.append(Finding(Kind.RENAMED, row, (kept,)))
    elif not is_tagged(kept, tags_of(row)):
        findings.append(Finding(Kind.UNTAGGED, row, (kept,)))
    return findings
