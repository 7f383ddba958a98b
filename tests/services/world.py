"""The services as a whole, in memory but for the store: Core over fakes, on simulated time.

world = World(tmp_path)
op = world.ask("vm jekyll-dev", JANE)      # as typed after /ds; recorded, then started
world.later(timedelta(seconds=30), lambda: world.ask("vm cancel jekyll-dev", JANE))
world.run()                                # everything to its end, through crashes and restarts
assert world.state(op) is OperationState.DONE
check_laws(world)                          # tests/services/laws.py

world.meddling.plan[Point("cloud.order", 1)] = Strike.DEATH_AFTER
world.kill(Moment.UNRECORDED, "order")     # at a step of whichever operation comes there first
"""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from unittest.mock import patch

from bot.adapters.cloud_config import user_data_for
from bot.adapters.durable import RETRIES
from bot.adapters.save_files import SaveFiles
from bot.app import Core
from bot.errors import EngineRefused
from bot.models import (
    Caller,
    Click,
    Container,
    ContainerSpec,
    HostAccess,
    Operation,
    OperationState,
    Text,
    Vm,
    VmOrder,
    VmSpec,
    VmState,
)
from bot.ports import Journal
from bot.services.operations import Request, operation_id
from bot.services.release import Saved, Saver
from bot.services.work import Watch, Work
from bot.store import (
    FindingStore,
    MarkStore,
    OperationStore,
    SwitchStore,
    VmStore,
    WatchStore,
    open_database,
)
from config.idle import IdlePolicy
from config.settings import Policy, load_policy
from handlers.commands import grammar as grammar_of
from tests.fakes.chat import FakeChat, FakeMessage
from tests.fakes.cloud import DOCKER_GUID, FakeCloud
from tests.fakes.durable import FakeEngines, Killed, Moment
from tests.fakes.hosts import FakeHost, FakeHosts, FakeImage, FakeWeb
from tests.services.meddling import Meddling
from tests.services.simulation import Simulation

JANE, JIHOON, ADMIN = "U0JANE", "U0JIHOON", "U0ADMIN"
GENERAL = "C0GENERAL"
OTHER_GUID = "0F0E0D0C-1111-4222-8333-444455556666"
DOWN = timedelta(seconds=5)  # from a death to the next start
SECRET = "PRIVATE KEY"


_KEPT = {
    "marks": MarkStore,
    "watch": WatchStore,
    "findings": FindingStore,
    "switches": SwitchStore,
}
"""What the reaper remembers."""

log = logging.getLogger(__name__)


class FakeIdentity:
    """A host key of its own for each operation; the private half must never be seen anywhere."""

    def user_data(self, op_id: str) -> str:
        private = f"-----BEGIN OPENSSH {SECRET}-----\n{op_id}\n-----END OPENSSH {SECRET}-----\n"
        return user_data_for(op_id, private, self.host_key(op_id))

    def public_user_data(self, op_id: str) -> str:
        return user_data_for(op_id)

    def host_key(self, op_id: str) -> str:
        return f"ssh-ed25519 AAAA{op_id}"

    def public_key(self) -> str:
        return "ssh-ed25519 AAAAthebot ds-bot"

    def forget(self, op_id: str) -> None:
        """Nothing is kept."""


