"""A guest's life: transactions, addresses, cancelling, capturing, machines."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import SoftLayer
from SoftLayer import SoftLayerAPIError

from sandbox.softlayer.clock import ManualClock
from sandbox.softlayer.hypervisor import Image, NoMachine, NoVms
from sandbox.softlayer.server import SoftLayerSandbox
from tests.sandbox_softlayer.conftest import LONG, TEMPLATE, client_of
from tests.sandbox_softlayer.test_ordering import DOCKER, GUID, changed

Refused = Callable[..., SoftLayerAPIError]

SECOND = timedelta(seconds=1)
STATE = (
    "mask[id,provisionDate,powerState[keyName],primaryIpAddress,primaryBackendIpAddress,"
    "activeTransaction[id,transactionStatus[name,friendlyName]]]"
)
BUSY = (
    "This cancellation could not be processed. Please contact support. "
    "There is currently an active transaction."
)


class Recorder(NoVms):
    """Remembers what was asked of it; may be told to fail or to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, Any]] = []
        self.error: Exception | None = None
        self.go_on = threading.Event()
        self.go_on.set()

    def boot(
        self,
        name: str,
        *,
        image: Image,
        cpus: int,
        memory_mb: int,
        user_data: str,
        authorized_keys: Sequence[str],
        labels: Mapping[str, str],
    ) -> NoMachine:
        self.go_on.wait(30)
        if self.error is not None:
            raise self.error
        self.calls.append(("boot", (image, cpus, memory_mb, user_data, list(authorized_keys))))
        return NoMachine(name, "198.51.100.77")

    def destroy(self, machine_id: str) -> None:
        self.calls.append(("destroy", machine_id))

    def power_off(self, machine_id: str) -> None:
        self.calls.append(("power_off", machine_id))

    def power_on(self, machine_id: str) -> None:
        self.calls.append(("power_on", machine_id))

    @property
    def acts(self) -> list[str]:
        return [act for act, _ in self.calls]


@pytest.fixture
def machines() -> Recorder:
    return Recorder()


@pytest.fixture
def cloud(machines: Recorder) -> Any:
    with SoftLayerSandbox(clock=ManualClock(), hypervisor=machines) as sandbox:
        yield sandbox


def states(cloud: SoftLayerSandbox, client: Any, guest_id: int) -> list[dict[str, Any]]:
    """What a poller that asks every second sees, repetitions left out."""
    seen: list[dict[str, Any]] = []
    for _ in range(int(LONG / SECOND)):
        state = client["Virtual_Guest"].getObject(id=guest_id, mask=STATE)
        if not seen or seen[-1] != state:
            seen.append(state)
        cloud.advance(SECOND)
    return seen


def test_provisioning_is_several_transactions_with_gaps(
    cloud: SoftLayerSandbox, client: Any
) -> None:
    """A poller that takes "no transaction" for "ready" must fail here (provider-softlayer#47)."""
    created = client["Virtual_Guest"].createObject(TEMPLATE)

    seen = states(cloud, client, created["id"])

    names = [
        each["activeTransaction"]["transactionStatus"]["name"]
        for each in seen
        if "activeTransaction" in each
    ]
    assert len(set(names)) >= 5
    assert "CLOUD_PROVISION_SETUP" in names
    in_between = [each for each in seen if "activeTransaction" not in each][1:-1]
    assert in_between and not any(each["provisionDate"] for each in in_between)
    assert seen[-1]["provisionDate"] and "activeTransaction" not in seen[-1]
    datetime.fromisoformat(seen[-1]["provisionDate"])


def test_the_addresses_come_before_the_provision_date(cloud: SoftLayerSandbox, client: Any) -> None:
    """terraform-provider-ibm#554: both addresses while provisionDate is null."""
    created = client["Virtual_Guest"].createObject(TEMPLATE)

    seen = states(cloud, client, created["id"])

    early = [each for each in seen if "primaryIpAddress" in each and not each["provisionDate"]]
    assert early
    assert early[0]["primaryIpAddress"] == "198.51.100.77"
    assert early[0]["primaryBackendIpAddress"].startswith("10.")
    assert "primaryIpAddress" not in seen[0]


