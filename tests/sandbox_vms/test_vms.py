"""Real VMs on this machine's engine: what a hypervisor promises, and the hub as they see it."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
import requests

from sandbox.engine import local_engine
from sandbox.hub.hub import Hub
from sandbox.vms import VmContainers
from sandbox.vms.containers import VmMachine

pytestmark = [pytest.mark.engine, pytest.mark.slow]

T = TypeVar("T")
_PATIENCE_S = 120.0
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub(is_public=False) as running:
        yield running


@pytest.fixture(scope="module")
def vms(hub: Hub) -> Iterator[VmContainers]:
    made = VmContainers(hub.addresses)
    yield made
    made.close()


@pytest.fixture(scope="module")
def vm(vms: VmContainers) -> VmMachine:
    """A VM whose engine answers."""
    machine = boot(vms)
    eventually(lambda: shell(machine, "docker info"))
    return machine


def boot(vms: VmContainers) -> VmMachine:
    return vms.boot(
        "vm-1",
        image="docker",
        cpus=1,
        memory_mb=1024,
        user_data="#cloud-config\n{}\n",
        authorized_keys=[KEY],
        labels={"softlayer.fqdn": "jekyll-dev.xwmooc.net"},
    )


def shell(machine: VmMachine, command: str) -> str | None:
    """What a command in the VM prints, errors too; None when it fails."""
    done = subprocess.run(
        ["docker", "exec", machine.id, "sh", "-c", f"({command}) 2>&1"],
        capture_output=True,
        text=True,
    )
    return done.stdout if done.returncode == 0 else None


def eventually(ask: Callable[[], T | None]) -> T:
    """The first answer of `ask` that is not None."""
    deadline = time.monotonic() + _PATIENCE_S
    while (found := ask()) is None:
        assert time.monotonic() < deadline, "it never came"
        threading.Event().wait(0.1)
    return found


def answers(machine: VmMachine, port: int) -> bool | None:
    try:
        with socket.create_connection((machine.ip, port), timeout=1):
            return True
    except OSError:
        return None


def test_a_vm_knows_its_name_and_lets_its_orderer_in(vm: VmMachine) -> None:
    eventually(lambda: answers(vm, 22))

    assert shell(vm, "hostname") == "jekyll-dev\n"
    assert KEY in (shell(vm, "cat /root/.ssh/authorized_keys") or "")


def test_a_vm_has_the_memory_and_the_cpus_that_were_ordered(vm: VmMachine) -> None:
    with local_engine() as api:
        limits = api.inspect_container(vm.id)["HostConfig"]

    assert limits["Memory"] == 1024 * 2**20
    assert limits["NanoCpus"] == 10**9


def test_a_vm_that_was_switched_off_comes_back_with_its_address_and_data(
    vms: VmContainers, vm: VmMachine
) -> None:
    shell(vm, "echo kept > /root/note; docker volume create kept")

    vms.power_off(vm.id)
    assert answers(vm, 22) is None
    vms.power_on(vm.id)

    eventually(lambda: answers(vm, 22))
    assert shell(vm, "cat /root/note") == "kept\n"
    assert "kept" in eventually(lambda: shell(vm, "docker volume ls"))


def test_the_engine_of_a_vm_searches_in_the_hub(vm: VmMachine) -> None:
    """An unmodified engine: its own question, its own trust in the certificate, its own table."""
    table = (eventually(lambda: shell(vm, "docker search rstudio")) or "").splitlines()

    assert table[1].split()[:2] == ["rocker/rstudio", "26"]
    assert len(table) == 16


def test_the_engine_of_a_vm_leaves_out_images_with_fewer_stars(vm: VmMachine) -> None:
    table = (shell(vm, "docker search --filter stars=5 r-base") or "").splitlines()

    assert [line.split()[0] for line in table[1:]] == ["rocker/r-base", "r-base"]
    assert "[OK]" in table[2]  # official
    few = (shell(vm, "docker search --filter stars=12 r-base") or "").splitlines()
    assert [line.split()[0] for line in few[1:]] == ["rocker/r-base"]


def test_the_engine_of_a_vm_pulls_from_the_hub_and_r_is_real(vm: VmMachine) -> None:
    """By the plain name, as anybody types it; without a terminal R ends at once."""
    assert "Downloaded newer image for rocker/r-base:latest" in (
        shell(vm, "docker pull rocker/r-base") or ""
    )

    assert shell(vm, "docker run --rm rocker/r-base Rscript -e 'cat(6 * 7)'") == "42"
    name = shell(vm, "docker run -d rocker/r-base Rscript -e 'invisible(1)'")
    assert name
    eventually(lambda: "Exited (0)" in (shell(vm, "docker ps -a") or "") or None)


def test_an_image_that_the_hub_has_not_is_denied_as_the_real_one_denies_it(vm: VmMachine) -> None:
    said = shell(vm, "docker pull nosuch/image || true")

    assert "pull access denied for nosuch/image, repository does not exist" in (said or "")


def test_an_rstudio_stand_in_keeps_the_contract_of_the_real_one(vm: VmMachine) -> None:
    """Sign-in with the password of the container only, real R, and sessions that can be seen."""
    run = "docker run -d --name rstudio -p 18787:8787 -e PASSWORD=geheim rocker/rstudio"
    assert shell(vm, run)
    url = f"http://{vm.ip}:18787"
    eventually(lambda: answers(vm, 18787))
    eventually(lambda: is_ok(f"{url}/auth-sign-in"))

    with requests.Session() as browser:
        assert "Sign in" in browser.get(url, timeout=10).text
        assert "Incorrect" in sign_in(browser, url, "rstudio")
        assert "stand-in" in sign_in(browser, url, "geheim")
        code = {"code": "x <- 6 * 7; x"}
        assert browser.post(f"{url}/console", json=code, timeout=60).json() == {
            "output": "[1] 42\n"
        }
        sessions = "/home/rstudio/.local/share/rstudio/sessions/active/*/properites"
        properties = f"docker exec rstudio sh -c 'cd {sessions} && cat running executing'"
        assert shell(vm, properties) == "10"  # it runs, and no code is at work
        with ThreadPoolExecutor(1) as other:
            long = {"code": "while (!file.exists('/tmp/go-on')) Sys.sleep(0.05); 'done'"}
            at_work = other.submit(browser.post, f"{url}/console", json=long, timeout=60)
            eventually(lambda: shell(vm, properties) == "11" or None)
            shell(vm, "docker exec rstudio rstudio-server suspend-all")
            assert "rsession" in (shell(vm, "docker exec rstudio ps -C rsession -o args") or "")
            shell(vm, "docker exec rstudio touch /tmp/go-on")
            assert at_work.result().json()["output"] == '[1] "done"\n'
        inside = "docker exec rstudio rstudio-server"  # suspended as soon as it was not at work
        eventually(lambda: shell(vm, f"! {inside} active-sessions"))
        eventually(lambda: shell(vm, properties) == "00" or None)
        code = {"code": "x"}
        assert "42" in browser.post(f"{url}/console", json=code, timeout=60).json()["output"]

    assert requests.post(f"{url}/console", json=code, timeout=10).status_code == 401


def test_a_destroyed_vm_leaves_no_volume(vms: VmContainers) -> None:
    machine = boot(vms)
    with local_engine() as api:
        (volume,) = [
            mount["Name"]
            for mount in api.inspect_container(machine.id)["Mounts"]
            if mount["Type"] == "volume"
        ]

    vms.destroy(machine.id)
    vms.destroy(machine.id)

    with local_engine() as api:
        assert volume not in [each["Name"] for each in api.volumes()["Volumes"] or []]


def test_only_vms_of_a_dead_process_are_leftovers(vms: VmContainers, vm: VmMachine) -> None:
    """Two sandboxes may run side by side; a crashed one must not leave its VMs for ever."""
    machine = boot(crashed(vms))

    VmContainers.remove_leftovers()

    with local_engine() as api:
        left = {row["Id"] for row in api.containers(all=True)}
    assert machine.id not in left
    assert vm.id in left


def crashed(vms: VmContainers) -> VmContainers:
    """The same hypervisor in a process that has ended."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    return VmContainers(vms.hub, owner=f"{ended.pid}:1")


def is_ok(url: str) -> bool | None:
    try:
        return requests.get(url, timeout=5).ok or None
    except requests.RequestException:
        return None


def sign_in(browser: requests.Session, url: str, password: str) -> str:
    form = {"username": "rstudio", "password": password}
    return browser.post(f"{url}/auth-do-sign-in", data=form, timeout=10).text