class World:
    """Everything there is, and one process of the bot that may die and start again."""

    def __init__(
        self,
        home: Path,
        *,
        policy: Policy | None = None,
        list_lag: timedelta = timedelta(0),
        can_save: bool = True,
    ) -> None:
        self.can_save = can_save
        self.policy = policy or shipped_policy()
        self.sim = Simulation()
        self.meddling = Meddling(self.sim)
        self.cloud = FakeCloud(self.sim, list_lag=list_lag)
        self.cloud.private_images.add(OTHER_GUID)
        self.hosts = FakeHosts(anywhere=self._machine_at)
        self.web = FakeWeb(self.hosts)
        self.chat = FakeChat(self.sim)
        self.images = {app.image: FakeImage() for app in self.policy.catalog.values()}
        self.ssh_delay = timedelta(seconds=20)  # from provisioned to sshd answering
        self.silent: set[str] = set()  # addresses that do not answer though their VM is up
        self.saver = FakeSaver(self)
        self.archives = SaveFiles(home / "saves")
        self.logged = _Logged()
        self.given_up: list[str] = []
        self.deaths = 0
        self._url = f"sqlite:///{_database_in(home)}"
        self._grammar = grammar_of(self.policy)
        self._workers: dict[str, FakeEngines] = {}
        self._tries: dict[str, int] = {}
        self._asked = 0
        self.core = self._started()

    # --- what people do ---

    def ask(
        self,
        what: str | Request,
        who: str = JANE,
        *,
        key: str | None = None,
        is_click: bool = False,
        click: Click | None = None,
        response_url: str | None = "",
    ) -> str:
        """Type a command. Gives its operation's id; "" when it is known already."""
        self._asked += 1
        request = self._grammar.parse(what).request if isinstance(what, str) else what
        url = self.chat.issue_response_url() if response_url == "" else response_url
        with self.meddling.off():
            op_id = self.core.operations.record(
                request,
                self.caller(who),
                key or f"key-{self._asked}",
                url,
                is_click=is_click or click is not None,
                click=click,
            )
        if op_id is not None:
            self.sim.spawn(lambda: self._work(op_id))
        return op_id or ""

    def caller(self, who: str) -> Caller:
        return Caller(who, "T0TEAM", GENERAL)

    def later(self, after: timedelta, act: Callable[[], object]) -> None:
        """Do something while the bot is at work."""
        self.sim.spawn(lambda: _ignored(act), after, is_mortal=False)

    def done(self, what: str, who: str = JANE) -> str:
        """Type a command and have it end well."""
        op_id = self.ask(what, who)
        self.run()
        assert self.state(op_id) is OperationState.DONE, self.told(op_id)
        return op_id

    def refused(self, what: str, who: str = JANE) -> str:
        """Type a command that is refused; gives what the person was told."""
        op_id = self.ask(what, who)
        self.run()
        assert self.state(op_id) is OperationState.REFUSED, self.told(op_id)
        return self.chat.replies[-1].text

    def refused_request(self, request: Request, who: str = JANE) -> str:
        """Ask for something that is refused; gives what the person was told."""
        op_id = self.ask(request, who)
        self.run()
        assert self.state(op_id) is OperationState.REFUSED, self.told(op_id)
        return self.chat.replies[-1].text

    def has_vm(self, name: str, who: str = JANE, *, state: VmState = VmState.READY) -> str:
        """A VM that was ordered and prepared before the story begins; gives its op_id."""
        op_id, vm = f"before-{name}-{who.lower()}", self.policy.vm
        spec = VmSpec(name, vm.domain, 1, 1024, 25, vm.datacenter, template_guid=DOCKER_GUID)
        key = self.cloud.register_key("ds-bot", FakeIdentity().public_key())
        order = VmOrder(spec, op_id, FakeIdentity().user_data(op_id), (key,))
        cloud_id = self.cloud.order(order).id
        known = Vm(
            op_id, name, vm.domain, who, GENERAL, "T0TEAM", state, "docker", 1, 1024,
            vm.datacenter, self.sim.now(), cloud_id=cloud_id,
            host_key=FakeIdentity().host_key(op_id), hourly_rate=Decimal("0.053"),
        )  # fmt: skip
        self.sim.advance(self.cloud.provisioning + self.ssh_delay)
        address = self.cloud.get(cloud_id).public_ip
        with self.meddling.off():
            known = replace(known, address=address, ready_at=self.sim.now())
            self.core.vm_store.reserve(known, 99)
        return op_id

    def sweep(self) -> Counter[str]:
        """Look at every VM, as at a tick of now, and let what follows be begun by `run`.

        Gives what it counted; nothing when it broke, which the schedule logs and no more.
        """
        counts: Counter[str] = Counter()
        self.sim.spawn(lambda: self._swept(counts))
        self.run(timedelta(0))
        return counts

    def _swept(self, counts: Counter[str]) -> None:
        try:
            counts.update(self.core.caretaker.sweep.run(self.sim.now()) or {})
        except Exception:
            log.exception("the sweep failed")
        with self.meddling.off():
            unfinished = self.core.operation_store.unfinished()
        for op_id in unfinished:
            if op_id not in self._workers:
                self.sim.spawn(lambda op_id=op_id: self._work(op_id))  # type: ignore[misc]

    def arm(self) -> None:
        """Let the reaper act."""
        with self.meddling.off():
            self.core.caretaker.stores.switches.set("reaper", True, ADMIN, self.sim.now())

    # --- time and death ---

    def run(self, until: timedelta | None = None) -> None:
        """Let everything go on to its end, or for some time; a dead process starts again."""
        end = None if until is None else self.sim.now() + until
        while True:
            try:
                self.sim.run(end)
            except Killed:
                self.restart()
            else:
                return

    def die(self) -> None:
        """Kill the process now; `run` starts another one."""
        raise Killed("killed from outside")

    def restart(self, down: timedelta = DOWN) -> None:
        """The process dies where it stands, and another one starts after a while."""
        self.deaths += 1
        self.sim.kill_all()
        self._closed()
        self.sim.advance(down)
        self._tries.clear()
        self.core = self._started()
        for op_id in self.core.operation_store.unfinished():
            self.sim.spawn(lambda op_id=op_id: self._work(op_id))  # type: ignore[misc]

    def close(self) -> None:
        """Nothing runs after this."""
        self.sim.kill_all()
        self._closed()
        self.logged.close()

    # --- what can be looked at ---

    def state(self, op_id: str) -> OperationState:
        return self.op(op_id).state

    def op(self, op_id: str) -> Operation:
        with self.meddling.off():
            return self.core.operation_store.get(op_id)

    def vm(self, op_id: str) -> Vm:
        with self.meddling.off():
            return self.core.vm_store.get(op_id)

    def vms(self) -> list[Vm]:
        with self.meddling.off():
            return self.core.vm_store.live()

    def cards(self, op_id: str) -> list[FakeMessage]:
        """Messages that show an operation: its card, and its end where the card was gone."""
        keys = (op_id, f"{op_id}:final")
        return [each for each in self.chat.all_messages if each.key in keys]

    def told(self, op_id: str) -> str:
        """The last words about an operation."""
        cards = self.cards(op_id)
        if cards:
            return cards[-1].text
        return self.chat.replies[-1].text if self.chat.replies else ""

    def steps(self, op_id: str) -> dict[str, str]:
        worker = self._workers.get(op_id)
        return worker.steps(op_id) if worker else {}

    def host_of(self, op_id: str) -> FakeHost:
        """The machine of a VM that the bot has connected to."""
        address = self.vm(op_id).address
        assert address is not None
        return self.hosts.at(address)

    def machines(self) -> list[FakeHost]:
        return list(self.hosts._by_address.values())

    def kill(self, moment: Moment, step: str, op_id: str) -> None:
        """Have the process die at a step of an operation that has not begun."""
        self._worker(op_id).kill(moment, step)

    # --- within ---

    def _started(self) -> Core:
        meddling = self.meddling
        watched = {
            "OperationStore": lambda engine: meddling.with_(OperationStore(engine), "operations"),
            "VmStore": lambda engine: meddling.with_(VmStore(engine), "vms"),
        }
        kept = {
            store.__name__: lambda engine, store=store, word=word: meddling.with_(
                store(engine), word
            )
            for word, store in _KEPT.items()
        }
        with (
            patch.multiple("bot.app", **watched),  # type: ignore[call-overload]
            patch.multiple("bot.services.caretaker", **kept),  # type: ignore[call-overload]
        ):
            return Core(
                self.policy,
                self._url,
                cloud=meddling.with_(self.cloud, "cloud"),
                hosts=meddling.with_(_Connections(self), "hosts"),
                web=meddling.with_(self.web, "web"),
                chat=meddling.with_(self.chat, "chat"),
                clock=self.sim,
                identity=meddling.with_(FakeIdentity(), "identity"),
                archives=self.archives,
                refreshes_homes=False,  # it would look at VMs from a thread of its own
                saver=self._saver,
            )

    def _saver(self, real: Saver) -> Saver | None:
        if not self.can_save:
            return None
        self.saver.real = real
        watched: Saver = self.meddling.with_(self.saver, "saver")
        return watched

    def _closed(self) -> None:
        self.core.close()

    def _worker(self, op_id: str) -> FakeEngines:
        if op_id not in self._workers:
            self._workers[op_id] = FakeEngines(
                self._perform, on_crash=self._give_up, retries=len(RETRIES), clock=self.sim
            )
        return self._workers[op_id]

    def _work(self, op_id: str) -> None:
        worker = self._worker(op_id)
        if worker.is_alive:
            worker.start(op_id)
        else:
            worker.restart()
        if not worker.is_alive:
            raise Killed(f"the process died in {op_id}")
        then = operation_id(f"{op_id}:then")
        with self.meddling.off():
            is_recorded = then in self.core.operation_store.unfinished()
        if is_recorded and then not in self._workers:
            self.sim.spawn(lambda: self._work(then))

    def _perform(self, op_id: str, journal: Journal) -> None:
        """One attempt, with the pauses before later ones that the real engine makes."""
        tried = self._tries.get(op_id, 0)
        self._tries[op_id] = tried + 1
        if tried:
            self.sim.sleep(RETRIES[tried - 1])
        self.core.runner.run(op_id, journal)

    def _give_up(self, op_id: str, error: Exception) -> None:
        self.given_up.append(op_id)
        while True:  # as the real engine does
            try:
                return self.core.runner.give_up(op_id, error)
            except Exception:
                self.sim.sleep(timedelta(minutes=1))

    def _machine_at(self, access: HostAccess) -> FakeHost | None:
        vm = next((vm for vm in self.cloud.live if vm.public_ip == access.address), None)
        if vm is None:
            return None
        order = next(each for each in self.cloud.orders if each.request_id == vm.request_id)
        return _Host(
            catalogue=self.images,
            has_engine=order.spec.template_guid == DOCKER_GUID,
            shows_key=FakeIdentity().host_key(order.request_id),
            now=self.sim.now,
            sleep=self.sim.sleep,
        )

    def is_up(self, address: str) -> bool:
        """Whether a VM has that address and its sshd runs."""
        now = self.sim.now()
        for vm in self.cloud.live:
            if vm.public_ip == address:
                return vm.provisioned_at is not None and now >= vm.provisioned_at + self.ssh_delay
        return False


