"""Docker's, requests' and urllib3's errors, renamed into ours; a test walks their trees."""

from __future__ import annotations

import http.client
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import docker.errors
import paramiko
import requests.exceptions
import urllib3.exceptions

from bot.adapters.ssh_errors import ConnectionBroke
from bot.errors import (
    ContainerNotFound,
    EngineMissing,
    EngineRefused,
    HostError,
    HostUnreachable,
    ImageInUse,
    ImageNotFound,
    NameTaken,
    PortTaken,
)
from bot.models import Text, msgid

log = logging.getLogger(__name__)


class PathMissing(EngineRefused):
    """The container has no such file or folder."""


class RemovalUnderWay(EngineRefused):
    """Somebody else has the container removed already."""


_SLOW = (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
_REFUSED = (
    docker.errors.DockerException,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.URLRequired,
)
_BROKEN = (
    docker.errors.StreamParseError,
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    paramiko.SSHException,
    OSError,
    EOFError,
)

# The engine's sentences, as Engine 20.10 to 28 and the registries write them. The first that
# matches decides.
_REFUSALS: tuple[tuple[str, type[HostError], str], ...] = (
    (
        "no such container",
        ContainerNotFound,
        msgid("There is no such container, or not any more."),
    ),
    (
        "removal of container .* is already in progress",
        RemovalUnderWay,
        msgid("The container is being removed already."),
    ),
    (
        "could not find the file",
        PathMissing,
        msgid("There is no such file in the container."),
    ),
    ("no such volume", EngineRefused, msgid("There is no such volume on the VM.")),
    (
        "is using its referenced image|image is being used by (running|stopped) container",
        ImageInUse,
        msgid("A container was made of that image. Remove the container first."),
    ),
    (
        "toomanyrequests|pull rate limit",
        EngineRefused,
        msgid("Docker Hub limits how much this VM's address pulls. Try again in a few hours."),
    ),
    (
        "no such image|manifest unknown|manifest for .* not found|repository does not exist"
        "|pull access denied|access to the resource is denied|no matching manifest"
        "|not found: does not exist|does not match the specified platform"
        "|invalid reference format|repository name .* must be",
        ImageNotFound,
        msgid("No registry has that image, or it is not public."),
    ),
    (
        "port is already allocated|address already in use",
        PortTaken,
        msgid("That port is in use on the VM."),
    ),
    (
        "is already in use by container",
        NameTaken,
        msgid("The VM already has a container of that name."),
    ),
    ("no space left on device", EngineRefused, msgid("The VM's disk is full.")),
    (
        "range of cpus is from|minimum memory limit|cpu .* requested .* available",
        EngineRefused,
        msgid("The VM does not have that many CPUs or that much memory."),
    ),
    (
        "dial tcp|tls handshake timeout|client\\.timeout exceeded|no such host"
        "|request canceled while waiting|x509: |http response to https client",
        EngineRefused,
        msgid("The VM cannot reach the image registry."),
    ),
)
_NO_ENGINE = re.compile(
    r"command not found|not found$|no such file or directory|cannot connect to the docker daemon"
    r"|is the docker daemon running|connection refused|unable to open connection|failed to open",
    re.IGNORECASE | re.MULTILINE,
)
_COMMAND_NOT_FOUND = 127  # POSIX shells' exit status


@contextmanager
def engine_errors(address: str) -> Iterator[None]:
    """Rename what the docker SDK and the libraries below it raise."""
    try:
        yield
    except (*_SLOW, *_REFUSED, *_BROKEN) as error:
        log.info("engine at %s: %r", address, error)
        raise _renamed(error, address) from error


def refusal(explanation: str) -> HostError:
    """Our error for a sentence in which the engine, or a registry behind it, said no."""
    for pattern, error, sentence in _REFUSALS:
        if re.search(pattern, explanation, re.IGNORECASE | re.DOTALL):
            return error(Text(sentence))
    return EngineRefused(Text("The VM's Docker Engine refused that."))


def without_engine(exit_status: int, stderr: str, address: str) -> HostError | None:
    """Our error for how `docker system dial-stdio` ended; None when the end tells nothing."""
    if "permission denied" in stderr.lower():
        return EngineRefused(
            Text(
                "The SSH user is not allowed to use Docker on the VM at {address}.", address=address
            )
        )
    if exit_status == _COMMAND_NOT_FOUND or _NO_ENGINE.search(stderr):
        return EngineMissing(
            Text("No Docker Engine answers on the VM at {address}.", address=address)
        )
    return None


def _renamed(error: Exception, address: str) -> HostError:
    if isinstance(error, docker.errors.APIError):
        return refusal(str(error.explanation or error))
    if isinstance(error, _SLOW):
        return HostUnreachable(Text("The VM at {address} did not answer in time.", address=address))
    if isinstance(error, _REFUSED):
        return EngineRefused(Text("The VM's Docker Engine refused that."))
    return ConnectionBroke(Text("The connection to the VM at {address} broke.", address=address))
