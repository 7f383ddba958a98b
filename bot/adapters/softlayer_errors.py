"""SoftLayer's errors, renamed into ours; a test walks the package's tree of exceptions.

What matters most is whether an order may have been taken. A fault in which SoftLayer judges what
was asked (a bad value, no permission, no price) says that nothing was done; a fault in which it
speaks of itself, and every trouble on the way, says nothing (an order can
time out and yet go through: softlayer-python#915, terraform-provider-softlayer#166).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from xml.parsers.expat import ExpatError
from xmlrpc.client import Error as XmlRpcError

from requests import RequestException
from SoftLayer import exceptions as softlayer

from bot.errors import CloudBusy, CloudError, CloudNotFound, CloudRefused, CloudUnknown
from bot.models import Text, msgid

log = logging.getLogger(__name__)

_NO_SENSE = msgid("SoftLayer gave an answer that makes no sense.")

# ExpatError, XmlRpcError, ValueError, LookupError: an answer that is not XML-RPC after all
# (transports/xmlrpc.py of 6.2.9 lets them out). OSError: a certificate file that is not there.
_FOREIGN = (
    softlayer.SoftLayerError,
    XmlRpcError,
    ExpatError,
    RequestException,
    OSError,
    ValueError,
    LookupError,
)

# Classes in which SoftLayer says that it could not read the question, so that nothing was done.
# SpecViolation (-32600) is one of them, though the package counts it as a server's error.
_REFUSED = (
    softlayer.ParseError,
    softlayer.MethodNotFound,
    softlayer.InvalidMethodParameters,
    softlayer.SpecViolation,
    softlayer.Unauthenticated,
    softlayer.IAMError,
)
_OWN_TROUBLE = (softlayer.ServerError, softlayer.ApplicationError, softlayer.RemoteSystemError)

_RATE_LIMIT = "SoftLayer_Exception_WebService_RateLimitExceeded"
_NOT_FOUND = "SoftLayer_Exception_ObjectNotFound"
_NOT_YET = "SoftLayer_Exception_NotImplemented"  # what a VM not fully provisioned answers (A8)

# Our words for the refusals people meet; the first whose pattern is in "code: text" decides.
_REFUSALS: tuple[tuple[str, str], ...] = (
    (
        "access denied|invalid api token|permission|not authori[sz]ed",
        msgid("SoftLayer does not let the bot's user do that: {reason}"),
    ),
    (
        "InvalidValue|MissingCreationProperty",
        msgid("SoftLayer does not accept that: {reason}"),
    ),
    ("approval", msgid("SoftLayer wants a person to approve this order first: {reason}")),
    ("price|not available|capacity", msgid("SoftLayer does not sell that now: {reason}")),
)
_REASON_LENGTH = 200


@contextmanager
def renamed(*, about_vm: bool = False) -> Iterator[None]:
    """Rename what the SoftLayer package and the libraries below it raise.

    about_vm: the call is about one VM, which may be gone (CloudNotFound) or in a transaction
    (CloudBusy). Otherwise these, too, are refusals: an order that names an SSH key that is gone.
    """
    try:
        yield
    except _FOREIGN as error:
        log.info("softlayer: %s", cleaned(repr(error), 500))
        ours = classified(error)
        if isinstance(ours, CloudNotFound | CloudBusy) and not about_vm:
            ours = CloudRefused(_refusal(error))
        raise ours from error


@contextmanager
def understanding() -> Iterator[None]:
    """Read an answer: one that has not the shape it should have is CloudUnknown.

    Whatever was asked may have been done all the same.
    """
    try:
        yield
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        log.warning("softlayer: an answer could not be read", exc_info=error)
        raise CloudUnknown(Text(_NO_SENSE)) from error


def classified(error: Exception) -> CloudError:
    """Our error for a foreign one. What we do not know is CloudUnknown: look before going on."""
    if isinstance(error, softlayer.TransportError):
        return CloudUnknown(_transport_trouble(error))
    if isinstance(error, _REFUSED):
        return CloudRefused(_refusal(error))
    if isinstance(error, _OWN_TROUBLE):
        return CloudUnknown(Text("SoftLayer has trouble of its own."))
    if isinstance(error, softlayer.SoftLayerAPIError):
        return _of_fault(error)
    return CloudUnknown(Text(_NO_SENSE))


def cleaned(foreign: str, length: int = _REASON_LENGTH) -> str:
    """A foreign text made fit to be shown: one line, no markup, no long secrets, not too long."""
    text = re.sub(r"<[^<>]{0,200}>", " ", foreign)
    text = re.sub(r"\b[0-9a-fA-F]{40,}\b", "…", text)  # an API key is 64 hexadecimal digits
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _of_fault(error: softlayer.SoftLayerAPIError) -> CloudError:
    code, text = str(error.faultCode), str(error.faultString)
    if code == _RATE_LIMIT:
        return CloudUnknown(Text("SoftLayer gets too many requests from this account just now."))
    if code == _NOT_FOUND:
        return CloudNotFound(Text("SoftLayer has no such VM, or not any more."))
    if code == _NOT_YET or "active transaction" in text.lower():
        return CloudBusy(Text("SoftLayer is still working on that VM."))
    # "Client" is how its SOAP layer blames the question. Everything else without SoftLayer's
    # prefix comes from a gateway in front of it.
    if "internal error" in text.lower() or not code.startswith(("SoftLayer_Exception", "Client")):
        return CloudUnknown(Text("SoftLayer has trouble of its own."))
    return CloudRefused(_refusal(error))


def _refusal(error: Exception) -> Text:
    code = getattr(error, "faultCode", "")
    reason = cleaned(str(getattr(error, "faultString", error))) or cleaned(str(code))
    for pattern, sentence in _REFUSALS:
        if re.search(pattern, f"{code}: {reason}", re.IGNORECASE):
            return Text(sentence, reason=reason)
    return Text("SoftLayer said no: {reason}", reason=reason)


def _transport_trouble(error: softlayer.TransportError) -> Text:
    """faultCode is the HTTP status, 0 when there was none; then only the text tells."""
    if str(error.faultCode).lstrip("-") not in ("0", "32300"):
        return Text("SoftLayer has trouble of its own (HTTP {status}).", status=error.faultCode)
    if "timed out" in str(error.faultString).lower():
        return Text("SoftLayer did not answer in time.")
    return Text("SoftLayer cannot be reached, or the connection broke.")
