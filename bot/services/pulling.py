"""Pulling an image as a phase: a bar that never goes back, how much, how fast."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bot.models import Pulled, PullProgress, Text
from bot.ports import Clock, ContainerHost
from bot.services.work import Watch

_MB = 1_000_000
_BAR = 12  # signs


class PullNote:
    """Turns progress into a line. One per pull."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._share = 0.0

    def line(self, progress: PullProgress) -> Text:
        """ "▓▓▓▓░░░░ 120 of 370 MB, 25 MB/s, layers: 3 of 7"."""
        total = max(progress.total_bytes, 1)
        # Layers are announced one after the other, so the total grows: the bar waits meanwhile.
        self._share = max(self._share, min(progress.done_bytes / total, 1.0))
        return Text(
            "{bar} {done} of {total} MB, {speed} MB/s, layers: {layers} of {all}",
            bar=bar(self._share),
            done=progress.done_bytes // _MB,
            total=progress.total_bytes // _MB,
            speed=self._speed(progress.done_bytes),
            layers=progress.layers_done,
            all=progress.layers_total,
        )

    def _speed(self, done_bytes: int) -> int:
        elapsed_s = (self._clock.monotonic() - self._began).total_seconds()
        return round(done_bytes / _MB / elapsed_s) if elapsed_s >= 1 else 0


def bar(share: float) -> str:
    """A bar of twelve signs, filled to a share of 1."""
    filled = round(share * _BAR)
    return "▓" * filled + "░" * (_BAR - filled)


def pull(watch: Watch, host: ContainerHost, image: str) -> Pulled:
    """Pull an image, or learn that it is up to date, and say which it was."""
    note = PullNote(watch.clock)

    def tell(progress: PullProgress) -> None:
        watch.check_going_on()
        watch.tell(note.line(progress))

    pulled = host.pull(image, tell)
    digest = (pulled.digest or pulled.image_id).removeprefix("sha256:")[:12]
    if pulled.is_news:
        watch.conclude(Text("pulled, digest `{digest}`", digest=digest))
    else:
        watch.conclude(Text("up to date, digest `{digest}`", digest=digest))
    return pulled


def provide(watch: Watch, host: ContainerHost, image: str, every: timedelta) -> dict[str, Any]:
    """Until the image is on the VM; as docker does, it is pulled only when it is not there yet.

    Pulling again what is partly there goes on where it was.
    """

    def look() -> dict[str, Any]:
        if host.has_image(image):
            watch.conclude(watch.conclusion or Text("was there already"))
        else:
            pull(watch, host, image)
        return {}

    return watch.until(look, every)
