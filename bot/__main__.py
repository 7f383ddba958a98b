"""The command line `ds-bot`."""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module

from bot.errors import ConfigError
from config.settings import Environment, load_settings

USAGE = """\
usage: ds-bot serve [--transport socket|http] [--port N]
       ds-bot worker [--port N]
       ds-bot check [--transport socket|http]
       ds-bot shell [--json] [--user NAME] [--output PATH] [WORDS]
       ds-bot reap --dry-run [--json]
       ds-bot simulate [--trace FILE.csv] [--policy FILE.yaml] [--json]
       ds-bot manifest [--transport socket|http] [--request-url URL]
       ds-bot demo [--tour]
       ds-bot sandbox slack|softlayer|hub|up [--port N]

  serve               the bot: Slack, scheduler and worker in one process, until SIGTERM
  worker              a further process that only runs operations (PostgreSQL only)
  check               try Slack, SoftLayer, the database and each VM; say what to fix
  shell               the same commands as in Slack, in a terminal or a script, without Slack
  reap --dry-run      every VM, whether it is idle and what would follow; changes nothing
  simulate            what the policy of idle VMs would cost, beside other rules; touches nothing
  manifest            the Slack app's manifest, to be pasted into Slack
  demo                the sandbox with the bot in it; --tour runs the scripted tour and ends

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

YOUNG = 10_000
"""New objects before garbage is looked for among them. A sweep makes hundreds for each VM, and none
is garbage; with Python's own 700, looking for it took longer than judging."""

_CONNECT = timedelta(seconds=30)


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status (2 = not understood)."""
    words = sys.argv[1:] if argv is None else argv
    commands: dict[str, Callable[[list[str]], int]] = {
        "serve": serve,
        "worker": worker,
        "check": check,
        "shell": shell,
        "reap": lambda rest: _run("bot.reap", rest),
        "simulate": lambda rest: _run("bot.simulate.cli", rest),
        "manifest": manifest,
        "demo": lambda rest: _run("sandbox.demo", rest),
    }
    match words:
        case [word, *rest] if word in commands:
            return commands[word](rest)
        case ["sandbox", part, *rest] if part in SANDBOX:
            return _run(SANDBOX[part], rest)
        case ["-h" | "--help" | "help", *_]:
            sys.stdout.write(USAGE + "\n")
            return 0
        case _:
            sys.stderr.write(USAGE + "\n")
            return 2


def _run(module: str, argv: list[str]) -> int:
    """A command whose code is loaded for it alone; the product does not import the sandbox."""
    run: Callable[[list[str]], int] = import_module(module).main
    return run(argv)


def serve(argv: list[str]) -> int:
    """The bot until SIGTERM or SIGINT; then it drains, and gives 0. 1: it could not start."""
    parser = argparse.ArgumentParser(prog="ds-bot serve", description=serve.__doc__)
    _add_transport(parser)
    parser.add_argument("--port", type=int, help="HTTP port; default: PORT, else 3000")
    args = parser.parse_args(argv)
    return _until_stopped(lambda env: args.transport or env.transport, args.port)


def worker(argv: list[str]) -> int:
    """Only runs operations, beside a bot on the same PostgreSQL, until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="ds-bot worker", description=worker.__doc__)
    parser.add_argument("--port", type=int, help="HTTP port of /healthz; default: PORT, else 3000")
    args = parser.parse_args(argv)
    return _until_stopped(lambda env: "none", args.port)


def check(argv: list[str]) -> int:
    """Say what works and what to fix; 1 if anything does not work."""
    from bot.check import check as look

    parser = argparse.ArgumentParser(prog="ds-bot check", description=check.__doc__)
    _add_transport(parser)
    args = parser.parse_args(argv)
    logging.disable(logging.CRITICAL)  # the findings say it all
    try:
        settings = load_settings()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    is_good = True
    for finding in look(settings, args.transport or settings.env.transport):
        sys.stdout.write(f"{finding}\n")
        sys.stdout.flush()
        is_good = is_good and finding.is_good
    return 0 if is_good else 1


def shell(argv: list[str]) -> int:
    """The bot's commands typed in a terminal; gives the exit status (see `--help`)."""
    from bot.shell.cli import main as run

    return run(argv)


def manifest(argv: list[str]) -> int:
    """Print the Slack app's manifest as JSON."""
    from handlers.commands import grammar
    from handlers.manifest import manifest as made

    parser = argparse.ArgumentParser(prog="ds-bot manifest", description=manifest.__doc__)
    _add_transport(parser)
    parser.add_argument("--request-url", help="where Slack reaches /slack/events in HTTP mode")
    args = parser.parse_args(argv)
    try:
        settings = load_settings()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    transport = args.transport or settings.env.transport
    app = made(grammar(settings.policy), transport, args.request_url)
    sys.stdout.write(json.dumps(app, indent=2, ensure_ascii=False) + "\n")
    return 0


def _add_transport(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--transport",
        choices=("socket", "http"),
        help="default: DS_TRANSPORT, else socket if there is an app token",
    )


def _until_stopped(transport: Callable[[Environment], str], port: int | None) -> int:
    # Imported here: the other commands need none of it. Collecting garbage among a hundred
    # thousand objects that all stay would cost a tenth of the time until we are ready.
    gc.disable()
    # An ack must not wait for the turns of all operations that compute; Python's own is 5 ms.
    sys.setswitchinterval(0.0005)
    from bot.adapters.signals import StopSignal
    from bot.app import Bot

    log_to_stderr()
    with StopSignal() as stop:
        try:
            settings = load_settings()
            bot = Bot(
                settings,
                transport=transport(settings.env),
                port=settings.env.port if port is None else port,
            )
            bot.start()
        except (ConfigError, OSError) as error:
            sys.stderr.write(f"{error}\n")
            return 1
        gc.enable()
        gc.freeze()
        gc.set_threshold(YOUNG)
        if bot.wait_connected(_CONNECT):
            sys.stdout.write(f"ds-bot is ready: {bot.url}/healthz\n")
            sys.stdout.flush()
        stop.wait()
        is_drained = bot.close()
    others = [each for each in threading.enumerate() if each is not threading.main_thread()]
    if not is_drained or any(not each.daemon for each in others):
        # Python would wait for those; their work is resumed at the next start. One that asks a
        # dead VM would keep the process for minutes.
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
