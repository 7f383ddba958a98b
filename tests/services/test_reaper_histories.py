"""Random histories of an armed reaper: whatever people do and whatever goes wrong, the laws hold.

Every cancellation is checked in the moment in which it reaches the cloud, against what is true then
and not against what the bot believes. `DS_HISTORIES=10000` runs as many histories.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from bot.models import VmState
from bot.services.operations import operation_id
from bot.services.reconcile import is_tagged, tags_of
from bot.store import MarkRow
from config.settings import Policy, load_policy
from tests.fakes.activity import FakeUse
from tests.fakes.chat import FakeMessage
from tests.services.idling import idle_vm
from tests.services.laws import no_secret_is_written, one_order_per_request
from tests.services.meddling import ACTS, NEVER_RAISES, Point, Strike
from tests.services.world import ADMIN, GENERAL, JANE, JIHOON, World

EXAMPLES = int(os.environ.get("DS_HISTORIES", "40"))
STEPS = int(os.environ.get("DS_HISTORY_STEPS", "15"))
LOOK, HOUR = timedelta(minutes=5), timedelta(hours=1)
NAMES = ("a", "b", "c", "d")
SEEN: Counter[str] = Counter()
"""What happened in all histories together: laws that were never at stake are not tested."""

POLICY = f"""
access: {{admins: [{ADMIN}]}}
reaper: {{is_armed: true, look: 5m, cap_count: 2, cap_percent: 1}}
idle:
  default:
    {{idle_after: 20m, grace: 10m, lease: null, habit: null, gap: 14m, blind_after: 40m,
     untouched: 40m, billing_margin: 30m}}
