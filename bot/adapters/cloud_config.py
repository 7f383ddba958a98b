"""The user data of a VM that we order: a cloud-config with its SSH host key and our request's id.

User data is the one thing of ours that travels inside the order itself: tags and notes can only be
set afterwards (softlayer.github.io#126). So it carries the id by which a lost answer is looked up.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

_HEADER = "#cloud-config"  # cloud-init knows the format by this first line
_REQUEST = "# ds-bot request: "
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_REQUEST_LINE = re.compile(rf"[ \t]*#[ \t]*ds-bot request:[ \t]*({_REQUEST_ID.pattern})[ \t]*")


def user_data_for(
    request_id: str, host_private_key: str | None = None, host_public_key: str | None = None
) -> str:
    """The cloud-config of one order: ASCII text that `request_id_of` reads back.

    With a host key (private: OpenSSH's PEM; public: "ssh-ed25519 AAAA…") the VM shows that key and
    no other from its first boot on; without one it makes its own.
    Raises ValueError for an id that would not survive, for half a pair and for another kind of key.
    Source: cloud-init, module "SSH" (`ssh_deletekeys`, `ssh_keys`: with any key given, none is
    generated); `disable_root` because the bot logs in as root, by key.
    """
    if not _REQUEST_ID.fullmatch(request_id):
        raise ValueError(f"not fit as a request id: {request_id!r}")
    config: dict[str, Any] = {"disable_root": False}
    if host_private_key is not None or host_public_key is not None:
        config |= {
            "ssh_deletekeys": True,
            "ssh_keys": _pair(host_private_key or "", host_public_key or ""),
        }
    body = yaml.dump(config, Dumper=_Dumper, sort_keys=False, width=2**16)
    return f"{_HEADER}\n{_REQUEST}{request_id}\n{body}"


def request_id_of(user_data: str | None) -> str | None:
    """The request's id in a VM's user data; None if there is none, or it is not ours.

    Tolerant of what may happen to the text on its way: other line ends, space around lines.
    """
    lines = (user_data or "").lstrip("\ufeff \t\r\n").splitlines()
    if not lines or lines[0].strip() != _HEADER:
        return None
    for line in lines[1:]:
        found = _REQUEST_LINE.fullmatch(line)
        if found:
            return found[1]
    return None


def _pair(private: str, public: str) -> dict[str, str]:
    if "PRIVATE KEY" not in private or not public.startswith("ssh-ed25519 "):
        raise ValueError(
            "a host key needs both halves: an OpenSSH private key and ssh-ed25519 AAAA…"
        )
    return {
        "ed25519_private": _Block(private.strip().replace("\r\n", "\n") + "\n"),
        "ed25519_public": public.strip(),
    }


class _Block(str):
    """Text that is written as a literal block: `|`."""


class _Dumper(yaml.SafeDumper):
    """Writes `_Block` line by line, as a person would."""


def _as_block(dumper: yaml.SafeDumper, text: _Block) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")


_Dumper.add_representer(_Block, _as_block)