def test_lists_lag_behind_orders(cloud: SoftLayerSandbox, client: Any) -> None:
    """Looking once after a lost answer is not enough."""
    client["Virtual_Guest"].createObject(TEMPLATE)

    assert client["Account"].getVirtualGuests() == []
    cloud.advance(cloud.delays.list_lag)
    assert len(client["Account"].getVirtualGuests()) == 1


def test_the_machine_is_what_was_ordered(
    cloud: SoftLayerSandbox, client: Any, machines: Recorder
) -> None:
    """Image by the template's name, keys as text, user data as it came."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBIGRBcUSAcybxxJOcYUO8QJbuqdzQeJw1C4kbkDpaTi a@b"
    key_id = client["Security_Ssh_Key"].createObject({"key": key, "label": "k"})["id"]
    asked = changed(
        operatingSystemReferenceCode=None,
        sshKeys=[{"id": key_id}],
        userData=[{"value": "#cloud-config\n"}],
        **GUID,
    )

    client["Virtual_Guest"].createObject(asked)
    cloud.advance(LONG)

    assert machines.calls == [("boot", ("docker", 1, 1024, "#cloud-config\n", [key]))]


def test_the_machine_does_not_boot_before_the_transfer(
    cloud: SoftLayerSandbox, client: Any, machines: Recorder
) -> None:
    """Ordering itself stays fast and leaves nothing behind at once."""
    client["Virtual_Guest"].createObject(TEMPLATE)

    cloud.advance(cloud.delays.queue)
    assert machines.calls == []
    cloud.advance(cloud.delays.assign_host + cloud.delays.gap)
    assert machines.acts == ["boot"]


def test_booting_lasts_until_the_machine_is_up(
    cloud: SoftLayerSandbox, client: Any, machines: Recorder
) -> None:
    """A slow machine must not be shown as ready; requests are answered meanwhile."""
    machines.go_on.clear()
    created = client["Virtual_Guest"].createObject(TEMPLATE)
    assert isinstance(cloud.clock, ManualClock)
    cloud.clock.advance(LONG)

    state = client["Virtual_Guest"].getObject(id=created["id"], mask=STATE)
    assert state["activeTransaction"]["transactionStatus"]["name"] == "POWER_ON"
    assert state["provisionDate"] == "" and "primaryIpAddress" not in state
    machines.go_on.set()
    cloud.advance(LONG)
    assert client["Virtual_Guest"].getObject(id=created["id"], mask=STATE)["provisionDate"]


def test_a_hypervisor_that_fails_leaves_a_stuck_transaction(
    cloud: SoftLayerSandbox, client: Any, machines: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """As in reality: it hangs, and the reason is in the operator's log only."""
    machines.error = OSError("no room")
    created = client["Virtual_Guest"].createObject(TEMPLATE)

    cloud.advance(10 * LONG)

    state = client["Virtual_Guest"].getObject(id=created["id"], mask=STATE)
    assert state["activeTransaction"]["transactionStatus"]["name"] == "POWER_ON"
    assert state["provisionDate"] == ""
    assert "failed to boot jekyll-dev.xwmooc.net" in caplog.text
    assert [each.levelno for each in caplog.records] == [logging.ERROR]


def test_cancelling_during_a_transaction_is_refused(
    cloud: SoftLayerSandbox, client: Any, refused: Refused
) -> None:
    """With the words of the real one (vagrant-softlayer#65)."""
    created = client["Virtual_Guest"].createObject(TEMPLATE)
    cloud.advance(cloud.delays.queue)

    fault = refused(client["Virtual_Guest"].deleteObject, id=created["id"])

    assert (fault.faultCode, fault.faultString) == ("SoftLayer_Exception_Public", BUSY)
    assert len(cloud.live()) == 1


