"""`/ds vm NAME` and `/ds vm prepare NAME`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.errors import ChatUnknown, CloudNotFound, CloudRefused, CloudUnknown, EngineRefused
from bot.models import OperationState, VmState
from bot.services.operations import operation_id
from tests.fakes.cloud import DOCKER_GUID
from tests.services.laws import check_laws
from tests.services.meddling import Point, Strike
from tests.services.stories import needs_attention, perhaps_ordered, somebodys
from tests.services.world import JANE, JIHOON, OTHER_GUID, SECRET, FakeIdentity, World

DONE, FAILED, REFUSED = OperationState.DONE, OperationState.FAILED, OperationState.REFUSED


def test_a_vm_is_ordered_labelled_and_ready_for_containers(world: World) -> None:
    op_id = world.done("vm web --cpus 2 --memory 4096 --datacenter seo01")
    vm = world.vm(op_id)
    (alive,) = world.cloud.live
    assert vm.state is VmState.READY
    assert (vm.cloud_id, vm.address, vm.owner_id) == (alive.id, alive.public_ip, JANE)
    assert (alive.cpus, alive.memory_mb, alive.datacenter) == (2, 4096, "seo01")
    assert vm.hourly_rate == alive.hourly_rate
    assert {"ds-bot", f"ds-owner-{JANE}", f"ds-op-{op_id}"} == alive.tags
    assert op_id in alive.notes
    assert f"`{vm.address}`" in world.told(op_id)
    check_laws(world)


def test_the_docker_template_needs_no_installation(world: World) -> None:
    op_id = world.done("vm web")
    assert world.cloud.orders[0].spec.template_guid == DOCKER_GUID
    assert "install_engine" not in [method for method, _ in world.host_of(op_id).calls]


def test_docker_is_installed_on_a_plain_image(world: World) -> None:
    op_id = world.done("vm web --image plain")
    assert world.cloud.orders[0].spec.os_code == "UBUNTU_LATEST"
    assert world.host_of(op_id).has_engine


def test_an_image_may_be_named_by_its_guid(world: World) -> None:
    op_id = world.done(f"vm web --image {OTHER_GUID}")
    assert world.cloud.orders[0].spec.template_guid == OTHER_GUID
    assert world.vm(op_id).state is VmState.READY


def test_an_unknown_guid_orders_nothing_and_frees_the_name(world: World) -> None:
    guid = "00000000-0000-4000-8000-000000000000"
    assert guid in world.refused(f"vm web --image {guid}")
    assert world.cloud.orders == []
    world.done("vm web")
    check_laws(world)


@pytest.mark.parametrize(
    "line, said, instead",
    [
        ("vm web --datacenter dal09", "closing", "vm web --datacenter dal10"),
        ("vm web --datacenter ams01", "no datacenter `ams01`", "vm web --datacenter dal10"),
        ("vm web --cpus 3", "no VM with 3 CPUs", "vm web --cpus 2"),
        ("vm web --memory 1500", "no VM with 1500 MB", "vm web --memory 1024"),
    ],
)
def test_what_is_not_sold_is_refused_with_what_is(
    world: World, line: str, said: str, instead: str
) -> None:
    told = world.refused(line)
    assert said in told
    assert f"/ds {instead}" in told
    assert world.cloud.orders == []
    check_laws(world)


def test_a_name_of_ours_is_refused_with_its_owner_and_another_name(world: World) -> None:
    world.has_vm("web-2", JIHOON)
    told = world.refused("vm web-2")
    assert f"<@{JIHOON}>" in told
    assert "/ds vm web-3" in told
    check_laws(world)


def test_a_name_that_somebody_uses_by_hand_is_refused(world: World) -> None:
    somebodys(world, "web")
    told = world.refused("vm web")
    assert "the bot did not order" in told
    assert [vm.id for vm in world.cloud.live] == [77]
    check_laws(world)


def test_nobody_has_more_vms_than_the_policy_allows(world: World) -> None:
    most = world.policy.vm.max_per_owner
    for number in range(most):
        world.has_vm(f"web-{number}")
    told = world.refused("vm one-more")
    assert f"({most})" in told
    assert "/ds vm cancel web-0" in told
    world.done("vm one-more", JIHOON)
    check_laws(world)


def test_of_many_orders_at_once_no_more_than_the_quota_are_taken(world: World) -> None:
    most = world.policy.vm.max_per_owner
    ids = [world.ask(f"vm web-{number}") for number in range(most + 2)]
    world.run()
    states = [world.state(op_id) for op_id in ids]
    assert states.count(DONE) == len(world.cloud.live) == most
    check_laws(world)


@pytest.mark.parametrize("who", ["U0GUEST", "U0GONE", "U0NOBODY"])
def test_who_may_not_use_the_bot_orders_nothing(world: World, who: str) -> None:
    op_id = world.ask("vm web", who)
    world.run()
    assert world.state(op_id) is REFUSED
    assert world.cloud.orders == []
    check_laws(world)


def test_while_slack_cannot_say_who_it_is_nobody_is_let_in(world: World) -> None:
    world.chat.fail("member", ChatUnknown("silent"))
    world.refused("vm web")
    assert world.cloud.orders == []


def test_softlayers_no_frees_the_name(world: World) -> None:
    world.cloud.fail("order", CloudRefused("no capacity"))
    op_id = world.ask("vm web")
    world.run()
    assert world.state(op_id) is FAILED
    assert "no capacity" in world.told(op_id)
    assert world.vms() == []
    check_laws(world)


def test_a_vm_that_softlayer_loses_is_gone(world: World) -> None:
    op_id = world.ask("vm web")
    world.run(timedelta(seconds=30))
    world.cloud.machines.clear()
    world.run()
    assert (world.state(op_id), world.vm(op_id).state) == (FAILED, VmState.GONE)
    check_laws(world)


def test_an_order_of_which_nothing_is_heard_is_not_repeated_for_ever(world: World) -> None:
    world.cloud.fail("order", CloudUnknown("silent"), times=9)
    op_id = world.ask("vm web")
    world.run()
    assert (world.state(op_id), world.vm(op_id).state) == (FAILED, VmState.ATTENTION)
    assert world.cloud.calls["order"] == 2
    assert "not known whether" in world.told(op_id)
    check_laws(world)


def test_a_machine_that_shows_another_host_key_is_told_nothing(world: World) -> None:
    world.hosts.boot("192.0.2.1", shows_key="ssh-ed25519 AAAAsomebodyelse")
    op_id = world.ask("vm web")
    world.run()
    assert "not the VM it should be" in world.told(op_id)
    assert (world.state(op_id), world.vm(op_id).state) == (FAILED, VmState.ATTENTION)
    assert {method for method, _ in world.hosts.at("192.0.2.1").calls} == {"host_key"}
    check_laws(world)


def test_a_vm_whose_docker_cannot_be_installed_needs_attention(world: World) -> None:
    op_id = operation_id("key-1")
    key = FakeIdentity().host_key(op_id)
    host = world.hosts.boot("192.0.2.1", shows_key=key, has_engine=False)
    host.install_error = EngineRefused("no packages")
    assert world.ask("vm web --image plain") == op_id
    world.run()
    assert (world.state(op_id), world.vm(op_id).state) == (FAILED, VmState.ATTENTION)
    assert "no packages" in world.told(op_id)
    host.install_error = None
    world.done("vm prepare web")
    assert world.vm(op_id).state is VmState.READY
    check_laws(world)


def test_preparing_goes_on_where_it_failed(world: World) -> None:
    op_id = needs_attention(world)
    world.done("vm prepare web")
    assert world.vm(op_id).state is VmState.READY
    assert len(world.cloud.orders) == 1
    check_laws(world)


def test_preparing_finds_the_vm_of_a_lost_order(world: World) -> None:
    perhaps_ordered(world)
    world.done("vm prepare web")
    (vm,) = world.vms()
    assert (vm.state, vm.cloud_id) == (VmState.READY, world.cloud.live[0].id)
    check_laws(world)


def test_preparing_what_was_never_ordered_frees_the_name(world: World) -> None:
    world.cloud.fail("order", CloudUnknown("silent"), times=9)
    world.ask("vm web")
    world.run()
    op_id = world.ask("vm prepare web")
    world.run()
    assert world.state(op_id) is FAILED
    assert "never ordered" in world.told(op_id)
    assert world.vms() == []
    check_laws(world)


def test_preparing_is_for_what_needs_it(world: World) -> None:
    world.has_vm("web")
    assert "is ready" in world.refused("vm prepare web")
    assert "no VM `wbe`" in world.refused("vm prepare wbe")
    world.has_vm("db", JIHOON)
    assert "belongs to" in world.refused("vm prepare db")
    check_laws(world)


def test_a_card_that_nobody_can_see_orders_nothing(world: World) -> None:
    world.meddling.plan[Point("chat.post", 1)] = Strike.REFUSED
    world.meddling.plan[Point("chat.post", 2)] = Strike.REFUSED
    op_id = world.ask("vm web")
    world.run()
    assert world.state(op_id) is REFUSED
    assert world.cloud.orders == []
    check_laws(world)


def test_an_order_that_is_given_up_before_it_began_frees_the_name(world: World) -> None:
    world.chat.fail("post", ChatUnknown("silent"), times=4)
    op_id = world.ask("vm web")
    world.run()
    assert world.given_up == [op_id]
    assert world.state(op_id) is FAILED
    assert (world.vms(), world.cloud.live) == ([], [])
    assert [card.key for card in world.cards(op_id)] == [f"{op_id}:final"]


def test_a_ready_vm_stays_ready_when_its_last_words_are_lost(world: World) -> None:
    world.chat.fail("update", ChatUnknown("silent"), times=4)
    op_id = world.ask("vm web")
    world.run()
    assert world.given_up == [op_id]
    assert world.vm(op_id).state is VmState.READY
    assert "is ready" in world.told(op_id)
    check_laws(world, may_be_given_up=True)


def test_not_found_at_first_is_not_gone(world: World) -> None:
    """SoftLayer may show a VM later than it answers the order."""
    world.cloud.fail("get", CloudNotFound("not yet"), times=3)
    world.done("vm web")
    check_laws(world)


def test_what_runs_on_a_vm_finds_no_host_key_in_its_user_data(world: World) -> None:
    """Each container can ask SoftLayer's metadata service for it."""
    seen: list[str] = []
    op_id = world.ask("vm web")
    world.later(timedelta(seconds=60), lambda: seen.extend(_user_data(world)))
    world.run()
    assert SECRET in seen[0]
    assert SECRET not in _user_data(world)[0]
    assert [vm.request_id for vm in world.cloud.live] == [op_id]
    check_laws(world)


def test_a_host_key_stays_in_the_user_data_until_the_vm_shows_it(world: World) -> None:
    """It may not have read it yet."""
    needs_attention(world)
    assert SECRET in _user_data(world)[0]
    world.done("vm prepare web")
    assert SECRET not in _user_data(world)[0]


def test_a_vm_is_ready_though_its_user_data_cannot_be_replaced(world: World) -> None:
    world.cloud.fail("replace_user_data", CloudUnknown("silent"), times=9)
    op_id = world.done("vm web")
    assert [vm.request_id for vm in world.cloud.live] == [op_id]
    assert "still in its user data" in "".join(world.logged.lines)
    check_laws(world)


def test_user_data_that_is_not_replaced_at_first_is_replaced_then(world: World) -> None:
    world.cloud.fail("replace_user_data", CloudUnknown("silent"), times=2)
    world.done("vm web")
    assert SECRET not in _user_data(world)[0]


def _user_data(world: World) -> list[str]:
    return [machine.user_data for machine in world.cloud.machines.values()]
