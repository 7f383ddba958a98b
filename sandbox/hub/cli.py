"""`ds-bot sandbox hub`: the registry and the search index by themselves."""

from __future__ import annotations

import argparse
import sys

from sandbox.engine import EngineAbsent
from sandbox.foreground import say, stoppable, wait_for_ever
from sandbox.hub.hub import Hub
from sandbox.hub.registry import HubFailed
from sandbox.images.base import ImageFailed


def main(argv: list[str]) -> int:
    """Run until SIGTERM or SIGINT. 1: something it needs is missing."""
    parser = argparse.ArgumentParser(prog="ds-bot sandbox hub", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of the registry; default: a free one")
    parser.add_argument("--index-port", type=int, default=0, help="default: a free one")
    args = parser.parse_args(argv)
    hub = Hub(say, registry_port=args.port, index_port=args.index_port)
    try:
        with stoppable(), hub:
            where = hub.addresses
            say(f"registry mirror: {where.mirror}")
            say(f"search index: https://{where.host}:{where.index_port}")
            say(f"  for {', '.join(where.names)}")
            wait_for_ever()
    except (EngineAbsent, HubFailed, ImageFailed, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
