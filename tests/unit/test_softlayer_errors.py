"""SoftLayer's errors: each class has its meaning, and none gets past the adapter."""

from __future__ import annotations

import inspect
import socket
import ssl
import xmlrpc.client
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from xml.parsers.expat import ExpatError

import pytest
import requests
import requests.exceptions
import SoftLayer.exceptions
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.softlayer_errors import classified, cleaned, renamed, understanding
from bot.errors import (
    BotError,
    CloudBusy,
    CloudError,
    CloudNotFound,
    CloudRefused,
    CloudUnknown,
)

PUBLIC = "SoftLayer_Exception_Public"
KEY = "0123456789abcdef" * 4

# Every class of the package, and what it must mean to us. A class that a new release adds is not
# here, and the test fails until somebody has decided whether an order may have gone through.
MEANINGS: dict[str, type[CloudError]] = {
    "SoftLayerError": CloudUnknown,
    "Unauthenticated": CloudRefused,
    "IAMError": CloudRefused,
    "SoftLayerAPIError": CloudRefused,
    "ParseError": CloudRefused,
    "NotWellFormed": CloudRefused,
    "UnsupportedEncoding": CloudRefused,
    "InvalidCharacter": CloudRefused,
    "SpecViolation": CloudRefused,
    "MethodNotFound": CloudRefused,
    "InvalidMethodParameters": CloudRefused,
    "ServerError": CloudUnknown,
    "InternalError": CloudUnknown,
    "ApplicationError": CloudUnknown,
    "RemoteSystemError": CloudUnknown,
    "TransportError": CloudUnknown,
}


def errors_of(module: ModuleType, base: type[Exception]) -> Iterator[type[Exception]]:
    for each in vars(module).values():
        if inspect.isclass(each) and issubclass(each, base) and not issubclass(each, Warning):
            yield each


def made(kind: type[Exception]) -> Exception:
    """An instance, whatever its constructor wants."""
    if issubclass(kind, SoftLayer.exceptions.SoftLayerAPIError | SoftLayer.exceptions.IAMError):
        return kind(PUBLIC, "text")
    if issubclass(kind, requests.exceptions.JSONDecodeError):
        return kind("text", "{", 0)
    if issubclass(kind, xmlrpc.client.ProtocolError):
        return kind("url", 500, "text", {})
    if issubclass(kind, xmlrpc.client.Fault):
        return kind(1, "text")
    return kind("text")


def raised(error: BaseException, *, about_vm: bool = False) -> CloudError:
    with pytest.raises(CloudError) as caught, renamed(about_vm=about_vm):
        raise error
    return caught.value


def fault(code: object, text: str, kind: str = "SoftLayerAPIError") -> Exception:
    made: Exception = getattr(SoftLayer.exceptions, kind)(code, text)
    return made


@pytest.mark.parametrize(
    "kind",
    list(errors_of(SoftLayer.exceptions, SoftLayer.exceptions.SoftLayerError)),
    ids=lambda kind: kind.__name__,
)
def test_every_class_of_the_package_has_its_meaning(kind: type[Exception]) -> None:
    """Refused means that nothing was ordered; unknown, that somebody has to look."""
    assert kind.__name__ in MEANINGS, "new in the package: may an order have gone through?"

    error = made(kind)

    assert type(raised(error)) is MEANINGS[kind.__name__]
    assert raised(error).__cause__ is error


@pytest.mark.parametrize(
    "kind",
    [
        *errors_of(requests.exceptions, requests.exceptions.RequestException),
        *errors_of(xmlrpc.client, xmlrpc.client.Error),
        ExpatError,
        OSError,
        ConnectionError,
        TimeoutError,
        socket.gaierror,
        ssl.SSLError,
        ValueError,
        UnicodeDecodeError,
        KeyError,
        IndexError,
    ],
    ids=lambda kind: f"{kind.__module__}.{kind.__name__}",
)
def test_all_trouble_below_the_package_is_unknown(kind: type[Exception]) -> None:
    """The request may have been read before the connection broke."""
    error = (
        UnicodeDecodeError("utf-8", b"", 0, 1, "x") if kind is UnicodeDecodeError else made(kind)
    )

    assert type(raised(error)) is CloudUnknown


