"""Block Kit as tables: which blocks and elements there are, where, and how long they may be.

Numbers: docs.slack.dev/reference/block-kit and the validators of slack_sdk 3.47. Blocks that the
bot does not use (cards, plans, charts …) are known by name and not looked into.
"""

from __future__ import annotations

from sandbox.slack.schema import (
    Check,
    anything,
    by_type,
    choice,
    flag,
    integer,
    listed,
    pattern,
    plain,
    shape,
    string,
    text,
)

MESSAGE, MODAL, HOME = "message", "modal", "home"
INTERACTIVE_ID = string(255)
DATE = pattern(r"\d{4}-\d{2}-\d{2}", "YYYY-MM-DD")
TIME = pattern(r"\d{2}:\d{2}", "HH:mm")

CONFIRM = shape(
    {
        "title": plain(100),
        "text": text(300),
        "confirm": plain(30),
        "deny": plain(30),
        "style": choice("primary", "danger"),
    },
    required=("title", "text", "confirm", "deny"),
)
OPTION_FIELDS: dict[str, Check] = {
    "text": text(75),
    "value": string(150),
    "description": text(75),
    "url": string(3000),
}
OPTION = shape(OPTION_FIELDS, required=("text", "value"))
OPTION_GROUP = shape(
    {"label": plain(75), "options": listed(OPTION, 100)}, required=("label", "options")
)
SLACK_FILE = shape({"id": string(255), "url": string(3000)}, one_of=("id", "url"))


def _element(fields: dict[str, Check], required: tuple[str, ...] = ()) -> Check:
    """An interactive element: its own fields and those that all have."""
    common: dict[str, Check] = {
        "type": anything,
        "action_id": INTERACTIVE_ID,
        "confirm": CONFIRM,
        "focus_on_load": flag,
    }
    return shape(common | fields, required=required)


def _select(fields: dict[str, Check], required: tuple[str, ...] = (), many: bool = False) -> Check:
    extra: dict[str, Check] = {"placeholder": plain(150), "response_url_enabled": flag}
    if many:
        extra["max_selected_items"] = integer(least=1)
    return _element(fields | extra, required)


def _static_select(many: bool) -> Check:
    initial: dict[str, Check] = (
        {"initial_options": listed(OPTION, 100)} if many else {"initial_option": OPTION}
    )
    fields = {"options": listed(OPTION, 100), "option_groups": listed(OPTION_GROUP, 100)}

    def check(value: object, pointer: str, complaints: list[str]) -> None:
        _select(fields | initial, many=many)(value, pointer, complaints)
        if isinstance(value, dict) and not ("options" in value) ^ ("option_groups" in value):
            complaints.append(
                f"must define either `options` or `option_groups` [json-pointer:{pointer}]"
            )

    return check


def _picked_select(singular: str, many: bool) -> Check:
    """A select whose choices Slack itself provides: users, channels, conversations."""
    key = f"initial_{singular}s" if many else f"initial_{singular}"
    initial = listed(string(255), 100) if many else string(255)
    extra: dict[str, Check] = {"filter": anything, "default_to_current_conversation": flag}
    return _select({key: initial} | extra, many=many)


def _input(fields: dict[str, Check]) -> Check:
    dispatch = shape({"trigger_actions_on": listed(anything, 2)})
    return _element({"placeholder": plain(150), "dispatch_action_config": dispatch} | fields)


BUTTON = _element(
    {
        "text": plain(75),
        "value": string(2000),
        "url": string(3000),
        "style": choice("primary", "danger"),
        "accessibility_label": string(75),
    },
    required=("text",),
)
IMAGE_FIELDS: dict[str, Check] = {
    "type": anything,
    "image_url": string(3000),
    "slack_file": SLACK_FILE,
    "alt_text": string(2000),
}
IMAGE_ELEMENT = shape(IMAGE_FIELDS, required=("alt_text",), one_of=("image_url", "slack_file"))
OVERFLOW = _element({"options": listed(OPTION, 5)}, required=("options",))
_TICKS: dict[str, Check] = {"options": listed(OPTION, 10)}
CHECKBOXES = _element(_TICKS | {"initial_options": listed(OPTION, 10)}, required=("options",))
RADIO = _element(_TICKS | {"initial_option": OPTION}, required=("options",))

