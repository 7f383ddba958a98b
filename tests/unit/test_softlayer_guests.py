"""Guests in SoftLayer's words: what an order says, and what a row means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.cloud_config import user_data_for
from bot.adapters.softlayer_guests import (
    check_label,
    is_ending,
    money_of,
    template_of,
    template_of_order,
    time_of,
    vm_of,
)
from bot.models import VmOrder, VmSpec

SPEC = VmSpec("jekyll-dev", "xwmooc.net", 2, 2048, 25, "dal10", os_code="UBUNTU_LATEST")
GUID = "0d9a35b5-7d2f-4e6b-9a37-000000000001"
LEAST = {
    "id": 7,
    "hostname": "jekyll-dev",
    "domain": "xwmooc.net",
    "createDate": "2026-03-02T06:00:00-06:00",
}
FULL: dict[str, Any] = {
    **LEAST,
    "provisionDate": "2026-03-02T06:10:00-06:00",
    "notes": '{"lease": "x"}',
    "maxCpu": 2,
    "maxMemory": 2048,
    "hourlyBillingFlag": True,
    "primaryIpAddress": "192.0.2.1",
    "primaryBackendIpAddress": "10.0.0.1",
    "powerState": {"keyName": "RUNNING"},
    "datacenter": {"name": "dal10"},
    "tagReferences": [{"tag": {"name": "ds-bot"}}, {"tag": {"name": "ds-op-1"}}],
    "userData": [{"value": user_data_for("op-1")}],
    "billingItem": {
        "hourlyRecurringFee": ".025",
        "children": [{"hourlyRecurringFee": ".028"}, {"hourlyRecurringFee": "0"}, {}],
    },
}

json_like = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


# --- orders ---


def test_an_order_is_hourly_on_local_disk_and_never_waits_for_approval() -> None:
    """A monthly VM by mistake costs a month; one held for approval appears days later."""
    template = template_of(SPEC, 100)

    assert template["hourlyBillingFlag"] is True
    assert template["localDiskFlag"] is True
    assert template["supplementalCreateObjectOptions"] == {"immediateApprovalOnlyFlag": True}
    assert (template["startCpus"], template["maxMemory"]) == (2, 2048)
    assert template["datacenter"] == {"name": "dal10"}
    assert template["networkComponents"] == [{"maxSpeed": 100}]


def test_an_order_names_a_system_or_a_template_and_disks_only_with_a_system() -> None:
    """SoftLayer refuses a template with disks."""
    by_system = template_of(SPEC, 100)
    by_template = template_of(replace(SPEC, os_code=None, template_guid=GUID), 100)

    assert by_system["operatingSystemReferenceCode"] == "UBUNTU_LATEST"
    assert by_system["blockDevices"] == [{"device": "0", "diskImage": {"capacity": 25}}]
    assert "blockDeviceTemplateGroup" not in by_system
    assert by_template["blockDeviceTemplateGroup"] == {"globalIdentifier": GUID}
    assert not {"operatingSystemReferenceCode", "blockDevices"} & set(by_template)


@pytest.mark.parametrize("keys", [(), (1,), (1, 2)])
def test_an_order_carries_our_keys_and_whose_it_is(keys: tuple[int, ...]) -> None:
    template = template_of_order(VmOrder(SPEC, "op-1", "#cloud-config\n", keys), 100)

    assert template["userData"] == [{"value": "#cloud-config\n"}]
    assert template.get("sshKeys", []) == [{"id": key} for key in keys]


# --- rows ---


def test_a_full_row_tells_everything() -> None:
    vm = vm_of(FULL)

    assert (vm.id, vm.hostname, vm.domain, vm.request_id) == (7, "jekyll-dev", "xwmooc.net", "op-1")
    assert (vm.public_ip, vm.private_ip) == ("192.0.2.1", "10.0.0.1")
    assert vm.ordered_at == datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    assert vm.provisioned_at == datetime(2026, 3, 2, 12, 10, tzinfo=UTC)
    assert (vm.cpus, vm.memory_mb, vm.datacenter) == (2, 2048, "dal10")
    assert vm.tags == {"ds-bot", "ds-op-1"}
    assert vm.notes == '{"lease": "x"}'
    assert vm.hourly_rate == Decimal(".053")
    assert vm.is_hourly and vm.is_running and vm.is_ready


def test_the_least_that_softlayer_answers_is_a_vm_that_is_not_ready() -> None:
    """createObject's answer has little more; relations that are absent are absent keys."""
    vm = vm_of(LEAST)

    assert not vm.is_ready and not vm.is_hourly and not vm.is_running
    assert (vm.request_id, vm.public_ip, vm.provisioned_at, vm.hourly_rate) == (None,) * 4
    assert (vm.tags, vm.notes) == (frozenset(), "")


@pytest.mark.parametrize("name", ["primaryIpAddress", "primaryBackendIpAddress", "provisionDate"])
def test_an_empty_value_is_none(name: str) -> None:
    """XML-RPC has no null: SoftLayer writes the empty string."""
    assert vm_of({**FULL, name: ""}) == vm_of({k: v for k, v in FULL.items() if k != name})


