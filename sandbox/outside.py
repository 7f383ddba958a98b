"""What others than the bot see of its work: pages by HTTP, containers by asking the engine on the
VM, VMs by an unmodified `slcli`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.error import HTTPError
from urllib.parse import urlencode

from sandbox.bot_process import clean_environment
from sandbox.engine import local_engine
from sandbox.world import World

T = TypeVar("T")

_PAGE_S = 10
_LOOK_EVERY_S = 0.2


class Outside:
    """Looks at a world without asking the bot."""

    def __init__(self, world: World) -> None:
        self._world = world

    def run_on_vm(self, address: str, command: str) -> str:
        """What a shell command prints on a VM; run from below it, not through the bot's SSH."""
        with local_engine() as api:
            created = api.exec_create(self.machine_id(address), ["sh", "-c", command], stderr=False)
            output: bytes = api.exec_start(created["Id"])
        return output.decode().strip()

    def containers_on(self, address: str) -> list[str]:
        """Full ids of the running containers of a VM, the newest first."""
        return self.run_on_vm(address, "docker ps --no-trunc --quiet").split()

    def machine_id(self, address: str) -> str:
        """Id of the container that is the VM at an address. Raises LookupError."""
        for guest in self._world.softlayer.live():
            if guest.public_ip == address and guest.machine_id is not None:
                return guest.machine_id
        raise LookupError(f"no VM is at {address}")

    def listed_by_slcli(self) -> list[str]:
        """Hostnames that `slcli vs list` prints."""
        with tempfile.TemporaryDirectory() as directory:
            config = Path(directory) / "softlayer.conf"
            config.write_text(self._world.softlayer.slcli_config)
            printed = subprocess.run(
                [Path(sys.executable).parent / "slcli", "--format=json", "vs", "list"],
                env=clean_environment() | {"SLCLI_CONFIG": str(config)},
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        return [row["hostname"] for row in json.loads(printed or "[]")]


def wait_until(look: Callable[[], T], timeout_s: float) -> T:
    """The first true value that `look` gives. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while not (value := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s:.0f} s")
        threading.Event().wait(_LOOK_EVERY_S)
    return value


def page_at(url: str) -> tuple[int, str]:
    """Status and text of a page. Raises OSError when nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=_PAGE_S) as response:
            return response.status, response.read().decode("utf-8", "replace")
    except HTTPError as error:
        with error:
            return error.code, ""


def may_log_in(url: str, password: str) -> bool:
    """Whether RStudio's sign-in form takes the password: it leads to the front page then."""
    form = urlencode({"username": "rstudio", "password": password}).encode()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with opener.open(f"{url}auth-do-sign-in", form, timeout=_PAGE_S) as response:
        return "auth-sign-in" not in response.url


def address_in(text: str) -> str:
    """The IP address that a message names. Raises LookupError."""
    return _found(r"\b\d+\.\d+\.\d+\.\d+\b", text)


def url_in(text: str) -> str:
    """The first page that a message leads to. Raises LookupError."""
    return _found(r"http://[0-9.]+:\d+/", text)


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise LookupError(f"nothing like {pattern} in: {text}")
    return found[0]
