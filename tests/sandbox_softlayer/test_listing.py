"""Listing: ten thousand guests, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from SoftLayer import SoftLayerAPIError

from sandbox.softlayer.server import SoftLayerSandbox
from tests.sandbox_softlayer.conftest import client_of


@pytest.fixture(scope="module")
def full() -> Iterator[SoftLayerSandbox]:
    with SoftLayerSandbox(max_rows=500) as sandbox:
        sandbox.seed(5_000, tags=("slackbot",))
        sandbox.seed(5_000)
        yield sandbox


def test_ten_thousand_guests_page_exactly(full: SoftLayerSandbox) -> None:
    """Every id once, and the total right, through the unmodified package."""
    client = client_of(full)

    ids = [each["id"] for each in client.iter_call("Account", "getVirtualGuests", mask="id")]

    assert len(ids) == 10_000
    assert sorted(ids) == sorted(each.id for each in full.live())
    assert client["Account"].getVirtualGuests(mask="id", limit=1).total_count == 10_000


def test_a_tag_filter_pages_as_well(full: SoftLayerSandbox) -> None:
    """The bot lists its own by tag."""
    wanted = {"operation": "in", "options": [{"name": "data", "value": ["slackbot"]}]}
    tree = {"virtualGuests": {"tagReferences": {"tag": {"name": wanted}}}}

    found = list(
        client_of(full).iter_call("Account", "getVirtualGuests", mask="id", limit=500, filter=tree)
    )

    assert len({each["id"] for each in found}) == 5_000


def test_too_big_a_page_is_an_internal_error(full: SoftLayerSandbox) -> None:
    """SLDN: too much data is answered with "Internal Error"."""
    with pytest.raises(SoftLayerAPIError, match="Internal Error"):
        client_of(full)["Account"].getVirtualGuests(mask="id")


def test_deleting_while_paging_skips_guests(cloud: SoftLayerSandbox, client: Any) -> None:
    """Offset paging does that in the real one too: collect first, act after."""
    cloud.seed(30)
    listed = []
    for guest in client.iter_call("Account", "getVirtualGuests", mask="id", limit=10):
        listed.append(guest["id"])
        if len(listed) <= 10:
            client["Virtual_Guest"].deleteObject(id=guest["id"])
            cloud.advance(cloud.delays.reclaim)

    missed = {each.id for each in cloud.live()} - set(listed)

    assert missed
