"""The socket under a link: what slack_sdk takes for granted, with and without TLS."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bot.adapters.slack_wire import _Socket

SILENCE_S = 5.0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate for 127.0.0.1 in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture(params=["plain", "tls"])
def ends(
    request: pytest.FixtureRequest, certificate: Path, later: Callable[..., Any]
) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Our end and the other one, connected."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname(), timeout=10)
        theirs, _ = listener.accept()
    theirs.settimeout(10)
    if request.param == "tls":
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate)
        shaken = later(server.wrap_socket, theirs, server_side=True)
        context = ssl.create_default_context(cafile=str(certificate))
        ours = context.wrap_socket(ours, server_hostname="127.0.0.1")
        theirs = shaken.result()
    yield ours, theirs
    ours.close()
    theirs.close()


Ends = tuple[socket.socket, socket.socket]


def test_sending_and_receiving_at_once_loses_nothing(ends: Ends, later: Callable[..., Any]) -> None:
    """OpenSSL's connections are not made for two threads; payloads and acks come as they like."""
    ours, theirs = _Socket(ends[0], SILENCE_S), ends[1]
    chunk, count = b"0123456789abcdef" * 40, 8_000

    def echo() -> None:
        left = count * len(chunk)
        while left > 0:
            received = theirs.recv(65_536)
            left -= len(received)
            theirs.sendall(received)

    def receive() -> bytes:
        got = bytearray()
        while len(got) < count * len(chunk):
            got += ours.recv(65_536)
        return bytes(got)

    echoing, receiving = later(echo), later(receive)
    for _ in range(count):
        assert ours.send(chunk) == len(chunk)

    assert receiving.result(60) == chunk * count
    echoing.result(10)


def test_everything_is_sent_even_when_the_buffers_are_full(
    ends: Ends, later: Callable[..., Any]
) -> None:
    ours, theirs = _Socket(ends[0], SILENCE_S), ends[1]
    large = bytes(range(256)) * 40_000
    sending = later(ours.send, large)

    got = bytearray()
    while len(got) < len(large):
        got += theirs.recv(65_536)

    assert sending.result(10) == len(large)
    assert got == large


def test_the_end_of_the_stream_is_an_error(ends: Ends) -> None:
    ours, theirs = _Socket(ends[0], SILENCE_S), ends[1]
    theirs.close()

    with pytest.raises(OSError):
        ours.recv(100)


def test_silence_is_an_error(ends: Ends) -> None:
    ours = _Socket(ends[0], 0.05)

    with pytest.raises(ConnectionResetError, match="nothing heard"):
        ours.recv(100)


def test_a_send_that_nobody_takes_ends(ends: Ends) -> None:
    ours = _Socket(ends[0], 0.05)

    with pytest.raises(OSError):
        ours.send(b"x" * 50_000_000)


def test_waking_ends_a_wait(ends: Ends, later: Callable[..., Any]) -> None:
    ours = _Socket(ends[0], 60)
    begun = threading.Event()

    def receive() -> bytes:
        begun.set()
        return ours.recv(100)

    waiting = later(receive)
    assert begun.wait(10)
    ours.wake()

    with pytest.raises(OSError):
        waiting.result(10)
