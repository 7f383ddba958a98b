"""What can go wrong with an SSH connection, in our own errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import paramiko

from bot.errors import HostKeyMismatch, HostUnreachable
from bot.models import Text


class ConnectionBroke(HostUnreachable):
    """An established connection broke while it was used; a read may be asked again at once."""


class CommandTimeout(HostUnreachable):
    """A command did not end in time. It may still be running on the VM."""


@contextmanager
def unreachable(address: str) -> Iterator[None]:
    """Rename what can go wrong while connecting."""
    try:
        yield
    except paramiko.AuthenticationException as error:
        raise HostUnreachable(
            Text("The VM at {address} does not take the bot's SSH key.", address=address)
        ) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise HostUnreachable(
            Text("The VM at {address} does not answer over SSH.", address=address)
        ) from error


@contextmanager
def breaking(address: str) -> Iterator[None]:
    """Rename what can go wrong on a connection that stood."""
    try:
        yield
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise broke(address) from error


@contextmanager
def no_such_key(address: str) -> Iterator[None]:
    """A machine that has no host key of the pinned type has not the pinned key."""
    try:
        yield
    except paramiko.ssh_exception.IncompatiblePeer as error:
        # paramiko 5.1 has one class for all of these; only the words tell them apart.
        if "no acceptable host key" in str(error):
            raise mismatch(address) from error
        raise


def mismatch(address: str) -> HostKeyMismatch:
    return HostKeyMismatch(
        Text(
            "The machine at {address} is not the expected VM: its SSH host key differs.",
            address=address,
        )
    )


def broke(address: str) -> ConnectionBroke:
    return ConnectionBroke(Text("The connection to the VM at {address} broke.", address=address))


def too_slow(address: str) -> CommandTimeout:
    return CommandTimeout(Text("A command on the VM at {address} took too long.", address=address))
