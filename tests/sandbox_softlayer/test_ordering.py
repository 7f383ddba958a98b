"""Ordering: what is taken, what is refused and in which words, what it costs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import SoftLayer
from SoftLayer import SoftLayerAPIError

from sandbox.softlayer.image_templates import public_templates
from sandbox.softlayer.server import SoftLayerSandbox
from tests.sandbox_softlayer.conftest import LONG, TEMPLATE

Refused = Callable[..., SoftLayerAPIError]

DOCKER = next(each for each in public_templates() if each.name == "Ubuntu with LAMP and Docker")
MISSING = "SoftLayer_Exception_MissingCreationProperty"
INVALID = "SoftLayer_Exception_InvalidValue"
GUID = {"blockDeviceTemplateGroup": {"globalIdentifier": DOCKER.guid}}


def changed(**changes: Any) -> dict[str, Any]:
    """The template with some properties changed; None takes one out."""
    asked = {**TEMPLATE, **changes}
    return {name: value for name, value in asked.items() if value is not None}


def test_the_walk_through_s_order_is_taken(cloud: SoftLayerSandbox, client: Any) -> None:
    """The very dictionary that vm-create.py sent."""
    created = client["Virtual_Guest"].createObject(TEMPLATE)

    assert created["fullyQualifiedDomainName"] == "jekyll-dev.xwmooc.net"
    assert created["statusId"] == 1001
    assert created["provisionDate"] == ""
    assert "primaryIpAddress" not in created
    [order] = cloud.orders
    assert order.request == TEMPLATE
    assert order.created_at == cloud.clock.now()
    assert [each.id for each in cloud.live()] == [created["id"]]


@pytest.mark.parametrize(
    "name",
    [
        "hostname",
        "domain",
        "hourlyBillingFlag",
        "startCpus",
        "maxMemory",
        "localDiskFlag",
        "operatingSystemReferenceCode",
    ],
)
def test_a_missing_property_is_named(
    cloud: SoftLayerSandbox, client: Any, refused: Refused, name: str
) -> None:
    """softlayer-python#699 has code and text."""
    fault = refused(client["Virtual_Guest"].createObject, changed(**{name: None}))

    text = f"The property '{name}' must be set to create an instance of 'SoftLayer_Virtual_Guest'."
    assert (fault.faultCode, fault.faultString) == (MISSING, text)
    assert cloud.orders == []


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"hostname": "-x"}, "hostname"),
        ({"hostname": "x-"}, "hostname"),
        ({"hostname": "a_b"}, "hostname"),
        ({"hostname": "a" * 64}, "hostname"),
        ({"hostname": "한글"}, "hostname"),
        ({"hostname": "a\n"}, "hostname"),
        ({"domain": "local"}, "domain"),
        ({"domain": "a..com"}, "domain"),
        ({"domain": ".".join(["a" * 60] * 4) + ".com"}, "hostname"),
        ({"startCpus": 3}, "startCpus"),
        ({"startCpus": "many"}, "startCpus"),
        ({"startCpus": 999}, "startCpus"),
        ({"maxMemory": 1}, "maxMemory"),
        ({"datacenter": {"name": "xxx01"}}, "datacenter.name"),
        ({"operatingSystemReferenceCode": "BEOS_LATEST"}, "operatingSystemReferenceCode"),
        ({**GUID}, "operatingSystemReferenceCode"),
        ({"sshKeys": [{"id": 1}]}, "sshKeys"),
        ({"networkComponents": [{"maxSpeed": 11}]}, "networkComponents.maxSpeed"),
        ({"blockDevices": [{"device": "0", "diskImage": {"capacity": 26}}]}, "blockDevices"),
        ({"transientGuestFlag": True}, "transientGuestFlag"),
        (
            {"supplementalCreateObjectOptions": {"flavorKeyName": "B9"}},
            "supplementalCreateObjectOptions.flavorKeyName",
        ),
        (
            {"supplementalCreateObjectOptions": {"flavorKeyName": "B1_1X2X25"}},
            "localDiskFlag",  # the default True does not fit a SAN flavor (CLI/virt/create.py)
        ),
    ],
)
def test_an_impossible_value_is_named(
    cloud: SoftLayerSandbox, client: Any, refused: Refused, changes: dict[str, Any], name: str
) -> None:
    """A plain validation fault means that nothing was ordered (softlayer.md A9)."""
    fault = refused(client["Virtual_Guest"].createObject, changed(**changes))

    assert fault.faultCode == INVALID
    assert fault.faultString.startswith(f"Invalid value provided for '{name}'.")
    assert cloud.orders == []


def test_disks_cannot_be_given_with_an_image_template(client: Any, refused: Refused) -> None:
    """softlayer-python#325 and #804: text and code of the real one."""
    disks = [{"device": "0", "diskImage": {"capacity": 25}}]
    asked = changed(operatingSystemReferenceCode=None, blockDevices=disks, **GUID)

    fault = refused(client["Virtual_Guest"].createObject, asked)

    text = "Block devices may not be provided when using an image template."
    assert fault.faultString == f"Invalid value provided for 'blockDevices'. {text}"


def test_a_template_guid_of_nothing_is_refused(client: Any, refused: Refused) -> None:
    """The bot must say so before anything is ordered."""
    image = {"globalIdentifier": "00000000-0000-4000-8000-000000000000"}
    asked = changed(operatingSystemReferenceCode=None, blockDeviceTemplateGroup=image)

    assert refused(client["Virtual_Guest"].createObject, asked).faultCode == INVALID


