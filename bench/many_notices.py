"""What people get when very many VMs of one owner become idle at once, within Slack's limits.

The bot's own follow-up and notices, to the sandbox's Slack over HTTP, which refuses what Slack
would. Waiting is left out: the bot posts at most once per second and channel, and that time is
counted in place of being spent.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from bench.fleet_of_many import CountedHosts, at_rest, vm_of
from bot.activity import Lease, Signals, Use, Verdict
from bot.adapters.clock import SystemClock
from bot.adapters.slack import SlackChat
from bot.adapters.slack_api import SlackAccess
from bot.models import Caller, CloudVm, Operation, Text, Vm
from bot.ports import Cloud
from bot.reaping import Step, StepKind
from bot.replies.blocks import MAX_BLOCKS, MAX_MESSAGE, MAX_TEXT
from bot.services.caretaker import Caretaker
from bot.services.operations import Operations, Request, operation_id
from bot.services.reconcile import tags_of
from bot.services.watching import Assessed, activity_to_json
from bot.store import OperationStore, VmStore, WatchRow, open_database
from bot.store.tables import vms as vms_table
from config.settings import load_policy
from sandbox.slack.records import Message
from sandbox.slack.seed import GENERAL, JANE
from sandbox.slack.server import Rules, SlackSandbox

IDLE = 1_000
_POLICY = load_policy(None)
T = TypeVar("T")


class _Hurried(SystemClock):
    """Goes forward at once where somebody sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.slept = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.slept

    def sleep(self, duration: timedelta) -> None:
        self.slept += duration


class _Journal:
    attempt = "1"

    def __init__(self) -> None:
        self._steps: dict[str, Any] = {}

    def step(self, name: str, act: Callable[[], T]) -> T:
        if name not in self._steps:
            self._steps[name] = act()
        return cast(T, self._steps[name])


class _Asked:
    """What is asked for, to be done later; once."""

    def __init__(self) -> None:
        self.operations: deque[Operation] = deque()
        self._known: set[str] = set()

    def record(self, request: Request, caller: Caller, key: str, *_: object) -> str | None:
        op_id = operation_id(key)
        if op_id in self._known:
            return None
        self._known.add(op_id)
        self.operations.append(
            Operation(op_id, request.kind, request.args, caller, datetime.now(UTC))
        )
        return op_id


def measure_notices() -> None:
    """Print how many messages there are, and whether each VM is named in one of them."""
    clock = _Hurried()
    with (
        tempfile.TemporaryDirectory() as directory,
        SlackSandbox(rules=Rules(pacing=False)) as slack,
    ):
        database = open_database(f"sqlite:///{directory}/bot.db")
        chat = SlackChat(SlackAccess(slack.bot_token, slack.api_url), clock)
        asked = _Asked()
        caretaker = Caretaker(
            _POLICY, database, cloud=cast(Cloud, None), hosts=CountedHosts("198.18.0.1"),
            chat=chat, clock=clock, vms=VmStore(database), operations=OperationStore(database),
            recorder=cast(Operations, asked), saver=cast(Any, object()),
        )  # fmt: skip
        caretaker.stores.switches.set("reaper", True, JANE, clock.now())
        found = [_idle(number, clock.now()) for number in range(1, IDLE + 1)]
        with database.begin() as connection:
            values = [{name: getattr(each.vm, name) for name in Vm.__slots__} for each in found]
            connection.execute(vms_table.insert(), [each | {"is_live": True} for each in values])
        counts: Counter[str] = Counter()
        began = datetime.now(UTC)
        caretaker.sweep.follow_up.act(found, len(found), counts, is_sure=True)
        while asked.operations:
            op = asked.operations.popleft()
            caretaker.duties[op.kind].carry_out(op, _Journal())
        took = datetime.now(UTC) - began
        told = caretaker.stores.marks.all_current().values()
        delivered = sum(mark.delivered_at is not None for mark in told)
        _report(slack, [each.vm for each in found], delivered, took, clock.slept)
        chat.close()
        caretaker.close()
        database.dispose()


def _report(
    slack: SlackSandbox, vms: Sequence[Vm], delivered: int, took: timedelta, paced: timedelta
) -> None:
    print(f"{len(vms)} VMs of one owner idle in one sweep: {delivered} notices delivered in "
          f"{took.total_seconds():.0f} s, and {paced.total_seconds():.0f} s of pace")  # fmt: skip
    for place, channel in (("channel", GENERAL), ("owner", slack.direct(JANE))):
        mine = [each for each in slack.messages(channel) if _buttons(each)]
        named = Counter(value for each in mine for value in _buttons(each))
        once = sum(named[f"keep {vm.hostname} 4h"] == 1 for vm in vms)
        most = max((len(each.blocks) for each in mine), default=0)
        longest = max((len(json.dumps(each.blocks)) for each in mine), default=0)
        text = max((len(each.text) for each in mine), default=0)
        print(f"  {place}: {len(mine)} messages name {once} VMs once each; at most {most} blocks "
              f"(of {MAX_BLOCKS}), {longest} characters of blocks (of {MAX_MESSAGE}), {text} of "
              f"text (of {MAX_TEXT})")  # fmt: skip


def _buttons(message: Message) -> list[str]:
    rows: list[dict[str, Any]] = [each for each in message.blocks if each["type"] == "actions"]
    return [element["value"] for row in rows for element in row["elements"]]


def _idle(number: int, now: datetime) -> Assessed:
    """A VM that is due to be told about."""
    asked_at = now - timedelta(days=1)
    there = CloudVm(
        number, f"vm-{number:05}", "example.org", None, "198.18.0.1", None, asked_at, asked_at,
        None, True, True, None, frozenset(),
    )  # fmt: skip
    vm = vm_of(number, there, asked_at, JANE)
    there = CloudVm(
        number, vm.hostname, vm.domain, vm.op_id, "198.18.0.1", None, asked_at, asked_at,
        None, True, True, None, tags_of(vm),
    )  # fmt: skip
    why = Text("Nothing has been in use for {time}.", time=timedelta(hours=2))
    since = now - timedelta(hours=2)
    row = WatchRow(vm.op_id, now, activity_to_json(at_rest(number, now)), billed_from=asked_at)
    return Assessed(
        vm, _POLICY.idle.default, Signals((), since, None), Lease(asked_at, asked_at, None),
        Verdict(Use.IDLE, since, why, True, now), None, Step(StepKind.MARK, why), row, there,
    )  # fmt: skip


if __name__ == "__main__":
    measure_notices()
