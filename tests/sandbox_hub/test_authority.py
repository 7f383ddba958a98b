"""The sandbox's authority: made once, remade when it no longer fits, its files kept private."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from sandbox.hub import authority
from sandbox.hub.authority import ensure_authority

NAMES = ["index.docker.io", "registry-1.docker.io"]


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


def test_the_certificate_is_good_for_every_name_and_under_the_authority(tmp_path: Path) -> None:
    found = ensure_authority(tmp_path, NAMES)

    ca, server = certificate(found.ca), certificate(found.certificate)
    server.verify_directly_issued_by(ca)
    alternative = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternative.get_values_for_type(x509.DNSName) == NAMES
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not server.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize(
    ("left", "is_kept"),
    [
        (timedelta(days=31), True),
        (timedelta(days=29), False),
        (timedelta(minutes=-10), False),
    ],
)
def test_a_certificate_near_its_end_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: timedelta, is_kept: bool
) -> None:
    """A machine that stays up for a year must not be left with VMs that trust nothing."""
    monkeypatch.setattr(authority, "_LIFETIME", left)
    before = ensure_authority(tmp_path, NAMES).certificate.read_bytes()
    monkeypatch.undo()

    found = ensure_authority(tmp_path, NAMES)

    assert (found.certificate.read_bytes() == before) is is_kept
    ends = certificate(found.certificate).not_valid_after_utc
    assert ends - datetime.now(UTC) > timedelta(days=30)


def test_a_certificate_of_another_authority_is_replaced(tmp_path: Path) -> None:
    """Two files that do not belong together: a run was killed between writing them."""
    found, other = (ensure_authority(tmp_path / name, NAMES) for name in ("here", "there"))
    found.ca.write_bytes(other.ca.read_bytes())

    ensure_authority(tmp_path / "here", NAMES)

    certificate(found.certificate).verify_directly_issued_by(certificate(found.ca))


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())
