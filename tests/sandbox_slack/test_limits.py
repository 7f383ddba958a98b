"""Slack's limits, as a table: what goes through, and what is refused with which code."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.slack.errors import SlackError
from sandbox.slack.limits import (
    check_message_blocks,
    check_metadata,
    check_update_text,
    check_view,
    normalised,
)
from tests.sandbox_slack.builders import SUBMIT, button, modal, section, text_input


def plain(length: int) -> dict[str, object]:
    return {"type": "plain_text", "text": "x" * length}


def option(label: int = 5, value: int = 5) -> dict[str, object]:
    return {"text": plain(label), "value": "v" * value}


def actions(*elements: dict[str, object]) -> dict[str, object]:
    return {"type": "actions", "elements": list(elements)}


def buttons(count: int) -> list[dict[str, object]]:
    return [button(f"b{number}") for number in range(count)]


def select(count: int = 1, **fields: object) -> dict[str, object]:
    options = [option() for _ in range(count)]
    return {"type": "static_select", "action_id": "s", "options": options, **fields}


def confirm(**lengths: int) -> dict[str, object]:
    sizes = {"title": 100, "text": 300, "confirm": 30, "deny": 30} | lengths
    return {key: plain(size) for key, size in sizes.items()}


def table(rows: int, columns: int, cell: int = 1) -> dict[str, object]:
    row = [{"type": "raw_text", "text": "x" * cell}] * columns
    return {"type": "table", "rows": [row] * rows}


def image(**fields: object) -> dict[str, object]:
    return {"type": "image", "image_url": "https://e.test/a.png", "alt_text": "a"} | fields


def overflow(count: int) -> dict[str, object]:
    return {"type": "overflow", "action_id": "o", "options": [option()] * count}


ACCEPTED: dict[str, list[dict[str, Any]]] = {
    "50 blocks": [{"type": "divider"}] * 50,
    "3000 characters in a section": [section("x" * 3000)],
    "10 fields of a few characters": [{"type": "section", "fields": [plain(20)] * 10}],
    "150 characters in a header": [{"type": "header", "text": plain(150)}],
    "10 context elements": [{"type": "context", "elements": [plain(5)] * 10}],
    "25 buttons": [actions(*buttons(25))],
    "75 characters on a button": [actions(button(label="x" * 75, value="v" * 2000))],
    "100 options": [actions(select(100))],
    "a full confirm dialog": [actions(button(confirm=confirm()))],
    "5 overflow options": [section(accessory=overflow(5))],
    "an image of our own": [{"type": "image", "slack_file": {"id": "F1"}, "alt_text": "plot"}],
    "a table of 100 rows by 20": [table(100, 20, 5)],
    "a markdown block": [{"type": "markdown", "text": "x" * 12000}],
    "a card, which is not looked into": [{"type": "card", "title": plain(9)}],
}

REFUSED: dict[str, tuple[list[Any], str]] = {
    "51 blocks": ([{"type": "divider"}] * 51, "no more than 50 items allowed"),
    "3001 in a section": ([section("x" * 3001)], "must be less than 3001 characters"),
    "empty text": ([section("")], "must be more than 0 characters"),
    "a section of nothing": ([{"type": "section"}], "must define either `text` or `fields`"),
    "11 fields": ([{"type": "section", "fields": [plain(2)] * 11}], "no more than 10 items"),
    "2001 in a field": ([{"type": "section", "fields": [plain(2001)]}], "less than 2001"),
    "151 in a header": ([{"type": "header", "text": plain(151)}], "less than 151 characters"),
    "mrkdwn header": (
        [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
        "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
    ),
    "11 context elements": ([{"type": "context", "elements": [plain(1)] * 11}], "no more than 10"),
    "26 buttons": ([actions(*buttons(26))], "no more than 25 items allowed"),
    "76 on a button": ([actions(button(label="x" * 76))], "less than 76 characters"),
    "2001 in a value": ([actions(button(value="v" * 2001))], "less than 2001 characters"),
    "3001 in a url": ([actions(button(url="u" * 3001))], "less than 3001 characters"),
    "odd button style": ([actions(button(style="green"))], "must be a valid enum value"),
    "256 in an action id": ([actions(button("a" * 256))], "less than 256 characters"),
    "256 in a block id": ([section(block_id="b" * 256)], "less than 256 characters"),
    "101 options": ([actions(select(101))], "no more than 100 items allowed"),
    "76 in an option": ([actions(select(options=[option(76)]))], "less than 76 characters"),
    "151 in an option's value": ([actions(select(options=[option(5, 151)]))], "less than 151"),
    "a select of nothing": ([actions({"type": "static_select", "action_id": "s"})], "options"),
    "101 in a confirm title": ([actions(button(confirm=confirm(title=101)))], "less than 101"),
    "6 overflow options": ([section(accessory=overflow(6))], "no more than 5 items allowed"),
    "an image without alt text": ([image(alt_text=None)], "missing required field: alt_text"),
    "an image without a source": ([image(image_url=None)], "`image_url` or `slack_file`"),
    "unknown block": ([{"type": "blink"}], "unsupported type: blink [json-pointer:/blocks/0/type]"),
    "alert outside a modal": ([{"type": "alert", "text": plain(3)}], "unsupported type: alert"),
    "no type": ([{"text": "x"}], "missing required field: type"),
    "no object": (["x"], "must be an object"),
    "unknown field": ([section(colour="red")], "invalid additional property: colour"),
    "same block id twice": ([section(block_id="a")] * 2, "`block_id` already exists"),
    "same action id twice": ([actions(button(), button())], '"go" already exists'),
    "101 rows": ([table(101, 1)], "no more than 100 items allowed"),
    "21 columns": ([table(1, 21)], "no more than 20 items allowed"),
    "10001 characters in tables": ([table(1, 10, 501), table(1, 10, 501)], "less than 10001"),
    "12001 characters of markdown": (
        [{"type": "markdown", "text": "x" * 6001}, {"type": "markdown", "text": "x" * 6000}],
        "less than 12001 characters",
    ),
}


@pytest.mark.parametrize("blocks", ACCEPTED.values(), ids=ACCEPTED)
def test_what_slack_shows_is_accepted(blocks: list[dict[str, Any]]) -> None:
    """A sandbox stricter than Slack would make us build less than we may."""
    check_message_blocks(blocks)


@pytest.mark.parametrize(("blocks", "complaint"), REFUSED.values(), ids=REFUSED)
def test_what_slack_refuses_is_refused_in_its_words(blocks: list[Any], complaint: str) -> None:
    """A message that Slack refuses must fail here first, and say where it is wrong."""
    with pytest.raises(SlackError) as refused:
        check_message_blocks(blocks)

    assert refused.value.code == "invalid_blocks"
    messages = refused.value.extra["response_metadata"]["messages"]
    assert any(complaint in message for message in messages), messages
    assert all(message.startswith("[ERROR] ") and "/blocks" in message for message in messages)


def test_many_blocks_that_are_each_short_enough_may_be_too_long_together() -> None:
    """Slack's undocumented total is what long reports run into."""
    with pytest.raises(SlackError, match="msg_blocks_too_long"):
        check_message_blocks([section("x" * 2800)] * 5)


