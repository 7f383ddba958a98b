"""The wire: credentials, paging, faults, bad bodies, clients that hang up."""

from __future__ import annotations

import contextlib
import http.client
import logging
import socket
import threading
import xmlrpc.client
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import SoftLayer
from SoftLayer import SoftLayerAPIError

from sandbox.softlayer.server import SoftLayerSandbox
from tests.sandbox_softlayer.conftest import client_of

Refused = Callable[..., SoftLayerAPIError]


@contextlib.contextmanager
def connection_to(cloud: SoftLayerSandbox) -> Any:
    parts = urlsplit(cloud.url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port or 0, timeout=10)
    with contextlib.closing(connection):
        yield connection


def post(cloud: SoftLayerSandbox, service: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
    with connection_to(cloud) as connection:
        connection.request("POST", f"/xmlrpc/v3.1/{service}", body)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()


def body_for(cloud: SoftLayerSandbox, method: str, **headers: Any) -> bytes:
    login = {"username": cloud.username, "apiKey": cloud.api_key}
    params = ({"headers": {"authenticate": login, **headers}},)
    return xmlrpc.client.dumps(params, method).encode()


@pytest.mark.parametrize(
    "settings", [{"api_key": "wrong"}, {"username": "somebody"}, {"api_key": "0" * 64}]
)
def test_wrong_credentials_are_refused(
    cloud: SoftLayerSandbox, refused: Refused, settings: dict[str, str]
) -> None:
    """In SoftLayer's words: the bot's `check` has to explain them."""
    client = client_of(cloud, settings=settings)

    fault = refused(client["Account"].getCurrentUser)

    assert (fault.faultCode, fault.faultString) == (
        "SoftLayer_Exception_Public",
        "Invalid API token.",
    )


def test_no_credentials_are_refused(cloud: SoftLayerSandbox, refused: Refused) -> None:
    """A client without any is told apart from one with wrong ones."""
    transport = SoftLayer.XmlRpcTransport(endpoint_url=cloud.url, timeout=10)

    fault = refused(SoftLayer.BaseClient(transport=transport)["Account"].getCurrentUser)

    assert fault.faultString == "Access Denied."


def test_an_iam_key_works_through_basic_authentication(cloud: SoftLayerSandbox) -> None:
    """`username=apikey` makes the package send HTTP basic (auth.py)."""
    client = client_of(cloud, settings={"username": "apikey"})

    assert client["Account"].getCurrentUser()["username"] == "sandbox"


@pytest.mark.parametrize(
    ("service", "method", "more", "text"),
    [
        ("Virtual_Guest", "getObject", {"id": 1}, "Unable to find object with id of '1'."),
        ("Virtual_Guest", "getObject", {}, "Object does not exist to execute method on."),
        ("Virtual_Guest", "fly", {"id": 1}, "is not a valid method for this service"),
        ("Virtual_Cat", "getObject", {"id": 1}, "Service does not exist"),
    ],
)
def test_what_is_not_there_is_said_so(
    client: Any, refused: Refused, service: str, method: str, more: dict[str, int], text: str
) -> None:
    """As strings, as XML-RPC carries them."""
    fault = refused(client.call, service, method, **more)

    assert isinstance(fault.faultCode, str)
    assert text in fault.faultString


def test_a_list_says_how_many_there_are(cloud: SoftLayerSandbox) -> None:
    """Without SoftLayer-Total-Items the package stops silently after page 1."""
    cloud.seed(5)

    body = body_for(cloud, "getVirtualGuests", resultLimit={"limit": 2, "offset": 4})
    status, headers, answer = post(cloud, "SoftLayer_Account", body)

    assert status == 200
    assert headers["SoftLayer-Total-Items"] == "5"
    assert b"<int>" in answer and answer.count(b"<name>id</name>") == 1


def test_an_object_has_no_count(cloud: SoftLayerSandbox) -> None:
    """The header belongs to lists alone."""
    _, headers, _ = post(cloud, "SoftLayer_Account", body_for(cloud, "getCurrentUser"))

    assert "SoftLayer-Total-Items" not in headers


@pytest.mark.parametrize("body", [b"", b"<", b"{}", b"\xff\xfe", b"<methodCall/>"])
def test_a_malformed_body_is_the_parse_fault(cloud: SoftLayerSandbox, body: bytes) -> None:
    """The package's own handler drops the connection without a status there."""
    status, _, answer = post(cloud, "SoftLayer_Account", body)

    with pytest.raises(xmlrpc.client.Fault) as caught:
        xmlrpc.client.loads(answer)
    assert status == 200
    assert str(caught.value.faultCode) == "-32700"


def test_a_body_without_length_or_too_long_is_refused(cloud: SoftLayerSandbox) -> None:
    """Neither may be read."""
    for headers, status in ({}, 411), ({"Content-Length": str(2**40)}, 413):
        with connection_to(cloud) as connection:
            connection.putrequest("POST", "/xmlrpc/v3.1/SoftLayer_Account")
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            assert connection.getresponse().status == status


def test_a_client_that_hangs_up_disturbs_nobody(
    cloud: SoftLayerSandbox, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """No stack trace, and the next call is answered."""
    cloud.seed(500)
    parts = urlsplit(cloud.url)
    body = body_for(cloud, "getVirtualGuests")
    head = f"POST /SoftLayer_Account HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for sent in (b"", head, head + body[:20], head + body):
        with socket.create_connection((str(parts.hostname), parts.port or 0), timeout=10) as wire:
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # reset the connection when closing
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            wire.sendall(sent)

    assert client["Account"].getCurrentUser()["username"] == "sandbox"
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_many_clients_at_once_get_their_own_answers(cloud: SoftLayerSandbox, client: Any) -> None:
    """The server is threaded; totals and troubles must not leak from one call into another."""
    cloud.seed(40)
    ids = [each.id for each in cloud.live()]
    wrong: list[object] = []

    def ask(own: list[int]) -> None:
        mine = client_of(cloud)
        for guest_id in own:
            if mine["Virtual_Guest"].getObject(id=guest_id, mask="id")["id"] != guest_id:
                wrong.append(guest_id)
            listed = mine["Account"].getVirtualGuests(mask="id", limit=3)
            if (len(listed), listed.total_count) != (3, 40):
                wrong.append(listed)

    threads = [threading.Thread(target=ask, args=(ids[at::4],)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert wrong == []


def test_stopping_frees_the_port(cloud: SoftLayerSandbox) -> None:
    """The package's server thread is no daemon; a test process would hang."""
    parts = urlsplit(cloud.url)

    cloud.stop()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((str(parts.hostname), parts.port or 0), timeout=10)
    with pytest.raises(RuntimeError):
        _ = cloud.url
