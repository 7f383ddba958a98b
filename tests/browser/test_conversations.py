"""Typing, reading and live changes in the page's conversations."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from sandbox.slack import SlackSandbox
from tests.browser.conftest import OpenPage
from tests.browser.scripted_app import GENERAL, ScriptedApp
from tests.sandbox_slack.builders import section

pytestmark = pytest.mark.browser
Body = dict[str, Any]


def composer(page: Page) -> Any:
    return page.locator("#composer-input")


def log(page: Page) -> Any:
    return page.get_by_role("log").first


def test_a_command_is_answered_only_to_the_one_who_typed_it(
    page: Page, open_page: OpenPage, app: ScriptedApp
) -> None:
    other = open_page("U0ADMIN")

    composer(page).fill("/ds ps")
    composer(page).press("Enter")

    answer = page.get_by_role("article", name=re.compile("ds-bot")).last
    expect(answer).to_contain_text("You typed ps")
    expect(answer).to_contain_text("Only visible to you")
    expect(answer.locator("strong")).to_have_text("ps")
    assert app.commands[0]["user_id"] == "U0JANE"
    expect(log(other)).not_to_contain_text("You typed")

    answer.get_by_role("button", name="Dismiss").first.click()
    expect(log(page)).not_to_contain_text("You typed")


def test_the_page_says_that_a_command_is_running(page: Page, app: ScriptedApp) -> None:
    composer(page).fill("/ds slow")
    composer(page).press("Enter")

    expect(page.locator("main .composer-status")).to_have_text("Running /ds…")
    app.may_answer.set()
    expect(page.locator("main .composer-status")).to_have_text("")
    expect(log(page)).to_contain_text("Here I am.")


def test_a_command_nobody_answers_fails_with_slacks_words(open_page: OpenPage) -> None:
    page = open_page()

    composer(page).fill("/ds ps")
    composer(page).press("Enter")

    expect(log(page)).to_contain_text('/ds failed with the error "dispatch_failed"')


def test_commands_are_completed_by_keyboard_alone(page: Page, app: ScriptedApp) -> None:
    expect(composer(page)).to_be_focused()

    page.keyboard.type("/d")
    option = page.get_by_role("option", name="/ds")
    expect(option).to_have_attribute("aria-selected", "true")
    expect(composer(page)).to_have_attribute(
        "aria-activedescendant", option.get_attribute("id") or ""
    )
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(composer(page)).to_have_value("/ds ")
    expect(page.locator("main .composer-hint")).to_contain_text("vm NAME")

    page.keyboard.type("ps")
    page.keyboard.press("Enter")
    expect(log(page)).to_contain_text("You typed ps")
    page.keyboard.press("ArrowUp")
    expect(composer(page)).to_have_value("/ds ps")
    page.keyboard.press("ArrowDown")
    expect(composer(page)).to_have_value("")


def test_messages_come_change_and_go_live(page: Page, app: ScriptedApp) -> None:
    ts = app.client.chat_postMessage(channel=GENERAL, text="Ordering *jekyll-dev*")["ts"]
    expect(log(page)).to_contain_text("Ordering jekyll-dev")

    app.client.chat_update(channel=GENERAL, ts=ts, text="jekyll-dev is ready")
    expect(log(page)).to_contain_text("jekyll-dev is ready (edited)")
    expect(log(page)).not_to_contain_text("Ordering")

    app.client.chat_delete(channel=GENERAL, ts=ts)
    expect(log(page)).not_to_contain_text("jekyll-dev")


def test_a_reader_further_up_is_not_moved(page: Page, app: ScriptedApp) -> None:
    """Progress messages change every few seconds; nobody could read if the list jumped."""
    first = app.client.chat_postMessage(channel=GENERAL, text="short")["ts"]
    for number in range(40):
        app.client.chat_postMessage(channel=GENERAL, text=f"line {number}")
    expect(log(page)).to_contain_text("line 39")
    page.locator(".list-holder .scroller").first.evaluate("node => { node.scrollTop = 500 }")
    seen = page.get_by_text("line 15", exact=True)
    before = seen.bounding_box()

    app.client.chat_postMessage(channel=GENERAL, text="newest")
    app.client.chat_update(channel=GENERAL, ts=first, text="long\n" * 12)
    expect(page.get_by_text("newest", exact=True)).to_be_attached()
    expect(log(page)).to_contain_text("(edited)")

    assert before is not None
    assert seen.bounding_box() == before
    expect(page.get_by_text("newest", exact=True)).not_to_be_in_viewport()
    page.get_by_role("button", name="Latest messages").click()
    expect(page.get_by_text("newest", exact=True)).to_be_in_viewport()


def test_the_end_of_the_list_is_followed(page: Page, app: ScriptedApp) -> None:
    for number in range(40):
        app.client.chat_postMessage(channel=GENERAL, text=f"line {number}")

    expect(page.get_by_text("line 39", exact=True)).to_be_in_viewport()


def test_only_the_changed_message_is_drawn_anew(page: Page, app: ScriptedApp) -> None:
    ts = app.client.chat_postMessage(channel=GENERAL, text="one")["ts"]
    app.client.chat_postMessage(channel=GENERAL, text="two")
    expect(log(page)).to_contain_text("two")
    page.get_by_text("two", exact=True).evaluate("node => { node.dataset.mark = 'kept' }")

    app.client.chat_update(channel=GENERAL, ts=ts, text="changed")

    expect(log(page)).to_contain_text("changed")
    expect(page.get_by_text("two", exact=True)).to_have_attribute("data-mark", "kept")


def test_a_thread_opens_beside_and_takes_replies(
    page: Page, app: ScriptedApp, slack: SlackSandbox
) -> None:
    root = app.client.chat_postMessage(channel=GENERAL, text="The root")["ts"]
    app.client.chat_postMessage(channel=GENERAL, thread_ts=root, text="A reply")

    page.get_by_role("button", name=re.compile("1 reply")).click()
    thread = page.get_by_role("complementary", name="Thread")
    expect(thread).to_contain_text("A reply")
    page.locator("#thread-composer-input").fill("Thanks")
    page.locator("#thread-composer-input").press("Enter")
    expect(thread).to_contain_text("2 replies")
    assert slack.messages(GENERAL)[-1].thread_ts == root

    page.locator("#thread-composer-input").fill("/ds ps")
    page.locator("#thread-composer-input").press("Enter")
    expect(thread.get_by_role("alert")).to_have_text("/ds is not supported in threads. Sorry!")
    expect(page.locator("#thread-composer-input")).to_have_value("/ds ps")
    page.locator("#thread-composer-input").press("Escape")
    expect(thread).to_be_hidden()


def test_reactions_are_toggled_and_seen_by_others(
    page: Page, open_page: OpenPage, app: ScriptedApp
) -> None:
    ts = app.client.chat_postMessage(channel=GENERAL, text="Done")["ts"]
    app.client.reactions_add(channel=GENERAL, timestamp=ts, name="eyes")
    other = open_page("U0ADMIN")

    page.get_by_role("button", name="eyes 1").click()

    expect(page.get_by_role("button", name="eyes 2")).to_have_attribute("aria-pressed", "true")
    expect(other.get_by_role("button", name="eyes 2")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="eyes 2").click()
    expect(other.get_by_role("button", name="eyes 1")).to_be_visible()


def test_unread_marks_go_when_the_conversation_is_opened(
    page: Page, app: ScriptedApp, slack: SlackSandbox
) -> None:
    app.client.chat_postMessage(channel="C0DATASCI", text="Hello <@U0JANE>")
    line = page.get_by_role("button", name=re.compile("^data-science"))
    expect(line).to_contain_text("1")

    line.click()

    expect(log(page)).to_contain_text("Hello @Jane Doe")
    expect(line).not_to_contain_text("1")


def test_a_permalink_opens_the_message(page: Page, app: ScriptedApp) -> None:
    ts = app.client.chat_postMessage(channel="C0DATASCI", text="The one")["ts"]
    link = app.client.chat_getPermalink(channel="C0DATASCI", message_ts=ts)["permalink"]
    app.client.chat_postMessage(channel=GENERAL, text=f"See <{link}|this message>")

    page.get_by_role("link", name="this message").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("data-science")
    expect(page.locator(".message.lit")).to_contain_text("The one")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("general")


def test_times_are_the_readers(page: Page, open_page: OpenPage, app: ScriptedApp) -> None:
    """1 December 2026, 09:30 UTC."""
    text = "Stops <!date^1796117400^{date_num} {time}|soon>"
    app.client.chat_postMessage(channel=GENERAL, text=text)

    expect(log(page)).to_contain_text("Stops 2026-12-01 3:30 AM")
    expect(log(open_page("U0JIHOON"))).to_contain_text("Stops 2026-12-01 오후 6:30")


def test_another_person_has_another_language(page: Page, app: ScriptedApp) -> None:
    app.client.chat_postEphemeral(channel=GENERAL, user="U0JIHOON", text="안녕하세요")

    page.get_by_role("button", name=re.compile("view as another person")).click()
    page.get_by_role("menuitem", name=re.compile("이지훈")).click()

    expect(page.get_by_role("button", name="다이렉트 메시지")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(log(page)).to_contain_text("나에게만 표시")
    expect(composer(page)).to_have_attribute("placeholder", "#general에 메시지 보내기")
    composer(page).fill("/없음 x")
    composer(page).press("Enter")
    expect(log(page)).to_contain_text("올바른 명령어가 아닙니다")


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "<javascript:alert(1)|click me>",
    "<data:text/html,hi|data>",
    "*<b>bold</b>* `<i>x</i>`",
    "<@U0JANE|<img src=x onerror=alert(1)>>",
    "&lt;img src=x onerror=alert(1)&gt;",
]


def test_messages_can_only_ever_be_text(page: Page, app: ScriptedApp, slack: SlackSandbox) -> None:
    asked: list[str] = []
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    for text in HOSTILE:
        app.client.chat_postMessage(channel=GENERAL, text=text)
        app.client.chat_postMessage(channel=GENERAL, text="x", blocks=[section(text)])
        slack.user("U0ADMIN").say(GENERAL, text)
    link = {"type": "link", "url": "javascript:alert(1)", "text": "rich"}
    parts = [{"type": "rich_text_section", "elements": [link]}]
    button = {
        "type": "button",
        "action_id": "evil",
        "url": "javascript:alert(1)",
        "text": {"type": "plain_text", "text": "<b>press</b>"},
    }
    app.client.chat_postMessage(
        channel=GENERAL,
        text="x",
        blocks=[
            {"type": "rich_text", "elements": parts},
            {"type": "markdown", "text": "[md](javascript:alert(1)) <img src=x onerror=alert(1)>"},
            {"type": "actions", "elements": [button]},
        ],
    )
    slack.user("U0JANE").say(GENERAL, "The end")
    expect(log(page)).to_contain_text("The end")

    expect(log(page).locator("img, script, b, i, iframe")).to_have_count(0)
    targets = log(page).locator("a").evaluate_all("all => all.map(a => a.protocol)")
    assert set(targets) <= {"http:", "https:"}
    expect(page.get_by_role("button", name="<b>press</b>")).to_be_visible()
    assert asked == []


def test_marks_beside_letters_do_not_count(page: Page, app: ScriptedApp) -> None:
    app.client.chat_postMessage(channel=GENERAL, text="*굵게* 그리고 *굵게*은 ~옛~ snake_case_name")

    content = log(page).locator(".message-text").last
    expect(content).to_have_text("굵게 그리고 *굵게*은 옛 snake_case_name")
    expect(content.locator("strong")).to_have_count(1)
    expect(content.locator("em")).to_have_count(0)


def test_a_lost_connection_is_told_and_mended(page: Page, app: ScriptedApp) -> None:
    page.context.set_offline(True)
    # A socket that is open already survives set_offline, so the page's own end is cut.
    page.evaluate("window.sandboxPage.socket.cut()")
    expect(page.get_by_text("Trying to connect…")).to_be_visible()
    composer(page).fill("Are you there?")
    composer(page).press("Enter")
    expect(page.locator("main .composer-trouble")).to_contain_text("offline")
    expect(composer(page)).to_have_value("Are you there?")

    app.client.chat_postMessage(channel=GENERAL, text="Meanwhile")
    page.context.set_offline(False)

    expect(log(page)).to_contain_text("Meanwhile")
    expect(page.get_by_text("Trying to connect…")).to_be_hidden()


def test_the_sidebar_folds_away_on_a_phone(
    browser: Browser, slack: SlackSandbox, app: ScriptedApp
) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 700}, has_touch=True)
    page = context.new_page()
    page.goto(slack.page_url())
    sidebar = page.get_by_role("navigation", name="Conversations")
    expect(sidebar).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") == 375

    page.get_by_role("button", name="Open sidebar").tap()
    expect(sidebar).to_be_visible()
    page.get_by_role("button", name=re.compile("^data-science")).tap()

    expect(page.get_by_role("heading", level=1)).to_have_text("data-science")
    expect(sidebar).to_be_hidden()

    page.get_by_role("button", name="Open sidebar").tap()
    page.get_by_role("button", name=re.compile("view as another person")).tap()
    expect(page.get_by_role("menu")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)
    expect(sidebar).to_be_visible()
    context.close()


def test_files_show_as_pictures_or_cards(page: Page, app: ScriptedApp) -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"/>'
    app.client.files_upload_v2(
        channel=GENERAL, content=svg, filename="plot.svg", title="Plot", alt_txt="Residuals"
    )
    app.client.files_upload_v2(channel=GENERAL, content="a,b", filename="costs.csv")

    image = page.get_by_role("img", name="Residuals")
    expect(image).to_be_visible()
    page.wait_for_function("document.querySelector('.file-image img').naturalWidth > 0")
    expect(page.get_by_role("link", name=re.compile("costs.csv"))).to_have_attribute(
        "download", "costs.csv"
    )


def test_an_archived_channel_can_only_be_read(open_page: OpenPage) -> None:
    page = open_page(channel="C0OLD")

    expect(page.get_by_role("main").get_by_text("This channel has been archived.")).to_be_visible()
    expect(composer(page)).to_be_hidden()
