"""`ds-bot sandbox slack`: the Slack sandbox by itself, in the foreground."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sandbox.slack.server import SlackSandbox


def main(argv: list[str]) -> int:
    """Run until SIGTERM or SIGINT; prints the page's address and the environment for a bot.

    Gives 0, or 1 when the port is taken.
    """
    options = _parser().parse_args(argv)
    try:
        slack = SlackSandbox(port=options.port, request_url=options.request_url)
    except OSError as error:
        print(f"Cannot listen on port {options.port}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 1
    with _stop_signal() as stopped, slack:
        print(_greeting(slack), flush=True)  # noqa: T201
        stopped.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ds-bot sandbox slack", description="A local Slack workspace to try the bot in."
    )
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument(
        "--request-url",
        metavar="URL",
        help="deliver by signed HTTP to this URL instead of Socket Mode",
    )
    return parser


def _greeting(slack: SlackSandbox) -> str:
    variables = (f"export {name}={value}" for name, value in slack.environment.items())
    return "\n".join([f"# Slack sandbox: {slack.page_url()}", *variables])


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; the handlers of before are put back after."""
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
