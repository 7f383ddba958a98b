"""Taking an order: the one way in, for createObject and placeOrder alike."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from sandbox.softlayer import errors
from sandbox.softlayer.calls import Backend, Call
from sandbox.softlayer.ordering import Spec
from sandbox.softlayer.state import Guest, Order


def place(
    backend: Backend, call: Call, specs: Sequence[Spec], request: dict[str, Any]
) -> tuple[Order, list[Guest]]:
    """Record an order and begin to provision it; no guests while it waits for approval.

    Raises the fault for an order that would have to wait but may not
    (immediateApprovalOnlyFlag).
    """
    if call.is_held and any(spec.is_immediate_only for spec in specs):
        text = "The order requires approval and was not placed."  # [I]
        raise errors.fault("SoftLayer_Exception_Order_ManualApproval", text)
    account = backend.account
    order = Order(
        id=account.new_id(),
        method=call.name,
        request=copy.deepcopy(dict(request)),
        created_at=account.now(),
        username=call.username,
        names=[(spec.hostname, spec.domain) for spec in specs],
        status="PENDING_APPROVAL" if call.is_held else "APPROVED",
    )
    account.orders[order.id] = order
    if call.is_held:
        account.held[order.id] = list(specs)
        return order, []
    return order, release(backend, order, specs, call)


def approve(backend: Backend, order_id: int) -> list[Guest]:
    """Let a held order go on."""
    with backend.account.lock:
        order = backend.account.orders[order_id]
        specs = backend.account.held.pop(order_id)
        call = Call("SoftLayer_Billing_Order", "approveOrder", username=order.username)
        return release(backend, order, specs, call)


def release(backend: Backend, order: Order, specs: Sequence[Spec], call: Call) -> list[Guest]:
    """Make the guests of an order and start them on their way."""
    guests = [spec.guest(backend.account, order) for spec in specs]
    backend.lifecycle.provision(order, guests, call.list_lag)
    return guests
