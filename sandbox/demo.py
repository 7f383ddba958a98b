"""`ds-bot demo`: the sandbox with the bot in it, and a page to type in."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from sandbox.bot_process import BotFailed, BotProcess
from sandbox.engine import EngineAbsent
from sandbox.foreground import say, stop_signal
from sandbox.hub.registry import HubFailed
from sandbox.images.build import ImageFailed
from sandbox.slack.seed import DATA_SCIENCE, JANE
from sandbox.tour import Tour
from sandbox.world import World

PORT = 8484


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
        with stop_signal() as stopped, _world(args.port, is_tour=args.tour) as world:
            with tempfile.TemporaryDirectory(prefix="ds-bot-demo-") as directory:
                home = Path(directory)
                with BotProcess(world.environment, home / "bot", home / "bot.log") as bot:
                    if args.tour:
                        return 0 if Tour(world, bot, began, say).run() else 1
                    say("")
                    say(f"  Slack is here: {world.slack.page_url(JANE, DATA_SCIENCE)}")
                    say("  Type  /ds vm jekyll-dev  and then  /ds shiny      (Ctrl-C ends it all)")
                    say("")
                    stopped.wait()
                    say("stopping; every VM is removed")
    except (EngineAbsent, HubFailed, ImageFailed, BotFailed, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _world(port: int | None, *, is_tour: bool) -> World:
    """The page is at the same place each time, unless something else is there already."""
    if port is None:
        port = 0 if is_tour or not _is_free(PORT) else PORT
    return World(say, slack_port=port)


def _is_free(port: int) -> bool:
    import socket

    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
