"""What VMs have cost people, channels and everybody, from what is remembered of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.costs import Costs, Life, Span, costs
from bot.models import Caller, Vm
from bot.ports import Clock
from bot.services.follow_up import Stores
from bot.services.watching import Known, policy_of
from bot.store.marks import LeaseRow, MarkRow
from config.settings import Policy

MINE, CHANNEL, ALL = "mine", "channel", "all"


@dataclass(frozen=True, slots=True)
class Spending:
    """Answers what was paid. Idle time is known from the first look at a VM on."""

    stores: Stores
    policy: Policy
    clock: Clock

    def costs(self, caller: Caller, whose: str, since: timedelta) -> Costs:
        """What the caller's VMs (`mine`), those ordered in their channel (`channel`) or all of
        them (`all`) have cost so long until now."""
        now = self.clock.now()
        span = Span(now - since, now)
        lives = [life for life in self.lives(span, now) if _belongs(life.vm, caller, whose)]
        return costs(lives, span)

    def lives(self, span: Span, now: datetime) -> list[Life]:
        """Every VM that may have been paid for in a span."""
        watched = self.stores.watch.all()
        marks: dict[str, list[MarkRow]] = defaultdict(list)
        for mark in self.stores.marks.since(span.begin):
            marks[mark.vm].append(mark)
        lives = []
        for vm in self.stores.vms.paid_since(span.begin):
            seen = watched.get(vm.op_id)
            policy = policy_of(Known(vm, seen, LeaseRow(vm.op_id), None), self.policy.idle)
            begin = (seen.billed_from if seen else None) or vm.asked_at
            end = vm.ended_at or now
            idle_since = seen.idle_since if seen and vm.state.is_live else None
            lives.append(
                Life(
                    vm,
                    Span(begin, max(begin, end)),
                    _idle(marks[vm.op_id], idle_since, end),
                    policy.billing == "started_hour",
                )
            )
        return lives


def _idle(marks: Sequence[MarkRow], idle_since: datetime | None, end: datetime) -> tuple[Span, ...]:
    spans = [
        Span(mark.idle_since, mark.ended_at or end) for mark in marks if mark.idle_since is not None
    ]
    if idle_since is not None:
        spans.append(Span(idle_since, end))
    return tuple(span for span in spans if span.begin < span.end)


def _belongs(vm: Vm, caller: Caller, whose: str) -> bool:
    if whose == MINE:
        return vm.owner_id == caller.user_id
    return whose == ALL or vm.channel_id == caller.channel_id