"""
COSTLY = (
    "cloud.cancel", "cloud.get", "marks.claim", "marks.mark", "marks.delivered", "marks.end",
    "marks.keep", "marks.add_notice", "saver.save", "chat.post", "chat.update", "vms.gone",
    "operations.finish", "watch.put_all", "findings.note",
)  # fmt: skip
READS = ("host.activity", "cloud.vms", "chat.member", "chat.find", "marks.get", "vms.get")
KINDS = {
    "computing": FakeUse(cpus=8.0),
    "session": FakeUse(cpus=8.0, sessions=1, session_cpus=8.0, is_executing=True),
}


@cache
def fast_policy() -> Policy:
    home = Path(mkdtemp(prefix="ds-bot-policy-"))
    try:
        (home / "overlay.yaml").write_text(POLICY)
        return load_policy(home / "overlay.yaml")
    finally:
        shutil.rmtree(home)


def fits(point: Point, strike: Strike) -> bool:
    """Not asked of the bot: a call that promises not to raise raises; acts done after their sender
    has given them up; our own store saying no."""
    if point.effect in NEVER_RAISES:
        return strike.is_death and strike is not Strike.LATE_DEATH
    if strike in (Strike.LATE_ERROR, Strike.LATE_DEATH):
        return False
    return strike is not Strike.REFUSED or point.effect.startswith(("cloud.", "host.", "chat.p"))


points = st.one_of(
    st.builds(Point, st.sampled_from(COSTLY), st.integers(1, 4)),
    st.builds(Point, st.sampled_from([*COSTLY, *READS, *sorted(ACTS)]), st.integers(1, 30)),
)
troubles = st.tuples(points, st.sampled_from(Strike)).filter(lambda pair: fits(*pair))
names = st.sampled_from([NAMES[0], *NAMES])
meanwhile = st.sampled_from([0, 0, 1, 3, 8, 16])  # ticks: enough for a VM to be taken


class Histories(RuleBasedStateMachine):
    """Four VMs of two people, swept at every tick."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(mkdtemp(prefix="ds-bot-reaper-", dir=_fast_disk()))
        self.world = World(self.home, policy=fast_policy())
        self.vms: dict[str, str] = {}
        self.in_use: set[str] = set()  # names of VMs that are in use, in truth
        self.by_hand: set[str] = set()  # names of VMs that somebody cancelled or released
        self.cancel = self.world.cloud.cancel
        self.world.cloud.cancel = self.checked  # type: ignore[method-assign]
        self.broken: list[str] = []
        self.is_allowed = False
        self.ticks = 0

    @initialize(number=st.sampled_from([1, 1, 2, 3, 4]), head_start=st.sampled_from([0, 4, 7, 9]))
    def order(self, number: int, head_start: int) -> None:
        """head_start: so many ticks without any trouble; a notice is out after six."""
        for at, name in enumerate(NAMES[:number]):
            self.vms[name] = idle_vm(self.world, name, (JANE, JIHOON)[at % 2])
        for _ in range(head_start):
            self.tick()

    # --- what people do ---

    @rule(ticks=st.integers(1, 6))
    def time_passes(self, ticks: int) -> None:
        for _ in range(ticks):
            self.tick()

    @rule(name=names, kind=st.sampled_from(sorted(KINDS)), ticks=meanwhile)
    def somebody_works(self, name: str, kind: str, ticks: int) -> None:
        if self.is_ready(name):
            self.world.host_of(self.vms[name]).doing.use(None, KINDS[kind])
            self.in_use.add(name)
            self.time_passes(ticks)

    @rule(name=names, ticks=meanwhile)
    def somebody_logs_in(self, name: str, ticks: int) -> None:
        if self.is_ready(name):
            self.world.host_of(self.vms[name]).doing.logins = 1
            self.in_use.add(name)
            self.time_passes(ticks)

    @rule(name=names)
    def the_work_ends(self, name: str) -> None:
        if name in self.in_use:
            doing = self.world.host_of(self.vms[name]).doing
            doing.use(None, FakeUse())
            doing.logins = 0
            self.in_use.discard(name)

    @rule(name=names, who=st.sampled_from([JANE, JIHOON, ADMIN]),
          how=st.sampled_from(["1h", "30m", "2h"]), ticks=meanwhile)  # fmt: skip
    def somebody_keeps(self, name: str, who: str, how: str, ticks: int) -> None:
        if name in self.vms:
            self.ask(f"keep {name} {how}", who)
            self.time_passes(ticks)

    @rule(name=names)
    def an_admin_extends(self, name: str) -> None:
        if name in self.vms:
            self.ask(f"extend {name} 1h", ADMIN)

    @rule(name=names, act=st.sampled_from(["vm cancel", "vm release"]))
    def somebody_gives_it_up(self, name: str, act: str) -> None:
        if self.is_ready(name):
            self.by_hand.add(name)
            self.ask(f"{act} {name}", ADMIN)

    @rule(word=st.sampled_from(["on", "off", "allow"]), ticks=meanwhile)
    def an_admin_turns_it(self, word: str, ticks: int) -> None:
        self.is_allowed = self.is_allowed or word == "allow"
        self.ask(f"admin reaper {word}", ADMIN)
        self.time_passes(ticks)

    @rule(name=names, what=st.sampled_from(["works", "keeps", "busy", "monthly", "silent"]),
          lasts=st.sampled_from([0, 30, 120]), ticks=meanwhile)  # fmt: skip
    def something_happens_while_work_is_saved(
        self, name: str, what: str, lasts: int, ticks: int
    ) -> None:
        """Nobody may be quick enough to lose against the last look."""

        def happens() -> None:
            self.world.saver.meanwhile = lambda: None
            machine = self.machine(name)
            if not self.is_ready(name) or machine is None:
                return
            host = self.world.host_of(self.vms[name])
            match what:
                case "works":
                    host.doing.use(None, KINDS["computing"])
                    self.in_use.add(name)
                case "keeps":
                    self.world.ask(f"keep {name} 1h", ADMIN)
                case "busy":
                    machine.transaction = "Capture"
                case "monthly":
                    machine.vm = replace(machine.vm, is_hourly=False)
                case "silent":
                    self.world.silent.add(self.world.vm(self.vms[name]).address or "")
                    host.is_reachable = False

        self.world.saver.meanwhile = happens
        self.world.saver.lasts = timedelta(seconds=lasts)
        self.time_passes(ticks)

    # --- what goes wrong ---

    @rule(troubles=st.lists(troubles, min_size=1, max_size=4))
    def something_will_go_wrong(self, troubles: list[tuple[Point, Strike]]) -> None:
        meddling = self.world.meddling
        for point, strike in troubles:
            already = meddling._counts[point.effect]
            meddling.plan[Point(point.effect, already + point.number)] = strike

    @rule(strike=st.sampled_from([Strike.DEATH_BEFORE, Strike.DEATH_AFTER, Strike.ERROR_AFTER]),
          effect=st.sampled_from(COSTLY))  # fmt: skip
    def the_next_costly_act_goes_wrong(self, effect: str, strike: Strike) -> None:
        meddling = self.world.meddling
        meddling.plan[Point(effect, meddling._counts[effect] + 1)] = strike

    @rule(family=st.sampled_from(["cloud", "host", "chat", "marks", "watch"]),
          minutes=st.sampled_from([1, 6, 12]))  # fmt: skip
    def something_is_away(self, family: str, minutes: int) -> None:
        self.world.meddling.outages[family] = self.world.sim.now() + timedelta(minutes=minutes)

    @rule(after=st.integers(0, 600))
    def the_process_is_killed(self, after: int) -> None:
        self.world.later(timedelta(seconds=after), self.world.die)

    @rule(name=names, ticks=meanwhile)
    def a_vm_stops_answering(self, name: str, ticks: int) -> None:
        if self.is_ready(name):
            self.world.silent.add(self.world.vm(self.vms[name]).address or "")
            self.world.host_of(self.vms[name]).is_reachable = False
            self.time_passes(ticks)

    @rule()
    def vms_answer_again(self) -> None:
        self.world.silent.clear()

    @rule(name=names, change=st.sampled_from(["busy", "idle", "monthly", "hourly", "rename",
                                              "untag"]), ticks=meanwhile)  # fmt: skip
    def somebody_is_at_the_cloud(self, name: str, change: str, ticks: int) -> None:
        machine = self.machine(name)
        if machine is None:
            return
        match change:
            case "busy":
                machine.transaction = "Capture"
            case "idle":
                machine.transaction = None
            case "monthly" | "hourly":
                machine.vm = replace(machine.vm, is_hourly=change == "hourly")
            case "rename":
                machine.vm = replace(machine.vm, hostname="prod-db")
            case "untag":
                machine.vm = replace(machine.vm, tags=frozenset())
        self.time_passes(ticks)

    @rule(name=names)
    def a_list_leaves_it_out(self, name: str) -> None:
        machine = self.machine(name)
        if machine is not None:
            machine.listed_at = self.world.sim.now() + 2 * LOOK

    @rule(is_closed=st.booleans())
    def the_channel_is_archived(self, is_closed: bool) -> None:
        self.world.chat.closed.pop(GENERAL, None)
        if is_closed:
            self.world.chat.closed[GENERAL] = "is_archived"

    @rule()
    def an_owner_leaves(self) -> None:
        self.world.chat.members.pop(JANE, None)

    # --- the laws ---

    @invariant()
    def nothing_is_broken(self) -> None:
        assert self.broken == []

    @invariant()
    def each_notice_is_there_once(self) -> None:
        keys = Counter(message.key for message in self.world.chat.all_messages)
        twice = [key for key, count in keys.items() if count > 1]
        assert twice == [], "told twice"

    def teardown(self) -> None:
        try:
            if self.vms:
                self.heal()
                self.what_nobody_uses_is_taken()
                with self.world.meddling.off():
                    one_order_per_request(self.world)
                    no_secret_is_written(self.world)
            assert self.broken == []
            SEEN["histories"] += 1
            SEEN["deaths"] += self.world.deaths
            SEEN["strikes"] += len(self.world.meddling.struck)
            SEEN["messages"] += len(self.world.chat.all_messages)
            SEEN["given up"] += len(self.world.given_up)
            with self.world.meddling.off():
                marks = [self.world.core.caretaker.stores.marks.newest(vm)
                         for vm in self.vms.values()]  # fmt: skip
            SEEN.update(f"mark ended: {mark.how}" for mark in marks if mark)
            SEEN["ticks"] += self.ticks
        finally:
            self.world.close()
            shutil.rmtree(self.home)

    def checked(self, vm_id: int) -> None:
        """A cancellation that reaches the cloud."""
        world, now = self.world, self.world.sim.now()
        machine = world.cloud.machines.get(vm_id)
        if machine is not None and machine.cancelled_at is None:
            name = next(name for name, op_id in self.vms.items()
                        if world.vm(op_id).cloud_id == vm_id)  # fmt: skip
            SEEN["cancelled by hand" if name in self.by_hand else "reaped"] += 1
            if name not in self.by_hand:
                self.broken += [f"{name}: {law}" for law, is_kept in self.laws(name, now).items()
                                if not is_kept]  # fmt: skip
        self.cancel(vm_id)

    def laws(self, name: str, now: datetime) -> dict[str, bool]:
        """Which of the laws of a cancellation are kept, by what is true now."""
        world, op_id = self.world, self.vms[name]
        vm, policy = world.vm(op_id), world.policy.idle.default
        machine = world.cloud.machines[vm.cloud_id or 0]
        stores = world.core.caretaker.stores
        with world.meddling.off():
            mark, lease = stores.marks.newest(op_id), stores.marks.lease(op_id)
            is_armed = world.core.caretaker.sweep.follow_up.is_armed
        told = self.notice(mark)
        hours, margin = (now - machine.ready_at) // HOUR, policy.billing_margin
        saved_after = [at for at, saved in self.world.saver.times if saved == op_id]
        return {
            "it is in use": name not in self.in_use,
            "nobody can tell": world.host_of(op_id).is_reachable,
            "it is monthly": machine.vm.is_hourly,
            "it is foreign": is_tagged(machine.vm, tags_of(vm)) and machine.vm.hostname == name,
            "it is in a transaction": machine.transaction is None,
            "it is kept": lease.kept_until is None or lease.kept_until <= now,
            "its lease runs": lease.ends_at is None or lease.ends_at <= now,
            "the reaper is off": is_armed,
            "it was not marked": mark is not None and mark.how == "reaped",
            "nobody was told": told is not None,
            "the grace is not over": told is not None and now - told.posted_at >= policy.grace,
            "its hour has just begun": now - machine.ready_at - hours * HOUR >= HOUR - margin,
            "it is not saved": bool(saved_after and told and saved_after[-1] > told.posted_at),
        }

    def notice(self, mark: MarkRow | None) -> FakeMessage | None:
        """The last message that tells of a mark: of it alone, or of several, by their names."""
        if mark is None:
            return None
        op_id = operation_id(f"idle notice:{mark.batch or f'{mark.vm}:{mark.number}'}")
        name = self.world.vm(mark.vm).hostname
        told = [
            each
            for each in self.world.chat.all_messages
            if each.key.startswith(f"{op_id}:") and f"*{name}*" in str(each.texts[0])
        ]
        return told[-1] if told else None

    # --- within ---

    def tick(self) -> None:
        """A sweep; it begins to take no more VMs than the cap."""
        world, due = self.world, self.world.sim.now() + LOOK
        self.ticks += 1
        before = self.reaps()
        world.sweep()
        begun = self.reaps() - before
        if begun > world.policy.reaper.cap_count and not self.is_allowed:
            self.broken.append(f"{begun} are taken at once")
        world.run(max(due - world.sim.now(), timedelta(0)))

    def reaps(self) -> int:
        with self.world.meddling.off():
            counts = self.world.core.operation_store.counts()
        return sum(count for (kind, _), count in counts.items() if kind == "reap")

    def ask(self, line: str, who: str) -> None:
        try:
            self.world.ask(line, who)
        except Exception as error:  # the line is always one that works
            raise AssertionError(line) from error
        self.world.run(timedelta(seconds=20))

    def is_ready(self, name: str) -> bool:
        return name in self.vms and self.world.vm(self.vms[name]).state is VmState.READY

    def machine(self, name: str):  # type: ignore[no-untyped-def]
        if name not in self.vms:
            return None
        cloud_id = self.world.vm(self.vms[name]).cloud_id
        return self.world.cloud.machines.get(cloud_id or 0)

    def heal(self) -> None:
        """All is well again, but for single calls that go wrong now and then; nothing is in use."""
        world = self.world
        world.meddling.outages.clear()
        world.silent.clear()
        world.saver.meanwhile = lambda: None
        world.chat.closed.clear()
        world.run(timedelta(minutes=15))
        for name, op_id in self.vms.items():
            self.the_work_ends(name)
            machine = self.machine(name)
            if machine is not None and machine.cancelled_at is None:
                machine.transaction = None
                machine.listed_at = world.sim.now()
                machine.vm = replace(
                    machine.vm, hostname=name, is_hourly=True, tags=tags_of(world.vm(op_id))
                )
        self.ask("admin reaper on", ADMIN)

    def what_nobody_uses_is_taken(self) -> None:
        """Within its paid hour; what needs a person's attention is cancelled by its owner."""
        world = self.world
        for _ in range(12 * 12):
            self.tick()
            if not any(self.is_ready(name) for name in self.vms):
                break
            if not world.vms():
                break
        world.meddling.plan.clear()
        for name, op_id in self.vms.items():
            vm = world.vm(op_id)
            if vm.state is VmState.ATTENTION:
                self.by_hand.add(name)
                self.ask(f"vm cancel {name}", ADMIN)
                world.run(timedelta(hours=2))
        world.run(timedelta(hours=1))
        for name, op_id in self.vms.items():
            vm = world.vm(op_id)
            assert vm.state is VmState.GONE, f"{name} is {vm.state}, and nobody uses it"
        assert world.cloud.live == []


def _fast_disk() -> str | None:
    return "/dev/shm" if os.path.isdir("/dev/shm") else None


def test_every_history_keeps_the_laws() -> None:
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize="DS_HISTORIES" not in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert SEEN["reaped"] > 0
    if EXAMPLES > 100:
        print(dict(SEEN))  # noqa: T201
        assert SEEN["strikes"] > 0 and SEEN["deaths"] > 0
