"""The sandbox's authority: made once, remade when it no longer fits, its files kept private."""

from __future__ import annotations

from pathlib import Path

from sandbox.hub.authority import ensure_authority


def test_a_second_run_finds_the_same_authority(tmp_path: Path) -> None:
    """VMs of a run before trust it already."""
    first = ensure_authority(tmp_path, ["index.docker.io"]).ca.read_bytes()

    assert ensure_authority(tmp_path, ["index.docker.io"]).ca.read_bytes() == first


def test_other_names_need_another_certificate(tmp_path: Path) -> None:
    first = ensure_authority(tmp_path, ["index.docker.io"]).certificate.read_bytes()

    found = ensure_authority(tmp_path, ["index.docker.io", "registry-1.docker.io"])

    assert found.certificate.read_bytes() != first


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    found = ensure_authority(tmp_path, ["index.docker.io"])
    found.certificate.write_text("half a fi")

    ensure_authority(tmp_path, ["index.docker.io"])

    assert "PRIVATE KEY" in found.certificate.read_text()


def test_only_the_owner_can_read_the_servers_key(tmp_path: Path) -> None:
    found = ensure_authority(tmp_path, ["index.docker.io"])

    assert found.certificate.stat().st_mode & 0o077 == 0
    assert "PRIVATE KEY" not in found.ca.read_text()
