"""The bot's parts in a terminal's process: to ask with, and to carry out while there is no bot."""

from __future__ import annotations

from datetime import timedelta

from bot.adapters.clock import SteadyClock, SystemClock
from bot.adapters.docker_host import DockerHosts
from bot.adapters.durable import DurableEngine
from bot.adapters.durable_lookout import Lookout
from bot.adapters.local_chat import NoSlack
from bot.adapters.save_files import SaveFiles
from bot.adapters.slack import SlackChat
from bot.adapters.slack_api import SlackAccess
from bot.adapters.vm_identity import VmIdentity
from bot.adapters.web import HttpWeb
from bot.app import Core, make_cloud
from bot.models import LOCAL_TEAM
from bot.ports import Chat
from config.settings import Environment, Settings

_DRAIN = timedelta(seconds=20)  # for steps under way when a bot waits for the seat


class Parts:
    """Core with real adapters around it. For asking it needs neither Slack nor an engine."""

    def __init__(self, settings: Settings) -> None:
        """Raises SQLAlchemyError when the database cannot be opened."""
        env, policy = settings.env, settings.policy
        self.settings = settings
        self.clock = SystemClock()
        self._slack = _slack(env)
        self._cloud = make_cloud(settings, self.clock)
        identity = VmIdentity(env.ds_home, pins_host_keys=policy.vm.host_key == "pinned")
        self._hosts = DockerHosts(identity.key)
        chat: Chat = self._slack or NoSlack()
        self.core = Core(
            policy,
            env.database,
            cloud=self._cloud,
            hosts=self._hosts,
            web=HttpWeb(),
            chat=chat,
            clock=self.clock,
            identity=identity,
            archives=SaveFiles(env.ds_home / "saves"),
            refreshes_homes=False,
        )
        self.lookout = Lookout(env.ds_home, self.core.database)

    def close(self) -> None:
        """Let go of everything."""
        self.clock.stop()
        self.core.close()
        if self._slack is not None:
            self._slack.close()
        self._hosts.close()
        self._cloud.close()


class Guest:
    """Carries out what terminals asked for, while no bot does; leaves the rest for the next bot."""

    def __init__(self, settings: Settings) -> None:
        self._parts = Parts(settings)
        core = self._parts.core
        self._engine = DurableEngine(
            settings.env.database,
            settings.env.ds_home,
            core.runner.run,
            on_crash=core.runner.give_up,
            takes=self._is_of_a_terminal,
        )

    def launch(self) -> None:
        """Begin. Raises ConfigError when somebody else has the seat."""
        try:
            self._engine.launch()
        except BaseException:
            self._parts.close()
            raise
        self._parts.core.operations.start(self._engine, team_id=LOCAL_TEAM)

    def close(self) -> bool:
        """Begin no further step. False: one is still at work, and the process must end."""
        self._parts.core.operations.stop()
        is_drained = self._engine.close(_DRAIN, wake=self._parts.clock.stop)
        if is_drained:
            self._parts.close()
        return is_drained

    def _is_of_a_terminal(self, op_id: str) -> bool:
        try:
            return self._parts.core.operation_store.get(op_id).caller.is_local
        except LookupError:
            return False


def _slack(env: Environment) -> SlackChat | None:
    """Slack, for notices to people there, where there is a token."""
    if env.slack_bot_token is None:
        return None
    token = env.slack_bot_token.get_secret_value()
    return SlackChat(SlackAccess(token, env.slack_api_url), SteadyClock())
