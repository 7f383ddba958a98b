"""The tour: the main job typed by a script, each step checked from outside the bot.

What is looked at is what a person or another tool would see: pages by HTTP, containers by asking
the VM's engine on the VM, VMs by an unmodified `slcli`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar
from urllib.error import HTTPError
from urllib.parse import urlencode

from sandbox.bot_process import BotProcess
from sandbox.engine import local_engine
from sandbox.slack.records import Message
from sandbox.slack.seed import DATA_SCIENCE, JANE
from sandbox.world import World

T = TypeVar("T")

VM_S, APP_S, QUICK_S = 300.0, 300.0, 60.0


class StepFailed(Exception):
    """A step did not do what it says."""


class Tour:
    """Runs once. say: gets the transcript, line by line. began: when the command was started."""

    def __init__(
        self, world: World, bot: BotProcess, began: float, say: Callable[[str], None]
    ) -> None:
        self._world = world
        self._bot = bot
        self._began = began
        self._say = say
        self._jane = world.slack.user(JANE)

    def run(self) -> bool:
        """Whether every step did what it says."""
        steps = (self._vms, self._shiny, self._rstudio, self._plain, self._ps_and_kill, self._end)
        try:
            for step in steps:
                step()
        except (StepFailed, TimeoutError, OSError) as error:
            self._say(f"  FAILED: {error}")
            self._say("The bot's log:")
            self._say(self._bot.log.read_text()[-4000:])
            return False
        self._say(f"Done in {time.monotonic() - self._began:.0f} s; every step did what it says.")
        return True

    # --- the steps ---

    def _vms(self) -> None:
        """Both are ordered at once, as two people would."""
        jekyll = self._ds("vm jekyll-dev")
        self._plain_card = self._ds("vm plain-dev --image plain")
        self._jekyll = self._address(self._ended(jekyll, "is ready", VM_S))
        self._check("slcli vs list has jekyll-dev", "jekyll-dev" in self._slcli_names())

    def _shiny(self) -> None:
        card = self._ended(self._ds("shiny on jekyll-dev"), "is ready", APP_S)
        url = self._url(card)
        status, body = _get(url)
        self._check(f"{url} answers 200 with the app's own page",
                    status == HTTPStatus.OK and "Old Faithful" in body)  # fmt: skip

    def _rstudio(self) -> None:
        card = self._ended(self._ds("rstudio on jekyll-dev"), "is ready", APP_S)
        url = self._url(card)
        status, body = _get(f"{url}auth-sign-in")
        self._check(f"{url}auth-sign-in answers 200 with a login page",
                    status == HTTPStatus.OK and "password" in body.lower())  # fmt: skip
        self._check("it is on port 8787", url.endswith(":8787/"))
        password = self._password(card)
        self._check("the image's public password is refused", not _may_log_in(url, "rstudio"))
        self._check("the password of the modal is taken", _may_log_in(url, password))
        posted = str(self._world.slack.messages(DATA_SCIENCE))
        self._check("the password is in no message", password not in posted)

    def _plain(self) -> None:
        card = self._ended(self._plain_card, "is ready", VM_S)
        plain = self._address(card)
        version = self._on_vm(plain, "docker version --format {{.Server.Version}}")
        self._check(f"plain-dev has Docker {version} now", bool(version))

    def _ps_and_kill(self) -> None:
        before = self._container_ids()
        self._check("two containers run on jekyll-dev", len(before) == 2)
        seen = len(self._world.slack.ephemerals(JANE))
        self._type("ps")
        answer = self._wait(lambda: self._world.slack.ephemerals(JANE)[seen:], QUICK_S)[0]
        self._say(f"  {_flat(answer.text)}")
        shown = json.dumps(answer.blocks)
        self._check("/ds ps shows both", all(each[:12] in shown for each in before))
        self._ended(self._ds(f"kill {before[0][:12]}"), "removed", QUICK_S)
        self._check("it is gone from the engine", self._container_ids() == before[1:])

    def _end(self) -> None:
        for name in ("jekyll-dev", "plain-dev"):
            self._ended(self._ds(f"vm cancel {name}"), "is cancelled", VM_S)
        self._wait(lambda: not self._slcli_names(), QUICK_S)
        self._check("slcli vs list is empty", True)
        self._check("no VM is left on this machine", not self._world.softlayer.live())

    # --- typing and waiting ---

    def _type(self, line: str) -> None:
        self._say(f"> /ds {line}")
        outcome = self._jane.command(DATA_SCIENCE, "/ds", line)
        if not outcome.is_ok:
            raise StepFailed(f"Slack says: {outcome.text}")

    def _ds(self, line: str) -> int:
        """Type a command; the place of its card in the channel."""
        place = len(self._world.slack.messages(DATA_SCIENCE))
        self._type(line)
        self._wait(lambda: len(self._world.slack.messages(DATA_SCIENCE)) > place, QUICK_S)
        return place

    def _ended(self, place: int, expected: str, timeout_s: float) -> Message:
        """The card once it says what is expected."""
        began = time.monotonic()

        def look() -> list[Message]:
            message = self._world.slack.messages(DATA_SCIENCE)[place]
            if "did not work" in message.text or "❌" in str(message.blocks):
                raise StepFailed(message.text)
            return [message] if expected in message.text else []

        [message] = self._wait(look, timeout_s)
        self._say(f"  {_flat(message.text)}   ({time.monotonic() - began:.1f} s)")
        return message

    def _wait(self, look: Callable[[], T], timeout_s: float) -> T:
        deadline = time.monotonic() + timeout_s
        while not (value := look()):
            if time.monotonic() > deadline:
                raise StepFailed(f"not within {timeout_s:.0f} s")
            threading.Event().wait(0.1)
        return value

    def _check(self, what: str, is_so: bool) -> None:
        self._say(f"  {'ok' if is_so else 'NOT SO'}: {what}")
        if not is_so:
            raise StepFailed(what)

    # --- looking from outside ---

    def _address(self, card: Message) -> str:
        found = re.search(r"\b\d+\.\d+\.\d+\.\d+\b", str(card.text))
        if found is None:
            raise StepFailed(f"no address in: {card.text}")
        return found[0]

    def _url(self, card: Message) -> str:
        found = re.search(r"http://[0-9.]+:\d+/", card.text)
        if found is None:
            raise StepFailed(f"no URL in: {card.text}")
        return found[0]

    def _password(self, card: Message) -> str:
        """Press the button that shows it."""
        [button] = [
            element
            for block in card.blocks
            for element in block.get("elements", [])
            if str(element.get("action_id", "")).startswith("password")
        ]
        self._say(f"  [{button['text']['text']}]")
        self._jane.click(card, button["action_id"], button["value"])

        def look() -> list[str]:
            return [
                part["elements"][0]["text"]
                for view in self._world.slack.modals(JANE)
                for block in view.blocks
                if block["type"] == "rich_text"
                for part in block["elements"]
            ]

        return str(self._wait(look, QUICK_S)[-1])

    def _container_ids(self) -> list[str]:
        printed = self._on_vm(self._jekyll, "docker ps --no-trunc --quiet")
        return printed.split()

    def _on_vm(self, address: str, command: str) -> str:
        """What a command prints on the VM; asked from below it, not through the bot's SSH."""
        [guest] = [each for each in self._world.softlayer.live() if each.public_ip == address]
        with local_engine() as api:
            created = api.exec_create(guest.machine_id, ["sh", "-c", command], stderr=False)
            output: bytes = api.exec_start(created["Id"])
        return output.decode().strip()

    def _slcli_names(self) -> list[str]:
        with tempfile.TemporaryDirectory() as directory:
            config = Path(directory) / "softlayer.conf"
            config.write_text(self._world.softlayer.slcli_config)
            environment = os.environ | {"SLCLI_CONFIG": str(config)}
            for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"):
                environment.pop(name, None)
            slcli = Path(sys.executable).parent / "slcli"
            printed = subprocess.run(
                [slcli, "--format=json", "vs", "list"],
                env=environment,
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        return [row["hostname"] for row in json.loads(printed or "[]")]


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, response.read().decode("utf-8", "replace")
    except HTTPError as error:
        return error.code, ""


def _may_log_in(url: str, password: str) -> bool:
    """Whether RStudio's sign-in form takes the password: it leads to the front page then."""
    form = urlencode({"username": "rstudio", "password": password}).encode()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with opener.open(f"{url}auth-do-sign-in", form, timeout=10) as response:
        return "auth-sign-in" not in response.url


def _flat(text: str) -> str:
    return " ".join(text.split())
