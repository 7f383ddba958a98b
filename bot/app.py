"""Wiring: the one file that joins real adapters, services and handlers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from slack_sdk import WebClient

from bot.adapters.bolt import Identity, bolt_app
from bot.adapters.clock import SteadyClock, SystemClock
from bot.adapters.docker_host import DockerHosts
from bot.adapters.durable import DurableEngine
from bot.adapters.health import Check, Health
from bot.adapters.http_server import HttpServer
from bot.adapters.local_chat import ChatRouter, LocalChat
from bot.adapters.save_files import SaveFiles
from bot.adapters.slack import SlackChat
from bot.adapters.slack_api import SlackAccess
from bot.adapters.slack_http import SlackRequests
from bot.adapters.slack_socket import SlackSocket
from bot.adapters.softlayer import SoftLayerCloud
from bot.adapters.softlayer_client import SoftLayerAccount
from bot.adapters.vm_identity import VmIdentity
from bot.adapters.web import HttpWeb
from bot.errors import BotError, ConfigError
from bot.metrics import show_operations, show_vms
from bot.models import Operation
from bot.ports import Chat, Clock, Cloud, ContainerHosts, Web
from bot.schedule import Schedule
from bot.services.apps import RunApp
from bot.services.buttons import UsedButtons
from bot.services.caretaker import Caretaker
from bot.services.containers import RunContainer, StopContainers
from bot.services.duties import Duties
from bot.services.engine_questions import EngineQuestions
from bot.services.export import ExportWork
from bot.services.fleet import Fleet
from bot.services.images import PullImages, RemoveImage
from bot.services.kill import KillContainers
from bot.services.operations import Act, Operations, Runner
from bot.services.questions import Questions
from bot.services.r_run import RunR
from bot.services.release import Saver
from bot.services.restoring import RestoreVm
from bot.services.save_questions import SaveQuestions
from bot.services.saving import Archives, SaveWork
from bot.services.tools import ShowTool
from bot.services.vm_cancel import CancelVm
from bot.services.vm_find import VmFinder
from bot.services.vm_order import OrderVm
from bot.services.vm_prepare import Identity as VmOrderIdentity
from bot.services.vm_prepare import Preparation, PrepareVm
from bot.services.vm_use import VmUse
from bot.store import (
    ClickStore,
    LocalStore,
    OperationStore,
    SaveStore,
    VmStore,
    WatchStore,
    open_database,
)
from bot.store.marks import MarkStore
from config.settings import Policy, Settings, missing_for_serve
from handlers.answers import Answers
from handlers.boundary import Boundary
from handlers.commands import grammar
from handlers.register import register

log = logging.getLogger(__name__)

_DRAIN = timedelta(seconds=5)  # steps that take longer, such as a pull, are done again
_SIEVE = timedelta(minutes=1)
_BUDGETS = timedelta(minutes=5)
_HOUSEKEEPING = timedelta(hours=6)
_KEEP_FILES = timedelta(days=7)  # of terminals, which have written them where they were wanted
_STALE_TICK = 3 * _SIEVE


def acts(
    policy: Policy,
    *,
    cloud: Cloud,
    hosts: ContainerHosts,
    web: Web,
    clock: Clock,
    vms: VmStore,
    marks: MarkStore,
    operations: OperationStore,
    identity: VmOrderIdentity,
    fleet: Fleet,
    budget: Callable[[Operation], None],
    watch: WatchStore,
    saves: SaveStore,
    archives: Archives,
) -> dict[str, Act]:
    """What each kind of operation does. Tests and production share this."""
    finder = VmFinder(cloud, policy, clock)
    use = VmUse(fleet, vms, policy)
    preparation = Preparation(cloud, hosts, vms, identity, policy, clock)
    order = OrderVm(cloud, vms, identity, finder, preparation, marks, policy, clock, budget)
    restore = RestoreVm(order, archives, saves, watch, operations, fleet, web, policy)
    return {
        "vm": order,
        "restore": restore,
        "vm prepare": PrepareVm(vms, finder, preparation, policy, clock),
        "vm cancel": CancelVm(cloud, hosts, vms, operations, finder, policy, clock),
        "app": RunApp(use, web, policy),
        "tool": ShowTool(use),
        "r": RunR(use),
        "pull": PullImages(use),
        "rmi": RemoveImage(use),
        "run": RunContainer(use),
        "stop": StopContainers(fleet, vms, policy),
        "kill": KillContainers(fleet, vms, policy),
        "export": ExportWork(use),
    }


class Core:
    """Everything between Slack's payloads and the outside, over any adapters."""

    def __init__(
        self,
        policy: Policy,
        database_url: str,
        *,
        cloud: Cloud,
        hosts: ContainerHosts,
        web: Web,
        chat: Chat,
        clock: Clock,
        identity: VmOrderIdentity,
        archives: Archives,
        refreshes_homes: bool = True,
        saver: Callable[[Saver], Saver | None] = lambda real: real,
    ) -> None:
        """refreshes_homes: draw a person's App Home anew, in the background, when something of
        theirs has ended. archives: where the work of cancelled VMs is kept. saver: puts something
        in the place of what saves it; None: then no VM is taken for being idle."""
        self.database = engine = open_database(database_url)
        self.local_store = LocalStore(engine)
        self._local_chat = LocalChat(self.local_store, SteadyClock())
        chat = ChatRouter(chat, self._local_chat)
        self.operation_store = OperationStore(engine)
        self.vm_store = VmStore(engine)
        self.fleet = Fleet(hosts, self.vm_store, policy.access, policy.timeouts.host_query)
        self.operations = Operations(self.operation_store, clock)
        self.grammar = grammar(policy)
        saves, watch = SaveStore(engine), WatchStore(engine)
        self.saving = SaveWork(
            archives, saves, watch, self.operation_store, self.fleet, cloud, policy, clock
        )
        self.caretaker = Caretaker(
            policy,
            engine,
            cloud=cloud,
            hosts=hosts,
            chat=chat,
            clock=clock,
            vms=self.vm_store,
            operations=self.operation_store,
            recorder=self.operations,
            saver=saver(self.saving),
        )
        ended = self._refresh_home if refreshes_homes else lambda op: None
        runner = Runner(
            acts(
                policy,
                cloud=cloud,
                hosts=hosts,
                web=web,
                clock=clock,
                vms=self.vm_store,
                marks=self.caretaker.stores.marks,
                operations=self.operation_store,
                identity=identity,
                fleet=self.fleet,
                budget=self.caretaker.budgets.require,
                watch=watch,
                saves=saves,
                archives=archives,
            )
            | self.caretaker.acts,
            self.operation_store,
            chat,
            clock,
            policy.access,
            policy.command,
            self.grammar.choice,
            UsedButtons(
                ClickStore(engine),
                chat,
                policy.spoken_in,
                lambda op, click: self.boundary.take_button_away(op, click),
            ),
            follow=self._follow,
            ended=ended,
        )
        self.runner = Duties(self.caretaker.duties, runner, self.operation_store, clock, ended)
        questions = Questions(self.fleet, self.vm_store, policy, clock)
        engines = EngineQuestions(VmUse(self.fleet, self.vm_store, policy))
        self.questions, self.engine_questions = questions, engines
        self.answers = Answers(
            self.grammar,
            questions,
            engines,
            clock,
            self.caretaker.questions,
            self.caretaker.spending,
            self.caretaker.budgets,
            SaveQuestions(saves),
        )
        self.boundary = Boundary(
            self.grammar, self.operations, questions, self.answers, chat, policy.access, clock
        )

    def _follow(self, op: Operation) -> None:
        """Take down what is to be run on a VM that was ordered; the same twice is once."""
        request = self.grammar.following(op.args)
        self.operations.record(request, op.caller, f"{op.id}:then", op.response_url)

    def _refresh_home(self, op: Operation) -> None:
        if not op.caller.is_local:
            self.boundary.refresh_home(op.caller.user_id)

    def close(self, grace: timedelta = _DRAIN) -> bool:
        """Finish answers under way, for at most `grace`, and close the database.

        False: some still wait for an engine, in threads that Python would wait for.
        """
        is_answered = self.boundary.close(grace)
        is_idle = self.fleet.close()
        self.caretaker.close()
        self._local_chat.close()
        self.database.dispose()
        return is_answered and is_idle