def test_blocks_must_be_a_list() -> None:
    """Slack tells a wrong type of `blocks` apart from wrong blocks."""
    with pytest.raises(SlackError, match="invalid_blocks_format"):
        check_message_blocks({"type": "section"})


def test_chat_update_takes_4000_characters_and_not_one_more() -> None:
    """Unlike chat.postMessage, chat.update refuses instead of cutting."""
    check_update_text("x" * 4000)
    with pytest.raises(SlackError, match="msg_too_long"):
        check_update_text("x" * 4001)


GOOD_VIEWS: dict[str, tuple[dict[str, Any], str]] = {
    "24 Korean letters": (modal(title={"type": "plain_text", "text": "가" * 24}), "modal"),
    "a form with a submit button": (modal(text_input(), submit=SUBMIT), "modal"),
    "100 blocks": (modal(*[{"type": "divider"}] * 100), "modal"),
    "a Home": ({"type": "home", "blocks": [section()]}, "home"),
}
BAD_VIEWS: dict[str, tuple[dict[str, Any], str, str]] = {
    "25 in the title": (modal(title=plain(25)), "modal", "less than 25 characters"),
    "25 on submit": (modal(submit=plain(25)), "modal", "/view/submit/text"),
    "25 on close": (modal(close=plain(25)), "modal", "/view/close/text"),
    "101 blocks": (modal(*[{"type": "divider"}] * 101), "modal", "no more than 100"),
    "3001 of metadata": (modal(private_metadata="x" * 3001), "modal", "less than 3001"),
    "256 in callback_id": (modal(callback_id="x" * 256), "modal", "less than 256"),
    "no submit": (modal(text_input()), "modal", "missing required field: submit"),
    "no title": ({"type": "modal", "blocks": [section()]}, "modal", "field: title"),
    "a table": (modal(table(1, 1)), "modal", "unsupported type: table"),
    "a Home opened": ({"type": "home", "blocks": [section()]}, "modal", "must be of type modal"),
    "Home with submit": (
        {"type": "home", "blocks": [section()], "submit": SUBMIT},
        "home",
        "invalid additional property: submit",
    ),
}


@pytest.mark.parametrize(("view", "surface"), GOOD_VIEWS.values(), ids=GOOD_VIEWS)
def test_what_slack_opens_is_accepted(view: dict[str, Any], surface: str) -> None:
    """The limits of views are other than those of messages."""
    check_view(view, surface)


@pytest.mark.parametrize(("view", "surface", "complaint"), BAD_VIEWS.values(), ids=BAD_VIEWS)
def test_what_slack_does_not_open_is_refused(
    view: dict[str, Any], surface: str, complaint: str
) -> None:
    """A modal that Slack refuses means a click with no effect for the person."""
    with pytest.raises(SlackError) as refused:
        check_view(view, surface)

    assert refused.value.code == "invalid_arguments"
    assert complaint in str(refused.value.extra["response_metadata"]["messages"])


def test_a_view_over_250_kilobytes_is_too_large() -> None:
    """Counted in bytes: Korean text takes three per letter."""
    fields = {"type": "section", "fields": [{"type": "mrkdwn", "text": "가" * 1900}] * 10}
    with pytest.raises(SlackError, match="view_too_large"):
        check_view(modal(*[fields] * 5), "modal")


@pytest.mark.parametrize("metadata", ["x", {}, {"event_type": "a"}, {"event_payload": {}}])
def test_metadata_needs_a_type_and_a_payload(metadata: object) -> None:
    """We find our own messages again by metadata, so its form must be right."""
    with pytest.raises(SlackError, match="invalid_metadata_format"):
        check_metadata(metadata)


def test_ids_and_defaults_are_filled_in_as_slack_does() -> None:
    """Payloads always carry block_id and action_id, whether the app gave them or not."""
    nameless = {"type": "button", "text": {"type": "plain_text", "text": "Go"}}

    (block,) = normalised([{"type": "actions", "elements": [nameless]}])

    assert block["block_id"]
    assert block["elements"][0]["action_id"]
    assert block["elements"][0]["text"]["emoji"] is True
