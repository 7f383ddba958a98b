"""The registry, and what is put into it."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests
import yaml

from sandbox.engine import DOCKER
from sandbox.hub.publish import publish
from sandbox.hub.registry import HubFailed, Registry

pytestmark = pytest.mark.engine


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry("127.0.0.1", 0, tmp_path / "registry") as running:
        yield running


@pytest.fixture
def image() -> Iterator[str]:
    """A small image of the engine; its content differs from call to call."""
    name = f"ds-test/publish:{uuid.uuid4().hex}"
    make(name)
    yield name
    subprocess.run([*DOCKER, "rmi", "-f", name], check=True, capture_output=True)


another = image
"""One more of them."""


def make(name: str) -> None:
    content = uuid.uuid4().bytes * 1000
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("file")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    command = [*DOCKER, "import", "-", name]
    subprocess.run(command, input=packed.getvalue(), check=True, capture_output=True)


def manifest(registry: Registry, repo: str) -> dict[str, object]:
    """What an engine is told of an image."""
    accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
    answer = requests.get(f"{registry.url}/v2/{repo}/manifests/latest", headers=accept, timeout=10)
    answer.raise_for_status()
    body: dict[str, object] = answer.json()
    return body


def test_an_image_can_be_read_back_as_it_was(
    registry: Registry, image: str, tmp_path: Path
) -> None:
    publish(registry.url, {"rocker/tiny": image}, tmp_path)

    found = manifest(registry, "rocker/tiny")
    config = found["config"]
    assert isinstance(config, dict)
    printed = subprocess.run(
        [*DOCKER, "image", "inspect", "--format", "{{.Id}}", image],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert config["digest"] == printed.strip()  # an image's id is the digest of its config


def test_only_what_changed_is_pushed(
    registry: Registry, image: str, another: str, tmp_path: Path
) -> None:
    told: list[str] = []
    images = {"rocker/one": image, "rocker/two": another}
    assert sorted(publish(registry.url, images, tmp_path)) == ["rocker/one", "rocker/two"]

    assert publish(registry.url, images, tmp_path, told.append) == []
    assert told == []

    before = manifest(registry, "rocker/two")
    make(another)
    assert publish(registry.url, images, tmp_path, told.append) == ["rocker/two"]
    assert told == ["filling the hub with rocker/two"]
    assert manifest(registry, "rocker/two") != before


def test_what_the_registry_lost_is_pushed_again(image: str, tmp_path: Path) -> None:
    """Somebody may empty its folder; the note of what was pushed must not be trusted alone."""
    for number in (1, 2):
        with Registry("127.0.0.1", 0, tmp_path / f"registry-{number}") as registry:
            assert publish(registry.url, {"rocker/tiny": image}, tmp_path) == ["rocker/tiny"]
            assert manifest(registry, "rocker/tiny")


def test_images_stay_for_the_next_registry(image: str, tmp_path: Path) -> None:
    with Registry("127.0.0.1", 0, tmp_path / "registry") as registry:
        publish(registry.url, {"rocker/tiny": image}, tmp_path)

    with Registry("127.0.0.1", 0, tmp_path / "registry") as registry:
        assert publish(registry.url, {"rocker/tiny": image}, tmp_path) == []
        assert manifest(registry, "rocker/tiny")


def test_an_image_that_the_engine_has_not_is_a_failure(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(HubFailed, match="the engine has no image ds-test/nosuch:none"):
        publish(registry.url, {"rocker/tiny": "ds-test/nosuch:none"}, tmp_path)

    assert not (tmp_path / "published.json").exists()


def test_a_registry_listens_at_the_given_address_only(tmp_path: Path) -> None:
    """It takes pushes from anybody, so it must not be seen from outside."""
    with Registry("127.0.0.1", 0, tmp_path / "registry") as registry:
        (path,) = (tmp_path / "registry").glob("config-*.yml")
        config = yaml.safe_load(path.read_text())
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", registry.port), timeout=5)

    assert config["http"]["addr"] == f"127.0.0.1:{registry.port}"
    assert "auth" not in config
    assert "proxy" not in config
    assert list((tmp_path / "registry").glob("*.yml")) == []
    assert list((tmp_path / "registry").glob("*.log")) == []


def test_a_cache_takes_its_images_from_the_real_registry(
    registry: Registry, image: str, tmp_path: Path
) -> None:
    publish(registry.url, {"rocker/tiny": image}, tmp_path)

    with Registry("127.0.0.1", 0, tmp_path / "cache", remote=registry.url) as cache:
        assert manifest(cache, "rocker/tiny") == manifest(registry, "rocker/tiny")


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(HubFailed, match="address already in use"):
            with Registry("127.0.0.1", port, tmp_path / "registry"):
                pass

    assert list((tmp_path / "registry").glob("*-*.*")) == []


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(HubFailed, match="docker-registry is missing: run `sandbox/bootstrap.sh"):
        with Registry("127.0.0.1", 0, tmp_path / "registry"):
            pass


def test_notes_name_the_image_of_every_repository(
    registry: Registry, image: str, tmp_path: Path
) -> None:
    publish(registry.url, {"rocker/tiny": image}, tmp_path)

    noted = json.loads((tmp_path / "published.json").read_text())
    assert list(noted) == ["rocker/tiny"]
    assert noted["rocker/tiny"].startswith("sha256:")
