"""Filters: each operator, the roots, the order of rows."""

from __future__ import annotations

from datetime import datetime
from operator import methodcaller
from typing import Any

import pytest
import SoftLayer.utils
from hypothesis import given
from hypothesis import strategies as st
from SoftLayer import SoftLayerAPIError

from sandbox.softlayer.clock import parse_time
from sandbox.softlayer.filters import select
from sandbox.softlayer.schema import DataType


def row(number: int, name: str, day: int, *tags: str, **more: Any) -> dict[str, Any]:
    at = parse_time(f"2026-03-{day:02}T12:00:00-06:00")
    return {"id": number, "name": name, "at": at, "tags": [{"name": tag} for tag in tags], **more}


ROWS = [
    row(3, "web-1", 3, "prod", "bot", cpus=4, hourly=True),
    row(1, "Web-2", 1, "test", cpus=2, hourly=False),
    row(2, "db.web", 2, cpus=16, hourly=True, note="old"),
]
THING = DataType(
    "Thing",
    locals={name: methodcaller("get", name) for name in ("id", "name", "cpus")},
    relations={name: methodcaller("get", name) for name in ("at", "tags", "hourly", "note")},
)


def options(**values: Any) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def ids(tree: Any, root: str | None = None) -> list[int]:
    return [each["id"] for each in select(THING, ROWS, tree, root)]


@pytest.mark.parametrize(
    ("name", "leaf", "found"),
    [
        ("name", {"operation": "web-1"}, [3]),
        ("name", {"operation": "WEB-1"}, []),
        ("name", {"operation": "_= WEB-1"}, [3]),
        ("name", {"operation": "*= WEB"}, [3, 1, 2]),
        ("name", {"operation": "^= web"}, [3, 1]),
        ("name", {"operation": "$= WEB"}, [2]),
        ("name", {"operation": "~ web"}, [3, 2]),
        ("name", {"operation": "!~ web"}, [1]),
        ("name", {"operation": "!= web-1"}, [1, 2]),
        ("cpus", {"operation": 4}, [3]),
        ("cpus", {"operation": "> 2"}, [3, 2]),
        ("cpus", {"operation": ">= 4"}, [3, 2]),
        ("cpus", {"operation": "< 4"}, [1]),
        ("cpus", {"operation": "<= 4"}, [3, 1]),
        ("cpus", {"operation": "and", "options": options(data=["> 2", "< 16"])}, [3]),
        ("name", {"operation": "or", "options": options(data=["web-1", "$= .web"])}, [3, 2]),
        ("id", {"operation": "in", "options": options(data=[1, "2"])}, [1, 2]),
        ("id", {"operation": "not in", "options": options(data=[1, 2])}, [3]),
        ("hourly", {"operation": True}, [3, 2]),
        ("hourly", {"operation": "0"}, [1]),
        ("note", {"operation": "is null"}, [3, 1]),
        ("note", {"operation": "not null"}, [2]),
        ("tags", {"name": {"operation": "in", "options": options(data=["bot", "x"])}}, [3]),
        ("tags", {"name": {"operation": "is null"}}, [2]),
        ("at", {"operation": "greaterThanDate", "options": options(date=["03/01/2026 12:00:00"])},
         [3, 2]),
        ("at", {"operation": "lessThanDate", "options": options(date=["2026-03-02T18:00:00Z"])},
         [1]),
        ("at", {"operation": "betweenDate",
                "options": options(startDate=["03/01/2026"], endDate=["03/02/2026 23:59:59"])},
         [1, 2]),
        ("at", {"operation": "isDate", "options": options(date=["03/03/2026"])}, [3]),
        ("colour", {"operation": "red"}, [3, 1, 2]),
    ],
)  # fmt: skip
def test_each_operator(name: str, leaf: dict[str, Any], found: list[int]) -> None:
    """As SLDN describes them; a property the type lacks is ignored in silence."""
    assert ids({name: leaf}) == found


def test_conditions_must_all_hold() -> None:
    """Two properties in one filter narrow it together."""
    assert ids({"hourly": {"operation": 1}, "cpus": {"operation": "> 4"}}) == [2]


def test_a_wrong_root_is_ignored() -> None:
    """The real one answers everything; a sandbox that filtered would hide the bug."""
    assert ids({"name": {"operation": "web-1"}}, root="virtualGuests") == [3, 1, 2]
    assert ids({"virtualGuests": {"name": {"operation": "web-1"}}}, root="virtualGuests") == [3]


@pytest.mark.parametrize(("way", "order"), [("ASC", [1, 2, 3]), ("DESC", [3, 2, 1])])
def test_order_by_sorts(way: str, order: list[int]) -> None:
    """Paging is only sound when the order is fixed."""
    assert ids({"id": {"operation": "orderBy", "options": options(sort=[way])}}) == order


def test_rows_without_the_sorted_property_come_first() -> None:
    """As NULL does in ascending order."""
    assert ids({"note": {"operation": "orderBy", "options": options(sort=["ASC"])}}) == [3, 1, 2]


def test_a_bad_date_is_a_fault() -> None:
    """Not an uncaught error, which would drop the connection."""
    with pytest.raises(SoftLayerAPIError, match="Invalid date"):
        ids({"at": {"operation": "isDate", "options": options(date=["tomorrow"])}})


def test_a_time_without_offset_is_us_central() -> None:
    """softlayer.md A6: no offset = US Central."""
    assert parse_time("2026-03-01T00:00:00") == datetime.fromisoformat("2026-03-01T06:00:00+00:00")


texts = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=6)


@given(rows=st.lists(texts, max_size=20), wanted=texts)
def test_the_package_s_own_query_filter_finds_exactly_its_rows(
    rows: list[str], wanted: str
) -> None:
    """`*x*` of slcli is "contains, any case", whatever the text."""
    things = [{"id": number, "name": name} for number, name in enumerate(rows)]

    found = select(THING, things, {"name": SoftLayer.utils.query_filter(f"*{wanted}*")}, None)

    assert [each["name"] for each in found] == [
        name for name in rows if wanted.casefold() in name.casefold()
    ]
