"""SoftLayer_Product_Order and SoftLayer_Billing_Item: placing by price, and the bill's side."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sandbox.softlayer import errors, ordering
from sandbox.softlayer.calls import Call, Service, api
from sandbox.softlayer.catalogue import Price
from sandbox.softlayer.ordering import Spec
from sandbox.softlayer.placing import place
from sandbox.softlayer.schema import Answer, DataType, One, Raw
from sandbox.softlayer.state import Guest, Order


class OrderService(Service):
    """Verifying and placing order containers."""

    name = "SoftLayer_Product_Order"

    @api("verifyOrder")
    def verify(self, call: Call) -> Answer:
        specs = ordering.read_container(self.account, call.arg(0))
        return Raw(_priced(call.arg(0), specs))

    @api("placeOrder")
    def place(self, call: Call) -> Answer:
        specs = ordering.read_container(self.account, call.arg(0))
        order, guests = place(self.backend, call, specs, call.arg(0))
        return Raw(_receipt(order, guests, _priced(call.arg(0), specs)))


class BillingItemService(Service):
    """Billing items of guests. Cancelling one cancels its guest."""

    name = "SoftLayer_Billing_Item"

    @property
    def kind(self) -> DataType:
        return self.views.billing_item

    def find(self, call: Call) -> Guest:
        number = int(call.id) if str(call.id).isdecimal() else 0
        guest = self.account.guests.get(self.views.billed_guest(number))
        if guest is None or guest.cancelled_at is not None:
            raise errors.not_found(call.id)
        return guest

    @api("getObject")
    def object(self, call: Call) -> Answer:
        return One(self.views.billing_item, self.find(call))

    @api("cancelService")
    def cancel(self, call: Call) -> Answer:
        self.backend.lifecycle.cancel(self.find(call), call.username)
        return Raw(True)


def _priced(container: dict[str, Any], specs: Sequence[Spec]) -> dict[str, Any]:
    """The container with full prices and totals; a preset's parts are in the totals only."""
    is_hourly = specs[0].is_hourly
    billed = [price for spec in specs for price in spec.prices()]
    hourly = _sum(billed, hourly=True) if is_hourly else Decimal(0)
    monthly = Decimal(0) if is_hourly else _sum(billed, hourly=False)
    shown = [price.as_container() for price in specs[0].prices(with_preset=False)]
    totals = {
        f"{side}TaxRecurring{period}": amount
        for side in ("pre", "post")
        for period, amount in (("", hourly + monthly), ("Hourly", hourly), ("Monthly", monthly))
    }
    setup = {"preTaxSetup": Decimal(0), "postTaxSetup": Decimal(0), "totalSetupTax": Decimal(0)}
    return {**container, "prices": shown, **totals, **setup}


def _sum(prices: Sequence[Price], *, hourly: bool) -> Decimal:
    return sum((price.hourly if hourly else price.monthly for price in prices), Decimal(0))


def _receipt(order: Order, guests: Sequence[Guest], details: dict[str, Any]) -> dict[str, Any]:
    ordered = [
        {
            "id": guest.id,
            "globalIdentifier": guest.guid,
            "hostname": guest.hostname,
            "domain": guest.domain,
            "fullyQualifiedDomainName": guest.fqdn,
        }
        for guest in guests
    ]
    placed = {"id": order.id, "status": order.status}
    return {
        "orderDate": order.created_at,
        "orderId": order.id,
        "orderDetails": {**details, "virtualGuests": ordered},
        "placedOrder": placed,
    }
