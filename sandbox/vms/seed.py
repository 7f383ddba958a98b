"""What a VM finds on its disk at its first boot: cloud-init's seed, and the way to the hub."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from sandbox.hub.hub import HubAddresses

_SEED = "var/lib/cloud/seed/nocloud"
_RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))


def seed_files(
    instance: str,
    hostname: str,
    user_data: str,
    authorized_keys: Sequence[str],
    hub: HubAddresses | None,
) -> dict[str, str]:
    """Path below / -> content.

    Source: cloud-init, data source NoCloud (`public-keys` of the meta data go to the default user,
    which is root here).
    """
    meta = {
        "instance-id": instance,
        "local-hostname": hostname,
        "public-keys": list(authorized_keys),
    }
    files = {
        f"{_SEED}/meta-data": yaml.safe_dump(meta),
        f"{_SEED}/user-data": user_data,
        # Read by the engine that is there, or by the one that will be installed. sysinit fills in
        # the group, which is known only then.
        "etc/docker/daemon.json": json.dumps(_engine_settings(hub), indent=1),
    }
    if hub is not None:
        files["usr/local/share/ca-certificates/ds-sandbox.crt"] = hub.ca
        files["etc/ds-vm/https"] = f"{hub.host} {hub.index_port}\n"
    return files


def packed(files: Mapping[str, str]) -> bytes:
    """A tar archive of the files, readable by root only."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for path, text in files.items():
            content = text.encode()
            member = tarfile.TarInfo(path)
            member.size = len(content)
            member.mode = 0o644 if path.endswith(".crt") else 0o600
            archive.addfile(member, io.BytesIO(content))
    return plain.getvalue()


def resolvers(sources: Sequence[Path] = _RESOLVERS) -> list[str]:
    """Name servers that can be asked from a container: this machine's, without its own loopback."""
    for source in sources:
        lines = source.read_text().splitlines() if source.exists() else []
        words = [line.split() for line in lines if line.startswith("nameserver")]
        found = [each[1] for each in words if len(each) > 1 and not each[1].startswith("127.")]
        if found:
            return found
    return []


def _engine_settings(hub: HubAddresses | None) -> dict[str, object]:
    settings: dict[str, object] = {"cgroup-parent": "@CGROUP_PARENT@"}
    if servers := resolvers():
        # The VM's own is a loopback address of the engine below: its containers cannot ask that.
        settings["dns"] = servers
    if hub is not None:
        settings["registry-mirrors"] = [hub.mirror]
    return settings
