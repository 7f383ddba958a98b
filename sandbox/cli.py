"""`ds-bot sandbox up`: the whole sandbox without the bot."""

from __future__ import annotations

import argparse
import sys

from sandbox.engine import EngineAbsent
from sandbox.foreground import say, stoppable, wait_for_ever
from sandbox.hub.registry import HubFailed
from sandbox.images.base import ImageFailed
from sandbox.world import SPEED, World


def main(argv: list[str]) -> int:
    """Run until SIGTERM or SIGINT, then remove every VM. 1: something it needs is missing."""
    parser = argparse.ArgumentParser(prog="ds-bot sandbox up", description=__doc__)
    parser.add_argument(
        "--port", type=int, default=0, help="of the Slack page; default: a free one"
    )
    parser.add_argument(
        "--softlayer-port", type=int, default=0, help="of SoftLayer; default: a free one"
    )
    parser.add_argument(
        "--speed", type=float, default=SPEED, help=f"of SoftLayer's clock (default {SPEED:g})"
    )
    parser.add_argument("--request-url", help="deliver Slack's payloads by signed HTTP to this URL")
    args = parser.parse_args(argv)
    world = World(
        lambda line: say(f"# {line}"),
        speed=args.speed,
        slack_port=args.port,
        softlayer_port=args.softlayer_port,
        request_url=args.request_url,
    )
    try:
        with stoppable(), world:
            say(f"# Slack page: {world.slack.page_url()}")
            for name, value in world.environment.items():
                say(f"export {name}={value}")
            wait_for_ever()
    except (EngineAbsent, HubFailed, ImageFailed, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
