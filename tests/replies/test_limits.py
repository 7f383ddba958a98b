"""Whatever people type and machines say: Slack takes the reply, and nothing of theirs is live."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import UserError
from bot.models import Choice, Output, Text, Vm
from bot.replies import answers, modals
from bot.replies.blocks import Reply
from bot.replies.card import Card, Phase, card_reply
from bot.replies.catalogue import messages_in_code
from bot.replies.texts import LANGUAGES, plain, say
from config.settings import load_policy
from handlers.commands import grammar as grammar_of
from handlers.help import help_reply
from sandbox.slack.limits import check_message_blocks
from tests.replies import facts
from tests.replies.block_kit import check_message, check_modal, texts_of
from tests.replies.facts import JANE, NOW, VM

IDS = sorted(
    sentence
    for message in messages_in_code()
    if message.id
    for sentence in ([message.id] if isinstance(message.id, str) else message.id)
)
languages = st.sampled_from(LANGUAGES)
generated = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# All that may be live, as Slack reads it: a person by id, an instant, a page of ours with a label.
_OURS = re.compile(
    r"<@[UW][A-Z0-9]{1,30}>|<#C0GENERAL>"
    r"|<!date\^\d+\^\{date_short_pretty\} \{time\}\|\d{4}-\d\d-\d\d \d\d:\d\d UTC>"
    r"|<http://169\.53\.232\.6[^<>|\s`]*\|[^<>]*>"
)


def check(reply: Reply) -> None:
    check_message(reply.text, reply.blocks)
    check_message_blocks(reply.blocks)
    check_nothing_foreign_is_live(reply.text)
    check_texts(reply.blocks)


def check_texts(blocks: object) -> None:
    for text in texts_of(blocks):
        if text["type"] == "mrkdwn":
            check_nothing_foreign_is_live(text["text"])
            assert text["verbatim"] is True  # else Slack links bare addresses and @names


def check_nothing_foreign_is_live(mrkdwn: str) -> None:
    left = _OURS.sub("", mrkdwn)
    assert "<" not in left and ">" not in left, left
    assert not re.search(r"&(?!amp;|lt;|gt;)", left), left
    # U1 and C1 are nobody's: they come only from what was typed.
    assert not re.search(r"<@U1>|<#C1|<!(?!date)", mrkdwn)
    hidden = {char for char in mrkdwn if unicodedata.category(char) in ("Cc", "Cf")}
    assert hidden <= {"\n"}, hidden


@generated
@given(facts.sentences(IDS), languages)
def test_no_sentence_can_be_broken_out_of(text: Text, language: str) -> None:
    check(answers.refusal_reply(UserError(text), "/ds", language))


@generated
@given(facts.sentences(IDS), facts.words, facts.choices(IDS), languages)
def test_refusals(text: Text, instead: str, choices: list[Choice], language: str) -> None:
    check(answers.refusal_reply(UserError(text, instead, choices), "/ds", language))


@generated
@given(facts.words, languages)
def test_short_answers(words: str, language: str) -> None:
    check(answers.chosen_reply(words, language))
    check(answers.unexpected_reply(words, language))


@generated
@given(facts.cards(IDS), languages)
def test_cards(card: Card, language: str) -> None:
    check(card_reply(card, NOW, language))


@generated
@given(facts.reports(IDS), languages)
def test_container_lists(reports: list[answers.VmReport], language: str) -> None:
    check(answers.containers_reply(reports, NOW, language, facts.FIRST))


@generated
@given(st.lists(facts.vms, max_size=60), languages)
def test_vm_lists(vms: list[Vm], language: str) -> None:
    check(answers.vms_reply(vms, NOW, language, facts.FIRST))


@generated
@given(facts.words, facts.words, facts.words, facts.words.filter(bool), languages)
def test_passwords(title: str, tail: str, login: str, password: str, language: str) -> None:
    url = f"http://{facts.ADDRESS}:8787/{tail}"
    view = modals.password_modal(title, url, login or "x", password, language)

    check_modal(view)
    check_texts(view)
    assert any(password == text for text in preformatted(view))


@generated
@given(facts.sentences(IDS), languages)
def test_modals_of_trouble(why: Text, language: str) -> None:
    for view in (modals.trouble_modal(why, language), modals.loading_modal(language)):
        check_modal(view)
        check_texts(view)


@pytest.mark.parametrize("language", LANGUAGES)
def test_help_and_every_command_of_it(language: str) -> None:
    grammar = grammar_of(load_policy())

    check(help_reply(grammar, [], language))
    for command in grammar.commands:
        check(help_reply(grammar, command.words, language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_few_containers_have_all_their_buttons(language: str) -> None:
    reply = answers.containers_reply(facts.fleet(2, 2), NOW, language, facts.FIRST)

    buttons = [each for block in reply.blocks for each in block.get("elements", [])]
    assert (
        sum(each.get("action_id", "").startswith("run:") for each in buttons) == 12
    )  # Logs, Stop, Kill
    assert sum(each.get("action_id", "").startswith("password:") for each in buttons) == 4
    assert sum(each.get("action_id", "").startswith("open:") for each in buttons) == 4


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_card_of_very_many_steps_counts_the_earlier_ones(language: str) -> None:
    phases = tuple(
        Phase(Text("`{id}` {image} on {vm}", id=f"{i:012x}", image="x" * 500, vm="v"), NOW)
        for i in range(300)
    )
    card = Card(Text("Kill {ids}", ids=["x" * 500] * 300), JANE, NOW, phases)

    reply = card_reply(card, NOW + timedelta(seconds=5), language)

    check(reply)
    assert "288" in str(reply.blocks)


@pytest.mark.parametrize("language", LANGUAGES)
@given(st.data())
@generated
def test_plain_text_shows_no_marks(language: str, data: st.DataObject) -> None:
    words = data.draw(facts.words)
    shown = plain(Text("Order VM {name}", name=words), language)

    assert "`" not in shown and "*" not in shown and "\n" not in shown


def test_owner_labels_on_a_vm_cannot_mention_anybody() -> None:
    """Whoever may use Docker on a VM can start a container with any label."""
    shown = replace(facts.shown(facts.container()), owner_id="U1> <!channel> <@U2")
    reply = answers.containers_reply([answers.VmReport(VM, [shown])], NOW, "en", facts.FIRST)

    assert "<!channel>" not in str(reply.blocks)
    check(reply)


def test_a_list_of_values_is_cut_with_the_number_left_out() -> None:
    shown = say(Text("There is no VM `{name}`. Yours are: {names}.", name="x",
                     names=[f"vm-{i}" for i in range(33)]), "en")  # fmt: skip

    assert "vm-19, 13 more" in shown and "vm-20" not in shown


def preformatted(view: dict[str, object]) -> list[str]:
    blocks = view["blocks"]
    assert isinstance(blocks, list)
    rich = [block for block in blocks if block["type"] == "rich_text"]
    return [block["elements"][1]["elements"][0]["text"] for block in rich]


@pytest.mark.parametrize(
    "typed, shown",
    [
        ("a`b", "`a'b`"),
        ("a\nb\r\nc\u2028d\te", "`a b  c d e`"),
        ("a\u202eb\x00c\u200f", "`abc`"),
        ("<!channel> & co", "`&lt;!channel&gt; &amp; co`"),
        ("{name} {0}", "`{name} {0}`"),
    ],
)
def test_a_value_stays_in_its_code_span_and_line(typed: str, shown: str) -> None:
    assert say(Text("`{name}`", name=typed), "en") == shown


def test_an_output_keeps_its_lines_and_the_end_of_them() -> None:
    lines = Output("first\r\n" + "\x1bx" * 900 + "\n```\nlast <!here>")
    shown = say(Text("{log}", log=lines), "en")

    assert shown.startswith("```\n") and shown.endswith("\n'''\nlast &lt;!here&gt;\n```")
    assert "first" not in shown and shown.count("```") == 2


@pytest.mark.parametrize("language, title", [("en", "Password"), ("ko", "비밀번호")])
def test_a_modal_has_its_whole_title(language: str, title: str) -> None:
    assert modals.loading_modal(language)["title"]["text"] == title


@pytest.mark.parametrize("language", LANGUAGES)
def test_plain_text_says_an_instant_with_its_zone(language: str) -> None:
    """A button cannot show each reader's own time."""
    assert plain(Text("{when}", when=NOW), language) == "2026-11-23 09:30 UTC"


def test_a_fallback_reads_as_sentences() -> None:
    error = UserError(Text("There is no VM `{name}`, and you have none.", name="x"), "vm x")
    card = Card(
        Text("VM {name}", name="x"), JANE, NOW, outcome=Text("*{name}* is cancelled.", name="x")
    )

    assert answers.refusal_reply(error, "/ds", "en").text == (
        "There is no VM `x`, and you have none. Type instead: `/ds vm x`"
    )
    assert card_reply(card, NOW, "en").text == "x is cancelled."