class Bot:
    """The bot of one process: Slack, worker and scheduler. `start`, then `close`."""

    def __init__(self, settings: Settings, *, transport: str, port: int) -> None:
        """transport: "socket" or "http"; "none" for a process that only runs operations.

        Raises ConfigError when a setting is missing.
        """
        missing = missing_for_serve(settings.env, transport)
        if missing:
            raise ConfigError(missing)
        env, policy = settings.env, settings.policy
        self._settings = settings
        self._identity = Identity()
        self._clock = SystemClock()
        token = _secret(env.slack_bot_token)
        # A clock of its own: final states are still sent while operations are told to let go.
        self._chat = SlackChat(SlackAccess(token, env.slack_api_url), SteadyClock())
        self._cloud = make_cloud(settings, self._clock)
        vm_identity = VmIdentity(env.ds_home, pins_host_keys=policy.vm.host_key == "pinned")
        self._hosts = DockerHosts(vm_identity.key)
        self._core = Core(
            policy,
            env.database,
            cloud=self._cloud,
            hosts=self._hosts,
            web=HttpWeb(),
            chat=self._chat,
            clock=self._clock,
            identity=vm_identity,
            archives=SaveFiles(env.ds_home / "saves"),
        )
        self._engine = DurableEngine(
            env.database, env.ds_home, self._core.runner.run, on_crash=self._core.runner.give_up
        )
        self._schedule = Schedule(self._clock)
        self._health = Health()
        client = WebClient(token, base_url=env.slack_api_url, retry_handlers=[])
        secret = _secret(env.slack_signing_secret) if env.slack_signing_secret else None
        app = bolt_app(client, secret, lambda: self._identity)
        register(app, self._core.boundary, policy.command)
        requests = SlackRequests(app, secret) if transport == "http" and secret else None
        self._http = HttpServer(self._health, port=port, slack=requests)
        self._socket = (
            SlackSocket(app, _secret(env.slack_app_token)) if transport == "socket" else None
        )
        self._register_checks()
        self._register_jobs()

    def start(self) -> None:
        """Take up what an earlier process left, then Slack. Raises ConfigError, OSError."""
        self._engine.launch()
        self._core.operations.start(self._engine)
        self._http.start()
        if self._socket is not None:
            self._socket.start()
        self._schedule.start()

    def wait_connected(self, timeout: timedelta) -> bool:
        """Whether Slack can reach us, as soon as it can; in HTTP mode that is Slack's business."""
        return self._socket is None or self._socket.wait_connected(timeout)

    @property
    def url(self) -> str:
        """Where /healthz is answered."""
        return self._http.url

    def close(self) -> bool:
        """Take nothing more, finish what is quick, leave the rest to the next process.

        False: something is still at work, and the process must end by `os._exit`.
        """
        if self._socket is not None:
            self._socket.close()
        self._http.close()
        self._core.operations.stop()
        self._schedule.stop()
        is_drained = self._engine.close(_DRAIN, wake=self._clock.stop)
        is_answered = self._core.close(_DRAIN)
        self._chat.close()
        self._hosts.close()
        self._cloud.close()
        return is_drained and is_answered

    def _register_checks(self) -> None:
        health, socket = self._health, self._socket
        health.register("database", self._check_database)
        health.register("worker", lambda: Check(self._engine.is_healthy()))
        health.register("scheduler", self._check_scheduler)
        health.register("cloud", lambda: Check(True, self._cloud.check()))
        health.register("slack", socket.check if socket is not None else self._check_slack)

    def _check_database(self) -> Check:
        self._core.operation_store.ping()
        return Check(True)

    def _check_scheduler(self) -> Check:
        age = self._schedule.last_tick_age()
        if age is None:
            return Check(False, "no tick yet")
        return Check(age < _STALE_TICK, age_s=age.total_seconds())

    def _check_slack(self) -> Check:
        return Check(True, self._chat.check().team_id)

    def _register_jobs(self) -> None:
        self._schedule.every(_SIEVE, "watch", self._watch)
        self._schedule.every(_HOUSEKEEPING, "housekeeping", self._forget_old)
        look, sweep = self._settings.policy.reaper.look, self._core.caretaker.sweep
        self._schedule.at_instants(look, "sweep", sweep.run)
        self._schedule.at_instants(_SIEVE, "digest", self._core.caretaker.digests.run)
        self._schedule.at_instants(_BUDGETS, "budgets", self._core.caretaker.budgets.tell)

    def _watch(self) -> None:
        """Know who we are in Slack, keep the cloud's offers warm, and show what there is."""
        show_operations(self._core.operation_store.counts())
        show_vms(self._core.vm_store.counts())
        if self._identity.bot_id is None:
            who = self._chat.check()
            self._identity = Identity(who.team_id, who.bot_id, who.user_id)
        self._cloud.offers()

    def _forget_old(self) -> None:
        now = self._clock.now()
        before = now - self._settings.policy.keep.operations
        self._core.operation_store.forget(before)
        self._core.local_store.forget(before, now - _KEEP_FILES)
        self._engine.forget(before)
        self._core.saving.expire()


def make_cloud(settings: Settings, clock: Clock) -> SoftLayerCloud:
    """The SoftLayer account of the settings."""
    env = settings.env
    account = SoftLayerAccount(env.sl_username or "", _secret(env.sl_api_key), env.sl_endpoint_url)
    return SoftLayerCloud(
        account,
        clock,
        nic_mbps=settings.policy.vm.nic_mbps,
        act_timeout=settings.policy.timeouts.order,
    )


def _secret(value: Any) -> str:
    if value is None:
        raise BotError("a secret is missing")
    return str(value.get_secret_value())
