"""The facts, where they decide something."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bot.models import CloudVm, Container, OperationState, Text, VmState

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
READY = CloudVm(
    id=1,
    hostname="jekyll-dev",
    domain="xwmooc.net",
    request_id="op-1",
    public_ip="192.0.2.1",
    private_ip="10.0.0.1",
    ordered_at=NOON,
    provisioned_at=NOON,
    transaction=None,
    is_running=True,
    is_hourly=True,
    hourly_rate=Decimal(".053"),
    tags=frozenset(),
)


@pytest.mark.parametrize(
    ("is_provisioned", "is_idle", "is_running", "addresses"),
    list(itertools.product(*[(True, False)] * 3, ("both", "public", "private", "none"))),
)
def test_a_vm_is_ready_only_when_everything_is(
    is_provisioned: bool, is_idle: bool, is_running: bool, addresses: str
) -> None:
    """All four: each has been seen true while another was not (terraform-provider-ibm#554)."""
    vm = replace(
        READY,
        provisioned_at=NOON if is_provisioned else None,
        transaction=None if is_idle else "Service Setup",
        is_running=is_running,
        public_ip="192.0.2.1" if addresses in ("both", "public") else None,
        private_ip="10.0.0.1" if addresses in ("both", "private") else None,
    )

    expected = is_provisioned and is_idle and is_running and addresses != "none"
    assert vm.is_ready is expected


def test_only_a_vm_that_is_gone_frees_its_name() -> None:
    """A VM whose order is unknown, or that failed, may cost money."""
    assert [state for state in VmState if not state.is_live] == [VmState.GONE]


def test_an_operation_is_final_once_it_has_an_outcome() -> None:
    """Everything else is resumed after a crash."""
    unfinished = {state for state in OperationState if not state.is_final}

    assert unfinished == {OperationState.REQUESTED}


def test_a_text_is_its_sentence_and_its_parameters() -> None:
    text = Text("{count} VMs of {owner}", count=2, owner="U1")

    assert str(text) == "2 VMs of U1"
    assert text == Text("{count} VMs of {owner}", owner="U1", count=2)
    assert text != Text("{count} VMs of {owner}", count=3, owner="U1")
    assert text != "2 VMs of U1"
    assert len({text, Text("{count} VMs of {owner}", count=2, owner="U1")}) == 1


def test_a_text_may_have_a_parameter_of_any_name() -> None:
    """The message id is positional, so that `{msgid}` and `{self}` are free for sentences."""
    assert str(Text("{msgid}", msgid="x")) == "x"


def test_the_short_id_is_what_docker_ps_shows() -> None:
    container = Container(
        id="0123456789abcdef" * 4,
        name="c",
        image="i",
        command="",
        created_at=NOON,
        is_running=True,
        status="Up",
        ports=(),
        labels={},
    )

    assert container.short_id == "0123456789ab"
