"""Money and metrics: what a guest costs, what it does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from SoftLayer import SoftLayerAPIError

from sandbox.softlayer.server import SoftLayerSandbox
from tests.sandbox_softlayer.conftest import LONG
from tests.sandbox_softlayer.test_ordering import changed

Refused = Callable[..., SoftLayerAPIError]

HOUR = timedelta(hours=1)
ITEM = (
    "mask[createDate,hoursUsed,hourlyRecurringFee,currentHourlyCharge,"
    "children[categoryCode,hourlyRecurringFee],package[keyName]]"
)


def rate(item: dict[str, Any]) -> Decimal:
    fees = [item["hourlyRecurringFee"], *(each["hourlyRecurringFee"] for each in item["children"])]
    return sum((Decimal(fee) for fee in fees), Decimal(0))


def test_the_rate_is_the_parent_s_and_the_children_s(client: Any, guest: int) -> None:
    """The parent item is the CPU alone; all of it is text."""
    item = client["Virtual_Guest"].getBillingItem(id=guest, mask=ITEM)

    assert item["hourlyRecurringFee"] == ".03"
    assert rate(item) == Decimal("0.053")


def test_hours_go_on_while_the_guest_stands_still(
    cloud: SoftLayerSandbox, client: Any, guest: int
) -> None:
    """A stopped VM keeps billing, unless it is suspend-capable."""
    client["Virtual_Guest"].powerOff(id=guest)

    cloud.advance(10 * HOUR)

    item = client["Virtual_Guest"].getBillingItem(id=guest, mask=ITEM)
    assert item["hoursUsed"] == "11"
    assert item["currentHourlyCharge"] == ".33"
    assert client["Virtual_Guest"].getCurrentBillingTotal(id=guest) == ".583"


def test_a_suspended_guest_still_pays_a_quarter(cloud: SoftLayerSandbox, client: Any) -> None:
    """Hourly, SAN, by profile: billed by use, at least 25 % (softlayer.md A5)."""
    flavor = {"flavorKeyName": "B1_1X2X25"}
    created = client["Virtual_Guest"].createObject(
        changed(
            startCpus=None,
            maxMemory=None,
            localDiskFlag=None,
            supplementalCreateObjectOptions=flavor,
        )
    )
    cloud.advance(LONG)
    client["Virtual_Guest"].powerOff(id=created["id"])

    cloud.advance(100 * HOUR - LONG)

    item = client["Virtual_Guest"].getBillingItem(id=created["id"], mask=ITEM)
    assert item["package"] == {"keyName": "SUSPEND_CLOUD_SERVER"}
    assert item["hoursUsed"] == "25"


def test_hours_start_again_with_the_billing_cycle(
    cloud: SoftLayerSandbox, client: Any, guest: int
) -> None:
    """hoursUsed is no age."""
    cloud.advance(datetime(2026, 4, 1, 2, 30, tzinfo=UTC) - cloud.clock.now())

    assert client["Virtual_Guest"].getBillingItem(id=guest, mask=ITEM)["hoursUsed"] == "3"


def test_a_monthly_guest_has_no_hourly_fee(cloud: SoftLayerSandbox, client: Any) -> None:
    """And is in the monthly list only."""
    created = client["Virtual_Guest"].createObject(changed(hourlyBillingFlag=False))
    cloud.advance(LONG)

    item = client["Virtual_Guest"].getBillingItem(id=created["id"], mask=ITEM)
    assert item["hourlyRecurringFee"] == ""
    assert client["Account"].getHourlyVirtualGuests(mask="id") == []
    assert client["Account"].getMonthlyVirtualGuests(mask="id") == [{"id": created["id"]}]


def test_the_billing_item_can_be_read_and_cancelled(
    cloud: SoftLayerSandbox, client: Any, guest: int
) -> None:
    """The other way to cancel."""
    item = client["Virtual_Guest"].getBillingItem(id=guest)

    assert client["Billing_Item"].getObject(id=item["id"])["hostName"] == "jekyll-dev"
    assert client["Billing_Item"].cancelService(id=item["id"]) is True
    assert cloud.live() == []


def summary(client: Any, guest: int, hours: int, **more: Any) -> list[dict[str, Any]]:
    tracking = client["Virtual_Guest"].getMetricTrackingObjectId(id=guest)
    types = [{"keyName": more.get("key", "CPU0"), "name": "cpu0", "summaryType": "average"}]
    start = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    end = start + hours * HOUR
    rows: list[dict[str, Any]] = client["Metric_Tracking_Object"].getSummaryData(
        start.isoformat(), end.isoformat(), types, more.get("period", 3600), id=tracking
    )
    return rows


def test_metrics_follow_the_load_and_lag_behind(
    cloud: SoftLayerSandbox, client: Any, guest: int
) -> None:
    """No rows is not idle: a new VM has none."""
    cloud.set_load(guest, 90.0)
    assert summary(client, guest, 5) == []

    cloud.advance(5 * HOUR)

    rows = summary(client, guest, 5)
    assert len(rows) == 3  # whole periods between provisioning and ten minutes ago
    assert all(80 < each["counter"] < 100 and each["type"] == "cpu0" for each in rows)


def test_bad_metric_questions_are_refused(
    cloud: SoftLayerSandbox, client: Any, guest: int, refused: Refused
) -> None:
    """Period, type and size are checked."""
    cloud.advance(1000 * HOUR)

    assert "summaryPeriod" in refused(summary, client, guest, 5, period=7).faultString
    assert "CPU9" in refused(summary, client, guest, 5, key="CPU9").faultString
    error = refused(summary, client, guest, 1000, period=300)
    assert error.faultString == "The expected result is too large."


def test_a_guest_may_have_no_tracking_object(cloud: SoftLayerSandbox, client: Any) -> None:
    """Missing is not idle."""
    created = client["Virtual_Guest"].createObject(changed())

    answer = client["Virtual_Guest"].getObject(id=created["id"], mask="id,metricTrackingObjectId")

    assert answer == {"id": created["id"]}


@pytest.mark.parametrize(("direction", "kinds"), [("public", 2), (None, 4)])
def test_bandwidth_is_told_by_direction(
    cloud: SoftLayerSandbox, client: Any, guest: int, direction: str | None, kinds: int
) -> None:
    """Octets per period."""
    cloud.advance(4 * HOUR)
    tracking = client["Virtual_Guest"].getMetricTrackingObjectId(id=guest)

    rows = client["Metric_Tracking_Object"].getBandwidthData(
        "2026-03-02", "2026-03-03", direction, 3600, id=tracking
    )

    assert len({each["type"] for each in rows}) == kinds
    assert len(client["Virtual_Guest"].getCpuMetricDataByDate("2026-03-02", "2026-03-03", [],
                                                              id=guest)) == 2  # fmt: skip