@pytest.mark.parametrize(
    ("transaction", "told"),
    [
        ({"transactionStatus": {"name": "SVC", "friendlyName": "Service Setup"}}, "Service Setup"),
        ({"transactionStatus": {"name": "SVC"}}, "SVC"),
        ({"transactionStatus": ""}, "Transaction"),
        ({"id": 1}, "Transaction"),
    ],
)
def test_a_transaction_is_seen_even_when_it_has_no_name(transaction: Any, told: str) -> None:
    """Taking it for none would make a VM ready too early, or have it cancelled in vain."""
    vm = vm_of({**FULL, "activeTransaction": transaction})

    assert vm.transaction == told
    assert not vm.is_ready


@pytest.mark.parametrize("nothing", ["", None, {}])
def test_no_transaction_is_none(nothing: Any) -> None:
    assert vm_of({**FULL, "activeTransaction": nothing}).transaction is None


@pytest.mark.parametrize("state", ["HALTED", "PAUSED", "", "running"])
def test_only_running_is_running(state: str) -> None:
    assert not vm_of({**FULL, "powerState": {"keyName": state}}).is_running


@pytest.mark.parametrize(
    ("item", "rate"),
    [
        ({"hourlyRecurringFee": ".025"}, Decimal(".025")),
        ({"hourlyRecurringFee": "0"}, Decimal(0)),
        ({"hourlyRecurringFee": ".025", "children": [{"hourlyRecurringFee": "free"}]}, None),
        ({"hourlyRecurringFee": ""}, None),
        ({"children": [{"hourlyRecurringFee": ".1"}]}, None),
        ({"hourlyRecurringFee": "NaN"}, None),
        ({}, None),
        ("", None),
    ],
)
def test_a_rate_is_whole_or_unknown(item: Any, rate: Decimal | None) -> None:
    """Too low a rate is worse than none: it is added up and shown as the bill."""
    assert vm_of({**FULL, "billingItem": item}).hourly_rate == rate


def test_our_request_is_found_among_other_user_data() -> None:
    others = [{"value": "#!/bin/sh"}, {}, {"value": ""}, {"value": user_data_for("op-9")}]

    assert vm_of({**FULL, "userData": others}).request_id == "op-9"


@given(st.dictionaries(st.sampled_from([k for k in FULL if k not in LEAST]), json_like))
def test_a_row_of_another_shape_is_read_or_refused_never_worse(odd: dict[str, Any]) -> None:
    """`understanding` renames these errors; any other would end the sweep as a bug of ours."""
    try:
        vm = vm_of({**FULL, **odd})
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError):
        return
    assert (vm.id, vm.hostname) == (7, "jekyll-dev")


@pytest.mark.parametrize("name", sorted(LEAST))
def test_a_row_without_its_least_is_refused(name: str) -> None:
    with pytest.raises(LookupError):
        vm_of({key: value for key, value in FULL.items() if key != name})


# --- going away ---


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"activeTransaction": {"transactionStatus": {"name": "RECLAIM_WAIT"}}}, True),
        ({"activeTransaction": {"transactionGroup": {"name": "Cloud Reclaim"}}}, True),
        ({"billingItem": {"cancellationDate": "2026-03-02T06:00:00-06:00"}}, True),
        ({"billingItem": {"cancellationDate": ""}}, False),
        ({"activeTransaction": {"transactionStatus": {"name": "CLONE_CLOUD_INSTANCE"}}}, False),
        ({"activeTransaction": ""}, False),
        ({}, False),
    ],
)
def test_only_a_positive_sign_means_that_a_vm_is_going(row: Any, expected: bool) -> None:
    """Wrongly taken for going, a VM would be reported as cancelled and go on costing money."""
    assert is_ending(row) is expected


# --- times and money ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-02T06:00:00-06:00", datetime(2026, 3, 2, 12, tzinfo=UTC)),
        ("2026-03-02T12:00:00Z", datetime(2026, 3, 2, 12, tzinfo=UTC)),
        ("2026-03-02T06:00:00", datetime(2026, 3, 2, 12, tzinfo=UTC)),
        ("2026-07-02T06:00:00.5-05:00", datetime(2026, 7, 2, 11, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_a_time_is_an_instant(text: str, expected: datetime) -> None:
    assert time_of(text) == expected
    assert time_of(text).utcoffset() is not None


@pytest.mark.parametrize("text", ["", None, "yesterday", 5])
def test_what_is_no_time_is_refused(text: object) -> None:
    with pytest.raises(ValueError):
        time_of(text)


@given(st.datetimes(), st.integers(-14 * 60, 14 * 60))
def test_any_time_survives_being_written_and_read(when: datetime, offset_minutes: int) -> None:
    there = when.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))

    assert time_of(there.isoformat()) == there


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".053", Decimal(".053")),
        ("0", Decimal(0)),
        (0.5, Decimal(".5")),
        ("1,000.5", None),
        ("", None),
        (None, None),
        ("Infinity", None),
        ("NaN", None),
    ],
)
def test_money_is_exact_or_none(text: object, expected: Decimal | None) -> None:
    assert money_of(text) == expected


# --- labels ---


@pytest.mark.parametrize("tag", ["ds-bot", "ds-owner-U012ABC", "a b", "a.b:c_d"])
def test_a_tag_that_softlayer_takes_is_taken(tag: str) -> None:
    check_label(frozenset({tag}), "")


@pytest.mark.parametrize("tag", ["", " ", "a,b", "a/b", "태그", "a\n", "a\x00"])
def test_a_tag_that_would_be_split_or_lost_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="tag"):
        check_label(frozenset({tag}), "")