def test_a_cancelled_guest_is_reclaimed_then_gone(
    cloud: SoftLayerSandbox, client: Any, guest: int, machines: Recorder, refused: Refused
) -> None:
    """Readable without a billing item for a while, then not found (softlayer-java#51)."""
    assert client["Virtual_Guest"].deleteObject(id=guest) is True

    reclaimed = client["Virtual_Guest"].getObject(id=guest, mask=f"[{STATE},mask[billingItem.id]]")
    assert "billingItem" not in reclaimed
    assert "RECLAIM" in reclaimed["activeTransaction"]["transactionStatus"]["name"]
    assert refused(client["Virtual_Guest"].deleteObject, id=guest).faultString == BUSY
    cloud.advance(cloud.delays.reclaim)
    fault = refused(client["Virtual_Guest"].getObject, id=guest)
    assert fault.faultCode == "SoftLayer_Exception_ObjectNotFound"
    assert machines.acts == ["boot", "destroy"]
    assert cloud.live() == []


def test_cancelling_in_a_gap_destroys_the_machine_that_comes_after(
    cloud: SoftLayerSandbox, client: Any, machines: Recorder
) -> None:
    """Nothing may be left running that nobody sees."""
    created = client["Virtual_Guest"].createObject(TEMPLATE)
    client["Virtual_Guest"].deleteObject(id=created["id"])  # no transaction has begun yet

    cloud.advance(LONG)

    assert cloud.live() == []
    assert machines.acts in ([], ["boot", "destroy"])


def test_stopping_the_sandbox_removes_every_machine(machines: Recorder) -> None:
    """Cleans up after itself."""
    with SoftLayerSandbox(clock=ManualClock(), hypervisor=machines) as cloud:
        client_of(cloud)["Virtual_Guest"].createObject(TEMPLATE)
        cloud.advance(LONG)

    assert machines.acts == ["boot", "destroy"]


def test_power_is_switched_and_the_machine_with_it(
    cloud: SoftLayerSandbox, client: Any, guest: int, machines: Recorder
) -> None:
    """Off by force at once, off by asking after a moment."""
    vm = client["Virtual_Guest"]

    assert vm.powerOff(id=guest) is True
    assert vm.getPowerState(id=guest) == {"keyName": "HALTED", "name": "Halted"}
    vm.powerOn(id=guest)
    vm.powerOffSoft(id=guest)
    assert vm.getPowerState(id=guest)["keyName"] == "RUNNING"
    cloud.advance(cloud.delays.soft_power_off)
    assert vm.getPowerState(id=guest)["keyName"] == "HALTED"
    assert machines.acts == ["boot", "power_off", "power_on", "power_off"]


def test_power_of_an_unfinished_guest_is_refused(client: Any, refused: Refused) -> None:
    """SoftLayer_Exception_NotImplemented: not fully provisioned yet (softlayer.md A8)."""
    created = client["Virtual_Guest"].createObject(TEMPLATE)

    fault = refused(client["Virtual_Guest"].powerOff, id=created["id"])

    assert fault.faultCode == "SoftLayer_Exception_NotImplemented"


def test_a_capture_holds_guest_and_image_until_it_is_written(
    cloud: SoftLayerSandbox, client: Any, guest: int, refused: Refused
) -> None:
    """Cancelling too early would lose the image: both must be idle first."""
    images = client["Account"].getPrivateBlockDeviceTemplateGroups
    captured = SoftLayer.VSManager(client).capture(guest, "keep", notes="note")

    image, copy = images(mask="mask[name,note,globalIdentifier,parentId,transaction.id]")
    assert image["globalIdentifier"] == captured["globalIdentifier"]
    assert (image["note"], image["parentId"], copy["parentId"] != "") == ("note", "", True)
    assert image["transaction"]["id"] == copy["transaction"]["id"] == captured["id"]
    assert refused(client["Virtual_Guest"].deleteObject, id=guest).faultString == BUSY
    cloud.advance(cloud.delays.capture)
    assert "transaction" not in images(mask="mask[name,transaction.id]")[0]
    assert client["Virtual_Guest"].deleteObject(id=guest) is True


