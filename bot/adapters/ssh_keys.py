"""SSH key pairs on disk: the bot's own, and one host key pair for each VM that it orders.

A host key is made before its VM is ordered and handed over in the order (cloud-init's `ssh_keys`),
so that the very first connection to the VM is already verified.
"""

from __future__ import annotations

import io
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

_OPERATION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


class BotKey:
    """The key pair that the bot logs in with; made once in `directory`, then only read.

    Two processes that start together end up with the same key: the first file stays.
    """

    def __init__(self, directory: Path) -> None:
        private = _read_or_make(directory / "id_ed25519")
        self.public = f"{_public_half(private)} ds-bot"
        self.private: paramiko.PKey = paramiko.Ed25519Key.from_private_key(io.StringIO(private))


@dataclass(frozen=True, slots=True)
class HostKeyPair:
    """What a VM needs to prove that it is the VM we ordered."""

    private_openssh: str = field(repr=False)
    public: str  # "ssh-ed25519 AAAA…"


class HostKeys:
    """The host key pairs of VMs, one per operation that ordered one, each in its own 0600 file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def for_operation(self, op_id: str) -> HostKeyPair:
        """The operation's host key pair; the same one however often it is asked for."""
        private = _read_or_make(self._path(op_id))
        return HostKeyPair(private, _public_half(private))

    def forget(self, op_id: str) -> None:
        """Delete the pair of a VM that has it, or is gone. Gone already is success."""
        self._path(op_id).unlink(missing_ok=True)

    def _path(self, op_id: str) -> Path:
        if not _OPERATION_ID.fullmatch(op_id):
            raise ValueError(f"not an operation id: {op_id!r}")
        return self._directory / f"{op_id}.key"


def _read_or_make(path: Path) -> str:
    """The private key in `path`, in OpenSSH's own format; made if there is none yet."""
    try:
        return path.read_text("ascii")
    except FileNotFoundError:
        _make(path)
        return path.read_text("ascii")


def _make(path: Path) -> None:
    """Put a fresh key at `path`, whole and durable, unless another thread or process was first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)  # mkdir obeys the umask and leaves a directory that exists as it is
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_durably(draft, _fresh_private_key())
        os.link(draft, path)  # unlike a rename, this never replaces the key of whoever was first
    except FileExistsError:
        return
    finally:
        draft.unlink(missing_ok=True)


def _write_durably(path: Path, text: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _fresh_private_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
    )


def _public_half(private_openssh: str) -> str:
    key = load_ssh_private_key(private_openssh.encode("ascii"), password=None)
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")