SELECTS: dict[str, Check] = {
    "static_select": _static_select(many=False),
    "multi_static_select": _static_select(many=True),
    "external_select": _select({"initial_option": OPTION, "min_query_length": integer(0)}),
    "multi_external_select": _select(
        {"initial_options": listed(OPTION, 100), "min_query_length": integer(0)}, many=True
    ),
    "users_select": _picked_select("user", many=False),
    "multi_users_select": _picked_select("user", many=True),
    "channels_select": _picked_select("channel", many=False),
    "multi_channels_select": _picked_select("channel", many=True),
    "conversations_select": _picked_select("conversation", many=False),
    "multi_conversations_select": _picked_select("conversation", many=True),
}
PICKERS: dict[str, Check] = {
    "datepicker": _element({"initial_date": DATE, "placeholder": plain(150)}),
    "timepicker": _element({"initial_time": TIME, "placeholder": plain(150), "timezone": anything}),
    "datetimepicker": _element({"initial_date_time": integer(least=0)}),
    "checkboxes": CHECKBOXES,
    "radio_buttons": RADIO,
}
INPUTS: dict[str, Check] = {
    "plain_text_input": _input(
        {
            "initial_value": string(3000, least=0),
            "multiline": flag,
            "min_length": integer(0, 3000),
            "max_length": integer(1, 3000),
        }
    ),
    "email_text_input": _input({"initial_value": string(3000, least=0)}),
    "url_text_input": _input({"initial_value": string(3000, least=0)}),
    "number_input": _input(
        {
            "is_decimal_allowed": flag,
            "initial_value": anything,
            "min_value": anything,
            "max_value": anything,
        }
    ),
    "rich_text_input": anything,
    "file_input": anything,
}
CLICKS: dict[str, Check] = {"button": BUTTON, "overflow": OVERFLOW, "workflow_button": anything}

ACCESSORY = by_type(CLICKS | SELECTS | PICKERS | {"image": IMAGE_ELEMENT})
ACTION = by_type(CLICKS | SELECTS | PICKERS)
INPUT_ELEMENT = by_type(INPUTS | SELECTS | PICKERS)
CONTEXT_ELEMENT = by_type({"image": IMAGE_ELEMENT, "plain_text": text(2000), "mrkdwn": text(2000)})
TABLE_CELL = by_type({"raw_text": anything, "raw_number": anything, "rich_text": anything})


def _block(
    fields: dict[str, Check], required: tuple[str, ...] = (), one_of: tuple[str, ...] = ()
) -> Check:
    common: dict[str, Check] = {"type": anything, "block_id": string(255)}
    return shape(common | fields, required=required, one_of=one_of)


EVERYWHERE = frozenset({MESSAGE, MODAL, HOME})
BLOCKS: dict[str, tuple[frozenset[str], Check]] = {
    "section": (
        EVERYWHERE,
        _block(
            {
                "text": text(3000),
                "fields": listed(text(2000), 10),
                "accessory": ACCESSORY,
                "expand": flag,
            },
            one_of=("text", "fields"),
        ),
    ),
    "header": (EVERYWHERE, _block({"text": plain(150)}, ("text",))),
    "divider": (EVERYWHERE, _block({})),
    "image": (
        EVERYWHERE,
        _block(
            IMAGE_FIELDS | {"title": plain(2000)},
            ("alt_text",),
            one_of=("image_url", "slack_file"),
        ),
    ),
    "context": (EVERYWHERE, _block({"elements": listed(CONTEXT_ELEMENT, 10)}, ("elements",))),
    "actions": (EVERYWHERE, _block({"elements": listed(ACTION, 25)}, ("elements",))),
    "input": (
        EVERYWHERE,
        _block(
            {
                "label": plain(2000),
                "element": INPUT_ELEMENT,
                "hint": plain(2000),
                "optional": flag,
                "dispatch_action": flag,
            },
            ("label", "element"),
        ),
    ),
    "rich_text": (EVERYWHERE, _block({"elements": listed(anything, 1000)}, ("elements",))),
    "markdown": (frozenset({MESSAGE}), _block({"text": string(12000)}, ("text",))),
    "table": (
        frozenset({MESSAGE, HOME}),
        _block(
            {
                "rows": listed(listed(TABLE_CELL, 20), 100),
                "column_settings": listed(anything, 20, least=0),
            },
            ("rows",),
        ),
    ),
    "context_actions": (
        frozenset({MESSAGE}),
        _block({"elements": listed(anything, 5)}, ("elements",)),
    ),
    "alert": (frozenset({MODAL}), anything),
    "video": (EVERYWHERE, anything),
    **{
        kind: (frozenset({MESSAGE}), anything)
        for kind in ("file", "task_card", "plan", "card", "carousel", "container")
    },
    "data_visualization": (frozenset({MESSAGE}), anything),
    "data_table": (frozenset({MESSAGE, HOME}), anything),
}


def blocks_of(surface: str) -> Check:
    """The check for one block on a message, a modal or a Home tab."""
    return by_type({kind: check for kind, (where, check) in BLOCKS.items() if surface in where})