@pytest.mark.parametrize("error", [TypeError("ours"), RuntimeError("ours"), KeyboardInterrupt()])
def test_our_own_mistakes_are_not_softlayers(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, renamed():
        raise error

    assert caught.value is error


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        ("SoftLayer_Exception_ObjectNotFound", "Unable to find object.", CloudNotFound),
        ("SoftLayer_Exception_NotImplemented", "…", CloudBusy),
        (PUBLIC, "A current active transaction blocks this.", CloudBusy),
        (PUBLIC, "Internal Error", CloudUnknown),
        ("SoftLayer_Exception_WebService_RateLimitExceeded", "Rate limit exceeded.", CloudUnknown),
        ("SoftLayer_Exception_InvalidValue", "Invalid value provided.", CloudRefused),
        ("Client", 'Function ("x") is not a valid method', CloudRefused),
        ("Server", "gateway", CloudUnknown),
        (503, "Service Unavailable", CloudUnknown),
        ("", "", CloudUnknown),
        (None, "", CloudUnknown),
    ],
)
def test_a_fault_means_what_its_code_says(
    code: object, text: str, expected: type[CloudError]
) -> None:
    assert type(raised(fault(code, text), about_vm=True)) is expected


@pytest.mark.parametrize(
    "error",
    [
        fault("SoftLayer_Exception_ObjectNotFound", "Unable to find object with id of '999'."),
        fault(PUBLIC, "active transaction"),
    ],
)
def test_only_a_call_about_a_vm_can_miss_it_or_find_it_busy(error: Exception) -> None:
    """An order that names a key that is gone is refused: it must not be retried for ever."""
    refused = raised(error)

    assert type(refused) is CloudRefused
    assert not refused.is_passing
    assert str(error.args[0]) in str(refused)


@pytest.mark.parametrize(
    ("code", "text", "told"),
    [
        (PUBLIC, "Invalid API token.", "does not let the bot's user do that: Invalid API token."),
        (PUBLIC, "Access Denied.", "does not let the bot's user do that"),
        ("SoftLayer_Exception_InvalidValue", "Invalid value.", "does not accept that: Invalid"),
        (PUBLIC, "This needs approval", "wants a person to approve"),
        (PUBLIC, "No capacity", "does not sell that now: No capacity"),
        (PUBLIC, "Something new", "SoftLayer said no: Something new"),
        (PUBLIC, "", f"SoftLayer said no: {PUBLIC}"),
    ],
)
def test_a_refusal_is_told_in_our_words_with_softlayers_reason(
    code: str, text: str, told: str
) -> None:
    assert told in str(raised(fault(code, text)))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (fault(502, "Bad Gateway", "TransportError"), "(HTTP 502)"),
        (fault(0, "Read timed out.", "TransportError"), "did not answer in time"),
        (fault(0, "Connection refused", "TransportError"), "cannot be reached"),
        (fault(-32300, "Connection refused", "TransportError"), "cannot be reached"),
        (fault(PUBLIC, "Internal Error"), "trouble of its own"),
        (ValueError("xml"), "makes no sense"),
    ],
)
def test_unknown_is_told_in_our_words_alone(error: Exception, told: str) -> None:
    assert told in str(raised(error))


def test_an_api_key_in_a_foreign_text_is_not_shown() -> None:
    """The package puts requests into its error texts."""
    refused = raised(fault("SoftLayer_Exception", f"<b>user</b> apikey={KEY}\nfailed"))

    assert KEY not in str(refused)
    assert "<b>" not in str(refused)
    assert "user apikey=… failed" in str(refused)


@given(st.text(max_size=2000), st.integers(1, 300))
def test_a_cleaned_text_is_one_printable_line_of_bounded_length(text: str, length: int) -> None:
    shown = cleaned(text, length)

    assert len(shown) <= length
    assert shown.isprintable()
    assert shown == " ".join(shown.split(" ")) and "\n" not in shown


@pytest.mark.parametrize(
    "error",
    [KeyError("id"), ValueError("x"), TypeError("x"), AttributeError("x"), ZeroDivisionError()],
)
def test_an_answer_of_another_shape_is_unknown(error: Exception) -> None:
    """Whatever was asked may have been done."""
    with pytest.raises(CloudUnknown) as caught, understanding():
        raise error

    assert caught.value.__cause__ is error


def test_our_errors_pass_through_unchanged() -> None:
    """Renaming twice would turn a refusal into an unknown."""
    refused = CloudRefused("no")

    for rename in (renamed, understanding):
        with pytest.raises(BotError) as caught, rename():
            raise refused
        assert caught.value is refused


def test_a_class_that_nobody_knows_is_unknown() -> None:
    class NewError(SoftLayer.exceptions.SoftLayerError):  # type: ignore[misc]  # untyped package
        pass

    made: Any = NewError("x")
    assert type(classified(made)) is CloudUnknown
