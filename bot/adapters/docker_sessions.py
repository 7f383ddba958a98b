"""RStudio's sessions in a container, by the command that RStudio brings for looking after them.

What the command says is in the hands of whoever works in the container: it is only counted.
Source: rstudio, src/cpp/server/extras/admin/rstudio-server.in.
"""

from __future__ import annotations

import re
import time
from datetime import timedelta

import requests

from bot.adapters.docker_calls import EngineCalls
from bot.adapters.docker_channels import EngineApi
from bot.adapters.docker_inside import inspected
from bot.adapters.docker_output import newest
from bot.adapters.ssh_errors import broke

# One command, whose last line tells that nothing of the answer is missing.
_SCRIPT = """
if command -v rstudio-server >/dev/null; then
    rstudio-server suspend-all
    rstudio-server active-sessions
fi
echo end
"""
_NO_SHELL = (126, 127)  # what the engine says is the exit code then
_SESSION = re.compile(rb"\s*\d{1,10}\s(?!.*<defunct>)")  # `ps`: its process, time and command
_MOST_BYTES = 100_000
_COMMAND_S = 60.0  # that one command may take, however late it is
# Between two looks, in seconds: a session writes down its workspace, large or small.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 2.0


def suspend(calls: EngineCalls, container_id: str, timeout: timedelta) -> int:
    """How many sessions are still there. Raises ContainerNotFound, EngineRefused (as when the
    container is paused), HostUnreachable.

    They are asked again at each look, which changes nothing for one that was asked: R does not
    hear it while it begins (R 4.2, src/main/main.c, onsigusr1).
    """
    deadline = time.monotonic() + timeout.total_seconds()
    found = inspected(calls, container_id)
    if not found["State"]["Running"]:
        return 0
    pause = _FIRST_PAUSE_S
    while True:
        sessions = calls.again(lambda: _ask(calls, found["Id"]))
        remaining = deadline - time.monotonic()
        if not sessions or remaining <= 0:
            return sessions
        time.sleep(min(pause, remaining))
        pause = min(2 * pause, _LONGEST_PAUSE_S)


def _ask(calls: EngineCalls, container_id: str) -> int:
    """Ask all to be suspended; how many are there then."""
    command = ["sh", "-c", _SCRIPT]
    made = calls.act(lambda api: api.exec_create(container_id, command, stderr=False, user="root"))
    until = time.monotonic() + _COMMAND_S

    def ask(api: EngineApi, silence_s: float) -> requests.Response:
        return api.executed(made["Id"], silence_s)

    with calls.long_calls, calls.streaming(ask, until=until) as chunks:
        lines = newest(chunks, _MOST_BYTES, is_framed=True).splitlines()
    if lines[-1:] == [b"end"]:
        return sum(bool(_SESSION.match(line)) for line in lines)
    ended = calls.read(lambda api: api.exec_inspect(made["Id"]))
    if ended["ExitCode"] in _NO_SHELL:
        return 0
    raise broke(calls.address)
