"""`ds-bot demo`: the sandbox with the bot in it, and a page to type in."""

from __future__ import annotations

import argparse
import socket
import sys
import time

from sandbox.bot_process import BotFailed, BotProcess
from sandbox.engine import EngineAbsent
from sandbox.foreground import say, stoppable
from sandbox.home import run_directory
from sandbox.hub.registry import HubFailed
from sandbox.images.base import ImageFailed
from sandbox.slack.seed import DATA_SCIENCE, JANE
from sandbox.tour import Tour
from sandbox.world import World

PORT = 8484
_STOP_S = 5.0  # the bot would wait for a pull to end, but the VM is thrown away anyway


def main(argv: list[str]) -> int:
    """Run until SIGTERM or SIGINT (with --tour: to its end), then leave nothing running.

    1: something it needs is missing, or a step of the tour did not do what it says.
    """
    parser = argparse.ArgumentParser(prog="ds-bot demo", description=__doc__)
    parser.add_argument("--tour", action="store_true", help="run the scripted tour, then end")
    parser.add_argument("--port", type=int, default=None, help=f"of the page; default {PORT}")
    args = parser.parse_args(argv)
    began = time.monotonic()
    try:
        with stoppable(), run_directory() as home, _world(args.port, is_tour=args.tour) as world:
            say("starting the bot")
            log = home / "bot.log"
            with BotProcess(world.environment, home / "bot", log, patience_s=_STOP_S) as bot:
                if args.tour:
                    return 0 if Tour(world, bot, began, say).run() else 1
                _show_the_way(world)
                bot.wait_until_it_ends()
        return 1 if args.tour else 0
    except (EngineAbsent, HubFailed, ImageFailed, BotFailed, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _show_the_way(world: World) -> None:
    say("")
    say(f"  Slack is here: {world.slack.page_url(JANE, DATA_SCIENCE)}")
    say("  In the box at the bottom type  /ds vm jekyll-dev  and then  /ds shiny")
    say("  Ctrl-C here ends it all, VMs too.")
    say("")


def _world(port: int | None, *, is_tour: bool) -> World:
    """The page is at the same place each time, unless something else is there already."""
    if port is not None:
        if port and not _is_free(port):
            raise OSError(f"port {port} is taken by another program; choose one with --port")
        return World(say, slack_port=port)
    if is_tour:
        return World(say)
    if _is_free(PORT):
        return World(say, slack_port=PORT)
    say(f"port {PORT} is taken by another program, so the page gets another one")
    return World(say)


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
