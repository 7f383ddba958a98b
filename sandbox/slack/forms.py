"""What a person's input becomes in payloads, and what Slack checks before it sends a form.

A *reading* is what the person did to an element, in plain JSON: the text typed, the value of the
option picked (a list of them for checkboxes and multi-selects), an id, a date.
Forms of the state: docs.slack.dev/reference/interaction-payloads/view-interactions-payload.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.slack.limits import elements_of
from sandbox.slack.records import Json

TEXT_INPUTS = frozenset({"plain_text_input", "email_text_input", "url_text_input", "number_input"})
ONE_OPTION = frozenset({"static_select", "external_select", "radio_buttons", "overflow"})
MANY_OPTIONS = frozenset({"multi_static_select", "multi_external_select", "checkboxes"})
NOT_CHECKED = frozenset({"file_input", "rich_text_input"})
PICKED: dict[str, str] = {
    "users_select": "selected_user",
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
    "multi_users_select": "selected_users",
    "multi_channels_select": "selected_channels",
    "multi_conversations_select": "selected_conversations",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
}
STATELESS = frozenset({"button", "overflow", "image", "workflow_button"})


def options_of(element: Json) -> Iterator[Json]:
    """All options of an element, those in groups too."""
    yield from element.get("options", ())
    for group in element.get("option_groups", ()):
        yield from group["options"]


def value_of(element: Json, reading: Any) -> Json:
    """The element's value object in `state.values`.

    Raises LookupError when the reading names an option that the element has not.
    """
    kind = element["type"]
    if kind in TEXT_INPUTS:
        return {"type": kind, "value": None if reading in (None, "") else str(reading)}
    if kind in ONE_OPTION:
        return {"type": kind, "selected_option": _option(element, reading)}
    if kind in MANY_OPTIONS:
        chosen = [_option(element, value) for value in reading or ()]
        return {"type": kind, "selected_options": chosen}
    if kind in PICKED:
        return {"type": kind, PICKED[kind]: reading or ([] if kind.startswith("multi_") else None)}
    raise LookupError(f"an element of type {kind} has no value")


def initial_value(element: Json) -> Json:
    """The value object of an element that nobody has touched."""
    kind = element["type"]
    if kind in ONE_OPTION:
        return {"type": kind, "selected_option": element.get("initial_option")}
    if kind in MANY_OPTIONS:
        return {"type": kind, "selected_options": element.get("initial_options", [])}
    if kind in PICKED:
        return value_of(element, element.get(PICKED[kind].replace("selected_", "initial_", 1)))
    return value_of(element, element.get("initial_value"))


def stateful_elements(blocks: list[Json]) -> Iterator[tuple[str, Json]]:
    """(block_id, element) for each element that has a value."""
    for block in blocks:
        for element in elements_of(block):
            if element["type"] in TEXT_INPUTS | MANY_OPTIONS | set(PICKED) | ONE_OPTION - STATELESS:
                yield block["block_id"], element


def state_of(blocks: list[Json], readings: Mapping[str, Mapping[str, Any]], old: Json) -> Json:
    """`state.values` of blocks: the readings laid over older values and initial ones."""
    state: Json = {}
    for block_id, element in stateful_elements(blocks):
        action_id = element["action_id"]
        row = state.setdefault(block_id, {})
        if action_id in readings.get(block_id, {}):
            row[action_id] = value_of(element, readings[block_id][action_id])
        else:
            kept = old.get(block_id, {}).get(action_id)
            is_same = kept is not None and kept["type"] == element["type"]
            row[action_id] = kept if is_same else initial_value(element)
    return state


def action_of(block: Json, element: Json, reading: Any, action_ts: str) -> Json:
    """The entry in `actions` of a block_actions payload.

    Source: docs.slack.dev/reference/interaction-payloads/block_actions-payload.
    """
    action: Json = {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "action_ts": action_ts,
    }
    if element["type"] in ("button", "workflow_button"):
        kept = ("text", "value", "style", "url", "accessibility_label")
        return action | {key: element[key] for key in kept if key in element}
    for key in ("placeholder", "initial_option", "initial_date", "initial_options"):
        if key in element:
            action[key] = element[key]
    return action | value_of(element, reading)


def find_element(
    blocks: list[Json], action_id: str, block_id: str | None = None, value: Any = None
) -> tuple[Json, Json]:
    """The (block, element) with this action_id; a button's `value` tells equal ones apart.

    Raises LookupError when there is none.
    """
    found = [
        (block, element)
        for block in blocks
        for element in elements_of(block)
        if element.get("action_id") == action_id and block_id in (None, block["block_id"])
    ]
    exact = [pair for pair in found if value is not None and pair[1].get("value") == value]
    if not found:
        raise LookupError(f"nothing with action_id {action_id!r} to click")
    return (exact or found)[0]


def missing_inputs(blocks: list[Json], state: Json) -> dict[str, tuple[str, dict[str, str]]]:
    """What keeps Slack from sending a form: block_id → (key of the sentence, its parameters)."""
    wrong: dict[str, tuple[str, dict[str, str]]] = {}
    for block in blocks:
        if block["type"] != "input" or block["element"]["type"] in NOT_CHECKED:
            continue
        element = block["element"]
        value = state[block["block_id"]][element["action_id"]]
        complaint = _complaint(element, value, bool(block.get("optional")))
        if complaint:
            wrong[block["block_id"]] = complaint
    return wrong


def _complaint(element: Json, value: Json, is_optional: bool) -> tuple[str, dict[str, str]] | None:
    content = next((entry for key, entry in value.items() if key != "type"), None)
    if content in (None, "", []):
        return None if is_optional else ("field_required", {})
    if isinstance(content, str) and element["type"] in TEXT_INPUTS:
        if len(content) < element.get("min_length", 0):
            return "field_too_short", {"count": str(element["min_length"])}
        if len(content) > element.get("max_length", 3000):
            return "field_too_long", {"count": str(element.get("max_length", 3000))}
    return None


def _option(element: Json, value: Any) -> Json | None:
    if value is None:
        return None
    for option in options_of(element):
        if option["value"] == value:
            return option
    raise LookupError(f"{element['action_id']!r} has no option {value!r}")
