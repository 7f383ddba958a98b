"""The independent witness: the unmodified `slcli`, as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.softlayer.clock import ManualClock
from sandbox.softlayer.server import SoftLayerSandbox
from tests.sandbox_softlayer.conftest import LONG

SLCLI = Path(sys.executable).with_name("slcli")
CREATE = "-H jekyll-dev -D xwmooc.net -c 1 -m 1024 -d dal09 -o UBUNTU_LATEST --disk 25".split()
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBIGRBcUSAcybxxJOcYUO8QJbuqdzQeJw1C4kbkDpaTi a@b"


class Slcli:
    """Runs `slcli` against one sandbox."""

    def __init__(self, sandbox: SoftLayerSandbox, config: Path) -> None:
        config.write_text(sandbox.slcli_config)
        self.sandbox = sandbox
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "https_proxy"},
            "SLCLI_CONFIG": str(config),
            "SLCLI_FORMAT": "json",
        }

    def __call__(self, *arguments: object, status: int = 0) -> str:
        """The output of `slcli -y …`, which must end with `status`."""
        done = subprocess.run(
            [SLCLI, "-y", *map(str, arguments)],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments: object) -> Any:
        """The first JSON document of the output."""
        text = self(*arguments)
        start = min(at for at in (text.find("["), text.find("{")) if at >= 0)
        return json.JSONDecoder().raw_decode(text, start)[0]

    def create(self, *more: object) -> int:
        """Order the walk-through's VM and wait until it is ready."""
        text = self("vs", "create", *CREATE, *more)
        self.sandbox.advance(LONG)
        return int(json.JSONDecoder().raw_decode(text, text.index("[\n"))[0][0]["ID"])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SoftLayerSandbox]:
    with SoftLayerSandbox(clock=ManualClock()) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def slcli(sandbox: SoftLayerSandbox, tmp_path_factory: pytest.TempPathFactory) -> Slcli:
    return Slcli(sandbox, tmp_path_factory.mktemp("slcli") / "config")


@pytest.fixture(scope="module")
def vm(slcli: Slcli) -> int:
    """One VM for all tests that only look."""
    return slcli.create("--tag", "bot", "--tag", "data", "--userdata", "hello")


def test_create_test_shows_the_price_and_orders_nothing(slcli: Slcli) -> None:
    """`vs create --test`."""
    before = len(slcli.sandbox.orders)

    rows = slcli.json("vs", "create", *CREATE, "--test")

    assert rows[-1] == {"Cost": "0.053", "Description": "Total hourly cost"}
    assert len(slcli.sandbox.orders) == before


def test_create_warns_that_the_datacenter_is_closing(slcli: Slcli) -> None:
    """dal09, all pods."""
    text = slcli("vs", "create", *CREATE)

    assert "Closed soon: dal09.pod01" in text


def test_create_list_and_cancel(slcli: Slcli) -> None:
    """The whole life of a VM."""
    vm_id = slcli.create("--tag", "once")

    [listed] = slcli.json("vs", "list", "--tag", "once")
    assert (listed["id"], listed["hostname"], listed["action"]) == (vm_id, "jekyll-dev", None)
    assert listed["primary_ip"].startswith("192.0.2.")
    assert f"{vm_id} was cancelled" in slcli("vs", "cancel", vm_id)
    slcli.sandbox.advance(LONG)
    assert slcli.json("vs", "list", "--tag", "once") == []
    assert "Unable to find object" in slcli("vs", "detail", vm_id, status=1)


def test_create_can_wait(tmp_path: Path) -> None:
    """`--wait`: in so fast a sandbox slcli's first look is enough (the next is 10 s later)."""
    with SoftLayerSandbox(speed=10_000_000) as fast:
        image = "1100400"  # "Ubuntu with LAMP and Docker" by its number
        arguments = [*CREATE[:-4], "--image", image, "--wait", "30"]

        text = Slcli(fast, tmp_path / "config")("vs", "create", *arguments)

        assert "finish provisioning" in text
        assert [each.image for each in fast.live()] == ["docker"]


