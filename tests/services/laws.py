"""What must hold whatever happens: at the end of every test that calls `check_laws`."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from bot.models import ContainerSpec, OperationState, VmState
from bot.services.duties import BOT
from bot.services.fleet import OPERATION
from bot.services.r_container import RUN
from tests.services.meddling import Strike
from tests.services.world import SECRET, World

SETTLED = frozenset({VmState.READY, VmState.ATTENTION})


def check_laws(world: World, *, may_be_given_up: bool = False) -> None:
    """Raises AssertionError naming the law that is broken."""
    with world.meddling.off():
        one_order_per_request(world)
        one_container_per_request(world)
        no_run_of_r_is_left(world)
        nothing_is_billed_and_forgotten(world)
        nothing_is_left_half_way(world)
        a_refusal_changed_nothing(world)
        every_end_is_told_once(world)
        no_file_is_sent_twice(world)
        no_secret_is_written(world)
    if not may_be_given_up:
        assert world.given_up == [], "an operation ended in 'something unexpected happened'"


def one_order_per_request(world: World) -> None:
    """One request never costs two VMs, not even for a while."""
    taken = Counter(order.request_id for order in world.cloud.orders)
    assert all(count == 1 for count in taken.values()), f"ordered twice: {taken}"


def one_container_per_request(world: World) -> None:
    """One request never starts two containers, nor one container twice."""
    for host in world.machines():
        labels = [one.container.labels for one in host._containers.values()]
        there = Counter(each.get(OPERATION) for each in labels)
        assert all(count == 1 for count in there.values()), f"made twice: {there}"
        started = Counter(spec.labels.get(OPERATION) for spec in host.started)
        del started[None]  # by hand
        assert all(count == 1 for count in started.values()), f"started twice: {started}"


def no_run_of_r_is_left(world: World) -> None:
    """What ran somebody's code is removed, but for what is made after its end by a request that
    was on its way; that is never started."""
    is_late = any(strike in (Strike.LATE_DEATH, Strike.LATE_ERROR)
                  for _, strike in world.meddling.struck)  # fmt: skip
    for host in world.machines():
        left = [one.container for one in host._containers.values() if RUN in one.container.labels]
        if is_late:
            left = [each for each in left if not each.status.startswith("Created")]
        assert left == [], f"{left} is left"


def nothing_is_billed_and_forgotten(world: World) -> None:
    """Each VM that costs money is one that the store calls live, under the name it has."""
    for alive in world.cloud.live:
        if alive.request_id is None:
            continue  # somebody else's
        known = world.core.vm_store.get(alive.request_id)
        assert known.state.is_live, f"{alive.hostname} costs money and is called {known.state}"
        assert known.cloud_id in (None, alive.id), f"{known} is not {alive.id}"
        assert world.core.vm_store.named(alive.hostname) == known


def nothing_is_left_half_way(world: World) -> None:
    """When nothing is under way any more, each VM is in a state that its owner can act on."""
    assert world.core.operation_store.unfinished() == []
    there = {vm.id for vm in world.cloud.live}
    for vm in world.core.vm_store.live():
        assert vm.state in SETTLED, f"{vm.hostname} is {vm.state} for ever"
        if vm.state is VmState.READY:
            assert vm.cloud_id in there, f"{vm.hostname} is called ready and does not exist"


def a_refusal_changed_nothing(world: World) -> None:
    """What was refused ordered nothing, started nothing, and holds no name."""
    for op_id in list(world._workers):
        if world.core.operation_store.get(op_id).state is not OperationState.REFUSED:
            continue
        assert op_id not in {order.request_id for order in world.cloud.orders}
        assert op_id not in {vm.op_id for vm in world.core.vm_store.live()}
        for host in world.machines():
            assert op_id not in {one.container.labels.get(OPERATION)
                                 for one in host._containers.values()}  # fmt: skip


def every_end_is_told_once(world: World) -> None:
    """Who was let in has one card, with how it ended; who was refused has none, and knows why."""
    for op_id in list(world._workers):
        op = world.core.operation_store.get(op_id)
        if op.caller.team_id == BOT and op.kind != "reap":
            continue  # it has no card
        cards = [each for each in world.cards(op_id) if each.key == op_id]
        ends = [each for each in world.cards(op_id) if each.key != op_id]
        where = f"{op.kind} {op.args} {op.state} ({op_id})"
        if op.state is OperationState.REFUSED:
            assert cards + ends == [], f"{where} has a card"
            continue
        assert len(cards) == 1, f"{where} has {len(cards)} cards: {[each.text for each in cards]}"
        assert len(ends) <= 1, f"{where} was told {len(ends)} times directly"
        shown = json.dumps((ends or cards)[-1].blocks, ensure_ascii=False)
        assert "⏳" not in shown, f"{where} is over and its card says: {shown}"
        has_cross = "❌" in shown
        assert has_cross == (op.state is OperationState.FAILED), f"{where}: {shown}"
        if has_cross:
            assert op_id in shown, f"the card of {where} names no incident"


def no_file_is_sent_twice(world: World) -> None:
    """Each file is in its place once, whoever died while it was sent."""
    sent = Counter((each.channel_id, each.thread_ts, each.file.name) for each in world.chat.shares)
    assert all(count == 1 for count in sent.values()), f"sent twice: {sent}"


def no_secret_is_written(world: World) -> None:
    """Passwords and private keys are in no journal, store, message or log."""
    secrets = {SECRET}
    for host in world.machines():
        for method, arguments in host.calls:
            if method in ("run", "create") and isinstance(arguments[0], ContainerSpec):
                secrets |= {value for name, value in arguments[0].environment.items() if value}
    places = {
        "journal": json.dumps([world.steps(op_id) for op_id in world._workers]),
        "messages": repr([message.texts for message in world.chat.all_messages]),
        "answers": repr(world.chat.replies),
        "log": "\n".join(world.logged.lines),
        "store": _dump(Path(world._url.removeprefix("sqlite:///"))),
    }
    for place, content in places.items():
        found = [secret for secret in secrets if secret in content]
        assert not found, f"a secret is in the {place}"


def _dump(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        return "\n".join(connection.iterdump())
