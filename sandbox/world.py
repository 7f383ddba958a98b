"""The whole outside of the bot on this machine: Slack, SoftLayer with real VMs, and the hub."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from sandbox.foreground import uninterrupted
from sandbox.hub.hub import Hub
from sandbox.hub.registry import public_registry_answers
from sandbox.images.build import ensure_images
from sandbox.images.recipes import HUB_IMAGES, VM_IMAGES
from sandbox.slack.server import SlackSandbox
from sandbox.softlayer.server import SoftLayerSandbox
from sandbox.vms import VmContainers

SPEED = 60.0
"""Sandbox minutes per real minute: what takes SoftLayer ten minutes takes ten seconds."""

Tell = Callable[[str], None]


class World:
    """Up while the context lasts; then every VM is gone. Images are kept for the next time.

    tell: told what is being prepared. slack_port, softlayer_port: 0 takes a free one. request_url:
    Slack delivers by signed HTTP to it instead of by Socket Mode.
    Raises what EngineAbsent, HubFailed and ImageFailed say.
    """

    def __init__(
        self,
        tell: Tell = lambda line: None,
        *,
        speed: float = SPEED,
        slack_port: int = 0,
        softlayer_port: int = 0,
        request_url: str | None = None,
    ) -> None:
        self._tell = tell
        self._speed = speed
        self._ports = (slack_port, softlayer_port)
        self._request_url = request_url
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self._open(opened)
            self._running = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with uninterrupted():
            self._running.close()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point a bot at this world."""
        return self.slack.environment | {
            "SL_ENDPOINT_URL": self.softlayer.url,
            "SL_USERNAME": self.softlayer.username,
            "SL_API_KEY": self.softlayer.api_key,
        }

    def _open(self, opened: ExitStack) -> None:
        removed = VmContainers.remove_leftovers()
        if removed:
            self._tell(f"removed {removed} VMs of a run that was cut off")
        is_public = public_registry_answers()
        hub_images = () if is_public else HUB_IMAGES.values()
        ensure_images({*VM_IMAGES, *hub_images}, self._tell)  # all at once: it is shorter
        self.hub = opened.enter_context(Hub(self._tell, is_public=is_public))
        self.vms = VmContainers(self.hub.addresses, self._tell)
        opened.callback(self.vms.close)
        self.softlayer = opened.enter_context(
            SoftLayerSandbox(port=self._ports[1], speed=self._speed, hypervisor=self.vms)
        )
        self.slack = opened.enter_context(
            SlackSandbox(
                bot_manifest(self._request_url),
                port=self._ports[0],
                request_url=self._request_url,
            )
        )


def bot_manifest(request_url: str | None) -> dict[str, Any]:
    """The manifest that the bot itself prints, as an operator would paste it into Slack."""
    words = ["--transport", "http", "--request-url", request_url] if request_url else []
    command = [sys.executable, "-m", "bot", "manifest", *(words or ["--transport", "socket"])]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    app: dict[str, Any] = json.loads(printed)
    return app