class FakeSaver:
    """A `bot.services.release.Saver`: remembers what was saved; what else is public are knobs."""

    def __init__(self, world: World) -> None:
        self.saved: list[str] = []  # op_ids of VMs, in order
        self.times: list[tuple[datetime, str]] = []  # and when
        self.fails = False
        self.is_real = False  # have the product's own do it
        self.real: Saver
        self.lasts = timedelta(0)
        self.meanwhile: Callable[[], object] = lambda: None  # happens while it saves
        self._world = world

    def suspend(self, work: Work, vm: Vm) -> None:
        if self.is_real:
            self.real.suspend(work, vm)

    def save(self, work: Work, vm: Vm, policy: IdlePolicy) -> Saved:
        def save(watch: Watch) -> dict[str, str]:
            self.meanwhile()
            watch.clock.sleep(self.lasts)
            if self.fails:
                raise EngineRefused("the volume cannot be read")
            self.saved.append(vm.op_id)
            self.times.append((watch.clock.now(), vm.op_id))
            return {}

        if self.is_real:
            return self.real.save(work, vm, policy)
        work.phase("save", Text("Save the work"), timedelta(hours=1), save)
        return Saved(Text("Its work is saved."))


class _Host(FakeHost):
    """Containers have the same ids in every run."""

    def _made(self, spec: ContainerSpec) -> Container:
        return replace(super()._made(spec), id=sha256(spec.name.encode()).hexdigest())


