"""The bot's key and the host keys of its VMs."""

from __future__ import annotations

import multiprocessing
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.adapters.ssh_keys import BotKey, HostKeys


def _public_key(directory: Path) -> str:
    return BotKey(directory).public


def test_the_bots_key_is_made_once(tmp_path: Path) -> None:
    """Every VM has the public half: a second key would lock the bot out."""
    first = BotKey(tmp_path / "ssh")

    second = BotKey(tmp_path / "ssh")

    assert first.public == second.public
    assert first.public.startswith("ssh-ed25519 AAAA")
    assert first.public.endswith(" ds-bot")
    assert first.private.get_base64() in first.public


def test_threads_that_start_together_get_one_key(tmp_path: Path) -> None:
    """Whoever is second must use the key of whoever was first."""
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: _public_key(tmp_path / "ssh"), range(16)))

    assert len(keys) == 1


def test_processes_that_start_together_get_one_key(tmp_path: Path) -> None:
    """`ds-bot serve` and `ds-bot check` may be first at the same moment."""
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        keys = set(pool.map(_public_key, [tmp_path / "ssh"] * 4))

    assert len(keys) == 1
    assert [path.name for path in (tmp_path / "ssh").iterdir()] == ["id_ed25519"]


def test_nobody_else_can_read_private_keys(tmp_path: Path) -> None:
    """Not even when the directory was there, open to everybody."""
    directory = tmp_path / "ssh"
    directory.mkdir(mode=0o755)

    BotKey(directory)

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "id_ed25519").stat().st_mode) == 0o600


def test_a_resumed_operation_finds_its_host_key(tmp_path: Path) -> None:
    """The VM was ordered with the first one; after a crash no other must be pinned."""
    pair = HostKeys(tmp_path).for_operation("op-1")

    assert HostKeys(tmp_path).for_operation("op-1") == pair
    assert HostKeys(tmp_path).for_operation("op-2") != pair
    assert pair.public.startswith("ssh-ed25519 ")
    assert len(pair.public.split()) == 2


def test_a_host_key_is_not_printed(tmp_path: Path) -> None:
    """Facts are logged with their repr."""
    assert "PRIVATE" not in repr(HostKeys(tmp_path).for_operation("op-1"))


def test_a_forgotten_host_key_is_gone(tmp_path: Path) -> None:
    """The VM has it now; the bot only needs the public half, which is in its database."""
    keys = HostKeys(tmp_path)
    pair = keys.for_operation("op-1")

    keys.forget("op-1")
    keys.forget("op-1")

    assert list(tmp_path.iterdir()) == []
    assert keys.for_operation("op-1") != pair


@pytest.mark.parametrize("op_id", ["", "../id_ed25519", "a/b", "a\n", "é"])
def test_an_operation_id_cannot_lead_elsewhere(tmp_path: Path, op_id: str) -> None:
    """It becomes a file name."""
    with pytest.raises(ValueError, match="operation id"):
        HostKeys(tmp_path).for_operation(op_id)
