"""What every Cloud must do: the one in memory, and SoftLayer's over the wire to its sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Protocol

import pytest

from bot.adapters.cloud_config import user_data_for
from bot.adapters.softlayer import SoftLayerCloud
from bot.adapters.softlayer_client import ReadRetry, SoftLayerAccount
from bot.adapters.softlayer_guests import template_of_order
from bot.errors import CloudBusy, CloudHeld, CloudNotFound, CloudRefused, CloudUnknown
from bot.models import Captured, CloudVm, VmOrder, VmSpec
from bot.ports import Cloud
from sandbox.softlayer import faults
from sandbox.softlayer.clock import ManualClock
from sandbox.softlayer.lifecycle import Delays
from sandbox.softlayer.server import SoftLayerSandbox
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud

SPEC = VmSpec("jekyll-dev", "xwmooc.net", 1, 1024, 25, "dal10", os_code="UBUNTU_LATEST")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOzoKBQYHnsKqX8o5W5t0bIxyFEyhPEqyYbVpvYgGmMk"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBu8QyQHuaDbBwHFZYIEyzSLyK4TjlSfUYIkZjJAlvQ7"
DOCKER_IMAGE = "Ubuntu with LAMP and Docker"
NO_GUID = "00000000-0000-4000-8000-000000000000"
PROVISIONING = Delays().provisioning
MOMENT = timedelta(seconds=5)


class World(Protocol):
    """A cloud, and what a test may do to it behind its back."""

    @property
    def cloud(self) -> Cloud: ...

    @property
    def ordered(self) -> int:
        """How many orders were taken."""

    def advance(self, duration: timedelta) -> None:
        """Let time pass."""

    def lose_answer(self, method: str) -> None:
        """Have the next call of a port's method done, and its answer lost."""

    def list_late(self, lag: timedelta) -> None:
        """Show VMs ordered from now on in lists only after `lag`."""


class FakeWorld:
    def __init__(self) -> None:
        self._clock = FakeClock()
        self.cloud = FakeCloud(self._clock, provisioning=PROVISIONING)

    @property
    def ordered(self) -> int:
        return len(self.cloud.orders)

    def advance(self, duration: timedelta) -> None:
        self._clock.advance(duration)

    def lose_answer(self, method: str) -> None:
        self.cloud.lose_answer(method)

    def list_late(self, lag: timedelta) -> None:
        self.cloud.list_lag = lag


class SandboxWorld:
    """Pages of 100, so that paging has work to do."""

    _CALLS = {
        "order": "Virtual_Guest.createObject",
        "cancel": "Virtual_Guest.deleteObject",
        "label": "Virtual_Guest.setTags",
        "replace_user_data": "Virtual_Guest.setUserMetadata",
        "capture": "Virtual_Guest.createArchiveTemplate",
        "delete_image": "Virtual_Guest_Block_Device_Template_Group.deleteObject",
        "register_key": "Security_Ssh_Key.createObject",
    }

    def __init__(self, sandbox: SoftLayerSandbox) -> None:
        self.sandbox = sandbox
        self._clock = FakeClock()
        self.cloud = SoftLayerCloud(
            SoftLayerAccount(sandbox.username, sandbox.api_key, sandbox.url),
            self._clock,
            retry=ReadRetry(spread=lambda: 0.0),
            page_size=100,
        )

    @property
    def ordered(self) -> int:
        return len(self.sandbox.orders)

    def advance(self, duration: timedelta) -> None:
        self._clock.advance(duration)
        self.sandbox.advance(duration)

    def lose_answer(self, method: str) -> None:
        self.sandbox.faults.add(faults.dropped(self._CALLS[method], is_after=True))

    def list_late(self, lag: timedelta) -> None:
        self.sandbox.faults.add(replace(faults.listed_late(lag), times=None))


