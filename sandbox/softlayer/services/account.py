"""SoftLayer_Account, SoftLayer_Tag and SoftLayer_User_Customer: what belongs to whom."""

from __future__ import annotations

from typing import Any

from sandbox.softlayer import errors
from sandbox.softlayer.calls import Call, Service, api
from sandbox.softlayer.schema import Answer, One, Raw, Rows
from sandbox.softlayer.state import ACCOUNT_ID, USER_ID, Guest


class AccountService(Service):
    """Lists of everything the account has."""

    name = "SoftLayer_Account"

    @api("getObject")
    def object(self, call: Call) -> Answer:
        return One(None, {"id": ACCOUNT_ID, "companyName": "Sandbox", "accountStatusId": 1001})

    @api("getVirtualGuests")
    def guests(self, call: Call) -> Answer:
        return self._guests(self.account.listed_guests(), "virtualGuests")

    @api("getHourlyVirtualGuests")
    def hourly_guests(self, call: Call) -> Answer:
        guests = [each for each in self.account.listed_guests() if each.is_hourly]
        return self._guests(guests, "hourlyVirtualGuests")

    @api("getMonthlyVirtualGuests")
    def monthly_guests(self, call: Call) -> Answer:
        guests = [each for each in self.account.listed_guests() if not each.is_hourly]
        return self._guests(guests, "monthlyVirtualGuests")

    @api("getSshKeys")
    def ssh_keys(self, call: Call) -> Answer:
        return Rows(self.views.ssh_key, list(self.account.ssh_keys.values()), "sshKeys")

    @api("getPrivateBlockDeviceTemplateGroups")
    def private_images(self, call: Call) -> Answer:
        images = [each for each in self.account.templates.values() if not each.is_public]
        return Rows(self.views.template, images, "privateBlockDeviceTemplateGroups")

    @api("getOrders")
    def orders(self, call: Call) -> Answer:
        return Rows(self.views.order, list(self.account.orders.values()), "orders")

    @api("getCurrentUser")
    def current_user(self, call: Call) -> Answer:
        return One(None, _user(call.username))

    def _guests(self, guests: list[Guest], root: str) -> Answer:
        return Rows(self.views.guest, guests, root)


class UserService(Service):
    """The one user there is."""

    name = "SoftLayer_User_Customer"

    @api("getObject")
    def object(self, call: Call) -> Answer:
        if str(call.id) != str(USER_ID):
            raise errors.not_found(call.id)
        return One(None, _user(self.account.username))


class TagService(Service):
    """Tags by name, and what they hang on."""

    name = "SoftLayer_Tag"

    @api("getAttachedTagsForCurrentUser")
    def attached(self, call: Call) -> Answer:
        return Rows(None, [tag for tag in self._tags() if tag["referenceCount"]])

    @api("getUnattachedTagsForCurrentUser")
    def unattached(self, call: Call) -> Answer:
        return Rows(None, [tag for tag in self._tags() if not tag["referenceCount"]])

    @api("getObject")
    def object(self, call: Call) -> Answer:
        return One(None, self._tag(call.id))

    @api("getReferences")
    def references(self, call: Call) -> Answer:
        name = self._tag(call.id)["name"]
        kind = {"id": 2, "keyName": "GUEST", "description": "CCI"}
        rows = [
            {"resourceTableId": guest.id, "tagId": self.account.tag_ids[name], "tagType": kind}
            for guest in self.account.guests.values()
            if name in guest.tags
        ]
        return Rows(None, rows, "references")

    @api("setTags")
    def set_tags(self, call: Call) -> Answer:
        if call.arg(1) != "GUEST":
            raise errors.invalid_value("keyName", "Only guests can be tagged here.")
        guest = self.account.guest(call.arg(2))
        self.account.set_tags(guest, split_tags(call.arg(0)))
        return Raw(True)

    @api("deleteTag")
    def delete_tag(self, call: Call) -> Answer:
        name = str(call.arg(0))
        if any(name in guest.tags for guest in self.account.guests.values()):
            raise errors.fault(errors.PUBLIC, "The tag is still in use.")
        if self.account.tag_ids.pop(name, None) is None:
            raise errors.not_found(name)
        return Raw(True)

    def _tag(self, tag_id: Any) -> dict[str, Any]:
        for tag in self._tags():
            if str(tag["id"]) == str(tag_id):
                return tag
        raise errors.not_found(tag_id)

    def _tags(self) -> list[dict[str, Any]]:
        counts = dict.fromkeys(self.account.tag_ids, 0)
        for guest in self.account.guests.values():
            for name in guest.tags:
                counts[name] += 1
        return [
            {"id": self.account.tag_ids[name], "name": name, "referenceCount": count}
            for name, count in counts.items()
        ]


_TAG_CHARACTERS = frozenset(" -_.:")


def split_tags(text: object) -> list[str]:
    """Names out of "a,b"; '' is none. Raises the fault for characters SoftLayer does not take."""
    names = [name.strip() for name in str(text or "").split(",") if name.strip()]
    for name in names:
        if not all(each.isalnum() or each in _TAG_CHARACTERS for each in name):
            raise errors.invalid_value("tags", f"'{name}' has characters that are not allowed.")
    return names


def _user(username: str) -> dict[str, Any]:
    return {"id": USER_ID, "accountId": ACCOUNT_ID, "username": username, "email": ""}
