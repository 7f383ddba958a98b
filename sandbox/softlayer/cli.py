"""`ds-bot sandbox softlayer`: the local SoftLayer in the foreground."""

from __future__ import annotations

import argparse
import importlib
import logging
import signal
import sys
import threading
from types import FrameType

from sandbox.softlayer.hypervisor import Hypervisor, NoVms
from sandbox.softlayer.server import SoftLayerSandbox


def main(argv: list[str]) -> int:
    """Run until SIGTERM or SIGINT, then remove every machine. Returns the exit status."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    stop = threading.Event()
    _stop_on_signals(stop)
    sandbox = SoftLayerSandbox(
        host=args.host,
        port=args.port,
        speed=args.speed,
        hypervisor=_hypervisor(args.vms),
        rate_limit=args.rate_limit,
    )
    sandbox.seed(args.seed)
    try:
        with sandbox:
            sys.stdout.write(_hint(sandbox))
            sys.stdout.flush()
            stop.wait()
    except OSError as error:
        sys.stderr.write(f"cannot listen on {args.host}:{args.port}: {error.strerror}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ds-bot sandbox softlayer", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0: any free port (default)")
    parser.add_argument(
        "--speed", type=_positive, default=60.0, help="sandbox minutes per real minute (default 60)"
    )
    parser.add_argument("--seed", type=int, default=0, help="guests to begin with (default 0)")
    parser.add_argument(
        "--vms", choices=("none", "containers"), default="none", help="what stands behind a guest"
    )
    parser.add_argument(
        "--rate-limit", type=int, default=None, help="calls per second (SoftLayer's is 50)"
    )
    return parser


def _positive(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return number


def _hypervisor(kind: str) -> Hypervisor:
    if kind == "none":
        return NoVms()
    # Imported only when asked for: it needs a Docker Engine.
    hypervisor: Hypervisor = importlib.import_module("sandbox.vms").VmContainers()
    return hypervisor


def _stop_on_signals(stop: threading.Event) -> None:
    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)


def _hint(sandbox: SoftLayerSandbox) -> str:
    return (
        f"SoftLayer sandbox: {sandbox.url}\n"
        "\n"
        "For slcli, put this into a file, name it in SLCLI_CONFIG and unset https_proxy:\n"
        "\n"
        f"{sandbox.slcli_config}"
        "\n"
        "For the bot:\n"
        "\n"
        f"SL_ENDPOINT_URL={sandbox.url} SL_USERNAME={sandbox.username} "
        f"SL_API_KEY={sandbox.api_key}\n"
    )
