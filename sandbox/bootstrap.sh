#!/usr/bin/env bash
# Brings a machine to the point where the sandbox can run: packages, a Docker Engine, .venv.
#
#   sandbox/bootstrap.sh demo         what `make demo` needs
#   sandbox/bootstrap.sh test         the same, and Chromium, Korean fonts and PostgreSQL for `make test`
#   sandbox/bootstrap.sh stop-engine  stop the engine, if (and only if) this script started it
#
# Debian 12 or Ubuntu, as root or with sudo. Safe to run again: what is there is left as it is, and
# an engine that answers is never touched. State and logs: $DS_SANDBOX_HOME
# (default ${XDG_CACHE_HOME:-~/.cache}/ds-bot-sandbox).
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
STATE="${DS_SANDBOX_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/ds-bot-sandbox}"
ENGINE_FILE="$STATE/engine.pid" # "PID STARTED": the start time tells our process from a later one
ENGINE_LOG="$STATE/dockerd.log"
ENGINE_TIMEOUT_S=60

say() { printf 'bootstrap: %s\n' "$*"; }
fail() {
    printf 'bootstrap: %s\n' "$@" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }
can_be_root() { [ "$(id -u)" -eq 0 ] || have sudo; }
engine_answers() { docker info >/dev/null 2>&1; }

# --- packages ------------------------------------------------------------------------------------

# dockerd lives in /usr/sbin, which is not on everybody's PATH.
have_admin() { PATH="$PATH:/usr/sbin:/sbin" have "$1"; }
installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }
have_browser() { have chromium || have chromium-browser || have google-chrome; }
have_postgres() { compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || have postgres; }
is_ubuntu() { grep -qx 'ID=ubuntu' /etc/os-release 2>/dev/null; }

missing_for_demo() {
    engine_answers || have_admin dockerd || echo docker.io
    have_admin iptables || echo iptables
    [ -s /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
    have mmdebstrap || echo mmdebstrap
    [ -s /usr/share/keyrings/debian-archive-keyring.gpg ] || echo debian-archive-keyring
    have docker-registry || echo docker-registry
    if [ ! -x "$ROOT/.venv/bin/python" ]; then
        python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    fi
}

missing_for_test() {
    # Ubuntu's `chromium` is called chromium-browser (and fetches a snap).
    have_browser || if is_ubuntu; then echo chromium-browser; else echo chromium; fi
    installed fonts-noto-cjk || echo fonts-noto-cjk
    have_postgres || echo postgresql
}

install_packages() {
    local packages=("$@")
    [ ${#packages[@]} -gt 0 ] || return 0
    have apt-get || fail "this needs Debian 12 or Ubuntu (apt); here is something else." \
        "Missing, to be installed by hand: ${packages[*]}"
    can_be_root || fail "missing: ${packages[*]}" "You are not root and there is no sudo. As root run:" \
        "  apt-get update && apt-get install -y --no-install-recommends ${packages[*]}"
    say "installing ${packages[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

# --- engine --------------------------------------------------------------------------------------

start_time_of() { # clock ticks since boot; empty when there is no such process
    # The command, in parentheses, may hold blanks: count the fields after it.
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}

our_engine_pid() { # prints the pid if the engine that we started still runs
    local pid started
    [ -f "$ENGINE_FILE" ] || return 1
    read -r pid started <"$ENGINE_FILE" || return 1
    [ -n "$started" ] && [ "$(start_time_of "$pid")" = "$started" ] && echo "$pid"
}

wait_for_engine() { # $1: seconds; $2: pid of a dockerd that must stay alive, or empty
    local deadline=$((SECONDS + $1))
    until engine_answers; do
        [ -z "$2" ] || [ -n "$(start_time_of "$2")" ] || return 1
        [ $SECONDS -lt $deadline ] || return 1
        read -r -t 0.2 <> <(:) || true # a pause that starts no process
    done
}

refused_by_permission() { docker info 2>&1 | grep -qi 'permission denied'; }

start_engine() {
    local pid
    can_be_root || fail "no Docker Engine answers, and starting one needs root." "As root run: dockerd &"
    say "starting dockerd (log: $ENGINE_LOG)"
    # Our own group may use the socket: without root, `docker` must still work for this user.
    pid="$(as_root sh -c 'PATH="$PATH:/usr/sbin:/sbin"
        setsid nohup dockerd --group "$1" >>"$2" 2>&1 </dev/null & echo $!' sh "$(id -g)" "$ENGINE_LOG")"
    echo "$pid $(start_time_of "$pid")" >"$ENGINE_FILE"
    wait_for_engine "$ENGINE_TIMEOUT_S" "$pid" || {
        tail -n 15 "$ENGINE_LOG" >&2
        fail "dockerd did not come up; its log is $ENGINE_LOG"
    }
}

ensure_engine() {
    engine_answers && return
    if refused_by_permission; then
        fail "a Docker Engine runs, but $(id -un) may not use it. Either run this with sudo, or:" \
            "  sudo usermod -aG docker $(id -un)    (then log in again)"
    fi
    # Where systemd runs, installing the package has just started an engine: give it a moment.
    if [ -d /run/systemd/system ] && wait_for_engine 15 ""; then return; fi
    start_engine
}

stop_engine() {
    local pid
    if ! pid="$(our_engine_pid)"; then
        say "no engine that was started from here is running"
        rm -f "$ENGINE_FILE"
        return
    fi
    as_root kill "$pid"
    while [ -n "$(start_time_of "$pid")" ]; do read -r -t 0.2 <> <(:) || true; done
    rm -f "$ENGINE_FILE"
    say "stopped dockerd (pid $pid)"
}

# --- Python --------------------------------------------------------------------------------------

require_python() {
    have python3 || fail "python3 is missing: apt-get install python3"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "Python 3.11 or newer is needed; python3 is $(python3 --version)"
}

ensure_venv() {
    local stamp="$ROOT/.venv/.lock-installed" lock="$ROOT/requirements-dev.lock" wanted
    wanted="$(sha256sum "$lock" "$ROOT/pyproject.toml" | cut -d' ' -f1 | tr '\n' ' ')"
    if [ -x "$ROOT/.venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    say "installing the Python packages of requirements-dev.lock into .venv"
    [ -x "$ROOT/.venv/bin/python" ] || python3 -m venv "$ROOT/.venv"
    "$ROOT/.venv/bin/python" -m pip install --quiet --require-hashes -r "$lock"
    "$ROOT/.venv/bin/python" -m pip install --quiet --no-deps -e "$ROOT"
    echo "$wanted" >"$stamp"
}

# --- main ----------------------------------------------------------------------------------------

main() {
    local mode="${1:-}" packages=()
    mkdir -p "$STATE"
    case "$mode" in
    stop-engine) stop_engine && return ;;
    demo | test) ;;
    *) fail "usage: sandbox/bootstrap.sh demo|test|stop-engine" ;;
    esac
    require_python
    mapfile -t packages < <(missing_for_demo; [ "$mode" != test ] || missing_for_test)
    install_packages "${packages[@]}"
    ensure_engine
    ensure_venv
}

main "$@"
