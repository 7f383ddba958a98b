"""What a VM finds on its disk at its first boot."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import yaml

from sandbox.hub.hub import HubAddresses
from sandbox.vms.seed import packed, resolvers, seed_files

HUB = HubAddresses("172.19.0.1", "http://172.19.0.1:5000", 4443, ("index.docker.io",), "PEM\n")
SEED = "var/lib/cloud/seed/nocloud"


def test_cloud_init_finds_what_the_order_brought() -> None:
    files = seed_files("vm-1", "jekyll", "#cloud-config\n{}\n", ["ssh-ed25519 AAAA me"], None)

    assert files[f"{SEED}/user-data"] == "#cloud-config\n{}\n"
    assert yaml.safe_load(files[f"{SEED}/meta-data"]) == {
        "instance-id": "vm-1",
        "local-hostname": "jekyll",
        "public-keys": ["ssh-ed25519 AAAA me"],
    }


def test_with_a_hub_the_engine_is_sent_there() -> None:
    files = seed_files("vm-1", "jekyll", "", [], HUB)

    settings = json.loads(files["etc/docker/daemon.json"])
    assert settings["registry-mirrors"] == [HUB.mirror]
    assert files["etc/ds-vm/https"] == "172.19.0.1 4443\n"
    assert files["usr/local/share/ca-certificates/ds-sandbox.crt"] == HUB.ca


def test_without_a_hub_nothing_stands_for_the_real_one() -> None:
    files = seed_files("vm-1", "jekyll", "", [], None)

    assert "registry-mirrors" not in json.loads(files["etc/docker/daemon.json"])
    assert not any("ca-certificates" in path or "ds-vm" in path for path in files)


def test_only_root_can_read_the_seed() -> None:
    """It holds the VM's SSH host key."""
    files = seed_files("vm-1", "jekyll", "secret", [], None)

    with tarfile.open(fileobj=io.BytesIO(packed(files))) as archive:
        member = archive.getmember(f"{SEED}/user-data")
        assert member.mode & 0o077 == 0
        assert member.uid == member.gid == 0


def test_loopback_name_servers_are_no_use_in_a_container(tmp_path: Path) -> None:
    """systemd-resolved's stub is one; the servers behind it stand in its own file."""
    stub, behind = tmp_path / "stub", tmp_path / "behind"
    stub.write_text("nameserver 127.0.0.53\nsearch example\n")
    behind.write_text("# comment\nnameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver\n")

    assert resolvers([stub, behind]) == ["192.0.2.1", "192.0.2.2"]
    assert resolvers([stub, tmp_path / "absent"]) == []
