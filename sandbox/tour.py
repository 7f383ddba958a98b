"""The tour: the main job typed by a script, each step checked from outside the bot.

What is looked at is what a person or another tool would see: pages by HTTP, containers by asking
the VM's engine on the VM, VMs by an unmodified `slcli`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http import HTTPStatus

from sandbox.bot_process import BotProcess
from sandbox.outside import Outside, address_in, may_log_in, page_at, url_in, wait_until
from sandbox.slack.seed import DATA_SCIENCE, JANE
from sandbox.typist import StepFailed, Typist
from sandbox.world import World

VM_S, APP_S, QUICK_S = 300.0, 300.0, 60.0


class Tour:
    """Runs once. say: gets the transcript, line by line. began: when the command was started."""

    def __init__(
        self, world: World, bot: BotProcess, began: float, say: Callable[[str], None]
    ) -> None:
        self._world = world
        self._bot = bot
        self._began = began
        self._say = say
        self._jane = Typist(world.slack, JANE, DATA_SCIENCE, say)
        self._outside = Outside(world)

    def run(self) -> bool:
        """Whether every step did what it says."""
        steps = (self._vms, self._shiny, self._rstudio, self._plain, self._ps_and_kill, self._end)
        try:
            for step in steps:
                step()
        except (StepFailed, LookupError, OSError) as error:
            self._say(f"  FAILED: {error}")
            self._say("The bot's log:")
            self._say(self._bot.log.read_text()[-4000:])
            return False
        self._say(f"Done in {time.monotonic() - self._began:.0f} s; every step did what it says.")
        return True

    # --- the steps ---

    def _vms(self) -> None:
        """Both are ordered at once, as two people would."""
        jekyll = self._jane.begin("vm jekyll-dev")
        self._plain_card = self._jane.begin("vm plain-dev --image plain")
        self._jekyll = address_in(self._jane.ended(jekyll, "is ready", VM_S).text)
        listed = self._outside.listed_by_slcli()
        self._check("slcli vs list has jekyll-dev", "jekyll-dev" in listed)

    def _shiny(self) -> None:
        url = url_in(self._jane.do("shiny on jekyll-dev", "is ready", APP_S).text)
        status, body = page_at(url)
        self._check(f"{url} answers 200 with the app's own page",
                    status == HTTPStatus.OK and "Old Faithful" in body)  # fmt: skip

    def _rstudio(self) -> None:
        card = self._jane.do("rstudio on jekyll-dev", "is ready", APP_S)
        url = url_in(card.text)
        status, body = page_at(f"{url}auth-sign-in")
        self._check(f"{url}auth-sign-in answers 200 with a login page",
                    status == HTTPStatus.OK and "password" in body.lower())  # fmt: skip
        self._check("it is on port 8787", url.endswith(":8787/"))
        password = self._jane.password(card)
        self._check("the image's public password is refused", not may_log_in(url, "rstudio"))
        self._check("the password of the modal is taken", may_log_in(url, password))
        posted = str(self._world.slack.messages(DATA_SCIENCE))
        self._check("the password is in no message", password not in posted)

    def _plain(self) -> None:
        plain = address_in(self._jane.ended(self._plain_card, "is ready", VM_S).text)
        version = self._outside.run_on_vm(plain, "docker version --format {{.Server.Version}}")
        self._check(f"plain-dev has Docker {version} now", bool(version))

    def _ps_and_kill(self) -> None:
        before = self._outside.containers_on(self._jekyll)
        self._check("two containers run on jekyll-dev", len(before) == 2)
        shown = json.dumps(self._jane.answer("ps").blocks)
        self._check("/ds ps shows both", all(each[:12] in shown for each in before))
        self._jane.do(f"kill {before[0][:12]}", "removed", QUICK_S)
        left = self._outside.containers_on(self._jekyll)
        self._check("it is gone from the engine", left == before[1:])

    def _end(self) -> None:
        for name in ("jekyll-dev", "plain-dev"):
            self._jane.do(f"vm cancel {name}", "is cancelled", VM_S)
        wait_until(lambda: not self._outside.listed_by_slcli(), QUICK_S)
        self._check("slcli vs list is empty", True)
        self._check("no VM is left on this machine", not self._world.softlayer.live())

    def _check(self, what: str, is_so: bool) -> None:
        self._say(f"  {'ok' if is_so else 'NOT SO'}: {what}")
        if not is_so:
            raise StepFailed(what)