def test_only_a_guests_own_disks_are_captured_and_never_its_swap(
    cloud: SoftLayerSandbox, client: Any, guest: int, refused: Refused
) -> None:
    """The manager leaves swap out; who sends the wrong disks is to hear of it here."""
    capture = client["Virtual_Guest"].createArchiveTemplate
    devices = client["Virtual_Guest"].getBlockDevices(id=guest, mask="id,device")
    swap = [each for each in devices if each["device"] == "1"]

    for wrong in ([], swap, [{"id": 4711}]):
        assert refused(capture, "mine", wrong, "", id=guest).faultCode.endswith("InvalidValue")
    assert client["Account"].getPrivateBlockDeviceTemplateGroups() == []


def test_a_captured_image_boots_as_its_source_did(cloud: SoftLayerSandbox, client: Any) -> None:
    """An image of a Docker VM has Docker, whatever it is called."""
    asked = changed(operatingSystemReferenceCode=None, **GUID)
    source = client["Virtual_Guest"].createObject(asked)
    cloud.advance(LONG)
    image = SoftLayer.VSManager(client).capture(source["id"], "mine")
    cloud.advance(cloud.delays.capture)

    own = {"globalIdentifier": image["globalIdentifier"]}
    client["Virtual_Guest"].createObject(
        changed(operatingSystemReferenceCode=None, blockDeviceTemplateGroup=own, hostname="b")
    )

    assert [each.image for each in cloud.live()] == ["docker", "docker"]
    assert DOCKER.kind == "docker"


def test_tags_replace_and_empty_clears(client: Any, guest: int, refused: Refused) -> None:
    """setTags replaces all; '' clears."""
    vm = client["Virtual_Guest"]

    def names() -> list[str]:
        return [each["tag"]["name"] for each in vm.getTagReferences(id=guest, mask="tag.name")]

    vm.setTags("ds-bot, ds-owner-U1", id=guest)
    assert names() == ["ds-bot", "ds-owner-U1"]
    vm.setTags("ds-bot", id=guest)
    assert names() == ["ds-bot"]
    vm.setTags("", id=guest)
    assert names() == []
    assert "not allowed" in refused(vm.setTags, "a/b", id=guest).faultString


def test_notes_are_kept_up_to_their_limit(client: Any, guest: int, refused: Refused) -> None:
    """1,000 characters."""
    vm = client["Virtual_Guest"]

    assert vm.editObject({"notes": "x" * 1000}, id=guest) is True
    assert vm.getObject(id=guest, mask="notes")["notes"] == "x" * 1000
    assert "notes" in refused(vm.editObject, {"notes": "x" * 1001}, id=guest).faultString


def test_a_guest_is_found_by_its_guid_too(client: Any, guest: int) -> None:
    """slcli passes a GUID through as an id."""
    guid = client["Virtual_Guest"].getObject(id=guest, mask="globalIdentifier")["globalIdentifier"]

    assert client["Virtual_Guest"].getObject(id=guid, mask="id")["id"] == guest


def test_what_was_done_is_in_the_event_log(client: Any, guest: int) -> None:
    """By whom, to which object."""
    client["Virtual_Guest"].powerOff(id=guest)

    log = client["Event_Log"].getAllObjects(filter={"objectId": {"operation": guest}})

    assert [each["eventName"] for each in log] == ["Create", "Power Off"]
    assert {each["objectName"] for each in log} == {"CCI"}
    datetime.strptime(log[0]["eventCreateDate"], "%Y-%m-%dT%H:%M:%S.%f%z")


def test_time_can_run_by_itself_and_fast() -> None:
    """`--speed`: minutes of SoftLayer in a moment, without anybody calling."""
    with SoftLayerSandbox(speed=5000) as cloud:
        client = client_of(cloud)
        created = client["Virtual_Guest"].createObject(TEMPLATE)
        done = threading.Event()

        def watch() -> None:
            while cloud.guest(created["id"]).provisioned_at is None and not done.wait(0.01):
                pass

        watcher = threading.Thread(target=watch)
        watcher.start()
        watcher.join(20)
        done.set()

        assert cloud.guest(created["id"]).provisioned_at is not None
