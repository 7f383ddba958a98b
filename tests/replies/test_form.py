"""The form at its largest: Slack takes it, and its first choices are what is usual."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from slack_sdk.models.views import View

from bot.models import Title
from bot.replies.form import Offered, Opened, form_modal, waiting_modal
from bot.replies.texts import LANGUAGES
from sandbox.slack.limits import check_view
from tests.replies.block_kit import texts_of
from tests.replies.facts import VM

SIZES = [(1, 1024), (2, 4096), (16, 65536)]


def check(view: dict[str, Any]) -> None:
    check_view(view, "modal")
    View(**view).to_dict()
    assert all(text["type"] == "plain_text" for text in texts_of(view))
    assert not any(set(text["text"]) & set("`*") for text in texts_of(view))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", [0, 1, 99, 300])
def test_slack_takes_it_with_any_number_of_vms_and_programs(count: int, language: str) -> None:
    vms = [replace(VM, hostname=f"{'n' * 57}-{i}") for i in range(count)]
    programs = {f"program-{i}": Title("<T> `" + "x" * 500, "가" * 500) for i in range(count)}

    view = form_modal(
        Offered(programs, vms, "n" * 63, SIZES, ("4h", "7d")), Opened("C0GENERAL", language)
    )

    check(view)
    first = view["blocks"][2]["element"]["initial_option"]["value"]
    assert first == (vms[0].hostname if vms else "a new vm")


@pytest.mark.parametrize("language, title", [("en", "New workspace"), ("ko", "새 작업 공간")])
def test_its_title_is_whole_also_while_one_waits(language: str, title: str) -> None:
    check(waiting_modal(language))

    assert waiting_modal(language)["title"]["text"] == title
