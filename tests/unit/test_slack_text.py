"""Texts cut to what chat.update takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.slack_text import UPDATE_TEXT, trimmed


@pytest.mark.parametrize("text", ["", "short", "가" * UPDATE_TEXT, "`" * UPDATE_TEXT])
def test_what_fits_is_left_alone(text: str) -> None:
    assert trimmed(text) == text


@given(st.text(st.sampled_from("ab <>&;|@`가😀\n"), max_size=80), st.integers(8, 60))
def test_what_is_cut_fits_and_is_a_beginning(text: str, limit: int) -> None:
    cut = trimmed(text, limit)

    assert len(cut.encode("utf-16-le")) // 2 <= limit
    if cut != text:
        assert text.startswith(cut.removesuffix("```").removesuffix("…"))


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("1234567890 <@U0JANE> is ready", "1234567890…"),
        ("123456789012 &amp; more and more", "123456789012…"),
        ("<https://a.example|a> and more", "<https://a.example|a…"),
    ],
)
def test_a_mention_or_an_entity_is_kept_whole_or_left_out(text: str, cut: str) -> None:
    """Half a mention is noise; half an entity is another text."""
    result = trimmed(text, 18)

    assert "<@" not in result and "&" not in result
    assert result == (cut if not cut.startswith("<") else "…")


def test_code_that_is_cut_is_closed() -> None:
    """Else all that follows in the notification would be code too."""
    assert trimmed("```" + "x" * 100, 20) == "```" + "x" * 13 + "…```"


def test_emoji_count_twice_and_are_not_halved() -> None:
    """Slack may count in UTF-16; Korean counts once in either way."""
    cut = trimmed("😀" * 2500)

    assert len(cut) <= UPDATE_TEXT // 2 + 1
    assert set(cut) == {"😀", "…"}
