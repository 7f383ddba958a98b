"""A session over fakes: a bot at work beside it, with clouds and VMs in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from bot.adapters.durable_lookout import Presence
from bot.adapters.local_chat import NoSlack
from bot.adapters.save_files import SaveFiles
from bot.app import Core
from bot.models import Text
from bot.shell.carrier import Carrier
from bot.shell.results import Result
from bot.shell.screen import Show
from bot.shell.session import Session
from bot.store import LocalMessage
from config.settings import load_policy
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.durable import FakeEngines
from tests.fakes.hosts import FakeHosts, FakeWeb
from tests.scenarios.world import FakeIdentity, vm_of_ours


class BotIsThere:
    """A lookout that always sees a bot."""

    def who(self) -> Presence:
        return Presence.BOT

    def is_bot_waiting(self) -> bool:
        return False


@dataclass
class FakeScreen:
    """Remembers. interrupt: somebody presses Ctrl-C as soon as they wait."""

    is_private: bool = True
    interrupt: bool = False
    said: list[Text] = field(default_factory=list)
    progress: list[str] = field(default_factory=list)

    @contextmanager
    def asking(self) -> Iterator[None]:
        yield

    @contextmanager
    def watching(self) -> Iterator[Show]:
        if self.interrupt:
            raise KeyboardInterrupt
        yield self._show

    def _show(self, messages: Sequence[LocalMessage], note: Text | None) -> None:
        self.progress += [each.text for each in messages]

    def show(self, result: Result) -> None:
        """Tests look at the result itself."""

    def say(self, text: Text) -> None:
        self.said.append(text)


@dataclass
class Desk:
    """Somebody at a terminal, and what is around them."""

    core: Core
    clock: FakeClock
    cloud: FakeCloud
    hosts: FakeHosts
    carrier: Carrier
    screen: FakeScreen

    def session(self, name: str = "alice", language: str = "en") -> Session:
        return Session(self.core, self.clock, self.carrier, self.screen, name, language)

    def do(self, line: str, name: str = "alice", language: str = "en") -> Result:
        return self.session(name, language).do(line)


@contextmanager
def opened(directory: Path) -> Iterator[Desk]:
    """A desk whose store is in a directory."""
    clock = FakeClock()
    cloud, hosts = FakeCloud(clock), FakeHosts(anywhere=lambda access: vm_of_ours(clock))
    core = Core(
        load_policy(),
        f"sqlite:///{directory / 'ds-bot.db'}",
        cloud=cloud,
        hosts=hosts,
        web=FakeWeb(hosts),
        chat=NoSlack(),
        clock=clock,
        identity=FakeIdentity(),
        archives=SaveFiles(directory / "saves"),
        refreshes_homes=False,
    )
    engines = FakeEngines(core.runner.run, on_crash=core.runner.give_up)
    core.operations.start(engines)
    carrier = Carrier(BotIsThere(), core.operation_store, _nobody)
    yield Desk(core, clock, cloud, hosts, carrier, FakeScreen())
    carrier.close()
    core.operations.stop()
    core.close()


def _nobody() -> NoReturn:
    raise AssertionError("a bot is there")
