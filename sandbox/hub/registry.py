"""The registry: Debian's `docker-registry` (CNCF Distribution 2.8), its images on this disk."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
import yaml

PUBLIC_REGISTRY = "https://registry-1.docker.io"
_PUBLIC_TIMEOUT_S = 3.0
_START_TIMEOUT_S = 15.0
_STOP_TIMEOUT_S = 5.0

# The registry and its files end with us even when we are killed: the shell sees its input end.
_WATCHED = """
config=$1 log=$2; shift 2
"$@" </dev/null & pid=$!
read -r _
kill $pid; wait $pid
rm -f "$config" "$log"
"""


class HubFailed(Exception):
    """The hub cannot run; says what is in the way."""


def public_registry_answers() -> bool:
    """Whether Docker Hub can be reached from here; takes at most a few seconds."""
    try:
        found = requests.get(f"{PUBLIC_REGISTRY}/v2/", timeout=_PUBLIC_TIMEOUT_S)
    except requests.RequestException:
        return False
    return found.status_code in (200, 401)


class Registry:
    """Runs while the context lasts; what was pushed stays in `directory` for the next one.

    port: 0 is any free one, then to be read from `port`. remote: be a cache of that registry,
    which then takes no pushes. Raises HubFailed.
    """

    def __init__(self, host: str, port: int, directory: Path, *, remote: str | None = None) -> None:
        self.host = host
        self.port = port or _free_port(host)
        self._directory = directory
        self._remote = remote
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers, as engines and `publish` want it."""
        return f"http://{self.host}:{self.port}"

    def __enter__(self) -> Self:
        program = shutil.which("docker-registry")
        if program is None:
            raise HubFailed("docker-registry is missing: run `sandbox/bootstrap.sh demo`")
        self._directory.mkdir(parents=True, exist_ok=True)
        config = self._directory / f"config-{self.port}.yml"
        config.write_text(yaml.safe_dump(self._config()))
        log = self._directory / f"registry-{self.port}.log"
        with log.open("wb") as output:
            files = (str(config), str(log))
            self._process = subprocess.Popen(
                ["sh", "-c", _WATCHED, "sh", *files, program, "serve", str(config)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl+C at the terminal is ours to answer
            )
        try:
            self._wait_until_up(log)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            try:
                self._process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = {
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self._directory)},
                "cache": {"blobdescriptor": "inmemory"},
            },
            "http": {"addr": f"{self.host}:{self.port}", "secret": "sandbox"},
        }
        if self._remote:
            config["proxy"] = {"remoteurl": self._remote}
        return config

    def _wait_until_up(self, log: Path) -> None:
        """The shell lives on when the registry does not, so only the log tells of that."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                requests.get(f"{self.url}/v2/", timeout=1).raise_for_status()
                return
            except requests.RequestException as error:
                said = log.read_text().strip().splitlines()
                if said or time.monotonic() > deadline:
                    reason = said[-1] if said else str(error)
                    raise HubFailed(f"the registry does not start: {reason}") from error
            time.sleep(0.05)


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
