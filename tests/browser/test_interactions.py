"""Buttons, modals and the App Home in the page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from sandbox.slack import SlackSandbox
from tests.browser.conftest import OpenPage
from tests.browser.scripted_app import GENERAL, ScriptedApp
from tests.sandbox_slack.builders import SUBMIT, button, modal, section, text_input

pytestmark = pytest.mark.browser
Body = dict[str, Any]
# The browser's own bar may have it too: then it is on the body.
FOCUS_IS_INSIDE = """() => {
    const { activeElement, body } = document;
    return activeElement === body || activeElement.closest("dialog") !== null;
}"""


def actions(*elements: Body) -> Body:
    return {"type": "actions", "block_id": "acts", "elements": list(elements)}


def test_a_button_asks_first_and_is_clicked_once(page: Page, app: ScriptedApp) -> None:
    app.ask_to_delete()
    page.get_by_role("button", name="Go").click()
    sure = page.get_by_role("alertdialog", name="Delete the VM?")
    expect(sure).to_contain_text("jekyll-dev and all its data will be gone.")

    page.keyboard.press("Escape")
    expect(sure).to_be_hidden()
    assert app.clicks == []

    page.get_by_role("button", name="Go").click()
    sure.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("log").first).to_contain_text("jekyll-dev is gone. (edited)")
    (click,) = app.clicks
    assert click["actions"][0]["value"] == "vm-1"
    assert click["user"]["id"] == "U0JANE"


def test_a_click_that_nobody_takes_says_so_beside_it(
    page: Page, app: ScriptedApp, slack: SlackSandbox
) -> None:
    app.client.chat_postMessage(
        channel=GENERAL, text="x", blocks=[section(), actions(button("unknown", "Nobody"))]
    )

    page.get_by_role("button", name="Nobody").click()

    expect(page.get_by_role("button", name="Nobody")).to_be_disabled()
    expect(page.get_by_role("alert")).to_contain_text("Operation timed out")
    expect(page.get_by_role("button", name="Nobody")).to_be_enabled()


def test_a_modal_is_opened_filled_in_refused_and_sent(page: Page, app: ScriptedApp) -> None:
    page.locator("#composer-input").fill("/ds form")
    page.locator("#composer-input").press("Enter")
    form = page.get_by_role("dialog", name="A form")
    name = form.get_by_role("textbox", name="Name")
    expect(name).to_be_focused()

    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_have_count(2)
    expect(form.get_by_role("alert").first).to_have_text("Please complete this required field.")
    assert app.submissions == []

    name.fill("taken")
    expect(form.get_by_role("alert")).to_have_count(1)
    form.get_by_role("button", name="Size").click()
    page.keyboard.type("lar")
    page.keyboard.press("Enter")
    expect(form.get_by_role("button", name="Size")).to_have_text("Large")
    name.press("Enter")
    expect(form.get_by_role("alert")).to_have_text(["This name is taken."])
    expect(name).to_have_value("taken")

    name.fill("jekyll-dev")
    form.get_by_role("button", name="Save").click()
    expect(form).to_be_hidden()
    values = app.submissions[-1]["view"]["state"]["values"]
    assert values["name"]["typed"]["value"] == "jekyll-dev"
    assert values["size"]["picked"]["selected_option"]["value"] == "l"


def test_a_modal_keeps_the_focus_and_closes_by_escape(
    page: Page, app: ScriptedApp, slack: SlackSandbox
) -> None:
    page.locator("#composer-input").fill("/ds form")
    page.locator("#composer-input").press("Enter")
    form = page.get_by_role("dialog", name="A form")
    expect(form).to_be_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate(FOCUS_IS_INSIDE)

    page.keyboard.press("Escape")

    expect(form).to_be_hidden()
    expect(page.locator("#composer-input")).to_be_focused()
    slack.wait_for(lambda: app.closings)


def test_what_is_typed_outlives_an_update_of_the_modal(
    page: Page, app: ScriptedApp, slack: SlackSandbox
) -> None:
    page.locator("#composer-input").fill("/ds form")
    page.locator("#composer-input").press("Enter")
    form = page.get_by_role("dialog", name="A form")
    form.get_by_role("textbox", name="Name").press_sequentially("jek")
    (view,) = slack.modals("U0JANE")

    blocks = [section("Loaded."), text_input()]
    app.client.views_update(view_id=view.id, view=modal(*blocks, submit=SUBMIT, callback_id="vm"))

    expect(form).to_contain_text("Loaded.")
    expect(form.get_by_role("textbox", name="Name")).to_have_value("jek")
    expect(form.get_by_role("textbox", name="Name")).to_be_focused()
    page.keyboard.type("yll")
    form.get_by_role("button", name="Save").click()
    expect(form).to_be_hidden()
    values = app.submissions[-1]["view"]["state"]["values"]
    assert values["name"]["typed"]["value"] == "jekyll"


def test_the_app_home_is_published_and_its_button_works(page: Page, app: ScriptedApp) -> None:
    page.get_by_role("button", name=re.compile("^ds-bot")).click()
    home = page.get_by_role("region", name="Home")
    expect(home).to_contain_text("Your VMs")

    home.get_by_role("button", name="New VM").click()
    expect(page.get_by_role("dialog", name="A form")).to_be_visible()
    page.keyboard.press("Escape")

    page.get_by_role("tab", name="About").click()
    expect(page.get_by_role("region", name="About")).to_contain_text("/ds")
    page.get_by_role("tab", name="Messages").click()
    page.locator("#composer-input").fill("/ds hi")
    page.locator("#composer-input").press("Enter")
    expect(page.get_by_role("log").first).to_contain_text("You typed hi")


@pytest.mark.parametrize("kind", ["checkboxes", "radio_buttons"])
def test_choices_are_sent_when_they_change(
    page: Page, app: ScriptedApp, slack: SlackSandbox, kind: str
) -> None:
    options = [
        {"text": {"type": "plain_text", "text": name}, "value": name.lower()}
        for name in ("RStudio", "Shiny")
    ]
    block = actions({"type": kind, "action_id": "go", "options": options})
    blocks = [section(), block]
    app.client.chat_postEphemeral(channel=GENERAL, user="U0JANE", text="x", blocks=blocks)

    page.get_by_label("Shiny").check()

    slack.wait_for(lambda: app.clicks)
    action = app.clicks[0]["actions"][0]
    chosen = action.get("selected_options") or [action["selected_option"]]
    assert [option["value"] for option in chosen] == ["shiny"]
    expect(page.get_by_label("Shiny")).to_be_checked()


def test_selects_and_pickers_send_what_was_picked(
    page: Page, app: ScriptedApp, slack: SlackSandbox
) -> None:
    def sent() -> Body:
        slack.wait_for(lambda: app.clicks)
        action: Body = app.clicks.pop()["actions"][0]
        return action

    blocks = [
        {"type": "actions", "elements": [{"type": "users_select", "action_id": "go"}]},
        {"type": "actions", "elements": [{"type": "datepicker", "action_id": "go"}]},
        {
            "type": "actions",
            "elements": [
                {
                    "type": "overflow",
                    "action_id": "go",
                    "options": [{"text": {"type": "plain_text", "text": "Stop"}, "value": "stop"}],
                }
            ],
        },
    ]
    app.client.chat_postEphemeral(channel=GENERAL, user="U0JANE", text="x", blocks=blocks)

    page.get_by_role("button", name="Select an option").click()
    page.get_by_role("option", name=re.compile("이지훈")).click()
    assert sent()["selected_user"] == "U0JIHOON"

    page.locator("input[type=date]").fill("2026-12-01")
    assert sent()["selected_date"] == "2026-12-01"

    page.get_by_role("button", name="More actions").click()
    page.keyboard.press("Enter")
    assert sent()["selected_option"]["value"] == "stop"


def test_all_blocks_show(page: Page, app: ScriptedApp) -> None:
    text = {"type": "plain_text", "text": "Costs"}
    cells = [[{"type": "raw_text", "text": t} for t in row] for row in (("Name", "Owner"), "ab")]
    rich = [{"type": "rich_text_section", "elements": [{"type": "text", "text": "leaf"}]}]
    parts = [
        {"type": "rich_text_list", "style": "bullet", "elements": rich},
        {"type": "rich_text_quote", "elements": rich[0]["elements"]},
        {"type": "rich_text_preformatted", "elements": rich[0]["elements"]},
    ]
    app.client.chat_postMessage(
        channel=GENERAL,
        text="x",
        blocks=[
            {"type": "header", "text": text},
            {"type": "divider"},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "_small_"}]},
            {"type": "table", "rows": cells},
            {"type": "rich_text", "elements": parts},
            section("with *fields*", fields=[{"type": "mrkdwn", "text": "*Size*\nSmall"}]),
        ],
    )
    message = page.get_by_role("article", name=re.compile("ds-bot")).last

    expect(message.get_by_role("heading", name="Costs")).to_be_visible()
    expect(message.get_by_role("separator")).to_have_count(1)
    expect(message.locator("em")).to_have_text("small")
    expect(message.get_by_role("columnheader")).to_have_text(["Name", "Owner"])
    expect(message.locator("li, blockquote, pre")).to_have_text(["leaf", "leaf", "leaf"])
    expect(message.locator(".section-field strong")).to_have_text("Size")


def test_two_people_see_their_own_modals(page: Page, open_page: OpenPage, app: ScriptedApp) -> None:
    other = open_page("U0JIHOON")
    page.locator("#composer-input").fill("/ds form")
    page.locator("#composer-input").press("Enter")

    expect(page.get_by_role("dialog")).to_be_visible()
    expect(other.get_by_role("dialog")).to_have_count(0)
