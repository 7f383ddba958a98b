"""What the code of `/ds r` may take. It is anybody's code on a VM that others use as well."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from config.fields import Duration, PolicyPart

_LONGEST = timedelta(hours=1)


def _at_most_an_hour(value: timedelta) -> timedelta:
    if value > _LONGEST:
        raise ValueError("must not be longer than 1h: for that there is RStudio")
    return value


Short = Annotated[Duration, AfterValidator(_at_most_an_hour)]


class RPolicy(PolicyPart):
    """Limits of one run. Units: MB are 2^20 bytes."""

    image: str = Field(min_length=1)
    time: Short
    queue: Short
    memory_mb: int = Field(ge=128, le=1_048_576)
    cpus: float = Field(ge=0.1, le=64)
    processes: int = Field(ge=16, le=10_000)
    disk_mb: int = Field(ge=8, le=65_536)
    at_once: int = Field(ge=1, le=100)
    shown: int = Field(ge=100, le=2000)
    output_kb: int = Field(ge=4, le=2000)
    plots: int = Field(ge=0, le=10)
    plots_mb: int = Field(ge=1, le=8)
    width: int = Field(ge=100, le=4000)
    height: int = Field(ge=100, le=4000)
    resolution: int = Field(ge=30, le=600)
    keep_mb: int = Field(ge=1, le=1024)

    @model_validator(mode="after")
    def _files_leave_room_for_memory(self) -> RPolicy:
        if self.disk_mb > self.memory_mb / 2:
            raise ValueError(
                "disk_mb may be at most half of memory_mb: files are in memory, and count as it"
            )
        if self.keep_mb > self.disk_mb:
            raise ValueError("keep_mb may be at most disk_mb: what is kept is a file at first")
        return self
