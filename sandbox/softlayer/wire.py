"""The HTTP side: the SoftLayer package's own test server, with what it lacks.

It lacks the header that paging needs, drops the connection without a status on an uncaught error,
logs a stack trace when a client hangs up, and listens with a backlog of 5 (SoftLayer 6.2.9,
testing/xmlrpc.py; measured in softlayer.md B and C).
"""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import sys
import threading
import warnings
import xmlrpc.client
from collections.abc import Callable
from typing import Any
from xml.parsers.expat import ExpatError

from SoftLayer import SoftLayerAPIError

from sandbox.softlayer import errors
from sandbox.softlayer.dispatch import Reply, WireTrouble
from sandbox.softlayer.faults import Drop, HttpStatus

# SoftLayer 6.2.9: SoftLayer.testing imports its CLI, which uses click names deprecated in 8.2.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from SoftLayer.testing.xmlrpc import TestHandler, TestServer, create_test_server

_LOG = logging.getLogger(__name__)
_BACKLOG = 128
_MAX_BODY = 8 * 2**20
_CLIENT_GONE = (BrokenPipeError, ConnectionError, TimeoutError)


class Exchange(threading.local):
    """What the transport tells the handler of the same thread, besides the answer."""

    total: int | None = None
    trouble: Drop | HttpStatus | None = None


class Transport:
    """Called by the test server's handler with a request; returns what it puts into XML."""

    def __init__(self, answer: Callable[[Any], Reply]) -> None:
        self._answer = answer
        self.exchange = Exchange()

    def __call__(self, request: Any) -> Any:
        try:
            reply = self._answer(request)
        except WireTrouble as error:
            self.exchange.trouble = error.trouble
            return ""
        except SoftLayerAPIError:
            raise
        except Exception as error:
            _LOG.exception("%s.%s failed in the sandbox", request.service, request.method)
            raise errors.internal_error() from error
        self.exchange.total = reply.total
        return reply.value


class Handler(TestHandler):  # type: ignore[misc]  # the package is untyped
    """Answers one request."""

    wfile: Any

    def do_POST(self) -> None:
        self.exchange.total = self.exchange.trouble = None
        try:
            body = self._body()
            if body is None:
                return
            self.rfile = io.BytesIO(body)
            super().do_POST()
            self.wfile.flush()
        except _CLIENT_GONE:
            _LOG.debug("client hung up")
            self.close_connection = True

    @property
    def exchange(self) -> Exchange:
        exchange: Exchange = self.server.transport.exchange
        return exchange

    def setup(self) -> None:
        super().setup()
        self.wfile = _Patient(self.wfile)

    def send_response(self, code: int, message: str | None = None) -> None:
        trouble = self.exchange.trouble
        if isinstance(trouble, HttpStatus):
            code = trouble.status
        elif trouble is Drop.DROP:
            self._hang_up()
        super().send_response(code, message)

    def end_headers(self) -> None:
        if self.exchange.total is not None:
            self.send_header("SoftLayer-Total-Items", str(self.exchange.total))
        trouble = self.exchange.trouble
        if isinstance(trouble, HttpStatus) and trouble.retry_after_s is not None:
            self.send_header("Retry-After", str(trouble.retry_after_s))
        super().end_headers()

    def _body(self) -> bytes | None:
        """The request's body, or None after answering one that the base class would choke on."""
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or int(length) > _MAX_BODY:
            self.send_error(411 if not length else 413)
            return None
        body: bytes = self.rfile.read(int(length))
        if _is_call(body):
            return body
        refusal = errors.malformed()
        fault = xmlrpc.client.Fault(refusal.faultCode, refusal.faultString)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(xmlrpc.client.dumps(fault, methodresponse=True).encode())
        return None

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile = io.BytesIO()
        with contextlib.suppress(OSError):  # the client was faster
            self.connection.shutdown(socket.SHUT_RDWR)


class _Patient(io.BufferedIOBase):
    """Writes to a client that may have gone: then the rest is lost, without a stack trace."""

    def __init__(self, wire: Any) -> None:
        self._wire = wire
        self._is_gone = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if not self._is_gone:
            try:
                self._wire.write(data)
            except _CLIENT_GONE:
                self._is_gone = True
        return len(data)

    def flush(self) -> None:
        if not self._is_gone and not self._wire.closed:
            self._wire.flush()


def _is_call(body: bytes) -> bool:
    """Whether the base class can read it: a method call whose first parameter is a struct."""
    try:
        params, method = xmlrpc.client.loads(body.decode())
    except (ExpatError, ValueError, TypeError, xmlrpc.client.Error):
        return False
    return bool(method and params and isinstance(params[0], dict))


class WireServer:
    """The listening server: made when started, gone when stopped."""

    def __init__(self, host: str, port: int, answer: Callable[[Any], Reply]) -> None:
        self._server: TestServer = create_test_server(Transport(answer), host, port)
        self._server.RequestHandlerClass = Handler
        self._server.handle_error = _log_error
        self._server.socket.listen(_BACKLOG)
        self.host, self.port = self._server.server_address[:2]

    def close(self) -> None:
        """Stop listening. The package's server thread is no daemon: without this it never ends."""
        self._server.shutdown()
        self._server.server_close()


def _log_error(request: object, client_address: object) -> None:
    error = sys.exception()
    if isinstance(error, _CLIENT_GONE):
        _LOG.debug("client %s hung up", client_address)
    else:
        _LOG.error("request of %s failed", client_address, exc_info=error)
