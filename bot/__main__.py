"""The command line `ds-bot`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module

from bot.errors import ConfigError

USAGE = """\
usage: ds-bot serve [--transport socket|http] [--port N]
       ds-bot sandbox slack|softlayer|hub|up [--port N]

  serve               the bot: Slack, scheduler and worker in one process, until SIGTERM

  sandbox slack       a local Slack workspace with a web page, in the foreground
  sandbox softlayer   a local SoftLayer that slcli can order from, in the foreground
  sandbox hub         a local image registry and search index, in the foreground
  sandbox up          all of it; prints the environment that points a bot at it

Each takes --help."""

SANDBOX = {
    "slack": "sandbox.slack.cli",
    "softlayer": "sandbox.softlayer.cli",
    "hub": "sandbox.hub.cli",
    "up": "sandbox.cli",
}

_CONNECT = timedelta(seconds=30)


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status (2 = not understood)."""
    words = sys.argv[1:] if argv is None else argv
    match words:
        case ["serve", *rest]:
            return serve(rest)
        case ["sandbox", part, *rest] if part in SANDBOX:
            run: Callable[[list[str]], int] = import_module(SANDBOX[part]).main
            return run(rest)
        case ["-h" | "--help" | "help", *_]:
            sys.stdout.write(USAGE + "\n")
            return 0
        case _:
            sys.stderr.write(USAGE + "\n")
            return 2


def serve(argv: list[str]) -> int:
    """The bot until SIGTERM or SIGINT; then it drains, and gives 0. 1: it could not start."""
    # Imported here: `ds-bot sandbox` and `--help` need none of it.
    from bot.adapters.signals import StopSignal
    from bot.app import Bot
    from config.settings import load_settings

    parser = argparse.ArgumentParser(prog="ds-bot serve", description=serve.__doc__)
    parser.add_argument("--transport", choices=("socket", "http"), help="default: DS_TRANSPORT")
    parser.add_argument("--port", type=int, help="HTTP port; default: PORT, else 3000")
    args = parser.parse_args(argv)
    log_to_stderr()
    with StopSignal() as stop:
        try:
            settings = load_settings()
            port = settings.env.port if args.port is None else args.port
            bot = Bot(settings, transport=args.transport or settings.env.transport, port=port)
            bot.start()
        except (ConfigError, OSError) as error:
            sys.stderr.write(f"{error}\n")
            return 1
        if bot.wait_connected(_CONNECT):
            sys.stdout.write(f"ds-bot is ready: {bot.url}/healthz\n")
            sys.stdout.flush()
        stop.wait()
        is_drained = bot.close()
    if not is_drained:  # Python would wait for the threads; their work is resumed at the next start
        logging.shutdown()
        os._exit(0)
    return 0


def log_to_stderr() -> None:
    """One line per event, with its time in UTC; libraries speak only when something is wrong."""
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for noisy in ("apscheduler", "uvicorn", "urllib3", "paramiko", "dbos", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
