"""The whole promise, with nothing of ours in between: the `ds-bot` process and the `slcli` process.

`test_slcli.py` tries every command, against a sandbox inside the test; this starts the one that a
newcomer starts, with what it prints.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BIN = Path(sys.executable).parent
SEEDED = 10_000
PAGE = 100  # slcli's own default for `--limit`
ORDER = "vs create -H jekyll-dev -D xwmooc.net -c 1 -m 1024 -d dal10 -o UBUNTU_LATEST --disk 25"


class Slcli:
    """Runs the unmodified `slcli` with a configuration file."""

    def __init__(self, config: Path) -> None:
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "https_proxy"},
            "SLCLI_CONFIG": str(config),
            "SLCLI_FORMAT": "json",
        }

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """`slcli -y …`, which must succeed."""
        done = subprocess.run(
            [BIN / "slcli", "-y", *command.split()],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def __call__(self, command: str) -> str:
        """What it prints."""
        return self.run(command).stdout

    def json(self, command: str) -> Any:
        """The first JSON document of the output; warnings may stand before it."""
        text = self(command)
        start = min(at for at in (text.find("[\n"), text.find("{\n"), text.find("[]")) if at >= 0)
        return json.JSONDecoder().raw_decode(text, start)[0]


@pytest.fixture(scope="module")
def slcli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slcli]:
    """slcli, set up with the lines that `ds-bot sandbox softlayer` prints."""
    command = [
        str(BIN / "ds-bot"),
        "sandbox",
        "softlayer",
        "--seed",
        str(SEEDED),
        "--speed",
        "100000",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(500, process.kill)
        watchdog.start()
        config = tmp_path_factory.mktemp("slcli") / "config"
        config.write_text(printed_config(process), "utf-8")
        yield Slcli(config)
        watchdog.cancel()
        process.terminate()
        assert process.wait(30) == 0


def printed_config(process: subprocess.Popen[str]) -> str:
    """The printed lines from `[softlayer]` to the next empty one."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        if line.startswith("[softlayer]") or lines:
            if not line.strip():
                return "".join(lines)
            lines.append(line)
    raise AssertionError("no configuration was printed")


def test_a_vm_is_ordered_listed_shown_and_cancelled(slcli: Slcli) -> None:
    """vs create, vs list, vs detail, vs cancel."""
    text = slcli(f"{ORDER} --tag acceptance")
    vm_id = json.JSONDecoder().raw_decode(text, text.index("[\n"))[0][0]["ID"]
    assert "READY" in slcli(f"vs ready {vm_id} --wait 60")

    [listed] = slcli.json("vs list --tag acceptance")
    assert (listed["id"], listed["hostname"], listed["datacenter"]) == (
        vm_id,
        "jekyll-dev",
        "dal10",
    )
    assert listed["primary_ip"] and listed["backend_ip"]

    shown = slcli.json(f"vs detail {vm_id} --price")
    assert (shown["fqdn"], shown["state"]) == ("jekyll-dev.xwmooc.net", "RUNNING")
    assert (shown["billing"], shown["tags"]) == ("Hourly", ["acceptance"])

    assert f"{vm_id} was cancelled" in slcli(f"vs cancel {vm_id}")
    assert wait_until_gone(slcli, vm_id)
    assert slcli.json("vs list --tag acceptance") == []


def wait_until_gone(slcli: Slcli, vm_id: int) -> bool:
    """Reclaiming takes minutes of the sandbox's, so the first look is nearly always enough."""
    looks = (slcli.json("vs list --columns id --hostname jekyll-dev") for _ in range(20))
    return any(all(row["id"] != vm_id for row in rows) for rows in looks)


def test_the_public_images_are_listed(slcli: Slcli) -> None:
    """image list --public, with the image that the walk-through uses."""
    names = {row["Name"] for row in slcli.json("image list --public")}

    assert "Ubuntu with LAMP and Docker" in names
    assert len(names) >= 40


def test_ten_thousand_vms_are_listed_each_once(slcli: Slcli) -> None:
    """A hundred pages of a hundred: slcli tells its calls with -vv."""
    done = slcli.run(f"-vv vs list --limit {PAGE} --columns hostname --domain sandbox.example")

    names = [row["hostname"] for row in json.loads(done.stdout)]
    assert sorted(names) == [f"seed-{number:05}" for number in range(1, SEEDED + 1)]
    pages = re.findall(r"::getVirtualGuests\(.*limit=(\d+), offset=(\d+)", done.stderr)
    assert pages == [(str(PAGE), str(offset)) for offset in range(0, SEEDED, PAGE)]
