"""Long lists: every page is taken by Slack, and nothing of the list is on no page, or on two."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.models import Image, Link, SearchHit
from bot.money import dollars
from bot.replies import answers, engine_answers
from bot.replies.blocks import MAX_BUTTON_VALUE, Reply
from bot.replies.home import home_view
from bot.replies.pages import Turning
from bot.replies.texts import LANGUAGES
from sandbox.slack.limits import check_view
from tests.replies import facts
from tests.replies.block_kit import texts_of
from tests.replies.facts import ADDRESS, NOW, VM
from tests.replies.test_limits import check

ListAt = Callable[[int], Reply]
LONG = "registry.example.com/" + "x" * 500


def turning(page: int) -> Turning:
    return Turning(lambda number: f"ps --page {number}", page)


def walk(list_at: ListAt) -> list[Reply]:
    """Every page, by its own button to the next; each must be one that Slack takes."""
    pages, page = [list_at(1)], 1
    check(pages[0])
    while targets(pages[-1]).get("Next page") or targets(pages[-1]).get("다음 쪽"):
        page += 1
        pages.append(list_at(page))
        check(pages[-1])
        assert f"ps --page {page - 1}" in targets(pages[-1]).values()
    return pages


def targets(reply: Reply) -> dict[str, str]:
    """The buttons that turn the page: what each shows."""
    return {
        each["text"]["text"]: each["value"]
        for block in reply.blocks
        for each in block.get("elements", [])
        if each.get("action_id", "").startswith("page:")
    }


def said(pages: list[Reply]) -> str:
    return "\n".join(text["text"] for page in pages for text in texts_of(page.blocks))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("image", ["rocker/rstudio", LONG])
@pytest.mark.parametrize("vms, containers", [(1, 200), (20, 10), (40, 0), (25, 20)])
def test_each_container_is_on_one_page(
    vms: int, containers: int, image: str, language: str
) -> None:
    fleet = facts.fleet(vms, containers, "n" * 59 if image == LONG else "vm", image)

    pages = walk(lambda page: answers.containers_reply(fleet, NOW, language, turning(page)))

    shown = said(pages)
    for report in fleet:
        assert f"*{report.vm.hostname}*" in shown
        for each in report.containers:
            assert shown.count(f"`{each.container.short_id}`") == 1
    assert str(vms * containers) in pages[-1].text


def test_a_long_list_keeps_a_button_for_each_container() -> None:
    fleet = facts.fleet(1, 200)

    pages = walk(lambda page: answers.containers_reply(fleet, NOW, "en", turning(page)))

    kills = [
        block["accessory"]["value"]
        for page in pages
        for block in page.blocks
        if "accessory" in block
    ]
    assert kills == [f"kill {each.container.short_id}" for each in fleet[0].containers]


def test_each_page_names_the_vm_of_its_containers() -> None:
    fleet = facts.fleet(1, 200)

    pages = walk(lambda page: answers.containers_reply(fleet, NOW, "en", turning(page)))

    assert len(pages) > 5
    assert all("*vm-0*" in said([page]) for page in pages)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", range(0, 60, 9))
def test_a_list_fits_at_every_length(count: int, language: str) -> None:
    fleet = facts.fleet(2, count)

    walk(lambda page: answers.containers_reply(fleet, NOW, language, turning(page)))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["rocker/rstudio:", LONG])
def test_each_of_300_images_is_on_one_page(name: str, language: str) -> None:
    images = [
        Image(f"sha256:{i:064x}", (f"{i}.{name}",), NOW - timedelta(days=9), 10**9, ())
        for i in range(300)
    ]

    pages = walk(
        lambda page: engine_answers.images_reply(
            images, frozenset(), VM, NOW, language, turning(page)
        )
    )

    assert all(said(pages).count(f"*{i}.{name[:9]}") == 1 for i in range(300))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", [1, 40, 300])
def test_each_vm_is_on_one_page_and_the_costs_on_all(count: int, language: str) -> None:
    vms = [replace(VM, hostname=f"{'n' * 59}-{i}") for i in range(count)]

    pages = walk(lambda page: answers.vms_reply(vms, NOW, language, turning(page)))

    shown = said(pages)
    assert all(shown.count(f"-{i}*") == 1 for i in range(count))
    assert all(dollars(Decimal("0.041") * count) in page.text for page in pages)


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_hits_and_addresses_at_their_longest(language: str) -> None:
    hits = [SearchHit(f"{i}.{'x' * 500}", "y" * 500, 3, True, True) for i in range(25)]
    links = [(f"{i}.{'x' * 500}", Link(f"http://{ADDRESS}:8787/{i}/{'z' * 500}"))
             for i in range(200)]  # fmt: skip

    found = walk(lambda page: engine_answers.search_reply("x" * 100, hits, VM, language,
                                                          turning(page)))  # fmt: skip
    pages = walk(lambda page: engine_answers.urls_reply(links, language, turning(page)))

    assert all(said(found).count(f"*{i}.xx") == 1 for i in range(25))
    assert all(f":8787/{i}/" in said(pages) for i in range(200))


@pytest.mark.parametrize("page", [0, -1, 99, 10**6])
def test_a_page_that_is_not_there_is_the_nearest(page: int) -> None:
    fleet = facts.fleet(1, 40)
    pages = walk(lambda number: answers.containers_reply(fleet, NOW, "en", turning(number)))

    reply = answers.containers_reply(fleet, NOW, "en", turning(page))

    assert reply == (pages[0] if page < 1 else pages[-1])


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_one_is_can_be_heard_too(language: str) -> None:
    reply = answers.containers_reply(facts.fleet(1, 200), NOW, language, turning(2))

    count = re.search(r"[0-9]+$|[0-9]+(?=쪽 중)", reply.text)
    assert count is not None and int(count[0]) > 5
    short = answers.containers_reply(facts.fleet(1, 2), NOW, language, turning(1))
    assert not targets(short) and count[0] not in short.text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("image", ["rocker/rstudio", LONG])
@pytest.mark.parametrize("vms, containers", [(0, 0), (1, 200), (20, 10), (60, 0)])
def test_the_app_home_at_its_largest(vms: int, containers: int, image: str, language: str) -> None:
    fleet = facts.fleet(vms, containers, "n" * 59, image)
    programs = {f"word-{i}": "title " * 100 for i in range(30)}
    seen, number = "", 0
    while True:
        number += 1
        view: dict[str, Any] = home_view(fleet, programs, NOW, language, "/ds", number)
        check_view(view, "home")
        seen += str(view["blocks"])
        buttons = [each for block in view["blocks"] for each in block.get("elements", [])]
        if not any(each.get("value") == str(number + 1) for each in buttons):
            break
    assert all(each.container.short_id in seen for report in fleet for each in report.containers)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_message_is_refused_for_the_value_of_a_button(language: str) -> None:
    """Engines may have images of any name, and commands may be as long as Slack lets one type."""
    images = [Image("sha256:" + "a" * 64, ("x" * (MAX_BUTTON_VALUE + n),), NOW, 1, ())
              for n in (-40, 0, 500)]  # fmt: skip
    hits = [SearchHit("x" * (MAX_BUTTON_VALUE + 1), "", 1, False, False)]

    check(engine_answers.images_reply(images, frozenset(), VM, NOW, language, turning(1)))
    check(engine_answers.search_reply("x", hits, VM, language, turning(1)))
    check(answers.vms_reply([replace(VM, hostname="x" * 2500)], NOW, language, turning(1)))
