"""A registry with images of random bytes, read-only, served to a VM through its SSH connection.

Docker takes plain HTTP only from 127.0.0.0/8, so the VM gets the registry at its own loopback: a
reverse tunnel. Nothing but this machine and the VM is involved, and its answers can be bad.

Source: OCI Distribution Specification 1.0, "Pulling manifests" and "Pulling blobs".
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import socket
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import paramiko

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

Layer = tuple[bytes, str]
"""A gzipped tar, and the digest of the tar itself."""


class TinyRegistry:
    """Has what was published; its `{address}/busy` is always over the rate limit.

    pace: bytes per second of each answer; None is as fast as can be.
    """

    def __init__(self, pace: int | None = None) -> None:
        self.pace = pace
        self.address = ""  # as the VM sees it; known once it is served
        self._manifests: dict[str, bytes] = {}
        self._blobs: dict[str, bytes] = {}

    def publish(self, layer_sizes: tuple[int, ...], base: tuple[Layer, ...] = ()) -> str:
        """The full name of a new image that shares no layer but `base` with any other."""
        name = f"image-{len(self._manifests)}"
        layers = [*base, *(layer_of(size) for size in layer_sizes)]
        config = _config([diff_id for _, diff_id in layers])
        packed = [blob for blob, _ in layers]
        self._blobs |= {_digest(blob): blob for blob in (config, *packed)}
        self._manifests[name] = _manifest(config, packed)
        return f"{self.address}/{name}"

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body for GET `path`."""
        if path == "/v2/":
            return 200, "application/json", b"{}"
        if path.startswith("/v2/busy/"):
            return 429, "application/json", _error("TOOMANYREQUESTS", "pull rate limit reached")
        _, _, name, kind, reference = path.split("/", 4)
        if kind == "manifests" and name in self._manifests:
            return 200, _MANIFEST, self._manifests[name]
        if kind == "blobs" and reference in self._blobs:
            return 200, "application/octet-stream", self._blobs[reference]
        return 404, "application/json", _error("MANIFEST_UNKNOWN", "manifest unknown")


@contextmanager
def serving(registry: TinyRegistry, transport: paramiko.Transport) -> Iterator[TinyRegistry]:
    """Serve the registry at a free port of the VM's loopback while the context lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(registry))
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def bridge(channel: paramiko.Channel, _origin: object, _target: object) -> None:
        sock = socket.create_connection(("127.0.0.1", server.server_port))
        for source, sink in ((channel, sock), (sock, channel)):
            threading.Thread(target=_copy, args=(source, sink), daemon=True).start()

    port = transport.request_port_forward("127.0.0.1", 0, bridge)
    registry.address = f"127.0.0.1:{port}"
    try:
        yield registry
    finally:
        transport.cancel_port_forward("127.0.0.1", port)
        server.shutdown()
        server.server_close()


def _handler(registry: TinyRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, content_type, body = registry.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", _digest(body))
            self.end_headers()
            if self.command == "GET":
                self._send(body)

        do_HEAD = do_GET

        def _send(self, body: bytes) -> None:
            piece = len(body) if registry.pace is None else registry.pace // 10
            for start in range(0, len(body), max(piece, 1)):
                self.wfile.write(body[start : start + piece])
                if start + piece < len(body):
                    threading.Event().wait(0.1)  # a slow line

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler


def _copy(source: socket.socket | paramiko.Channel, sink: socket.socket | paramiko.Channel) -> None:
    try:
        while chunk := source.recv(65_536):
            sink.sendall(chunk)
    except OSError:
        return  # the other direction closed them
    finally:
        source.close()
        sink.close()


def layer_of(size: int) -> Layer:
    """A layer with one file of random bytes."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        member = tarfile.TarInfo(f"random-{os.urandom(4).hex()}")
        member.size = size
        tar.addfile(member, io.BytesIO(os.urandom(size)))
    return gzip.compress(plain.getvalue(), compresslevel=1), _digest(plain.getvalue())


def _config(diff_ids: list[str]) -> bytes:
    return json.dumps(
        {
            "architecture": _ARCHITECTURES.get(os.uname().machine, os.uname().machine),
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
    ).encode()


def _manifest(config: bytes, layers: list[bytes]) -> bytes:
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, config),
            "layers": [_descriptor(_LAYER, layer) for layer in layers],
        }
    ).encode()


def _descriptor(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "size": len(blob), "digest": _digest(blob)}


def _error(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


def _digest(blob: bytes) -> str:
    return "sha256:" + hashlib.sha256(blob).hexdigest()