class _Connections:
    """The fake hosts, which answer only while the cloud's VM at their address is up."""

    def __init__(self, world: World) -> None:
        self._world = world

    def on(self, access: HostAccess) -> Any:
        connection = self._world.hosts.on(access)
        return self._world.meddling.with_(connection, "host", lambda: self._look(access.address))

    def forget(self, access: HostAccess) -> None:
        self._world.hosts.forget(access)

    def public_key(self) -> str:
        return self._world.hosts.public_key()

    def _look(self, address: str) -> None:
        world = self._world
        if not world.is_up(address) and address in world.hosts._by_address:
            world.hosts.at(address).is_reachable = False
        elif address in world.hosts._by_address and address not in world.silent:
            world.hosts.at(address).is_reachable = True


class _Logged(logging.Handler):
    """All that was logged, as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(logging.Formatter().format(record))

    def close(self) -> None:
        logging.getLogger().removeHandler(self)
        super().close()


@cache
def shipped_policy() -> Policy:
    home = Path(mkdtemp(prefix="ds-bot-policy-"))
    try:
        overlay = home / "overlay.yaml"
        overlay.write_text(f"access: {{admins: [{ADMIN}]}}\n")
        return load_policy(overlay)
    finally:
        shutil.rmtree(home)


@cache
def _empty_database() -> bytes:
    """A migrated database; migrating takes a hundred times longer than copying."""
    home = Path(mkdtemp(prefix="ds-bot-store-"))
    try:
        engine = open_database(f"sqlite:///{home / 'empty.db'}")
        engine.dispose()
        return (home / "empty.db").read_bytes()
    finally:
        shutil.rmtree(home)


def _database_in(home: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    (home / "ds-bot.db").write_bytes(_empty_database())
    return home / "ds-bot.db"


def _ignored(act: Callable[[], object]) -> None:
    act()
