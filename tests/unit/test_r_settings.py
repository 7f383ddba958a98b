"""What operators may let the code of `/ds r` take."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.errors import ConfigError
from config.settings import load_policy


def mistakes_of(directory: Path, **changes: object) -> str:
    path = directory / "policy.yaml"
    path.write_text(yaml.safe_dump({"r": changes}), "utf-8")
    with pytest.raises(ConfigError) as caught:
        load_policy(path)
    return "\n".join(caught.value.mistakes)


def test_what_is_shipped_fits_the_default_vm() -> None:
    policy = load_policy()

    assert policy.r.at_once * policy.r.memory_mb < policy.vm.memory_mb
    assert policy.r.cpus <= policy.vm.cpus


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("time", "2h"),
        ("time", "0s"),
        ("queue", "1d"),
        ("memory_mb", 64),
        ("cpus", 0),
        ("processes", 4),
        ("at_once", 0),
        ("shown", 5000),
        ("output_kb", 5000),
        ("plots", 11),
        ("plots_mb", 100),
        ("width", 10),
        ("resolution", 0),
    ],
)
def test_a_silly_limit_is_refused_by_name(tmp_path: Path, key: str, value: object) -> None:
    assert f"r.{key}=" in mistakes_of(tmp_path, **{key: value})


def test_files_may_not_take_all_the_memory(tmp_path: Path) -> None:
    """They are in memory, so R would be killed before they are full."""
    told = mistakes_of(tmp_path, memory_mb=256, disk_mb=200)

    assert "at most half of memory_mb" in told


def test_what_is_kept_must_fit_where_it_is_made(tmp_path: Path) -> None:
    assert "at most disk_mb" in mistakes_of(tmp_path, disk_mb=16, keep_mb=17)


def test_an_hour_is_the_longest(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("r: {time: 1h}\n", "utf-8")

    assert load_policy(path).r.time.total_seconds() == 3600
