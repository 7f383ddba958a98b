"""The data types of the account's objects: which properties exist and how each is read."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.softlayer import billing, catalogue, guest_views
from sandbox.softlayer.clock import CENTRAL
from sandbox.softlayer.image_templates import Template
from sandbox.softlayer.schema import DataType, Getter
from sandbox.softlayer.state import ACCOUNT_ID, USER_ID, Account, Guest, Order, SshKey

_BILLING_OFFSET = 600_000_000  # billing item id = guest id + this


class Views:
    """One data type per kind of object, bound to the account for its clock."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.template = _template_type()
        self.ssh_key = _ssh_key_type()
        self.order = _order_type(account)
        self.event = _event_type()
        self.billing_item = self._billing_item_type()
        self.guest = self._guest_type()

    def billed_guest(self, billing_item_id: int) -> int:
        """The guest a billing item belongs to."""
        return billing_item_id - _BILLING_OFFSET

    def _guest_type(self) -> DataType:
        relations = {**guest_views.RELATIONS, **self._account_relations()}
        return DataType(
            name="SoftLayer_Virtual_Guest",
            locals=guest_views.LOCALS,
            relations=relations,
            kinds={
                "billingItem": self.billing_item,
                "blockDeviceTemplateGroup": self.template,
                "sshKeys": self.ssh_key,
            },
            shown=(
                "globalIdentifier",
                "managedResourceFlag",
                "primaryBackendIpAddress",
                "primaryIpAddress",
                "status",
            ),
            absent=guest_views.ABSENT,
        )

    def _account_relations(self) -> dict[str, Getter]:
        return {
            "billingItem": lambda guest: None if guest.cancelled_at else guest,
            "sshKeys": self._ssh_keys,
            "tagReferences": self._tag_references,
        }

    def _ssh_keys(self, guest: Guest) -> list[SshKey]:
        keys = self._account.ssh_keys
        return [keys[each] for each in guest.ssh_key_ids if each in keys]

    def _tag_references(self, guest: Guest) -> list[dict[str, Any]]:
        ids = self._account.tag_ids
        return [
            {
                "id": guest.id + ids[name] % 1000,
                "resourceTableId": guest.id,
                "tagId": ids[name],
                "tag": {"id": ids[name], "name": name, "accountId": ACCOUNT_ID},
            }
            for name in guest.tags
        ]

    def _billing_item_type(self) -> DataType:
        now = self._account.now
        return DataType(
            name="SoftLayer_Billing_Item_Virtual_Guest",
            locals={
                "id": lambda guest: guest.id + _BILLING_OFFSET,
                "allowCancellationFlag": lambda guest: 1,
                "cancellationDate": lambda guest: None,
                "categoryCode": lambda guest: guest.prices[0].category,
                "createDate": lambda guest: guest.created_at,
                "currentHourlyCharge": lambda guest: billing.charge(
                    guest.prices[0].hourly, guest, now()
                ),
                "description": lambda guest: guest.prices[0].description,
                "domainName": lambda guest: guest.domain,
                "hostName": lambda guest: guest.hostname,
                "hourlyRecurringFee": lambda guest: _fee(guest, guest.prices[0].hourly),
                "hoursUsed": lambda guest: str(billing.hours_used(guest, now())),
                "recurringFee": self._recurring_fee,
            },
            relations={
                "children": lambda guest: [self._child(guest, each) for each in guest.prices[1:]],
                "nextInvoiceChildren": lambda guest: [
                    self._child(guest, each) for each in guest.prices[1:]
                ],
                "nextInvoiceTotalRecurringAmount": lambda guest: billing.total(guest, now()),
                "orderItem": self._order_item,
                "package": billing.package,
            },
            absent=frozenset({"location", "associatedChildren", "parent", "cancellationReason"}),
        )

    def _recurring_fee(self, guest: Guest) -> Decimal:
        if guest.is_hourly:
            return billing.charge(guest.prices[0].hourly, guest, self._account.now())
        return guest.prices[0].monthly

    def _child(self, guest: Guest, price: catalogue.Price) -> dict[str, Any]:
        charge = billing.charge(price.hourly, guest, self._account.now())
        recurring = charge if guest.is_hourly else price.monthly
        return {
            "id": guest.id + _BILLING_OFFSET + price.id,
            "categoryCode": price.category,
            "createDate": guest.created_at,
            "description": price.description,
            "hourlyRecurringFee": _fee(guest, price.hourly),
            "nextInvoiceTotalRecurringAmount": recurring,
            "recurringFee": recurring,
        }

    def _order_item(self, guest: Guest) -> dict[str, Any]:
        order = self._account.orders.get(guest.order_id)
        user = order.username if order else self._account.username
        item: dict[str, Any] = {
            "id": guest.order_id + 1,
            "description": guest.prices[0].description,
            "order": {"id": guest.order_id, "userRecord": {"id": USER_ID, "username": user}},
        }
        if guest.preset:
            item["preset"] = {"id": guest.preset.id, "keyName": guest.preset.key}
        return item


def _fee(guest: Guest, fee: Decimal) -> Decimal | None:
    return fee if guest.is_hourly else None


