"""SoftLayer_Location, SoftLayer_Network_Pod and SoftLayer_Product_Package: what is on sale."""

from __future__ import annotations

from typing import Any

from sandbox.softlayer import catalogue, errors
from sandbox.softlayer.calls import Call, Service, api
from sandbox.softlayer.catalogue import Datacenter, Preset, Price
from sandbox.softlayer.schema import Answer, One, Rows

_PRICE_GROUP = {"id": 503, "description": "Standard"}


class LocationService(Service):
    """Datacenters."""

    name = "SoftLayer_Location"

    @api("getDatacenters")
    def datacenters(self, call: Call) -> Answer:
        return Rows(None, [_location(place) for place in catalogue.DATACENTERS.values()])


class PodService(Service):
    """Pods, with the capability that says that one is closing."""

    name = "SoftLayer_Network_Pod"

    @api("getAllObjects")
    def all(self, call: Call) -> Answer:
        places = catalogue.DATACENTERS.values()
        rows = [_pod(place, at) for place in places for at in range(len(place.pods))]
        return Rows(None, rows)


class PackageService(Service):
    """The packages that virtual servers are ordered from."""

    name = "SoftLayer_Product_Package"

    @api("getAllObjects")
    def all(self, call: Call) -> Answer:
        rows = [
            {"id": package_id, "keyName": key, "name": key.replace("_", " ").title()}
            for key, package_id in catalogue.PACKAGE_IDS.items()
        ]
        return Rows(None, rows)

    @api("getObject")
    def object(self, call: Call) -> Answer:
        return One(None, {"id": call.id, "keyName": self._key(call)})

    @api("getItems")
    def items(self, call: Call) -> Answer:
        self._key(call)
        return Rows(None, [_item(price) for price in catalogue.PRICES.values()], "items")

    @api("getItemPrices")
    def item_prices(self, call: Call) -> Answer:
        self._key(call)
        rows = [price.as_container() for price in catalogue.PRICES.values()]
        return Rows(None, rows, "itemPrices")

    @api("getActivePresets")
    def presets(self, call: Call) -> Answer:
        key = self._key(call)
        rows = [_preset(each) for each in catalogue.PRESETS.values() if _is_sold(each, key)]
        return Rows(None, rows, "activePresets")

    @api("getAccountRestrictedActivePresets")
    def restricted_presets(self, call: Call) -> Answer:
        self._key(call)
        return Rows(None, [], "accountRestrictedActivePresets")

    @api("getRegions")
    def regions(self, call: Call) -> Answer:
        self._key(call)
        return Rows(None, [_region(each) for each in catalogue.DATACENTERS.values()], "regions")

    def _key(self, call: Call) -> str:
        for key, package_id in catalogue.PACKAGE_IDS.items():
            if str(package_id) == str(call.id):
                return key
        raise errors.not_found(call.id)


def _location(place: Datacenter) -> dict[str, Any]:
    return {
        "id": place.id,
        "name": place.name,
        "longName": place.long_name,
        "statusId": 2,
        "priceGroups": [_PRICE_GROUP],
    }


def _pod(place: Datacenter, at: int) -> dict[str, Any]:
    name, is_closing = place.pods[at]
    router = f"01{chr(ord('a') + at)}.{place.name}"
    return {
        "name": name,
        "datacenterId": place.id,
        "datacenterName": place.name,
        "datacenterLongName": place.long_name,
        "backendRouterId": place.id * 10 + at,
        "backendRouterName": f"bcr{router}",
        "frontendRouterId": place.id * 10 + 5 + at,
        "frontendRouterName": f"fcr{router}",
        "capabilities": ["SUPPORTS_SECURITY_GROUP"] + [catalogue.CLOSING] * is_closing,
    }


def _region(place: Datacenter) -> dict[str, Any]:
    return {
        "keyname": place.name.upper(),
        "description": f"{place.name.upper()} - {place.long_name}",
        "location": {"location": _location(place)},
    }


def _item(price: Price) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": price.item_id,
        "keyName": price.key,
        "capacity": str(price.capacity),
        "description": price.description,
        "attributes": [],
        "itemCategory": {"id": price.item_id % 100, "categoryCode": price.category},
        "prices": [{**price.as_container(), "locationGroupId": None}],
    }
    if price.reference_code:
        system = {"referenceCode": price.reference_code, "longDescription": price.description}
        item["softwareDescription"] = {"id": price.item_id, **system}
    return item


def _preset(preset: Preset) -> dict[str, Any]:
    return {
        "id": preset.id,
        "keyName": preset.key,
        "name": preset.key.replace("_", "."),
        "description": preset.key.replace("_", "."),
        "isActive": "1",
        "prices": [price.as_container() for price in preset.prices],
    }


def _is_sold(preset: Preset, package: str) -> bool:
    if package == "CLOUD_SERVER":
        return False
    return preset.transient == (package == "TRANSIENT_CLOUD_SERVER")
