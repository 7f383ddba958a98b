"""Four VMs of one person, each left in its own way, under a policy that is sped up.

lab    computes in RStudio; nobody has its page open
web    Shiny, with a page open
desk   nothing runs on it
lost   does not answer: its machine is frozen
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from bot.models import Vm
from bot.store import MarkStore, VmStore, WatchStore
from bot.store.marks import MarkRow
from sandbox.bot_process import BotProcess
from sandbox.engine import local_engine
from sandbox.outside import Outside, address_in, url_in, wait_until
from sandbox.slack.records import Message
from sandbox.slack.seed import ADMIN, JANE, PLATFORM
from sandbox.typist import StepFailed, Typist, has_failed
from sandbox.world import World
from tests.bots import APP_S, QUICK_S, VM_S
from tests.pages import RStudioTab, ShinyViewer

IDLE_AFTER_S = 30.0
POLICY = f"""\
access: {{admins: [{ADMIN}]}}
timeouts: {{settle: 8s}}
poll: {{cloud: 500ms, host: 500ms}}
reaper: {{look: 5s, look_limit: 5s}}
idle:
  default:
    idle_after: {IDLE_AFTER_S:.0f}s
    grace: 20s
    gap: 90s
    blind_after: 1m
    lease: null
    habit: null
    billing: exact
"""
TOLD_S = IDLE_AFTER_S + QUICK_S + 60
"""Seconds within which an idle VM's people are told; looks of a busy machine are late."""

TAKEN_S = 240.0
"""Seconds from the notice until a VM is saved and cancelled: grace, and looks 10 s apart."""

BUTTONS = {
    "Keep 4 h": "keep {name} 4h",
    "Keep until tomorrow 9:00": "keep {name} until tomorrow 9:00",
    "Stop now": "vm release {name}",
    "Why?": "why {name}",
}
_COMPUTE = "cat('begun\\n'); repeat sqrt(2)"


@dataclass
class Fleet:
    """What people, and the bot's own database, say of them."""

    world: World
    bot: BotProcess
    database: sa.Engine
    jane: Typist
    rstudio: tuple[str, str]  # address and password of its page
    computing_since: float  # time.monotonic() at which R began on `lab`
    viewer: ShinyViewer
    viewed_since: float
    first: int  # how many messages were in the channel before

    @property
    def outside(self) -> Outside:
        return Outside(self.world)

    def vm(self, name: str) -> Vm:
        """A live one."""
        return next(each for each in VmStore(self.database).live() if each.hostname == name)

    def address(self, name: str) -> str:
        return str(self.vm(name).address)

    def newest_mark(self, vm: Vm) -> MarkRow | None:
        """The last time that its people were told, or are to be."""
        return MarkStore(self.database).newest(vm.op_id)

    def is_idle(self, vm: Vm) -> bool:
        """Whether the bot counts the time in which it was not used."""
        row = WatchStore(self.database).get(vm.op_id)
        return row is not None and row.idle_since is not None

    def told(self, name: str) -> MarkRow:
        """The mark of a VM, once Slack has taken its notices."""
        vm = self.vm(name)

        def look() -> MarkRow | None:
            mark = self.newest_mark(vm)
            is_told = mark is not None and mark.delivered_at and not mark.ended_at
            return mark if is_told else None

        mark = wait_until(look, TOLD_S)
        assert mark is not None
        return mark

    def notices(self, mark: MarkRow) -> list[Message]:
        """A mark's notices as they are now."""
        return [self.message(each["channel"], each["ts"]) for each in mark.notices]

    def message(self, channel_id: str, ts: str) -> Message:
        return next(each for each in self.world.slack.messages(channel_id) if each.ts == ts)

    def saying(self, place: str, text: str) -> list[Message]:
        """Messages of a conversation that say so now; to one person, by their id."""
        channel_id = self.world.slack.direct(place) if place.startswith("U") else place
        return [each for each in self.world.slack.messages(channel_id) if text in each.text]

    def press(self, where: Message, label: str) -> None:
        """Jane presses the button with that label."""
        elements = [each for block in where.blocks for each in block.get("elements", [])]
        button = next(each for each in elements if each.get("text", {}).get("text") == label)
        person = self.world.slack.user(JANE)
        outcome = person.click(where, button["action_id"], button.get("value"))
        assert outcome.is_ok, outcome

    def shows(self, card: Message, text: str, timeout_s: float) -> None:
        """Wait until a card says so."""
        wait_until(lambda: text in str(self.message(card.channel, card.ts).blocks), timeout_s)

    def ended(self, text: str, timeout_s: float) -> Message:
        """The newest message in the channel that says so, once there is one."""

        def look() -> Message | None:
            for each in reversed(self.world.slack.messages(PLATFORM)[self.first :]):
                if text in each.text:
                    return each
                if has_failed(each):
                    raise StepFailed(each.text)
            return None

        try:
            message = wait_until(look, timeout_s)
        except TimeoutError as error:
            last = [each.text for each in self.world.slack.messages(PLATFORM)[-5:]]
            raise StepFailed(f"{text}: {error}; the last messages: {last}") from error
        assert message is not None
        return message

    def holds_until(self, instant: float, holds: Callable[[], object]) -> None:
        """That something holds all the time until an instant of time.monotonic()."""
        left_s = max(0.0, instant - time.monotonic())
        wait_until(lambda: time.monotonic() >= instant or not holds(), left_s + QUICK_S)
        assert holds()


@contextmanager
def fleet_of(world: World, bot: BotProcess, database: sa.Engine) -> Iterator[Fleet]:
    """All of them, with the reaper turned on; cancelled afterwards."""
    jane, first = Typist(world.slack, JANE, PLATFORM, print), len(world.slack.messages(PLATFORM))
    names = ("lost", "lab", "web", "desk")
    cards = {name: jane.begin(f"vm {name}") for name in names}
    address = address_in(jane.ended(cards["lost"], "is ready", VM_S).text)
    with local_engine() as api:
        machine = Outside(world).machine_id(address)
        api.pause(machine)
    for name in names[1:]:
        jane.ended(cards[name], "is ready", VM_S)
    places = jane.begin("rstudio on lab"), jane.begin("shiny on web")
    rstudio, shiny = (jane.ended(place, "is ready", APP_S) for place in places)
    page = url_in(rstudio.text), jane.password(rstudio)
    with RStudioTab(*page) as tab:
        tab.give(_COMPUTE)
        tab.wait_for("begun")
    computing_since = time.monotonic()
    with ShinyViewer(url_in(shiny.text)) as viewer:
        viewed_since = time.monotonic()
        Typist(world.slack, ADMIN, PLATFORM, print).do("admin reaper on", "The reaper is on", 60)
        yield Fleet(world, bot, database, jane, page, computing_since, viewer, viewed_since, first)
    thaw(world, address)
    for vm in VmStore(database).live():
        jane.do(f"vm cancel {vm.hostname}", "is cancelled", VM_S)


def thaw(world: World, address: str) -> None:
    """Let a frozen machine go on; done already is success."""
    with local_engine() as api:
        machine = Outside(world).machine_id(address)
        if api.inspect_container(machine)["State"]["Paused"]:
            api.unpause(machine)
