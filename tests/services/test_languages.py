"""Cards speak the channel's language where it has one; what one person sees, theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.models import Text, Title
from bot.replies.texts import say
from bot.services.recorded import text_from_json, text_to_json
from config.settings import load_policy
from tests.services.world import GENERAL, JANE, JIHOON, World


@pytest.fixture
def korean(tmp_path: Path) -> World:
    """A world in which the channel speaks Korean."""
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(f"channels: {{{GENERAL}: {{language: ko}}}}\n")
    return World(tmp_path / "store", policy=load_policy(overlay))


def is_korean(text: str) -> bool:
    return any("가" <= char <= "힣" for char in text)


def test_a_card_speaks_the_language_of_its_channel(korean: World) -> None:
    card = korean.cards(korean.done("vm web", JANE))[-1]

    assert all(is_korean(text) for text in card.shown[1:]), card.shown
    assert is_korean(str(card.blocks))


def test_without_a_setting_a_card_speaks_the_language_of_who_asked(world: World) -> None:
    assert is_korean(world.cards(world.done("vm web", JIHOON))[-1].text)
    assert not is_korean(world.cards(world.done("vm db", JANE))[-1].text)


def test_a_refusal_is_private_and_speaks_the_persons_language(korean: World) -> None:
    assert not is_korean(korean.refused("vm cancel nobody-has-this", JANE))


def test_where_the_card_goes_to_the_person_it_speaks_theirs(korean: World) -> None:
    korean.chat.closed[GENERAL] = "not_in_channel"

    card = korean.cards(korean.done("vm web", JANE))[-1]

    assert card.ref.channel_id.startswith("D")
    assert not is_korean(card.text)


def test_where_the_card_is_gone_the_end_speaks_the_persons_language(korean: World) -> None:
    op_id = korean.ask("vm web", JANE)
    korean.later(korean.cloud.provisioning / 2, lambda: korean.chat.delete(
        korean.cards(op_id)[0].ref))  # fmt: skip
    korean.run()

    end = korean.cards(op_id)[-1]
    assert end.ref.channel_id.startswith("D")
    assert not is_korean(end.text)


def test_names_of_the_catalogue_are_translated(world: World) -> None:
    policy = world.policy
    for name in ("hadleyverse",):
        assert is_korean(say(Text("{app}", app=policy.catalog[name].title), "ko"))
    assert say(Text("{app}", app=policy.tools["r-devel"].title), "ko") == "R 개발 버전"
    assert say(Text("{app}", app=policy.catalog["rstudio"].title), "ko") == "RStudio"


def test_a_title_survives_the_record() -> None:
    text = Text("*{app}* is ready", app=Title("R <the>", "R `그`"))

    again = text_from_json(text_to_json(text))

    assert again == text
    assert say(again, "ko").count("그") == 1 and "`" not in say(again, "ko")


def test_a_language_that_there_is_not_is_a_mistake(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("channels: {general: {language: xx}, C0A: {language: fr}}\n")

    with pytest.raises(Exception, match=r"(?s)channels.*general.*C0A"):
        load_policy(overlay)
