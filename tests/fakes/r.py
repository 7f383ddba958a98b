"""R in a container, in memory: what its watcher (bot/services/r_watch.pl) reports.

world.images["rocker/r-base"] = r_image(lambda code: r_run("[1] 2\\n", plots=[PLOT]))
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Sequence
from datetime import timedelta

from bot.models import ContainerSpec
from tests.fakes.hosts import FakeImage, FakeRun

_LINE = 6000


def png(width: int = 2, height: int = 2) -> bytes:
    """A whole picture, all of it black."""
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    pixels = zlib.compress(b"".join(b"\0" + b"\0" * width for _ in range(height)))
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", size + b"\x08\0\0\0\0")
        + _chunk(b"IDAT", pixels)
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(kind + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + kind + content + crc


PLOT = png()


def r_run(
    output: str = "",
    *,
    why: str = "ended",
    exit_code: int = 0,
    signal: int = 0,
    plots: Sequence[bytes] = (),
    drawn: int | None = None,
    printed: int | None = None,
    kept: str = "",
    forgot: bool | None = None,
    lasts: timedelta = timedelta(0),
    **flags: int,
) -> FakeRun:
    """A run that ends so. printed: bytes, when `output` is only a part of it. flags: as reported,
    such as `out_of_memory=1`."""
    printed_bytes = len(output.encode()) if printed is None else printed
    half = len(output.encode()) // 2
    lines = [] if forgot is None else [f"forgot {int(forgot)}"]
    if why:
        lines += [f"why {why}", f"exit {exit_code}", f"signal {signal}", "milliseconds 400"]
        lines += [f"{name} {value}" for name, value in flags.items()]
        lines += [f"printed {printed_bytes}"]
        lines += _bytes("head", output.encode()[:half]) + _bytes("tail", output.encode()[half:])
    if kept:
        lines.append(f"kept {kept}")
    for number, plot in enumerate(plots, 1):
        lines += _bytes(f"plot{number}", plot)
    lines += [f"plots {len(plots) if drawn is None else drawn}", "end 1"]
    return FakeRun(tuple(lines), 0, lasts=lasts)


def killed_run() -> FakeRun:
    """The container was killed with its watcher in it."""
    return FakeRun((), 137)


def r_image(runs: Callable[[str], FakeRun] = lambda code: r_run("[1] 2\n")) -> FakeImage:
    """An image whose containers run R code as `runs` says."""
    return FakeImage(program=lambda spec: runs(argument(spec, "code")))


def argument(spec: ContainerSpec, name: str) -> str:
    """What the watcher in a container was told."""
    found = [each for each in spec.command if each.startswith(f"{name}=")]
    return found[-1].removeprefix(f"{name}=")


def _bytes(name: str, content: bytes) -> list[str]:
    pieces = [content[at : at + _LINE] for at in range(0, len(content), _LINE)]
    return [f"{name} {base64.b64encode(piece).decode()}" for piece in pieces]
