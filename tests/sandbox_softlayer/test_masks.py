"""Masks: the grammar, and which properties an answer shows."""

from __future__ import annotations

import xmlrpc.client
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from SoftLayer import SoftLayerAPIError

from sandbox.softlayer import masks
from sandbox.softlayer.schema import DataType

TAG = DataType("Tag", locals={"id": lambda tag: tag["id"], "name": lambda tag: tag["name"]})
THING = DataType(
    "Thing",
    locals={"id": lambda thing: thing["id"], "notes": lambda thing: thing.get("notes")},
    relations={
        "tags": lambda thing: thing.get("tags"),
        "place": lambda thing: thing.get("place"),
        "ip": lambda thing: thing.get("ip"),
    },
    kinds={"tags": TAG},
    shown=("ip",),
    absent=frozenset({"monitor"}),
)
PLACE = {"name": "dal10", "group": {"id": 3, "deep": {"x": 1}}}
FULL = {"id": 7, "tags": [{"id": 1, "name": "a"}], "place": PLACE, "ip": "192.0.2.1"}


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", {}),
        ("id,name", {"id": {}, "name": {}}),
        ("mask[id, name]", {"id": {}, "name": {}}),
        ("mask.id", {"id": {}}),
        ("mask[tags.tag.name]", {"tags": {"tag": {"name": {}}}}),
        ("mask[tags[tag[name]],tags.id]", {"tags": {"tag": {"name": {}}, "id": {}}}),
        ("mask(SoftLayer_Thing)[id]", {"id": {}}),
        ("mask[place(SoftLayer_Location)[name]]", {"place": {"name": {}}}),
        ("filteredMask[tags[name]]", {"tags": {"name": {}}}),
        ("[mask[id], mask.place.name]", {"id": {}, "place": {"name": {}}}),
        ("mask[id,\n   place\n [ name ] ]", {"id": {}, "place": {"name": {}}}),
    ],
)
def test_a_mask_reads_as_a_tree(text: str, tree: masks.Mask) -> None:
    """Every form that SLDN shows, and those slcli sends."""
    assert masks.parse(text) == tree


@pytest.mark.parametrize(
    "text", ["mask[id", "mask[id]]", "mask[,id]", "mask[id,]", "mask[a b]", "'"]
)
def test_bad_syntax_is_the_parser_fault(text: str) -> None:
    """A typo must fail as loudly as with the real one (softlayer-python#345)."""
    with pytest.raises(SoftLayerAPIError) as caught:
        masks.parse(text)

    assert caught.value.faultCode == "SoftLayer_Exception_Common_Parser"


@pytest.mark.parametrize(
    ("mask", "shown"),
    [
        ("", {"id": 7, "notes": "", "ip": "192.0.2.1"}),
        ("id", {"id": 7}),
        ("ip", {"id": 7, "notes": "", "ip": "192.0.2.1"}),
        ("id,tags", {"id": 7, "tags": [{"id": 1, "name": "a"}]}),
        ("id,tags.name", {"id": 7, "tags": [{"name": "a"}]}),
        ("id,place", {"id": 7, "place": {"name": "dal10"}}),
        ("id,place.group", {"id": 7, "place": {"name": "dal10", "group": {"id": 3}}}),
        ("id,place[name,group.id]", {"id": 7, "place": {"name": "dal10", "group": {"id": 3}}}),
        ("id,monitor", {"id": 7}),
    ],
)
def test_a_named_local_property_hides_the_others(mask: str, shown: dict[str, Any]) -> None:
    """SLDN: only relations named = all locals as well; a local named = nothing but the named."""
    assert masks.renderer(THING, masks.parse(mask))(FULL) == shown


def test_an_absent_relation_is_left_out_and_a_null_local_is_empty() -> None:
    """The package crashes on '' in place of a relation (utils.is_ready)."""
    bare = {"id": 7}

    assert masks.renderer(THING, masks.parse("id,notes,place,ip"))(bare) == {"id": 7, "notes": ""}


def test_an_unknown_property_is_the_mask_fault() -> None:
    """softlayer-python#1088."""
    with pytest.raises(SoftLayerAPIError) as caught:
        masks.renderer(THING, masks.parse("mask[id,colour]"))

    assert caught.value.faultCode == "SoftLayer_Exception_WebService_ObjectMask"
    assert caught.value.faultString == "Property 'colour' not valid for 'Thing'."


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (None, ""),
        (True, True),
        (2**31, 2147483648.0),
        (Decimal("0.053"), ".053"),
        (Decimal("2.00"), "2"),
        (Decimal("0"), "0"),
        (Decimal("10"), "10"),
        (datetime(2026, 3, 2, 9, 0, tzinfo=UTC), "2026-03-02T03:00:00-06:00"),
        ([{"a": None}], [{"a": ""}]),
    ],
)
def test_values_go_over_the_wire_as_softlayer_writes_them(value: Any, wire: Any) -> None:
    """Money and hours as text, times with an offset, no integer the client cannot read."""
    assert masks.to_wire(value) == wire


names = st.from_regex(r"[a-z][A-Za-z]{0,8}", fullmatch=True)
trees: st.SearchStrategy[masks.Mask] = st.recursive(
    st.just({}), lambda below: st.dictionaries(names, below, max_size=4), max_leaves=12
)


def written(tree: masks.Mask) -> str:
    return ",".join(name + (f"[{written(below)}]" if below else "") for name, below in tree.items())


@given(trees)
def test_any_tree_survives_being_written_and_read(tree: masks.Mask) -> None:
    """The parser loses nothing and invents nothing."""
    assert masks.parse(f"mask[{written(tree)}]" if tree else "") == tree


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, places=3) | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=10,
)


@given(values)
def test_whatever_a_service_answers_can_be_sent(value: Any) -> None:
    """An answer XML-RPC cannot carry would drop the connection without a word."""
    assert xmlrpc.client.dumps((masks.to_wire(value),), methodresponse=True)
