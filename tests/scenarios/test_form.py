"""The form "New workspace": `/ds` alone, filled in, and it is as if it had been typed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.models import VmState
from sandbox.slack.limits import check_view
from sandbox.slack.records import Message, View
from tests.scenarios.world import GENERAL, GUEST, JANE, JIHOON, Scenario


def opened(bot: Scenario, user: str = JANE) -> View:
    """The form, as soon as it is open."""
    [view] = bot.slack.wait_for(
        lambda: [v for v in bot.slack.modals(user) if v.content.get("callback_id") == "workspace"]
    )
    check_view(view.content, "modal")
    return view


def form(bot: Scenario, user: str = JANE) -> View:
    bot.ds("", user)
    return opened(bot, user)


def options(view: View, block_id: str) -> list[str]:
    [block] = [each for each in view.blocks if each["block_id"] == block_id]
    return [each["value"] for each in block["element"]["options"]]


def cards(bot: Scenario, count: int, channel: str = GENERAL) -> list[Message]:
    bot.slack.wait_for(lambda: len(bot.slack.messages(channel)) >= count)
    bot.ended(channel)
    found = bot.slack.messages(channel)
    assert len(found) == count
    return found


def test_a_new_vm_and_a_program_are_one_wish(bot: Scenario) -> None:
    view = form(bot)
    assert options(view, "vm") == ["a new vm"]

    outcome = bot.slack.user(JANE).submit(
        view, {"program": "shiny", "name": "lab", "size": "2 4096", "lease": "8h"}
    )

    assert outcome.is_ok and bot.slack.modals(JANE) == []
    vm, app = cards(bot, 2)
    assert "lab is ready" in vm.text
    assert "Shiny Server is ready" in app.text
    [made] = bot.core.vm_store.live()
    assert (made.hostname, made.cpus, made.memory_mb) == ("lab", 2, 4096)
    leased = bot.core.caretaker.stores.marks.lease(made.op_id)
    assert leased.ends_at == made.asked_at + timedelta(hours=8)
    assert "lease until" in str(vm.blocks)


def test_the_usual_lease_needs_no_choice(bot: Scenario) -> None:
    assert options(form(bot), "lease") == ["the usual lease", "4h", "8h", "1d", "3d", "7d"]
    view = opened(bot)

    assert bot.slack.user(JANE).submit(view, {"program": "shiny", "name": "lab"}).is_ok

    cards(bot, 2)
    [made] = bot.core.vm_store.live()
    assert bot.core.caretaker.stores.marks.lease(made.op_id).ends_at is None


def test_a_lease_that_cannot_be_is_refused(bot: Scenario) -> None:
    assert "at most 30d" in bot.answer("vm lab --lease 99d").text
    assert "`4h`" in bot.answer("vm lab --lease soon").text
    assert bot.core.vm_store.live() == []


def test_on_a_vm_that_there_is(bot: Scenario) -> None:
    bot.card("vm web")
    view = form(bot)
    assert options(view, "vm") == ["web", "a new vm"]

    assert bot.slack.user(JANE).submit(view, {"program": "rstudio"}).is_ok

    assert "RStudio is ready" in cards(bot, 2)[1].text
    assert len(bot.core.vm_store.live()) == 1


def test_any_image_runs_with_its_ports_published(bot: Scenario) -> None:
    bot.card("vm web")
    view = form(bot)

    values = {"program": "another image", "image": " rocker/shiny "}
    assert bot.slack.user(JANE).submit(view, values).is_ok

    assert "Run rocker/shiny" in cards(bot, 2)[1].text or "is running" in cards(bot, 2)[1].text


@pytest.mark.parametrize(
    "values, field, said",
    [
        ({"program": "another image"}, "image", "is not an image's name"),
        ({"program": "another image", "image": "Not An Image"}, "image", "is not an image's name"),
        ({"program": "rstudio", "image": "rocker/verse"}, "image", "choose “Another image”"),
        ({"vm": "a new vm", "name": ""}, "name", "cannot be a VM's name"),
        ({"vm": "a new vm", "name": "a_b"}, "name", "cannot be a VM's name"),
        ({"vm": "a new vm", "name": "web"}, "name", "There already is a VM web"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_changes_nothing(
    bot: Scenario, values: dict[str, Any], field: str, said: str
) -> None:
    bot.card("vm web")
    before = bot.changed()
    view = form(bot)

    outcome = bot.slack.user(JANE).submit(view, values)

    assert list(outcome.errors) == [field]
    assert said in outcome.errors[field] and "`" not in outcome.errors[field]
    assert bot.slack.modals(JANE) != []
    assert bot.changed() == before and len(bot.slack.messages(GENERAL)) == 1


def test_after_a_mistake_it_can_be_put_right(bot: Scenario) -> None:
    view = form(bot)
    assert not bot.slack.user(JANE).submit(view, {"name": "a_b"}).is_ok

    assert bot.slack.user(JANE).submit(view, {"name": "lab"}).is_ok

    assert len(cards(bot, 2)) == 2


def test_it_speaks_korean(bot: Scenario) -> None:
    view = form(bot, JIHOON)

    assert view.content["title"]["text"] == "새 작업 공간"
    outcome = bot.slack.user(JIHOON).submit(view, {"name": "a_b"})
    assert "VM에 쓸 수 없습니다" in outcome.errors["name"]


def test_it_opens_from_help_and_from_the_home(bot: Scenario) -> None:
    bot.click(bot.answer("help"), "New workspace")
    bot.slack.user(JANE).close(opened(bot))

    bot.slack.user(JANE).open_home()
    home = bot.slack.wait_for(lambda: bot.slack.home(JANE))
    assert home is not None
    bot.slack.user(JANE).click(home, next(
        each["action_id"] for block in home.blocks for each in block.get("elements", [])
        if each.get("action_id", "").startswith("form:")))  # fmt: skip
    view = opened(bot)
    assert bot.slack.user(JANE).submit(view, {"name": "lab"}).is_ok

    direct = bot.slack.direct(JANE)
    assert "lab is ready" in cards(bot, 2, direct)[0].text


def test_a_guest_is_told_why_not(bot: Scenario) -> None:
    bot.ds("", GUEST)

    [view] = bot.slack.wait_for(lambda: bot.slack.modals(GUEST))
    assert "Only full members" in str(view.blocks)


def test_a_trigger_that_is_too_old_is_answered_with_help(
    bot: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    expire_triggers(bot, monkeypatch)
    answer = bot.answer("")

    assert "did not open the form in time" in answer.text
    assert "vm NAME" in str(answer.blocks) and bot.slack.modals(JANE) == []


def test_a_password_that_comes_too_late_is_said_to(
    bot: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot.card("vm web")
    card = bot.card("rstudio")
    expire_triggers(bot, monkeypatch)

    bot.click(card, "Show password")

    [answer] = bot.slack.wait_for(lambda: bot.slack.ephemerals(JANE))
    assert "Press the button again" in answer.text


def expire_triggers(bot: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack takes no trigger any more: each is older than three seconds."""
    monkeypatch.setattr("sandbox.slack.triggers.LIFETIME_S", -1.0)


def test_who_has_no_more_vms_left_is_told_at_the_field(bot: Scenario) -> None:
    for number in range(bot.policy.vm.max_per_owner):
        bot.card(f"vm web-{number}")
    view = form(bot)

    outcome = bot.slack.user(JANE).submit(view, {"vm": "a new vm", "name": "one-more"})

    assert list(outcome.errors) == ["vm"] and "web-0" in outcome.errors["vm"]
    assert all(vm.state is VmState.READY for vm in bot.core.vm_store.live())


def test_the_wish_can_be_typed(bot: Scenario) -> None:
    bot.ds("vm lab --then shiny")

    vm, app = cards(bot, 2)
    assert "lab is ready" in vm.text and "Shiny Server is ready" in app.text


def test_only_what_runs_on_a_vm_can_come_then(bot: Scenario) -> None:
    for then in ("ps", "'vm other'", "'rstudio on web'", "dance", "'vm cancel lab'"):
        answer = bot.answer(f"vm lab --then {then}")
        assert "`/ds" in answer.text
    assert bot.core.vm_store.live() == []
