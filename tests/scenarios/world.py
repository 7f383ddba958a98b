"""The bot's own code from Slack's payload to Slack's message, with clouds and VMs in memory.

Real: Bolt, both transports, the Web API client, the store, the grammar, services and replies, and
the manifest's scopes. In memory: SoftLayer, the VMs' engines, and time (waiting takes none).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from slack_sdk import WebClient

from bot.adapters.bolt import bolt_app
from bot.adapters.clock import SystemClock
from bot.adapters.cloud_config import user_data_for
from bot.adapters.health import Health
from bot.adapters.http_server import HttpServer
from bot.adapters.save_files import SaveFiles
from bot.adapters.slack import SlackChat
from bot.adapters.slack_api import SlackAccess
from bot.adapters.slack_http import SlackRequests
from bot.adapters.slack_socket import SlackSocket
from bot.app import Core
from bot.models import HostAccess, SearchHit
from config.settings import Policy, load_policy
from handlers.commands import grammar as grammar_of
from handlers.manifest import manifest
from handlers.register import register
from sandbox.slack.records import Message
from sandbox.slack.server import SlackSandbox
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.durable import FakeEngines
from tests.fakes.hosts import FAKE_HOST_KEY, FakeHost, FakeHosts, FakeImage, FakeWeb

JANE, JIHOON, ADMIN, GUEST = "U0JANE", "U0JIHOON", "U0ADMIN", "U0GUEST"
GENERAL = "C0GENERAL"
ANSWER_S = 3.0  # within which a person must have their answer


class FakeIdentity:
    """Every VM shows the fakes' host key."""

    def user_data(self, op_id: str) -> str:
        return user_data_for(op_id)

    def public_user_data(self, op_id: str) -> str | None:
        return user_data_for(op_id)

    def host_key(self, op_id: str) -> str | None:
        return FAKE_HOST_KEY

    def public_key(self) -> str:
        return f"{FAKE_HOST_KEY} ds-bot"

    def forget(self, op_id: str) -> None:
        """It has none."""


@dataclass(frozen=True)
class Scenario:
    """A workspace with the bot in it."""

    slack: SlackSandbox
    cloud: FakeCloud
    hosts: FakeHosts
    web: FakeWeb
    core: Core
    policy: Policy
    http: HttpServer

    def ds(self, line: str, user: str = JANE, channel: str = GENERAL) -> None:
        """Type `/ds …`; it must be acked."""
        outcome = self.slack.user(user).command(channel, "/ds", line)
        assert outcome.is_ok, outcome

    def answer(self, line: str, user: str = JANE, channel: str = GENERAL) -> Message:
        """Type a command and wait for what only its author sees."""
        before = len(self.slack.ephemerals(user))
        self.ds(line, user, channel)
        return self.slack.wait_for(lambda: self.slack.ephemerals(user)[before:], timeout=ANSWER_S)[
            0
        ]

    def card(self, line: str, user: str = JANE, channel: str = GENERAL) -> Message:
        """Type a command and wait for its card to reach a final state."""
        before = len(self.slack.messages(channel))
        self.ds(line, user, channel)
        self.slack.wait_for(lambda: self.slack.messages(channel)[before:], timeout=ANSWER_S)
        return self.ended(channel, before)

    def ended(self, channel: str = GENERAL, index: int = -1) -> Message:
        """A card of the channel once every operation has ended."""
        deadline = time.monotonic() + 15.0
        while not self.core_is_idle():
            assert time.monotonic() < deadline, self.slack.messages(channel)[index].text
            threading.Event().wait(0.01)
        return self.slack.messages(channel)[index]

    def core_is_idle(self) -> bool:
        """Whether every operation has its final state."""
        return not self.core.operation_store.unfinished()

    def click(self, where: Message, label: str, user: str = JANE) -> None:
        """Press the button with this label."""
        for block in where.blocks:
            for element in [*block.get("elements", []), block.get("accessory", {})]:
                if element.get("type") == "button" and element["text"]["text"] == label:
                    outcome = self.slack.user(user).click(
                        where, element["action_id"], element.get("value")
                    )
                    assert outcome.is_ok, outcome
                    return
        raise LookupError(f"no button {label!r} on {where.blocks}")

    def changed(self) -> tuple[int, int, int]:
        """What a refused command must not change: orders, live VMs, containers."""
        addresses = [vm.address for vm in self.core.vm_store.live() if vm.address]
        containers = sum(
            len(self.hosts.on(access_to(address)).containers(all=True)) for address in addresses
        )
        return len(self.cloud.orders), len(self.core.vm_store.live()), containers


def access_to(address: str) -> HostAccess:
    """How the bot reaches the VM at an address."""
    return HostAccess(address, FAKE_HOST_KEY)


def everything() -> dict[str, FakeImage]:
    """The images that the catalogue names."""
    return {app.image: FakeImage() for app in load_policy().catalog.values()}


def vm_of_ours(clock: FakeClock) -> FakeHost:
    """A VM that can pull and search as in the walk-through."""
    host = FakeHost(catalogue=everything(), now=clock.now, sleep=clock.sleep)
    host.index = [
        SearchHit("opencpu/rstudio", "Docker image with opencpu and rstudio", 5, False, True),
        SearchHit("rocker/rstudio", "", 26, False, True),
        SearchHit("rhee/rstudio", "", 0, False, True),
    ]
    return host


@contextmanager
def scenario(
    transport: str, directory: Path, policy: Policy | None = None, clock: FakeClock | None = None
) -> Iterator[Scenario]:
    """The bot over one transport: "socket" or "http". policy: None: the shipped one."""
    policy, clock = policy or load_policy(), clock or FakeClock()
    cloud = FakeCloud(clock)
    hosts = FakeHosts(anywhere=lambda access: vm_of_ours(clock))
    web = FakeWeb(hosts)
    with SlackSandbox(manifest(grammar_of(policy), transport)) as slack:
        chat = SlackChat(SlackAccess(slack.bot_token, slack.api_url), SystemClock())
        core = Core(
            policy,
            f"sqlite:///{directory / 'ds-bot.db'}",
            cloud=cloud,
            hosts=hosts,
            web=web,
            chat=chat,
            clock=clock,
            identity=FakeIdentity(),
            archives=SaveFiles(directory / "saves"),
        )
        app = bolt_app(WebClient(slack.bot_token, base_url=slack.api_url), slack.signing_secret)
        register(app, core.boundary, policy.command)
        engines = FakeEngines(core.runner.run, on_crash=core.runner.give_up)
        core.operations.start(engines)
        http = HttpServer(
            Health(), port=0, host="127.0.0.1", slack=SlackRequests(app, slack.signing_secret)
        )
        http.start()
        socket = SlackSocket(app, slack.app_token) if transport == "socket" else None
        if socket is not None:
            app.client.base_url = slack.api_url
            socket.start()
            assert socket.wait_connected(timedelta(seconds=10))
        else:
            slack.use_http(f"{http.url}/slack/events")
        try:
            yield Scenario(slack, cloud, hosts, web, core, policy, http)
        finally:
            if socket is not None:
                socket.close()
            http.close()
            core.operations.stop()
            core.close()
            chat.close()
