"""The engine's errors: each class has its meaning, and none gets past the adapter."""

from __future__ import annotations

import http.client
import inspect
from collections.abc import Iterator
from types import ModuleType

import docker.errors
import paramiko.ssh_exception
import pytest
import requests
import requests.exceptions
import urllib3.exceptions

from bot.adapters.docker_errors import (
    PathMissing,
    RemovalUnderWay,
    engine_errors,
    refusal,
    without_engine,
)
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

ADDRESS = "192.0.2.1"
TREES: list[tuple[ModuleType, type[Exception]]] = [
    (docker.errors, docker.errors.DockerException),
    (requests.exceptions, requests.exceptions.RequestException),
    (urllib3.exceptions, urllib3.exceptions.HTTPError),
    (http.client, http.client.HTTPException),
    (paramiko.ssh_exception, paramiko.SSHException),
]


def foreign() -> Iterator[type[Exception]]:
    """Every class that the docker SDK and what it stands on may raise."""
    for module, base in TREES:
        for each in vars(module).values():
            if inspect.isclass(each) and issubclass(each, base) and not issubclass(each, Warning):
                yield each
    yield from (OSError, ConnectionResetError, BrokenPipeError, TimeoutError, EOFError)


def made(kind: type[Exception]) -> Exception:
    """An instance; each class wants something else of its constructor, so it is left out."""
    plain = {"__init__": lambda self: None, "__str__": lambda self: "text"}
    error: Exception = type(kind.__name__, (kind,), plain)()
    if isinstance(error, docker.errors.APIError):
        error.response, error.explanation = None, "text"
    return error


def raised(error: Exception) -> HostError:
    with pytest.raises(HostError) as caught, engine_errors(ADDRESS):
        raise error
    return caught.value


@pytest.mark.parametrize(
    "kind", list(foreign()), ids=lambda each: f"{each.__module__}.{each.__name__}"
)
def test_every_foreign_class_is_renamed(kind: type[Exception]) -> None:
    error = made(kind)

    assert raised(error).__cause__ is error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (docker.errors.DockerException("x"), EngineRefused),
        (requests.exceptions.ReadTimeout("x"), HostUnreachable),
        (requests.exceptions.ConnectionError("x"), HostUnreachable),
        (urllib3.exceptions.ProtocolError("x"), HostUnreachable),
        (http.client.IncompleteRead(b""), HostUnreachable),
        (paramiko.SSHException("x"), HostUnreachable),
        (TimeoutError("x"), HostUnreachable),
        (EOFError(), HostUnreachable),
        (requests.exceptions.InvalidURL("x"), EngineRefused),
        (docker.errors.NotFound("x", None, "No such container: abc"), ContainerNotFound),
    ],
)
def test_what_may_pass_is_told_from_what_was_refused(
    error: Exception, expected: type[HostError]
) -> None:
    """A refused act has changed nothing; a broken connection tells nothing."""
    ours = raised(error)

    assert isinstance(ours, expected)
    assert ours.is_passing is (expected is HostUnreachable)


@pytest.mark.parametrize("error", [TypeError("ours"), KeyError("ours"), RuntimeError("ours")])
def test_our_own_mistakes_are_not_the_engines(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, engine_errors(ADDRESS):
        raise error

    assert caught.value is error


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("No such container: rstudio", ContainerNotFound),
        ("pull access denied for x, repository does not exist", ImageNotFound),
        ("manifest for rocker/rstudio:nope not found: manifest unknown", ImageNotFound),
        ("invalid reference format: repository name must be lowercase", ImageNotFound),
        ("Bind for 0.0.0.0:8787 failed: port is already allocated", PortTaken),
        ("listen tcp4 0.0.0.0:8787: bind: address already in use", PortTaken),
        ('Conflict. The container name "/a" is already in use by container "b"', NameTaken),
        ("write /x: no space left on device", EngineRefused),
        ("Get https://registry-1.docker.io/v2/: dial tcp: i/o timeout", EngineRefused),
        ("toomanyrequests: You have reached your pull rate limit", EngineRefused),
        ("get nosuch: no such volume", EngineRefused),
        (
            "conflict: unable to remove repository reference (must force) - "
            "container 1 is using its referenced image 2",
            ImageInUse,
        ),
        (
            "unable to delete 1 (must be forced) - image is being used by stopped container 2",
            ImageInUse,
        ),
        ("removal of container 5c061b59b648 is already in progress", RemovalUnderWay),
        ("Could not find the file /nope in container 1", PathMissing),
        ("something new", EngineRefused),
        ("", EngineRefused),
    ],
)
def test_the_engines_sentence_decides(sentence: str, expected: type[HostError]) -> None:
    assert type(refusal(sentence)) is expected
    assert type(refusal(sentence.upper())) is expected


def test_the_rate_limit_is_not_taken_for_a_missing_image() -> None:
    """Docker Hub's sentence names the image, too; people would search for a typo."""
    told = str(refusal("toomanyrequests: pull access denied by rate limit, manifest unknown"))

    assert "Try again in a few hours" in told


@pytest.mark.parametrize(
    ("status", "stderr", "expected"),
    [
        (127, "sh: 1: docker: not found", EngineMissing),
        (127, "", EngineMissing),
        (1, "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", EngineMissing),
        (1, "dial unix /var/run/docker.sock: connect: permission denied", EngineRefused),
        (1, "dial unix /var/run/docker.sock: connect: no such file or directory", EngineMissing),
        (0, "", None),
        (1, "signal: killed", None),
    ],
)
def test_how_the_tunnel_ended_tells_whether_there_is_an_engine(
    status: int, stderr: str, expected: type[HostError] | None
) -> None:
    """Missing: install one. Refused: nothing to install would help."""
    error = without_engine(status, stderr, ADDRESS)

    assert (type(error) if error else None) is expected