@pytest.fixture(params=["fake", "softlayer"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    no_lag = replace(Delays(), list_lag=timedelta(0))
    with SoftLayerSandbox(clock=ManualClock(), delays=no_lag) as sandbox:
        world = SandboxWorld(sandbox)
        yield world
        world.cloud.close()


@pytest.fixture
def cloud(world: World) -> Cloud:
    return world.cloud


def order_of(request_id: str = "op-1", spec: VmSpec = SPEC, keys: tuple[int, ...] = ()) -> VmOrder:
    return VmOrder(spec, request_id, user_data_for(request_id), keys)


@pytest.fixture
def ready_vm(world: World) -> CloudVm:
    """A VM that is ready."""
    vm = world.cloud.order(order_of())
    world.advance(PROVISIONING + MOMENT)
    return world.cloud.get(vm.id)


def advance_until(world: World, holds: Callable[[], bool]) -> None:
    """Let time pass second by second; no longer than an hour of the cloud's."""
    for _ in range(3600):
        if holds():
            return
        world.advance(timedelta(seconds=1))
    raise AssertionError("it never came")


# --- ordering ---


def test_an_order_is_answered_with_the_vm(world: World) -> None:
    """The id is all that a later cancel needs; it must not be lost."""
    vm = world.cloud.order(order_of("op-7"))

    assert (vm.hostname, vm.domain, vm.request_id) == ("jekyll-dev", "xwmooc.net", "op-7")
    assert (vm.cpus, vm.memory_mb, vm.datacenter, vm.is_hourly) == (1, 1024, "dal10", True)
    assert vm.provisioned_at is None
    assert not vm.is_ready
    assert world.cloud.get(vm.id).id == vm.id
    assert world.ordered == 1


def test_a_vm_becomes_ready_and_tells_all(world: World, cloud: Cloud) -> None:
    """Each of these facts is shown to somebody, or decides something."""
    key_id = cloud.register_key("ds-bot", KEY)
    ordered = cloud.order(order_of("op-7", keys=(key_id,)))

    advance_until(world, lambda: cloud.get(ordered.id).is_ready)

    vm = cloud.get(ordered.id)
    assert vm.request_id == "op-7"
    assert vm.public_ip and vm.private_ip
    assert vm.transaction is None
    assert vm.is_running and vm.is_hourly
    assert vm.provisioned_at is not None
    assert vm.ordered_at < vm.provisioned_at
    assert vm.ordered_at.utcoffset() is not None
    assert (vm.cpus, vm.memory_mb, vm.datacenter) == (1, 1024, "dal10")
    assert (vm.tags, vm.notes) == (frozenset(), "")


def test_addresses_do_not_make_a_vm_ready(world: World, cloud: Cloud) -> None:
    """IPs come long before provisionDate (terraform-provider-ibm#554)."""
    vm_id = cloud.order(order_of()).id

    advance_until(world, lambda: cloud.get(vm_id).public_ip is not None)

    assert not cloud.get(vm_id).is_ready
    assert cloud.get(vm_id).provisioned_at is None


def test_a_vm_being_prepared_says_what_is_done_to_it(world: World, cloud: Cloud) -> None:
    """The progress message shows it."""
    vm_id = cloud.order(order_of()).id

    advance_until(world, lambda: cloud.get(vm_id).transaction is not None)

    assert not cloud.get(vm_id).is_ready


@pytest.mark.parametrize(
    "wrong",
    [
        replace(SPEC, datacenter="atlantis1"),
        replace(SPEC, cpus=3),
        replace(SPEC, memory_mb=1),
        replace(SPEC, os_code=None, template_guid=NO_GUID),
    ],
    ids=["datacenter", "cpus", "memory", "template"],
)
def test_a_refused_order_has_ordered_nothing(world: World, wrong: VmSpec) -> None:
    """CloudRefused lets the caller stop without looking."""
    with pytest.raises(CloudRefused):
        world.cloud.order(order_of(spec=wrong))

    assert world.ordered == 0
    assert list(world.cloud.vms()) == []


def test_an_order_with_an_unknown_key_is_refused(world: World) -> None:
    """A VM that nobody can log in to would only cost money."""
    with pytest.raises(CloudRefused):
        world.cloud.order(order_of(keys=(999,)))

    assert world.ordered == 0


def test_a_lost_answer_is_unknown_and_the_vm_is_found_with_its_request(world: World) -> None:
    """The recipe against double orders: look by name, know it by the request's id, adopt it."""
    world.lose_answer("order")

    with pytest.raises(CloudUnknown) as caught:
        world.cloud.order(order_of("op-lost"))

    assert caught.value.is_passing
    assert world.ordered == 1
    [vm] = world.cloud.find("jekyll-dev", "xwmooc.net")
    assert vm.request_id == "op-lost"


def test_lists_may_lag_behind_an_order(world: World, cloud: Cloud) -> None:
    """So that nothing found at once does not mean that nothing was ordered."""
    world.list_late(timedelta(seconds=60))

    vm_id = cloud.order(order_of()).id

    assert cloud.find("jekyll-dev", "xwmooc.net") == []
    assert list(cloud.vms()) == []
    world.advance(timedelta(seconds=61))
    assert [vm.id for vm in cloud.find("jekyll-dev", "xwmooc.net")] == [vm_id]


def test_an_order_that_is_held_is_known_as_that_and_found_once_it_is_approved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SoftLayer is told to refuse what it would hold; should it not, ordering again would be a
    second VM, and forgetting the order one that nobody knows."""

    def without_the_flag(order: VmOrder, nic_mbps: int) -> dict[str, object]:
        template = template_of_order(order, nic_mbps)
        del template["supplementalCreateObjectOptions"]
        return template

    monkeypatch.setattr("bot.adapters.softlayer.template_of_order", without_the_flag)
    with SoftLayerSandbox(clock=ManualClock()) as sandbox:
        world = SandboxWorld(sandbox)
        sandbox.faults.add(faults.held())

        with pytest.raises(CloudHeld):
            world.cloud.order(order_of("op-held"))

        assert world.cloud.find("jekyll-dev", "xwmooc.net") == []
        sandbox.approve(sandbox.orders[-1].id)
        world.advance(timedelta(minutes=1))
        [vm] = world.cloud.find("jekyll-dev", "xwmooc.net")
        assert vm.request_id == "op-held"
        world.cloud.close()


# --- finding and listing ---


def test_only_the_exact_name_is_found_and_the_oldest_first(world: World, cloud: Cloud) -> None:
    """Of two VMs with one name the older is kept; a VM named alike is somebody else's."""
    names = [
        ("a-1", "b.org"),
        ("a-1", "b.org"),
        ("a-10", "b.org"),
        ("a-1", "bb.org"),
        ("1", "b.org"),
    ]
    ids = []
    for hostname, domain in names:
        spec = replace(SPEC, hostname=hostname, domain=domain)
        ids.append(cloud.order(order_of(spec=spec)).id)
        world.advance(timedelta(seconds=1))

    assert [vm.id for vm in cloud.find("a-1", "b.org")] == ids[:2]
    assert [vm.id for vm in cloud.find("A-1", "B.org")] == ids[:2]
    assert [vm.id for vm in cloud.find("1", "b.org")] == ids[4:]
    assert cloud.find("nobody", "b.org") == []


def test_all_vms_are_listed_over_several_pages(world: World, cloud: Cloud) -> None:
    """A VM that the sweep does not see is never cancelled."""
    specs = [replace(SPEC, hostname=f"vm-{number}") for number in range(230)]
    ids = [cloud.order(order_of(f"op-{spec.hostname}", spec)).id for spec in specs]

    vms = list(cloud.vms())

    assert [vm.id for vm in vms] == ids
    assert [vm.request_id for vm in vms] == [f"op-{spec.hostname}" for spec in specs]


def test_a_vm_that_never_was_is_not_found(cloud: Cloud) -> None:
    with pytest.raises(CloudNotFound):
        cloud.get(4711)


def test_many_threads_get_their_own_answers(cloud: Cloud) -> None:
    """The bot asks from dozens of threads."""
    specs = [replace(SPEC, hostname=f"vm-{number}") for number in range(12)]
    ids = {spec.hostname: cloud.order(order_of(spec=spec)).id for spec in specs}

    with ThreadPoolExecutor(16) as pool:
        seen = list(pool.map(lambda name: cloud.get(ids[name]).hostname, [*ids] * 8))

    assert seen == [*ids] * 8


# --- labels ---


def test_a_label_replaces_tags_and_notes(ready_vm: CloudVm, cloud: Cloud) -> None:
    """A label left over from before would keep a VM alive for a wrong reason."""
    cloud.label(ready_vm.id, frozenset({"ds-bot", "ds-owner-U1"}), '{"a": 1}')
    cloud.label(ready_vm.id, frozenset({"ds-bot", "ds-op-x"}), '{"b": 2}')

    vm = cloud.get(ready_vm.id)
    assert (vm.tags, vm.notes) == (frozenset({"ds-bot", "ds-op-x"}), '{"b": 2}')
    [listed] = cloud.vms()
    assert (listed.tags, listed.notes) == (vm.tags, vm.notes)


def test_an_empty_label_clears_everything(ready_vm: CloudVm, cloud: Cloud) -> None:
    cloud.label(ready_vm.id, frozenset({"ds-bot"}), "n")

    cloud.label(ready_vm.id, frozenset(), "")

    assert (cloud.get(ready_vm.id).tags, cloud.get(ready_vm.id).notes) == (frozenset(), "")


def test_notes_of_a_thousand_characters_fit(ready_vm: CloudVm, cloud: Cloud) -> None:
    cloud.label(ready_vm.id, frozenset(), "n" * 1000)

    assert len(cloud.get(ready_vm.id).notes) == 1000


@pytest.mark.parametrize(
    ("tags", "notes"),
    [
        (frozenset[str](), "n" * 1001),
        (frozenset[str](), "노트"),
        (frozenset[str](), "a\x00b"),
        (frozenset({"a,b"}), ""),
        (frozenset({" "}), ""),
        (frozenset({"태그"}), ""),
        (frozenset({"a/b"}), ""),
    ],
)
def test_a_label_that_cannot_be_kept_is_an_error(
    ready_vm: CloudVm, cloud: Cloud, tags: frozenset[str], notes: str
) -> None:
    """A lease that is cut or garbled is no lease."""
    with pytest.raises(ValueError):
        cloud.label(ready_vm.id, tags, notes)

    assert (cloud.get(ready_vm.id).tags, cloud.get(ready_vm.id).notes) == (frozenset(), "")


def test_a_vm_that_is_gone_cannot_be_labelled(cloud: Cloud) -> None:
    with pytest.raises(CloudNotFound):
        cloud.label(4711, frozenset({"ds-bot"}), "")


def test_a_label_whose_answer_was_lost_can_be_set_again(
    world: World, ready_vm: CloudVm, cloud: Cloud
) -> None:
    world.lose_answer("label")

    with pytest.raises(CloudUnknown):
        cloud.label(ready_vm.id, frozenset({"ds-bot"}), "n")
    cloud.label(ready_vm.id, frozenset({"ds-bot"}), "n")

    assert cloud.get(ready_vm.id).tags == {"ds-bot"}


# --- user data ---


def test_replaced_user_data_keeps_the_request_readable(ready_vm: CloudVm, cloud: Cloud) -> None:
    """By it a VM is known as the bot's, and as the one of an order whose answer was lost."""
    cloud.replace_user_data(ready_vm.id, user_data_for("op-2"))
    cloud.replace_user_data(ready_vm.id, user_data_for("op-2"))

    assert cloud.get(ready_vm.id).request_id == "op-2"
    assert [vm.request_id for vm in cloud.vms()] == ["op-2"]


def test_user_data_of_a_vm_that_is_gone_cannot_be_replaced(cloud: Cloud) -> None:
    with pytest.raises(CloudNotFound):
        cloud.replace_user_data(4711, user_data_for("op-1"))


def test_user_data_whose_replacing_got_no_answer_can_be_replaced_again(
    world: World, ready_vm: CloudVm, cloud: Cloud
) -> None:
    world.lose_answer("replace_user_data")

    with pytest.raises(CloudUnknown):
        cloud.replace_user_data(ready_vm.id, user_data_for("op-2"))
    assert cloud.get(ready_vm.id).request_id == "op-2"


# --- capturing ---


def captured(world: World, vm: CloudVm, cloud: Cloud, name: str = "image") -> Captured:
    """A VM's image, once it is ready."""
    cloud.capture(vm.id, name, "notes")
    advance_until(world, lambda: is_captured(cloud, name))
    image = cloud.captured(name)
    assert image is not None
    return image


def is_captured(cloud: Cloud, name: str) -> bool:
    image = cloud.captured(name)
    return image is not None and image.is_ready


def test_a_captured_vm_becomes_an_image_that_can_be_ordered(
    world: World, ready_vm: CloudVm, cloud: Cloud
) -> None:
    """What is stored is billed, so its size is told."""
    image = captured(world, ready_vm, cloud, "ds-bot jekyll-dev")

    assert image.size_bytes == 25 * 2**30
    assert cloud.template_exists(image.guid)
    cloud.order(order_of("op-2", replace(SPEC, os_code=None, template_guid=image.guid)))
    assert world.ordered == 2


def test_while_it_is_captured_a_vm_is_busy_and_its_image_is_not_ready(
    world: World, ready_vm: CloudVm, cloud: Cloud
) -> None:
    """Cancelled then, the work would be lost with it (softlayer.md A7)."""
    cloud.capture(ready_vm.id, "image", "")

    image = cloud.captured("image")
    assert image is not None and not image.is_ready
    assert not cloud.template_exists(image.guid)
    assert cloud.get(ready_vm.id).transaction is not None
    with pytest.raises(CloudBusy):
        cloud.cancel(ready_vm.id)
    with pytest.raises(CloudBusy):
        cloud.capture(ready_vm.id, "image", "")

    advance_until(world, lambda: is_captured(cloud, "image"))
    advance_until(world, lambda: cloud.get(ready_vm.id).is_ready)
    cloud.cancel(ready_vm.id)
    world.advance(timedelta(minutes=5))
    assert is_captured(cloud, "image")


def test_a_vm_that_is_not_ready_yet_cannot_be_captured(world: World, cloud: Cloud) -> None:
    vm_id = cloud.order(order_of()).id

    with pytest.raises(CloudBusy):
        cloud.capture(vm_id, "image", "")

    assert cloud.captured("image") is None


def test_a_vm_that_is_gone_cannot_be_captured(cloud: Cloud) -> None:
    with pytest.raises(CloudNotFound):
        cloud.capture(4711, "image", "")


def test_a_capture_whose_answer_was_lost_was_asked_for_once_and_is_found(
    world: World, ready_vm: CloudVm, cloud: Cloud
) -> None:
    """A second image would be billed as the first one is."""
    world.lose_answer("capture")

    with pytest.raises(CloudUnknown):
        cloud.capture(ready_vm.id, "image", "")

    advance_until(world, lambda: is_captured(cloud, "image"))
    image = cloud.captured("image")
    assert image is not None
    cloud.delete_image(image.guid)
    world.advance(timedelta(minutes=5))
    assert cloud.captured("image") is None


def test_only_an_image_of_exactly_that_name_is_found_and_the_newest(
    world: World, ready_vm: CloudVm, cloud: Cloud
) -> None:
    """An older one would bring back older work."""
    guids = []
    for name in ("image", "image", "image 2", "Image", "1"):
        cloud.capture(ready_vm.id, name, "")
        advance_until(world, lambda: cloud.get(ready_vm.id).is_ready)
        image = cloud.captured(name)
        assert image is not None
        guids.append(image.guid)

    assert len(set(guids)) == 5
    found = cloud.captured("image")
    assert found is not None and found.guid == guids[1]
    for name in ("imag", "*", "", DOCKER_IMAGE):
        assert cloud.captured(name) is None


@pytest.mark.parametrize(("name", "notes"), [("이미지", ""), ("image", "노트"), ("a\x00b", "")])
def test_an_image_whose_name_cannot_be_kept_is_an_error(
    ready_vm: CloudVm, cloud: Cloud, name: str, notes: str
) -> None:
    """By a garbled name it would not be found again."""
    with pytest.raises(ValueError):
        cloud.capture(ready_vm.id, name, notes)

    assert cloud.get(ready_vm.id).transaction is None


def test_a_deleted_image_goes_away_and_deleting_it_again_is_success(
    world: World, ready_vm: CloudVm, cloud: Cloud
) -> None:
    """After a crash it is asked for again, perhaps while it is under way."""
    image = captured(world, ready_vm, cloud)

    cloud.delete_image(image.guid)
    assert not is_captured(cloud, "image")
    cloud.delete_image(image.guid)
    world.advance(timedelta(minutes=5))

    assert cloud.captured("image") is None
    cloud.delete_image(image.guid)
    assert not cloud.template_exists(image.guid)


def test_deleting_an_image_that_never_was_is_success(cloud: Cloud) -> None:
    cloud.delete_image(NO_GUID)


def test_an_image_that_is_being_written_is_busy(ready_vm: CloudVm, cloud: Cloud) -> None:
    cloud.capture(ready_vm.id, "image", "")
    image = cloud.captured("image")
    assert image is not None

    with pytest.raises(CloudBusy):
        cloud.delete_image(image.guid)


def test_an_image_of_somebody_else_is_not_deleted(cloud: Cloud) -> None:
    guid = cloud.find_template("docker")

    with pytest.raises(CloudRefused):
        cloud.delete_image(guid)

    assert cloud.template_exists(guid)


def test_a_deletion_whose_answer_was_lost_can_be_asked_again(
    world: World, ready_vm: CloudVm, cloud: Cloud
) -> None:
    image = captured(world, ready_vm, cloud)
    world.lose_answer("delete_image")

    with pytest.raises(CloudUnknown):
        cloud.delete_image(image.guid)
    cloud.delete_image(image.guid)

    world.advance(timedelta(minutes=5))
    assert cloud.captured("image") is None


def test_a_stray_not_found_does_not_count_as_a_deleted_image() -> None:
    """It would be stored, and paid for, for ever."""
    with SoftLayerSandbox(clock=ManualClock()) as sandbox:
        world = SandboxWorld(sandbox)
        vm = world.cloud.order(order_of())
        world.advance(PROVISIONING + MOMENT)
        world.cloud.capture(vm.id, "image", "")
        world.advance(sandbox.delays.capture)
        image = world.cloud.captured("image")
        assert image is not None
        stray = faults.ApiFault("SoftLayer_Exception_ObjectNotFound", "Unable to find object.")
        sandbox.faults.add(
            faults.Fault(stray, "Virtual_Guest_Block_Device_Template_Group.deleteObject")
        )

        with pytest.raises(CloudUnknown):
            world.cloud.delete_image(image.guid)

        assert is_captured(world.cloud, "image")
        world.cloud.close()


# --- cancelling ---


def test_a_cancelled_vm_goes_away(world: World, ready_vm: CloudVm, cloud: Cloud) -> None:
    """It can be read for a while, but is not ready any more; then it is gone."""
    cloud.cancel(ready_vm.id)

    assert not cloud.get(ready_vm.id).is_ready
    world.advance(timedelta(minutes=5))
    with pytest.raises(CloudNotFound):
        cloud.get(ready_vm.id)
    assert list(cloud.vms()) == []


def test_cancelling_twice_is_success_at_any_time(
    world: World, ready_vm: CloudVm, cloud: Cloud
) -> None:
    """After a crash the same cancellation is asked for again, perhaps while it is under way."""
    cloud.cancel(ready_vm.id)
    cloud.cancel(ready_vm.id)
    world.advance(timedelta(minutes=5))
    cloud.cancel(ready_vm.id)


def test_a_stray_not_found_does_not_count_as_cancelled() -> None:
    """The VM would cost money for ever, and the bot would have forgotten it."""
    with SoftLayerSandbox(clock=ManualClock()) as sandbox:
        world = SandboxWorld(sandbox)
        vm = world.cloud.order(order_of())
        world.advance(PROVISIONING + MOMENT)
        stray = faults.ApiFault("SoftLayer_Exception_ObjectNotFound", "Unable to find object.")
        sandbox.faults.add(faults.Fault(stray, "Virtual_Guest.deleteObject"))

        with pytest.raises(CloudUnknown):
            world.cloud.cancel(vm.id)
        world.cloud.cancel(vm.id)

        assert not world.cloud.get(vm.id).is_ready
        world.cloud.close()


def test_cancelling_what_never_was_is_success(cloud: Cloud) -> None:
    cloud.cancel(4711)


def test_a_vm_in_a_transaction_is_busy_and_can_be_cancelled_later(
    world: World, cloud: Cloud
) -> None:
    """SoftLayer refuses then (vagrant-softlayer#65): the caller comes again."""
    vm_id = cloud.order(order_of()).id
    advance_until(world, lambda: cloud.get(vm_id).transaction is not None)

    with pytest.raises(CloudBusy) as caught:
        cloud.cancel(vm_id)

    assert caught.value.is_passing
    assert cloud.get(vm_id).transaction is not None
    advance_until(world, lambda: cloud.get(vm_id).is_ready)
    cloud.cancel(vm_id)
    assert not cloud.get(vm_id).is_ready


def test_a_cancellation_whose_answer_was_lost_can_be_asked_again(
    world: World, ready_vm: CloudVm, cloud: Cloud
) -> None:
    world.lose_answer("cancel")

    with pytest.raises(CloudUnknown):
        cloud.cancel(ready_vm.id)
    cloud.cancel(ready_vm.id)

    world.advance(timedelta(minutes=5))
    assert list(cloud.vms()) == []


# --- what is on sale ---


def test_a_quote_is_what_the_vm_then_costs(world: World, cloud: Cloud) -> None:
    """The price is shown beside the order; it must be the whole price, not the CPU's alone."""
    price = cloud.quote(SPEC)

    vm_id = cloud.order(order_of()).id
    world.advance(PROVISIONING + MOMENT)

    assert price == cloud.get(vm_id).hourly_rate == Decimal(".053")


def test_a_quote_orders_nothing(world: World) -> None:
    world.cloud.quote(SPEC)

    assert world.ordered == 0


def test_a_quote_for_a_template_is_given(cloud: Cloud) -> None:
    guid = cloud.find_template("docker")

    assert cloud.quote(replace(SPEC, os_code=None, template_guid=guid)) > 0


def test_a_quote_is_refused_when_the_order_would_be(cloud: Cloud) -> None:
    with pytest.raises(CloudRefused):
        cloud.quote(replace(SPEC, datacenter="atlantis1"))


def test_a_closing_datacenter_is_told_apart(cloud: Cloud) -> None:
    """dal09, the walk-through's own, is closing: newcomers are told the open ones."""
    offers = cloud.offers()

    assert "dal10" in offers.open_datacenters
    assert "dal09" in offers.closing_datacenters
    assert not set(offers.open_datacenters) & set(offers.closing_datacenters)
    assert list(offers.open_datacenters) == sorted(offers.open_datacenters)


def test_sizes_on_sale_are_sorted_numbers(cloud: Cloud) -> None:
    offers = cloud.offers()

    assert list(offers.cpus) == sorted(set(offers.cpus))
    assert list(offers.memory_mb) == sorted(set(offers.memory_mb))
    assert 1 in offers.cpus and 1024 in offers.memory_mb


def test_a_template_is_found_by_part_of_its_name(world: World, cloud: Cloud) -> None:
    """And the GUID that comes of it can be ordered."""
    guid = cloud.find_template("ubuntu with lamp AND docker")

    assert cloud.template_exists(guid)
    assert cloud.template_exists(guid.lower())
    order = order_of(spec=replace(SPEC, os_code=None, template_guid=guid))
    cloud.order(order)
    assert world.ordered == 1


def test_a_template_that_nobody_has_is_not_found(cloud: Cloud) -> None:
    with pytest.raises(CloudNotFound):
        cloud.find_template("no such image at all")


@pytest.mark.parametrize("guid", [NO_GUID, "", "*", "not a guid"])
def test_a_guid_that_nobody_has_does_not_exist(cloud: Cloud, guid: str) -> None:
    """People paste all sorts of things."""
    assert not cloud.template_exists(guid)


# --- keys ---


def test_a_key_is_registered_once(cloud: Cloud) -> None:
    """SoftLayer refuses a key it has; its comment and label do not matter."""
    key_id = cloud.register_key("ds-bot", f"{KEY} ds-bot")

    assert cloud.register_key("another label", f"{KEY} someone@laptop") == key_id
    assert cloud.register_key("ds-bot", OTHER_KEY) != key_id


def test_a_key_whose_answer_was_lost_is_found_again(world: World, cloud: Cloud) -> None:
    world.lose_answer("register_key")

    with pytest.raises(CloudUnknown):
        cloud.register_key("ds-bot", KEY)

    assert cloud.register_key("ds-bot", KEY) == cloud.register_key("ds-bot", KEY)


def test_threads_that_register_one_key_get_one_id(cloud: Cloud) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: cloud.register_key("ds-bot", KEY), range(8)))

    assert len(ids) == 1


def test_what_is_no_key_is_refused(cloud: Cloud) -> None:
    with pytest.raises(CloudRefused):
        cloud.register_key("ds-bot", "hello world")
