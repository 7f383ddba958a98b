"""What Slack would show, in a terminal: the same words, tables for lists, nothing that can act."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from rich.console import Console

from bot.errors import UserError
from bot.models import Choice, Link, Output, PortBinding, SearchHit, Text
from bot.replies import answers, engine_answers
from bot.replies.blocks import (
    Button,
    Drawing,
    Reply,
    actions,
    context,
    password_button,
    section,
)
from bot.replies.card import Card, Phase, PhaseState, card_reply
from bot.replies.texts import say
from bot.shell import mrkdwn
from bot.shell.blocks_view import Next, addresses, nexts, paragraphs
from bot.shell.listings import containers_listing, hits_listing, reports_listing, vms_listing
from bot.shell.results import Result, Status, answered
from bot.shell.terminal import Terminal, console_on
from tests.replies.facts import ADDRESS, HARM, NOW, VM, container, fleet, shown
from tests.replies.facts import words as any_words

STARTED = NOW - timedelta(seconds=75)
CARD = Card(
    Text("Order VM {name}", name="jekyll-dev"),
    "local:alice",
    STARTED,
    phases=(
        Phase(Text("Check the price"), STARTED, PhaseState.DONE, STARTED + timedelta(seconds=1)),
        Phase(Text("Boot the VM"), STARTED + timedelta(seconds=1), note=Text("{x}", x=ADDRESS)),
    ),
)


def drawn(result: Result, *, width: int = 100, language: str = "en", color: bool = False) -> str:
    """What a terminal shows, without trailing blanks."""
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=color, highlight=False, markup=False, emoji=False,
        color_system="standard" if color else None,
    )  # fmt: skip
    Terminal(console, console, language).show(result)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def vm_list(language: str = "en") -> Result:
    other = replace(
        VM, hostname="shiny-한글", owner_id="local:alice", address=None, hourly_rate=None
    )
    reply = Reply("2 VMs", [section("*2 VMs*"), section("…")])
    return answered("vm list", Status.DONE, reply, [vms_listing([VM, other], NOW)])


def test_a_list_is_a_table() -> None:
    assert drawn(vm_list()) == (
        "2 VMs\n"
        "VM          State  Address       vCPU    MB  Datacenter  Per hour  So far  Owner\n"
        "jekyll-dev  ready  169.53.232.6     1  1024  dal10         $0.041   $1.23  @U0JANE\n"
        "shiny-한글  ready                   1  1024  dal10                         local:alice"
    )


def test_a_list_is_a_table_in_korean() -> None:
    head = drawn(vm_list(), language="ko").splitlines()[1]

    assert head.split() == "VM 상태 주소 vCPU MB 데이터센터 시간당 지금까지 소유자".split()


def test_a_terminal_too_narrow_for_a_table_shows_paragraphs() -> None:
    reports = fleet(1, 2)
    reply = Reply("2 running containers", [section("*2 running containers*"), section("first")])
    result = answered("ps", Status.DONE, reply, [containers_listing(reports, NOW)])

    assert "Container" in drawn(result, width=120)
    assert drawn(result, width=60) == "2 running containers\nfirst"


def test_a_card_under_way_and_ended() -> None:
    running = card_reply(CARD, NOW, "en")
    outcome = Text("*{name}* is ready at `{address}`.", name="jekyll-dev", address=ADDRESS)
    buttons = (
        Button(Text("RStudio"), value="rstudio on jekyll-dev"),
        Button(Text("Cancel VM"), value="vm cancel jekyll-dev", style="danger"),
    )
    ended = card_reply(replace(CARD, outcome=outcome, buttons=buttons), NOW, "en")

    assert [each.plain for each in paragraphs(running.blocks)] == [
        "⏳ Order VM jekyll-dev · Boot the VM",
        "✅ Check the price · done in 1s\n⏳ Boot the VM · 1m 14s so far · 169.53.232.6",
        "for local:alice · 1m 15s in all",
    ]
    assert drawn(answered("vm jekyll-dev", Status.DONE, ended)).splitlines() == [
        "✅ jekyll-dev is ready at 169.53.232.6.",
        "✅ Check the price · done in 1s",
        "⏳ Boot the VM · 1m 14s so far · 169.53.232.6",
        "for local:alice · 1m 15s in all",
        "→ RStudio    rstudio on jekyll-dev",
        "→ Cancel VM  vm cancel jekyll-dev",
    ]


def test_a_refusal_says_what_to_type() -> None:
    error = UserError(
        Text("Which VM?"), choices=[Choice(Text("{vm}", vm=vm), f"ps on {vm}") for vm in "ab"]
    )
    reply = answers.refusal_reply(error, "/ds", "en")

    assert drawn(answered("ps", Status.REFUSED, reply)) == "Which VM?\n→ a  ps on a\n→ b  ps on b"


def test_a_password_button_names_the_terminals_own_command() -> None:
    button = password_button("op", "5c061b59b648" + "0" * 52)

    assert nexts([actions([button], "en")]) == [Next("Show password", "password 5c061b59b648")]


def test_a_list_of_many_things_shows_each_kind_of_button_once() -> None:
    hits = [SearchHit(f"rocker/r{i}", "", i, is_official=False, is_automated=True)
            for i in range(9)]  # fmt: skip
    buttons = [
        actions([Button(Text("Pull"), value=f"pull {hit.name} on vm")], "en") for hit in hits
    ]
    result = answered("search r", Status.DONE, Reply("9", buttons), [hits_listing(hits)])

    assert drawn(result).count("→") == 1
    assert len(result.document()["next"]) == 9


def test_a_vm_in_trouble_is_told_beside_the_containers() -> None:
    reports = [replace(fleet(1, 0)[0], trouble=Text("{vm} does not answer", vm="vm-0"))]
    result = answered("ps", Status.DONE, Reply("0", []), [reports_listing(reports, NOW)])

    assert "vm-0 does not answer" in drawn(result)


# --- programs ------------------------------------------------------------------------------------


def test_a_document_has_facts_and_not_only_words() -> None:
    document = vm_list("ko").document()

    first, second = document["facts"]["vms"]
    assert document["status"] == "done" and document["command"] == "vm list"
    assert first["name"] == "jekyll-dev" and first["state"] == "ready"
    assert first["hourly_usd"] == 0.041 and first["cost_usd"] == 1.23
    assert first["asked_at"] == "2026-11-22T03:30:00Z" and first["owner"] == "U0JANE"
    assert second["address"] is None and second["hourly_usd"] is None


def test_a_document_names_containers_ports_and_links() -> None:
    one = replace(container(), ports=(PortBinding(8787, 8788),))
    reports = [replace(fleet(1, 0)[0], containers=[shown(one)])]
    reply = Reply("1", [section(say(Text("{link}", link=Link(f"http://{ADDRESS}:8788/")), "en"))])
    document = answered("ps", Status.DONE, reply, [containers_listing(reports, NOW)]).document()

    [row] = document["facts"]["containers"]
    assert row["ports"] == ["8788:8787"] and row["is_running"] and row["status"] == "Up 5 minutes"
    assert document["links"] == [f"http://{ADDRESS}:8788/"]


# --- harm ----------------------------------------------------------------------------------------

_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@given(any_words)
def test_nothing_anybody_named_can_act_in_a_terminal(name: str) -> None:
    texts = [say(Text("`{name}` *{name}* {name}", name=name), "en"),
             say(Text("{out}", out=Output(name)), "en"), name]  # fmt: skip
    blocks = [section(text) for text in texts if text] + [context(name or "-")]
    blocks.append({"type": "rich_text", "elements": [{"type": "text", "text": name}]})
    blocks.append({"type": "image", "alt_text": name})

    for paragraph in paragraphs(blocks):
        assert not _CONTROLS.search(paragraph.plain)
    for url in addresses(blocks):
        assert not _CONTROLS.search(url)


def test_escape_sequences_of_a_description_do_not_reach_the_terminal() -> None:
    hit = SearchHit("a/b", "\x1b[2J\x1b]0;owned\x07 fine", 1, is_official=False, is_automated=False)
    reply = engine_answers.logs_reply("a", "\x1b[31mred\x1b[0m\rhidden", "en")

    table = drawn(answered("search a", Status.DONE, Reply("1", []), [hits_listing([hit])]))
    assert "\x1b" not in table and "\x07" not in table and "fine" in table
    assert "\x1b" not in drawn(answered("logs a", Status.DONE, reply))


@pytest.mark.parametrize(
    ("text", "shown_as"),
    [
        ("a *bold* word", "a bold word"),
        ("2*3*4", "2*3*4"),
        ("`code` &lt;x&gt; &amp; &amp;lt;", "code <x> & &lt;"),
        ("<@U0JANE> in <#C0GENERAL>", "@U0JANE in #C0GENERAL"),
        ("<http://a.example/|http://a.example/>", "http://a.example/"),
        ("<http://a.example/?a=1&amp;b=2|the page>", "the page (http://a.example/?a=1&b=2)"),
        ("before\n```\nline 1\n  line 2\n```\nafter", "before\n  line 1\n    line 2\n\nafter"),
        ("<!channel> <nonsense", "<!channel> <nonsense"),
        ("<!date^999999999999^x|some day>", "some day"),
    ],
)
def test_mrkdwn(text: str, shown_as: str) -> None:
    assert mrkdwn.plain(text) == shown_as


# --- colours -------------------------------------------------------------------------------------


def test_colours_are_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" in drawn(vm_list(), color=True)
    out = io.StringIO()
    monkeypatch.setenv("TERM", "xterm-256color")
    Terminal(console_on(out), console_on(out), "en").show(vm_list())
    assert "\x1b" not in out.getvalue()


def test_lines_for_other_programs_are_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    out = io.StringIO()
    long = "word " * 100
    reply = Reply(long, [section(long)])
    Terminal(console_on(out), console_on(out), "en").show(answered("x", Status.DONE, reply))

    assert out.getvalue().strip() == long.strip()


def test_everything_of_the_fakes_harm_list_is_shown_somehow() -> None:
    for harm in HARM:
        blocks = [section(say(Text("a{x}b", x=harm), "en"))]
        [paragraph] = paragraphs(blocks)
        assert paragraph.plain.startswith("a")


def test_a_picture_is_a_file_with_its_words_beside_it() -> None:
    drawing = Drawing("lineage.png", b"PNG", "r-base builds on debian.")
    result = answered("lineage", Status.DONE, Reply("2 images", [section("2")], drawing=drawing))

    assert [(each.name, each.content) for each in result.files] == [("lineage.png", b"PNG")]
    assert "r-base builds on debian." in drawn(result)
