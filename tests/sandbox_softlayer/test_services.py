"""The smaller services: images, tags, keys, places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import SoftLayer
from SoftLayer import SoftLayerAPIError

from sandbox.softlayer.server import SoftLayerSandbox
from tests.sandbox_softlayer.conftest import TEMPLATE
from tests.sandbox_softlayer.test_ordering import DOCKER

Refused = Callable[..., SoftLayerAPIError]

IMAGES = "Virtual_Guest_Block_Device_Template_Group"


def test_public_images_come_with_their_children(client: Any) -> None:
    """About 150 rows; who orders by a child's name orders the wrong row."""
    rows = list(SoftLayer.ImageManager(client).list_public_images(mask="id,name,parentId"))

    parents = {row["id"] for row in rows if row["parentId"] == ""}
    assert 140 <= len(rows) <= 160
    assert all(row["parentId"] in parents for row in rows if row["parentId"] != "")


@pytest.mark.parametrize(("name", "found"), [("docker", 0), ("*docker*", 6), ("*DOCKER*", 6)])
def test_images_are_searched_as_softlayer_searches(client: Any, name: str, found: int) -> None:
    """`docker` finds only what is named exactly so (measured, softlayer.md A7)."""
    rows = SoftLayer.ImageManager(client).list_public_images(name=name, mask="name,parentId")

    assert len([row for row in rows if row["parentId"] == ""]) == found


def test_an_image_is_read_by_number(client: Any) -> None:
    """What `slcli vs create --image 1100400` does first."""
    image = client[IMAGES].getObject(id=DOCKER.id, mask="id,globalIdentifier,children.datacenter")

    assert image["globalIdentifier"] == DOCKER.guid
    assert {each["datacenter"]["name"] for each in image["children"]} == {"dal05", "ams03"}


def test_only_our_own_images_can_be_changed_and_deleted(
    cloud: SoftLayerSandbox, client: Any, guest: int, refused: Refused
) -> None:
    """And not while they are being written."""
    SoftLayer.VSManager(client).capture(guest, "mine")
    images = client["Account"].getPrivateBlockDeviceTemplateGroups
    [own] = [row for row in images(mask="id,parentId") if row["parentId"] == ""]

    assert "active transaction" in refused(client[IMAGES].deleteObject, id=own["id"]).faultString
    cloud.advance(cloud.delays.capture)
    client[IMAGES].editObject({"name": "renamed"}, id=own["id"])
    assert {"name": "renamed"} in images(mask="name")
    client[IMAGES].deleteObject(id=own["id"])
    assert len(images()) == 2  # the image and its copy: deleting takes a while
    cloud.advance(cloud.delays.delete_image)
    assert images() == []
    assert refused(client[IMAGES].deleteObject, id=DOCKER.id).faultString == "Access Denied."


def test_tags_know_what_they_hang_on(client: Any, guest: int, refused: Refused) -> None:
    """A tag in use cannot be deleted; one that is not, can."""
    client["Tag"].setTags("a,b", "GUEST", guest)
    client["Virtual_Guest"].setTags("b", id=guest)

    [attached] = client["Tag"].getAttachedTagsForCurrentUser()
    [unattached] = client["Tag"].getUnattachedTagsForCurrentUser()
    assert (attached["name"], unattached["name"]) == ("b", "a")
    [reference] = client["Tag"].getReferences(id=attached["id"])
    assert reference["resourceTableId"] == guest
    assert "in use" in refused(client["Tag"].deleteTag, "b").faultString
    client["Tag"].deleteTag("a")
    assert client["Tag"].getUnattachedTagsForCurrentUser() == []


def test_a_key_can_be_relabelled(client: Any) -> None:
    """And is found by its label."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBIGRBcUSAcybxxJOcYUO8QJbuqdzQeJw1C4kbkDpaTi a@b"
    manager = SoftLayer.SshKeyManager(client)
    made = manager.add_key(key, "old")

    manager.edit_key(made["id"], label="new")

    assert [each["id"] for each in manager.list_keys("new")] == [made["id"]]
    assert manager.list_keys("old") == []
    assert manager.get_key(made["id"])["key"] == key


def test_a_machine_boots_even_if_a_key_was_removed_meanwhile(
    cloud: SoftLayerSandbox, client: Any
) -> None:
    """The bot may tidy up its keys at any moment."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBIGRBcUSAcybxxJOcYUO8QJbuqdzQeJw1C4kbkDpaTi a@b"
    made = client["Security_Ssh_Key"].createObject({"key": key, "label": "k"})
    ordered = client["Virtual_Guest"].createObject({**TEMPLATE, "sshKeys": [{"id": made["id"]}]})
    client["Security_Ssh_Key"].deleteObject(id=made["id"])

    cloud.advance(cloud.delays.provisioning)

    assert cloud.guest(ordered["id"]).provisioned_at is not None


def test_properties_have_getters(cloud: SoftLayerSandbox, client: Any, guest: int) -> None:
    """`get` and the property's name, as everywhere in the API."""
    vm = client["Virtual_Guest"]

    assert vm.getPrimaryIpAddress(id=guest) == cloud.guest(guest).public_ip
    assert vm.getDatacenter(id=guest, mask="name") == {"name": "dal09"}
    assert vm.getActiveTransaction(id=guest) == ""
    assert vm.getNetworkVlans(id=guest, mask="networkSpace") == [
        {"networkSpace": "PRIVATE"},
        {"networkSpace": "PUBLIC"},
    ]
    assert vm.findByHostname("jekyll-dev", mask="id") == {"id": guest}
    assert vm.isPingable(id=guest) is True
    vm.setUserMetadata(["new"], id=guest)
    assert vm.getUserData(id=guest) == [{"value": "new"}]


def test_a_private_guest_has_no_public_address(cloud: SoftLayerSandbox, client: Any) -> None:
    """Ready means its private address then (softlayer.md A3)."""
    ordered = client["Virtual_Guest"].createObject({**TEMPLATE, "privateNetworkOnlyFlag": True})
    cloud.advance(cloud.delays.provisioning)

    seen = client["Virtual_Guest"].getObject(
        id=ordered["id"], mask="id,primaryIpAddress,primaryBackendIpAddress,privateNetworkOnlyFlag"
    )
    assert "primaryIpAddress" not in seen
    assert seen["privateNetworkOnlyFlag"] is True
    assert seen["primaryBackendIpAddress"].startswith("192.0.2.")


def test_datacenters_and_packages_are_listed(client: Any, refused: Refused) -> None:
    """What options are made of."""
    name = {"name": {"operation": "seo01"}}

    [place] = client["Location"].getDatacenters(filter=name, mask="mask[id,longName,priceGroups]")
    assert place["longName"] == "Seoul 1"
    key = {"keyName": {"operation": "PUBLIC_CLOUD_SERVER"}}
    [package] = client["Product_Package"].getAllObjects(filter=key)
    assert client["Product_Package"].getActivePresets(id=package["id"], mask="prices")
    assert client["Product_Package"].getItemPrices(id=package["id"])
    assert refused(client["Product_Package"].getItems, id=1).faultCode.endswith("ObjectNotFound")
