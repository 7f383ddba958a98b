"""Facts for replies: ordinary ones, and such as somebody who means harm would make."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from bot.models import (
    Channel,
    Choice,
    Container,
    Link,
    Output,
    Person,
    PortBinding,
    Text,
    Vm,
    VmState,
)
from bot.replies.answers import ShownContainer, VmReport
from bot.replies.blocks import OPEN, Button
from bot.replies.card import Card, Phase, PhaseState
from bot.replies.pages import Turning

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
JANE, JIHOON = "U0JANE", "U0JIHOON"
ADDRESS = "169.53.232.6"

VM = Vm(
    op_id="kx7p2mv4q6wz3n5a",
    hostname="jekyll-dev",
    domain="xwmooc.net",
    owner_id=JANE,
    channel_id="C0GENERAL",
    team_id="T0",
    state=VmState.READY,
    image="docker",
    cpus=1,
    memory_mb=1024,
    datacenter="dal10",
    asked_at=NOW - timedelta(hours=30),
    cloud_id=13452387,
    address=ADDRESS,
    host_key="ssh-ed25519 AAAA",
    hourly_rate=Decimal("0.041"),
)

FIRST = Turning(lambda page: f"ps --page {page}")


def container(number: int = 0, image: str = "rocker/rstudio", port: int = 8787) -> Container:
    """A container like that of the walk-through."""
    return Container(
        id=f"{0x5C061B59B648 + number * 7919:012x}".ljust(64, "0"),
        name=f"{image.split('/')[-1]}-kx7p2mv4q6wz3n5a",
        image=image,
        command="/init",
        created_at=NOW - timedelta(minutes=5),
        is_running=True,
        status="Up 5 minutes",
        ports=(PortBinding(port, port),),
        labels={},
    )


def shown(one: Container, *, is_mine: bool = True, has_password: bool = True) -> ShownContainer:
    """The container as a list shows it."""
    url = f"http://{ADDRESS}:{one.ports[0].host_port}/"
    return ShownContainer(one, JANE, url, has_password, is_mine)


def fleet(
    vms: int, containers: int, name: str = "vm", image: str = "rocker/rstudio"
) -> list[VmReport]:
    """So many VMs with so many containers each; names as long as `name` and `image` make them."""
    return [
        VmReport(
            replace(VM, hostname=f"{name}-{i}"),
            [shown(container(i * 1000 + j, image)) for j in range(containers)],
        )
        for i in range(vms)
    ]


# --- harm ----------------------------------------------------------------------------------------

HARM = [
    "<!channel>", "<!here|x>", "<@U1>", "<#C1|general>", "<http://evil.example|169.53.232.6>",
    "http://evil.example", "@channel", "&lt;!channel&gt;", "&", "<", ">", "|", "`", "```", "*", "_",
    "~", "\n", "\r", "\t", "\u202e", "\u200f", "\u2066", "\u2028", "\x00", "{name}", "{0}", "^",
    "한글", "😀", "x" * 500, "*" * 40, "&" * 500, "<" * 500, " ",
]  # fmt: skip
words = st.lists(st.sampled_from(HARM), min_size=1, max_size=6).map("".join) | st.text(max_size=60)
user_ids = st.just(JANE) | st.sampled_from(["U1> <!channel>", "<!here>", "", "U" * 500]) | words
times = st.integers(0, 400 * 86400).map(lambda seconds: NOW - timedelta(seconds=seconds))
rates = st.none() | st.decimals(0, 1000, places=4)
values = (
    words
    | st.integers(0, 10**9)
    | rates.filter(bool)
    | times
    | st.builds(timedelta, seconds=st.integers(0, 10**6))
    | st.builds(Person, user_ids)
    | st.builds(Channel, st.just("C0GENERAL") | st.just("C1> <!channel>") | words)
    | st.builds(Link, words.map(lambda tail: f"http://{ADDRESS}/{tail}"), words)
    | st.builds(Output, words)
    | st.lists(words, max_size=40)
)


def sentences(ids: list[str]) -> st.SearchStrategy[Text]:
    """Any of our sentences, with anything in its places."""

    def filled(sentence: str) -> st.SearchStrategy[Text]:
        names = [part.split("}")[0] for part in sentence.split("{")[1:]]
        made = st.fixed_dictionaries({name: values for name in names})
        return made.map(lambda params: Text(sentence, **params))

    return st.sampled_from(ids).flatmap(filled)


vms = st.builds(
    replace,
    st.just(VM),
    hostname=words,
    owner_id=user_ids,
    state=st.sampled_from(VmState),
    datacenter=words,
    asked_at=times,
    address=st.none() | st.just(ADDRESS) | words,
    hourly_rate=rates,
)
containers = st.builds(
    replace,
    st.integers(0, 10**6).map(container),
    name=words,
    image=words,
    status=words,
    is_running=st.booleans(),
    created_at=times,
    ports=st.lists(st.builds(PortBinding, st.integers(1, 65535), st.integers(1, 65535)), max_size=8)
    .map(tuple),
)  # fmt: skip
shown_containers = st.builds(
    ShownContainer,
    container=containers,
    owner_id=st.none() | user_ids,
    url=st.none() | words.map(lambda tail: f"http://{ADDRESS}:8787/{tail}"),
    has_password=st.booleans(),
    is_mine=st.booleans(),
)


def reports(ids: list[str]) -> st.SearchStrategy[list[VmReport]]:
    trouble = st.none() | sentences(ids)
    one = st.builds(VmReport, vms, st.lists(shown_containers, max_size=8), trouble)
    return st.lists(one, max_size=12)


def cards(ids: list[str]) -> st.SearchStrategy[Card]:
    text = sentences(ids)
    phases = st.builds(
        Phase, text, times, st.sampled_from(PhaseState), st.none() | times, st.none() | text
    )
    buttons = st.builds(
        Button,
        text,
        st.just(OPEN),
        words,
        st.none() | words.map(lambda tail: f"http://{ADDRESS}/{tail}"),
        st.sampled_from([None, "primary", "danger"]),
        st.none() | text,
    )
    return st.builds(
        Card,
        title=text,
        caller_id=user_ids,
        began_at=times,
        phases=st.lists(phases, max_size=40).map(tuple),
        facts=st.lists(text, max_size=4).map(tuple),
        outcome=st.none() | text,
        has_failed=st.booleans(),
        buttons=st.lists(buttons, max_size=6).map(tuple),
    )


def choices(ids: list[str]) -> st.SearchStrategy[list[Choice]]:
    return st.lists(st.builds(Choice, sentences(ids), st.just("vm web")), max_size=20)