def test_the_same_name_may_be_ordered_twice(cloud: SoftLayerSandbox, client: Any) -> None:
    """There is no uniqueness rule: idempotency is the client's business (softlayer.md A9)."""
    first, second = (client["Virtual_Guest"].createObject(TEMPLATE) for _ in range(2))

    assert first["id"] != second["id"]
    assert len(cloud.orders) == 2


def test_user_data_is_readable_in_lists_and_alone(cloud: SoftLayerSandbox, client: Any) -> None:
    """The bot finds its own VM by the request id in the user data."""
    created = client["Virtual_Guest"].createObject(changed(userData=[{"value": "op-1"}]))
    cloud.advance(timedelta(seconds=10))

    listed = client["Account"].getVirtualGuests(mask="mask[id,userData[value]]")

    assert listed == [{"id": created["id"], "userData": [{"value": "op-1"}]}]
    assert client["Virtual_Guest"].getUserData(id=created["id"]) == [{"value": "op-1"}]


def test_verify_gives_the_price_and_orders_nothing(cloud: SoftLayerSandbox, client: Any) -> None:
    """1 CPU, 1 GB, 25 GB: .053 an hour, as text."""
    container = client["Virtual_Guest"].generateOrderTemplate(TEMPLATE)

    verified = client["Product_Order"].verifyOrder(container)

    assert verified["postTaxRecurringHourly"] == verified["preTaxRecurringHourly"] == ".053"
    fees = [Decimal(price["hourlyRecurringFee"]) for price in verified["prices"]]
    assert sum(fees) == Decimal("0.053")
    assert cloud.orders == []


def test_a_flavor_s_prices_under_count_its_total(client: Any) -> None:
    """Real templates omit a preset's CPU and RAM: only the total is right (softlayer.md A2)."""
    asked = changed(
        startCpus=None,
        maxMemory=None,
        localDiskFlag=None,
        supplementalCreateObjectOptions={"flavorKeyName": "B1_1X2X25"},
    )

    verified = client["Product_Order"].verifyOrder(
        client["Virtual_Guest"].generateOrderTemplate(asked)
    )

    fees = [Decimal(price["hourlyRecurringFee"]) for price in verified["prices"]]
    assert sum(fees) < Decimal(verified["postTaxRecurringHourly"]) == Decimal("0.071")


@pytest.mark.parametrize("image", [{}, {"os_code": None, "image_id": DOCKER.guid}])
def test_an_order_by_price_makes_the_same_guest(
    cloud: SoftLayerSandbox, client: Any, image: dict[str, str]
) -> None:
    """placeOrder is what `slcli vs create` sends; user data is added by the package."""
    asked = {
        "hostname": "a",
        "domain": "b.com",
        "cpus": 2,
        "memory": 2048,
        "hourly": True,
        "datacenter": "dal10",
        "os_code": "UBUNTU_LATEST",
        "userdata": "op-2",
        **image,
    }

    receipt = SoftLayer.VSManager(client).order_guest(asked)

    [guest] = cloud.live()
    assert receipt["orderDetails"]["virtualGuests"][0]["id"] == guest.id
    assert (guest.cpus, guest.memory_mb, guest.datacenter) == (2, 2048, "dal10")
    assert guest.user_data == ("op-2",)
    assert guest.image == ("docker" if image else "plain")


def test_a_made_up_price_is_refused(client: Any, refused: Refused) -> None:
    """An order container is checked as the template is."""
    container = client["Virtual_Guest"].generateOrderTemplate(TEMPLATE)
    container["prices"].append({"id": 1})

    assert "Price # 1" in refused(client["Product_Order"].placeOrder, container).faultString


def test_orders_of_the_account_name_what_was_ordered(client: Any) -> None:
    """The second way to look after a lost answer (softlayer.md A9)."""
    client["Virtual_Guest"].createObject(TEMPLATE)

    [order] = client["Account"].getOrders(
        mask="mask[id,createDate,status,items[hostName,domainName]]"
    )

    assert order["status"] == "APPROVED"
    assert order["items"] == [{"hostName": "jekyll-dev", "domainName": "xwmooc.net"}]


def test_several_can_be_ordered_in_one_call(cloud: SoftLayerSandbox, client: Any) -> None:
    """createObjects: one order, several guests."""
    made = client["Virtual_Guest"].createObjects([TEMPLATE, changed(hostname="b")])
    cloud.advance(LONG)

    assert [each["hostname"] for each in made] == ["jekyll-dev", "b"]
    assert len(cloud.orders) == 1
    assert all(each.provisioned_at for each in cloud.live())


def test_options_name_every_datacenter_and_size(client: Any) -> None:
    """What the bot's offers are read from."""
    options = client["Virtual_Guest"].getCreateObjectOptions()

    places = {each["template"]["datacenter"]["name"] for each in options["datacenters"]}
    assert {"dal09", "dal10", "dal12", "dal13", "seo01"} <= places
    assert 1 in [each["template"]["startCpus"] for each in options["processors"]]
    assert 1024 in [each["template"]["maxMemory"] for each in options["memory"]]
    fees = {each["flavor"]["keyName"]: each["flavor"] for each in options["flavors"]}
    assert fees["B1_1X2X25"]["totalMinimumHourlyFee"] == ".071"


def test_every_pod_of_dal09_is_closing_and_none_of_dal10(client: Any) -> None:
    """The walk-through's datacenter must be refused by the bot, with open ones named."""
    closing = SoftLayer.NetworkManager(client).get_closed_pods()

    pods = client["Network_Pod"].getAllObjects()
    named = {pod["name"] for pod in closing}
    assert {pod["name"] for pod in pods if pod["datacenterName"] == "dal09"} <= named
    assert not any(name.startswith("dal10") for name in named)