def _template_devices(template: Template) -> list[dict[str, Any]]:
    description = {"longDescription": template.system, "name": template.system.partition(" ")[0]}
    image = {
        "capacity": template.size_gb,
        "units": "GB",
        "name": template.name,
        "softwareReferences": [{"softwareDescription": description}],
    }
    return [{"device": "0", "diskSpace": float(template.size_gb), "diskImage": image}]


def _template_transaction(template: Template) -> dict[str, Any] | None:
    running = template.transaction
    if running is None:
        return None
    return {
        "id": running.id,
        "createDate": running.started_at,
        "transactionGroup": {"name": running.friendly_name},
        "transactionStatus": {"name": running.name, "friendlyName": running.friendly_name},
    }


def _disk_space(template: Template) -> float:
    """Its children have the disks: slcli reads the total from the first one."""
    is_written = template.transaction is None or template.is_public
    return float(template.size_gb * 2**30) if is_written and not template.children else 0.0


def _template_type() -> DataType:
    name = "SoftLayer_Virtual_Guest_Block_Device_Template_Group"
    kinds: dict[str, DataType] = {}
    kind = DataType(
        name=name,
        locals={
            "id": lambda each: each.id,
            "accountId": lambda each: each.account_id,
            "createDate": lambda each: each.created_at,
            "name": lambda each: each.name,
            "note": lambda each: each.note,
            "parentId": lambda each: each.parent.id if each.parent else None,
            "publicFlag": lambda each: int(each.is_public),
            "statusId": lambda each: 1,
            "summary": lambda each: None,
            "transactionId": lambda each: each.transaction.id if each.transaction else None,
            "userRecordId": lambda each: None,
        },
        relations={
            "blockDevices": _template_devices,
            "blockDevicesDiskSpaceTotal": _disk_space,
            "children": lambda each: each.children,
            "datacenter": lambda each: {"name": each.datacenter} if each.datacenter else None,
            "firstChild": lambda each: each.children[0] if each.children else None,
            "flexImageFlag": lambda each: True,
            "globalIdentifier": lambda each: each.guid,
            "imageType": lambda each: {"keyName": "SYSTEM", "name": "System"},
            "parent": lambda each: each.parent,
            "status": lambda each: {"keyName": each.status.upper(), "name": each.status},
            "transaction": _template_transaction,
        },
        kinds=kinds,
        shown=("globalIdentifier",),
        absent=frozenset({"accountReferences", "tagReferences", "image", "region", "regions"}),
    )
    kinds.update(children=kind, firstChild=kind, parent=kind)
    return kind


def _ssh_key_type() -> DataType:
    return DataType(
        name="SoftLayer_Security_Ssh_Key",
        locals={
            "id": lambda key: key.id,
            "createDate": lambda key: key.created_at,
            "fingerprint": lambda key: key.fingerprint,
            "key": lambda key: key.key,
            "label": lambda key: key.label,
            "modifyDate": lambda key: key.modified_at,
            "notes": lambda key: key.notes,
        },
        absent=frozenset({"account", "blockDeviceTemplateGroups", "softwarePasswords"}),
    )


def _order_items(account: Account, order: Order) -> list[dict[str, Any]]:
    guests = [account.guests[each] for each in order.guest_ids if each in account.guests]
    fees = [guest.prices[0] for guest in guests]
    return [
        {
            "id": order.id + 1,
            "categoryCode": "guest_core",
            "description": fees[at].description if at < len(fees) else "Virtual server",
            "hostName": hostname,
            "domainName": domain,
        }
        for at, (hostname, domain) in enumerate(order.names)
    ]


def _order_type(account: Account) -> DataType:
    user = {"id": USER_ID}
    return DataType(
        name="SoftLayer_Billing_Order",
        locals={
            "id": lambda order: order.id,
            "accountId": lambda order: ACCOUNT_ID,
            "createDate": lambda order: order.created_at,
            "modifyDate": lambda order: order.created_at,
            "status": lambda order: order.status,
            "userRecordId": lambda order: USER_ID,
        },
        relations={
            "items": lambda order: _order_items(account, order),
            "userRecord": lambda order: {**user, "username": order.username},
        },
        absent=frozenset({"initialInvoice", "orderTotalAmount", "orderApprovalDate"}),
    )


def _event_time(when: datetime) -> str:
    """The audit log alone writes microseconds."""
    return when.astimezone(CENTRAL).isoformat(timespec="microseconds")


def _event_type() -> DataType:
    return DataType(
        name="SoftLayer_Event_Log",
        locals={
            "accountId": lambda event: ACCOUNT_ID,
            "eventCreateDate": lambda event: event.created_at,
            "eventName": lambda event: event.name,
            "ipAddress": lambda event: "127.0.0.1",
            "label": lambda event: event.label,
            "metaData": lambda event: "",
            "objectId": lambda event: event.object_id,
            "objectName": lambda event: event.object_name,
            "traceId": lambda event: f"{event.id:x}",
            "userId": lambda event: USER_ID,
            "userType": lambda event: "CUSTOMER",
        },
        absent=frozenset({"user"}),
        written={"eventCreateDate": _event_time},
    )