def test_detail_by_name_shows_state_and_price(slcli: Slcli, vm: int) -> None:
    """`vs detail --price`."""
    shown = slcli.json("vs", "detail", vm, "--price")

    assert (shown["fqdn"], shown["state"], shown["billing"]) == (
        "jekyll-dev.xwmooc.net",
        "RUNNING",
        "Hourly",
    )
    assert shown["tags"] == ["bot", "data"]
    assert shown["owner"] == "sandbox"
    assert shown["os"] == "Ubuntu"
    assert shown["Price rate"]
    assert slcli.json("vs", "detail", vm)["drives"][0]["Capacity"] == "25 GB"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("vs ready {vm}", "READY"),
        ("vs bandwidth {vm} -s 2026-03-01 -e 2026-03-03", "Pub In"),
        ("vs billing {vm}", "Billing Item Id"),
        ("vs list --hourly --columns id,tags,created_by,power_state", "sandbox"),
        ("vs create-options", "closed soon: dal09.pod04"),
        ("vs create-options --prices", "B1.1X2X25"),
        ("vs create-options --vsi-type CLOUD_SERVER", "GUEST_CORES_1"),
        ("tags list", "data"),
        ("event-log get -t CCI", "'Create','jekyll-dev.xwmooc.net','CCI'"),
        ("image list --public", "Ubuntu with LAMP and Docker"),
        ("image list --name *docker*", "RHEL 7 with Docker"),
    ],
)
def test_looking(slcli: Slcli, vm: int, command: str, expected: str) -> None:
    """Every command that only reads."""
    assert expected in slcli(*command.format(vm=vm).split())


def test_public_images_are_parents_only(slcli: Slcli) -> None:
    """The children rows (parentId) are there, and slcli drops them."""
    rows = slcli.json("image", "list", "--public")

    assert 40 <= len(rows) <= 60
    assert len({row["Name"] for row in rows}) == len(rows)


def test_usage_has_rows_once_time_has_passed(slcli: Slcli, vm: int) -> None:
    """`vs usage`."""
    slcli.sandbox.advance(5 * 60 * LONG)

    text = slcli("vs", "usage", vm, "-s", "2026-03-01", "-e", "2026-03-04", "-t", "CPU0")

    assert '"type": "cpu0"' in text


def test_power_tags_and_capture(slcli: Slcli) -> None:
    """Every command that changes a VM."""
    vm = slcli.create()

    slcli("vs", "power-off", vm, "--hard")
    assert slcli.sandbox.guest(vm).power == "HALTED"
    slcli("vs", "power-on", vm)
    assert slcli.sandbox.guest(vm).power == "RUNNING"
    slcli("vs", "edit", vm, "--tag", "x", "--tag", "y")
    assert slcli.sandbox.guest(vm).tags == ("x", "y")
    captured = slcli.json("vs", "capture", vm, "-n", "keep me")
    assert captured["transaction"] == "CLOUD_CREATE_ARCHIVE_TEMPLATE"
    [image] = slcli.json("image", "list", "--private")
    assert (image["Name"], image["Visibility"]) == ("keep me", "PRIVATE")
    assert "active transaction" in slcli("vs", "cancel", vm, status=1)
    slcli.sandbox.advance(slcli.sandbox.delays.capture)
    detail = slcli.json("image", "detail", image["Id"])
    assert detail["Datacenters"][0]["Size"] == 25 * 2**30
    slcli("image", "delete", image["Id"])
    slcli.sandbox.advance(slcli.sandbox.delays.delete_image)
    assert slcli.json("image", "list", "--private") == []


def test_ssh_keys_are_added_listed_and_removed(slcli: Slcli) -> None:
    """And the same key twice is refused as the real one refuses it."""
    assert "SSH key added" in slcli("sshkey", "add", "bot", "-k", KEY, "--note", "mine")
    assert "SSH key already exists." in slcli("sshkey", "add", "two", "-k", KEY, status=1)
    bad = slcli("sshkey", "add", "bad", "-k", "ssh-rsa nonsense", status=1)
    assert "Unable to generate a fingerprint." in bad
    [key] = slcli.json("sshkey", "list")
    assert (key["label"], key["notes"]) == ("bot", "mine")
    slcli("sshkey", "remove", "bot")
    assert slcli.json("sshkey", "list") == []


def test_wrong_credentials_are_said_so(tmp_path: Path, slcli: Slcli) -> None:
    """slcli knows "Invalid API token." and gives its own advice."""
    other = Slcli(slcli.sandbox, tmp_path / "config")
    (tmp_path / "config").write_text(slcli.sandbox.slcli_config.replace("sandbox-key", "wrong"))

    assert "Authentication Failed" in other("vs", "list", status=1)
