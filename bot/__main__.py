"""The command line `ds-bot`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

USAGE = """\
usage: ds-bot sandbox slack|softlayer [--port N]

  sandbox slack       a local Slack workspace with a web page, in the foreground
  sandbox softlayer   a local SoftLayer that slcli can order from, in the foreground

Each takes --help."""

PARTS = {"slack": "sandbox.slack.cli", "softlayer": "sandbox.softlayer.cli"}


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status (2 = not understood)."""
    words = sys.argv[1:] if argv is None else argv
    match words:
        case ["sandbox", part, *rest] if part in PARTS:
            run: Callable[[list[str]], int] = import_module(PARTS[part]).main
            return run(rest)
        case ["-h" | "--help" | "help", *_]:
            sys.stdout.write(USAGE + "\n")
            return 0
        case _:
            sys.stderr.write(USAGE + "\n")
            return 2


if __name__ == "__main__":
    sys.exit(main())
