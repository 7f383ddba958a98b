"""What the engine says while it pulls, folded into one figure over all layers.

Rows: Docker Engine API v1.41, POST /images/create. Each names a layer (`id`) and its `status`;
while bytes move, `progressDetail` has `current` and `total`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from bot.models import PullProgress

_ANNOUNCED = frozenset({"Pulling fs layer", "Waiting"})
_FETCHED = frozenset({"Verifying Checksum", "Download complete"})
_DONE = frozenset({"Pull complete", "Already exists"})
_DIGEST = re.compile(r"Digest: (sha256:[0-9a-f]{64})")
_UP_TO_DATE = "Status: Image is up to date"  # the other one is "Status: Downloaded newer image"


@dataclass(slots=True)
class _Layer:
    total: int = 0
    done: int = 0
    is_fetched: bool = False
    is_complete: bool = False


class PullFold:
    """Takes the engine's rows one by one; `progress` is where the pull is after them.

    `done_bytes` never falls, even when the engine downloads a layer again, and never exceeds
    `total_bytes`.
    """

    def __init__(self) -> None:
        self._layers: dict[str, _Layer] = {}
        self.digest: str | None = None  # the registry's, once the engine has said it
        self.is_news = True  # until the engine says that what it has is up to date

    def take(self, row: dict[str, Any]) -> bool:
        """Fold one row in. True when it changed what `progress` says."""
        before = self.progress
        status, layer_id = row.get("status", ""), row.get("id")
        detail = row.get("progressDetail") or {}
        if status in _ANNOUNCED | _FETCHED | _DONE or status in ("Downloading", "Extracting"):
            self._change(self._layers.setdefault(str(layer_id), _Layer()), status, detail)
        elif found := _DIGEST.match(status):
            self.digest = found[1]
        elif status.startswith(_UP_TO_DATE):
            self.is_news = False
        return self.progress != before

    @property
    def progress(self) -> PullProgress:
        """All layers folded together."""
        layers = self._layers.values()
        is_fetched = bool(layers) and all(layer.is_fetched for layer in layers)
        return PullProgress(
            done_bytes=sum(layer.done for layer in layers),
            total_bytes=sum(layer.total for layer in layers),
            layers_done=sum(layer.is_complete for layer in layers),
            layers_total=len(layers),
            phase="extracting" if is_fetched else "downloading",
        )

    @staticmethod
    def _change(layer: _Layer, status: str, detail: dict[str, int]) -> None:
        if status == "Downloading":
            layer.total = max(layer.total, detail.get("total", 0))
            layer.done = min(layer.total, max(layer.done, detail.get("current", 0)))
        elif status in _ANNOUNCED:
            return
        else:  # every later status means that all its bytes are here
            layer.is_fetched = True
            layer.done = layer.total
            layer.is_complete = layer.is_complete or status in _DONE
