"""`ds-bot check`: is everything there that the bot needs, and what to do about what is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from bot.adapters.clock import SystemClock
from bot.adapters.docker_host import DockerHosts
from bot.adapters.slack import SlackChat
from bot.adapters.slack_api import SlackAccess, SlackApi
from bot.adapters.vm_identity import VmIdentity
from bot.app import make_cloud
from bot.errors import BotError
from bot.models import HostAccess, Vm
from bot.store import VmStore, open_database
from config.settings import Settings, missing_for_serve


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_good: bool
    detail: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.is_good else 'FAIL'} {self.what}: {self.detail}"


def check(settings: Settings, transport: str) -> Iterator[Finding]:
    """Look at Slack, SoftLayer, the database and each VM; findings come as they are made."""
    missing = missing_for_serve(settings.env, transport)
    for line in missing:
        name, _, rest = line.partition(": ")
        yield Finding(name, False, rest)
    if missing:
        return
    yield _looked_at("Slack", lambda: _slack(settings))
    if transport == "socket":
        yield _looked_at("Slack Socket Mode", lambda: _socket_mode(settings))
    yield _looked_at("SoftLayer", lambda: _softlayer(settings))
    yield _looked_at("database", lambda: _database(settings))
    yield from _vms(settings)


def _looked_at(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except (BotError, SQLAlchemyError, OSError) as error:
        return Finding(what, False, str(error))


def _slack(settings: Settings) -> str:
    access = SlackAccess(_slack_token(settings), settings.env.slack_api_url)
    chat = SlackChat(access, SystemClock())
    try:
        who = chat.check()
    finally:
        chat.close()
    return f"workspace {who.team_id}, as {who.user_id}"


def _socket_mode(settings: Settings) -> str:
    """The app-level token is taken. The connection itself is not opened: it would get commands."""
    assert settings.env.slack_app_token is not None
    token = settings.env.slack_app_token.get_secret_value()
    access = SlackAccess(token, settings.env.slack_api_url)
    SlackApi(access, SystemClock()).once("apps.connections.open", {})
    return "the app-level token is taken"


def _softlayer(settings: Settings) -> str:
    cloud = make_cloud(settings, SystemClock())
    try:
        user, offers = cloud.check(), cloud.offers()
    finally:
        cloud.close()
    wanted = settings.policy.vm.datacenter
    if wanted not in offers.open_datacenters:
        raise BotError(
            f"vm.datacenter is {wanted}, which takes no orders; open are "
            f"{', '.join(offers.open_datacenters)}"
        )
    return f"user {user}, {len(offers.open_datacenters)} datacenters are open"


def _database(settings: Settings) -> str:
    engine = open_database(settings.env.database)
    try:
        live = len(VmStore(engine).live())
    finally:
        engine.dispose()
    return f"{engine.dialect.name}, {live} live VMs"


def _vms(settings: Settings) -> Iterator[Finding]:
    engine = open_database(settings.env.database)
    vms = [vm for vm in VmStore(engine).live() if vm.address and vm.host_key]
    engine.dispose()
    if not vms:
        return
    identity = VmIdentity(settings.env.ds_home, pins_host_keys=True)
    hosts = DockerHosts(identity.key)
    try:
        with ThreadPoolExecutor(16) as pool:
            yield from pool.map(lambda vm: _looked_at(vm.fqdn, lambda: _vm(hosts, vm)), vms)
    finally:
        hosts.close()


def _vm(hosts: DockerHosts, vm: Vm) -> str:
    engine = hosts.on(HostAccess(vm.address or "", vm.host_key)).engine()
    return f"{vm.address}, Docker {engine.version}, {engine.containers_running} containers running"


def _slack_token(settings: Settings) -> str:
    assert settings.env.slack_bot_token is not None
    return settings.env.slack_bot_token.get_secret_value()
