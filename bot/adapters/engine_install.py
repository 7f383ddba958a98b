"""Installing Docker on a VM that has none, from the distribution's own packages, over SSH."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable
from datetime import timedelta

from bot.adapters.ssh import CommandResult, Ssh
from bot.adapters.ssh_errors import CommandTimeout
from bot.errors import EngineRefused
from bot.models import Text, msgid

log = logging.getLogger(__name__)

INSTALL_TIMEOUT = timedelta(minutes=20)

# Exit statuses of the script, outside those that apt and the shell use.
_NOT_ROOT, _NOT_DEBIAN, _NOT_INSTALLED, _NOT_STARTED = 90, 91, 92, 93

_FAILURES = {
    _NOT_ROOT: msgid("Docker can be installed only as root, and the SSH user is not root."),
    _NOT_DEBIAN: msgid("Docker can be installed only on Debian or Ubuntu; this VM is neither."),
    _NOT_INSTALLED: msgid("The VM's package manager could not install Docker: {line}"),
    _NOT_STARTED: msgid("Docker is installed but does not start: {line}"),
}

# Every step may have been done already, by us before a crash or by the image. apt's own lock
# option does not cover `apt-get update` (apt 2.6: only dpkg's locks), so that one is asked again
# while cloud-init's first update holds the lists.
_SCRIPT = f"""
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/local/sbin:/usr/sbin:/sbin:$PATH
exec </dev/null 2>&1

answers() {{ docker info >/dev/null 2>&1; }}

wait_until_it_answers() {{
    tries=$1
    until answers; do
        tries=$((tries - 1)); [ "$tries" -gt 0 ] || return 1
        sleep 0.5
    done
}}

update() {{
    tries=150
    until said=$(apt-get -q update 2>&1); do
        printf '%s\\n' "$said"
        case $said in *"Could not get lock"*|*"Unable to lock"*) ;; *) return 1 ;; esac
        tries=$((tries - 1)); [ "$tries" -gt 0 ] || return 1
        sleep 2
    done
    printf '%s\\n' "$said"
}}

install() {{
    apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \\
        install --no-install-recommends docker.io iptables ca-certificates
}}

start() {{
    if [ -d /run/systemd/system ]; then
        systemctl enable --now docker && wait_until_it_answers 120 && return
        journalctl --no-pager -n 5 -u docker; return 1
    fi
    service docker start && wait_until_it_answers 20 && return
    echo "starting dockerd without an init system"
    setsid nohup dockerd >/var/log/dockerd.log 2>&1 &
    wait_until_it_answers 120 && return
    tail -n 5 /var/log/dockerd.log; return 1
}}

answers && exit 0
[ "$(id -u)" = 0 ] || exit {_NOT_ROOT}
command -v apt-get >/dev/null || exit {_NOT_DEBIAN}
if ! command -v dockerd >/dev/null; then
    update || echo "apt-get update failed; trying with the lists that are there"
    install || {{ dpkg --configure -a && install; }} || exit {_NOT_INSTALLED}
fi
wait_until_it_answers 6 || start || exit {_NOT_STARTED}
"""


def install_engine(ssh: Ssh, tell: Callable[[str], None]) -> None:
    """Install and start Docker, and wait until it answers. Done already is success.

    Raises EngineRefused with the last line that the VM said, HostUnreachable.
    """
    try:
        result = ssh.run(f"exec sh -c {shlex.quote(_SCRIPT)}", INSTALL_TIMEOUT, tell)
    except CommandTimeout as error:
        raise EngineRefused(
            Text(
                "Docker could not be installed within {minutes} minutes.",
                minutes=int(INSTALL_TIMEOUT.total_seconds() // 60),
            )
        ) from error
    if result.exit_status != 0:
        raise _refused(result)


def _refused(result: CommandResult) -> EngineRefused:
    log.warning("installing Docker failed (%s):\n%s", result.exit_status, "\n".join(result.lines))
    sentence = _FAILURES.get(result.exit_status, _FAILURES[_NOT_INSTALLED])
    return EngineRefused(Text(sentence, line=_telling_line(result.lines)))


def _telling_line(lines: tuple[str, ...]) -> str:
    """The line that most likely says why: apt's last error, else the last line of all."""
    errors = [line for line in lines if line.startswith(("E: ", "dpkg: error"))]
    return next(iter((errors or list(lines))[-1:]), "no reason given")[:200]
