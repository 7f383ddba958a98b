"""What machines and registries say about images and output, at its largest and at its worst."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.models import Image, Link, SearchHit
from bot.replies import engine_answers
from bot.replies.texts import LANGUAGES
from tests.replies.facts import ADDRESS, FIRST, HARM, NOW, VM
from tests.replies.test_limits import check

WORDS = ["rocker/rstudio", "x" * 500, "".join(HARM)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("words", WORDS, ids=["usual", "long", "harmful"])
@pytest.mark.parametrize("count", [0, 1, 25, 100])
def test_lists_of_images_and_addresses(count: int, words: str, language: str) -> None:
    hits = [SearchHit(words, words, 3, is_official=True, is_automated=True)] * count
    image = Image("sha256:" + "a" * 64, (words,) * 3, NOW - timedelta(days=9), 10**9, ())
    links = [(words, Link(f"http://{ADDRESS}:8787/{words}"))] * count

    check(engine_answers.search_reply(words, hits, VM, language, FIRST))
    check(engine_answers.images_reply([image] * count, frozenset(), VM, NOW, language, FIRST))
    check(engine_answers.urls_reply(links, language, FIRST))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("words", WORDS, ids=["usual", "long", "harmful"])
def test_logs(words: str, language: str) -> None:
    check(engine_answers.logs_reply(words, "", language))
    check(engine_answers.logs_reply(words, f"{words}\n" * 50, language))
