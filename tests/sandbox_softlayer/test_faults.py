"""Trouble on demand, before and after the effect."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from SoftLayer import SoftLayerAPIError, TransportError

from sandbox.softlayer import faults
from sandbox.softlayer.clock import ManualClock
from sandbox.softlayer.faults import Fault, Faults
from sandbox.softlayer.server import SoftLayerSandbox
from tests.sandbox_softlayer.conftest import LONG, TEMPLATE, client_of
from tests.sandbox_softlayer.test_ordering import changed

Refused = Callable[..., SoftLayerAPIError]

CREATE = "Virtual_Guest.createObject"
MAKERS: dict[str, tuple[Callable[..., Fault], int | str]] = {
    "dropped": (faults.dropped, 0),
    "500": (lambda *a, **k: faults.http(500, *a, **k), 500),
    "502": (lambda *a, **k: faults.http(502, *a, **k), 502),
    "503": (lambda *a, **k: faults.http(503, *a, **k), 503),
    "429": (lambda *a, **k: faults.http(429, *a, **k), 429),
    "rate": (faults.rate_limited, "SoftLayer_Exception_WebService_RateLimitExceeded"),
    "internal": (faults.internal_error, "SoftLayer_Exception_Public"),
}


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("name", MAKERS)
def test_trouble_comes_before_or_after_the_order(
    cloud: SoftLayerSandbox, client: Any, refused: Refused, name: str, is_after: bool
) -> None:
    """The client sees the same in both cases: only looking tells whether a VM was ordered."""
    make, code = MAKERS[name]
    cloud.faults.add(make(CREATE, is_after=is_after))

    error = refused(client["Virtual_Guest"].createObject, TEMPLATE)

    assert error.faultCode == code
    assert isinstance(error, TransportError) == isinstance(code, int)
    assert len(cloud.live()) == int(is_after)
    assert cloud.faults.pending == []
    assert client["Virtual_Guest"].createObject(TEMPLATE)["id"]


@pytest.mark.parametrize("is_after", [False, True])
def test_a_late_answer_makes_the_client_time_out(
    cloud: SoftLayerSandbox, refused: Refused, is_after: bool
) -> None:
    """The order is made all the same; stopping does not wait for the rest of the delay."""
    cloud.faults.add(faults.late(30, CREATE, is_after=is_after))

    error = refused(client_of(cloud, timeout_s=0.3)["Virtual_Guest"].createObject, TEMPLATE)

    assert error.faultCode == 0
    assert len(cloud.live()) == int(is_after)


def test_an_order_may_be_done_after_its_client_has_gone(
    cloud: SoftLayerSandbox, client: Any, refused: Refused
) -> None:
    """The worst case: nothing at first sight, a VM later, listed later still."""
    minute = timedelta(minutes=1)
    cloud.faults.add(faults.done_later(minute, list_lag=3 * minute))

    refused(client["Virtual_Guest"].createObject, TEMPLATE)

    assert cloud.orders == []
    cloud.advance(minute)
    assert len(cloud.orders) == len(cloud.live()) == 1
    cloud.advance(2 * minute)
    assert client["Account"].getVirtualGuests() == []
    cloud.advance(minute)
    assert len(client["Account"].getVirtualGuests()) == 1


def test_a_late_order_that_is_impossible_is_refused_in_silence(
    cloud: SoftLayerSandbox, client: Any, refused: Refused
) -> None:
    """There is nobody left to tell; time goes on."""
    cloud.faults.add(faults.done_later(timedelta(0)))

    refused(client["Virtual_Guest"].createObject, changed(hostname="-x"))
    cloud.advance(LONG)

    assert cloud.orders == []


def test_a_held_order_makes_no_guest_until_it_is_approved(
    cloud: SoftLayerSandbox, client: Any
) -> None:
    """Manual approval."""
    cloud.faults.add(faults.held())

    assert client["Virtual_Guest"].createObject(TEMPLATE)["id"] == ""

    assert client["Account"].getOrders(mask="status") == [{"status": "PENDING_APPROVAL"}]
    assert cloud.live() == []
    cloud.approve(cloud.orders[0].id)
    cloud.advance(LONG)
    assert client["Account"].getOrders(mask="status") == [{"status": "APPROVED"}]
    assert cloud.live()[0].provisioned_at is not None


def test_an_order_that_may_not_wait_fails_in_place_of_being_held(
    cloud: SoftLayerSandbox, client: Any, refused: Refused
) -> None:
    """immediateApprovalOnlyFlag, which the bot sends."""
    cloud.faults.add(faults.held())
    asked = changed(supplementalCreateObjectOptions={"immediateApprovalOnlyFlag": True})

    refused(client["Virtual_Guest"].createObject, asked)

    assert cloud.orders == []


def test_tagging_may_fail_after_the_order(
    cloud: SoftLayerSandbox, client: Any, guest: int, refused: Refused
) -> None:
    """The VM exists, untagged."""
    cloud.faults.add(faults.tagging_fails())

    refused(client["Virtual_Guest"].setTags, "a", id=guest)

    assert cloud.guest(guest).tags == ()


def test_a_fault_strikes_only_its_methods_and_so_many_times(
    cloud: SoftLayerSandbox, client: Any, refused: Refused
) -> None:
    """Count and wildcard."""
    cloud.faults.add(Fault(faults.Drop.DROP, "Account.*", times=2))

    client["Network_Pod"].getAllObjects()
    for _ in range(2):
        refused(client["Account"].getVirtualGuests)
    client["Account"].getVirtualGuests()


def test_the_same_seed_gives_the_same_misfortune() -> None:
    """A failing run can be repeated."""

    def strikes(seed: int) -> list[bool]:
        unlucky = Faults(seed)
        unlucky.add(Fault(method="*", times=None, probability=0.5))
        return [bool(unlucky.take("Account.getObject")) for _ in range(50)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert any(strikes(1)) and not all(strikes(1))


def test_cleared_faults_strike_no_more(cloud: SoftLayerSandbox, client: Any) -> None:
    """Between two parts of a test."""
    cloud.faults.add(Fault(faults.Drop.DROP, times=None))

    cloud.faults.clear()

    client["Account"].getCurrentUser()


def test_the_rate_limit_is_kept_when_asked_for(refused: Refused) -> None:
    """50 a second in the real one; the text is the real one's (softlayer-python#884)."""
    with SoftLayerSandbox(clock=ManualClock(), rate_limit=3) as cloud:
        client = client_of(cloud)
        for _ in range(3):
            client["Account"].getCurrentUser()

        error = refused(client["Account"].getCurrentUser)

    assert error.faultString == "Rate limit of 3 requests for every 1 second(s) exceeded."


def test_an_error_in_the_sandbox_itself_is_an_internal_error(
    cloud: SoftLayerSandbox, client: Any, refused: Refused, caplog: pytest.LogCaptureFixture
) -> None:
    """Never a connection cut without a word, which looks like an injected fault."""
    error = refused(client["Virtual_Guest"].editObject, ["not", "a", "struct"], id=_any(cloud))

    assert error.faultString == "Internal Error"
    assert "failed in the sandbox" in caplog.text


def _any(cloud: SoftLayerSandbox) -> int:
    cloud.seed(1)
    return cloud.live()[0].id
