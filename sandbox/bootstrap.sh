#!/usr/bin/env bash
# Brings a machine to the point where the sandbox can run: packages, a Docker Engine, .venv.
#
#   sandbox/bootstrap.sh venv             only .venv, which `make check` needs
#   sandbox/bootstrap.sh demo [COMMAND…]  what `make demo` needs; then runs COMMAND
#   sandbox/bootstrap.sh test [COMMAND…]  the same, and Chromium, Korean fonts and PostgreSQL
#   sandbox/bootstrap.sh stop-engine      stop the engine, if (and only if) this script started it
#
# Debian 12 or Ubuntu, as root or with sudo. Safe to run again, and by two at once: what is there is
# left as it is, and an engine that answers is never touched. An engine that was started for a
# COMMAND is stopped after it, unless another COMMAND or any container uses it, or KEEP_ENGINE=1.
# State and logs: $DS_SANDBOX_HOME (default ${XDG_CACHE_HOME:-~/.cache}/ds-bot-sandbox).
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
STATE="${DS_SANDBOX_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/ds-bot-sandbox}"
ENGINE_FILE="$STATE/engine.pid" # "PID STARTED kept|passing": the start time tells it from a later one
ENGINE_LOG="$STATE/dockerd.log"
ENGINE_TIMEOUT_S=60

# Descriptors of locks; whatever is to outlive this script must not inherit them.
PREPARING=8 # held while this script changes something
USING=9     # shared by all that run a COMMAND

export DOCKER_CONTEXT=default # the engine that docker's libraries take, too

say() { printf 'bootstrap: %s\n' "$*"; }
fail() {
    printf 'bootstrap: %s\n' "$@" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }
can_be_root() { [ "$(id -u)" -eq 0 ] || have sudo; }
engine_answers() { docker info >/dev/null 2>&1; }
pause() { read -r -t 0.2 <> <(:) || true; } # starts no process

# --- packages ------------------------------------------------------------------------------------

# dockerd lives in /usr/sbin, which is not on everybody's PATH.
have_admin() { PATH="$PATH:/usr/sbin:/sbin" have "$1"; }
installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }
have_browser() { have chromium || have chromium-browser || have google-chrome; }
have_postgres() { compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || have postgres; }
is_ubuntu() { grep -qx 'ID=ubuntu' /etc/os-release 2>/dev/null; }

missing_for_venv() {
    local python
    [ ! -x "$ROOT/.venv/bin/python" ] || return 0
    if ! python="$(find_python)"; then
        have python3 || echo python3-venv # brings python3
    elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        if [ "$python" = python3 ]; then echo python3-venv; else echo "$python-venv"; fi
    fi
}

missing_for_demo() {
    engine_answers || have_admin dockerd || echo docker.io
    have_admin iptables || echo iptables
    [ -s /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
    have mmdebstrap || echo mmdebstrap
    [ -s /usr/share/keyrings/debian-archive-keyring.gpg ] || echo debian-archive-keyring
    have docker-registry || echo docker-registry
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
    say "installing ${packages[*]} (a minute or two)"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

# --- engine --------------------------------------------------------------------------------------

start_time_of() { # clock ticks since boot; empty when there is no such process, or it has ended
    # The command, in parentheses, may hold blanks: count the fields after it. Z: ended, and nobody
    # has asked for its status yet.
    sed -n 's/.*) //; /^Z/!p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}

our_engine_pid() { # prints the pid if the engine that we started still runs
    local pid started
    [ -f "$ENGINE_FILE" ] || return 1
    read -r pid started _ <"$ENGINE_FILE" || return 1
    [ -n "$started" ] && [ "$(start_time_of "$pid")" = "$started" ] && echo "$pid"
}

wait_for_engine() { # $1: seconds; $2: pid of a dockerd that must stay alive, or empty
    local deadline=$((SECONDS + $1))
    until engine_answers; do
        [ -z "$2" ] || [ -n "$(start_time_of "$2")" ] || return 1
        [ $SECONDS -lt $deadline ] || return 1
        pause
    done
}

refused_by_permission() { [[ "$(docker info 2>&1)" == *"permission denied"* ]]; }

start_engine() { # $1: kept|passing
    local pid
    can_be_root || fail "no Docker Engine answers, and starting one needs root." "As root run: dockerd &"
    say "starting dockerd (log: $ENGINE_LOG)"
    # Our own group may use the socket: without root, `docker` must still work for this user.
    pid="$(as_root sh -c 'PATH="$PATH:/usr/sbin:/sbin"
        setsid nohup dockerd --group "$1" >>"$2" 2>&1 </dev/null 8>&- 9>&- & echo $!' \
        sh "$(id -g)" "$ENGINE_LOG")"
    echo "$pid $(start_time_of "$pid") $1" >"$ENGINE_FILE"
    wait_for_engine "$ENGINE_TIMEOUT_S" "$pid" || {
        tail -n 15 "$ENGINE_LOG" >&2
        fail "dockerd did not come up; its log is $ENGINE_LOG"
    }
}

ensure_engine() { # $1: kept|passing
    engine_answers && return
    if refused_by_permission; then
        fail "a Docker Engine runs, but $(id -un) may not use it. Either run this with sudo, or:" \
            "  sudo usermod -aG docker $(id -un)    (then log in again)"
    fi
    # Where systemd runs, installing the package has just started an engine: give it a moment.
    if [ -d /run/systemd/system ] && wait_for_engine 15 ""; then return; fi
    start_engine "$1"
}

stop_engine() {
    local pid
    if ! pid="$(our_engine_pid)"; then
        say "no engine that was started from here is running"
        rm -f "$ENGINE_FILE"
        return
    fi
    as_root kill "$pid"
    while [ -n "$(start_time_of "$pid")" ]; do pause; done
    rm -f "$ENGINE_FILE"
    say "stopped dockerd (pid $pid)"
}

stop_engine_unless_used() {
    our_engine_pid >/dev/null && grep -qw passing "$ENGINE_FILE" || return 0
    [ "${KEEP_ENGINE:-}" != 1 ] || return 0
    flock "$PREPARING"
    # Exclusive: nobody else runs a COMMAND.
    if flock --nonblock --exclusive "$USING" && [ -z "$(docker ps --quiet)" ]; then stop_engine; fi
}

# --- Python --------------------------------------------------------------------------------------

find_python() { # prints the name of one that is new enough
    local name
    for name in python3 python3.11 python3.12 python3.13 python3.14; do
        if have "$name" && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
        then
            echo "$name"
            return
        fi
    done
    return 1
}

require_python() {
    find_python >/dev/null || fail "Python 3.11 or newer is needed; python3 is $(python3 --version 2>&1)." \
        "Install a newer one beside it (python3.11 with its venv module), then run this again."
}

ensure_venv() { # also when requirements-dev.lock or pyproject.toml changed
    local venv="$ROOT/.venv" stamp="$ROOT/.venv/.lock-installed" lock="$ROOT/requirements-dev.lock"
    local wanted
    wanted="$(sha256sum "$lock" "$ROOT/pyproject.toml" | cut -d' ' -f1 | tr '\n' ' ')"
    if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    say "installing the Python packages of requirements-dev.lock into .venv (about a minute)"
    [ -x "$venv/bin/python" ] || "$(find_python)" -m venv "$venv"
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes -r "$lock"
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-deps -e "$ROOT"
    echo "$wanted" >"$stamp"
}

# --- main ----------------------------------------------------------------------------------------

prepare() { # $1: venv|demo|test; $2: whether an engine that must be started is kept or passing
    local packages=() base=""
    mapfile -t packages < <(
        missing_for_venv
        [ "$1" = venv ] || missing_for_demo
        [ "$1" != test ] || missing_for_test
    )
    install_packages "${packages[@]}"
    require_python
    if [ "$1" != venv ]; then
        ensure_engine "$2"
        # Debian itself, the base of all images, is made while pip is at work. If that fails, the
        # sandbox tries again and says why.
        (cd "$ROOT" && exec "$(find_python)" -m sandbox.images.base >/dev/null 2>&1 8>&- 9>&-) &
        base=$!
    fi
    ensure_venv
    [ -z "$base" ] || wait "$base" || true
}

run() { # the command in the foreground; SIGTERM is passed on, Ctrl-C comes to all of us anyway
    local pid status interrupted
    env --default-signal=INT,QUIT "$@" <&0 8>&- 9>&- &
    pid=$!
    trap 'interrupted=1; kill -TERM "$pid" 2>/dev/null || true' TERM
    trap 'interrupted=1' INT
    while :; do
        interrupted="" status=0
        wait "$pid" || status=$?
        [ -n "$interrupted" ] || break # else `wait` was cut short by a signal to us
    done
    return "$status"
}

lock() { # one of us at a time
    mkdir -p "$STATE"
    exec 8>"$STATE/bootstrap.lock" 9>"$STATE/engine.users"
    flock --nonblock "$PREPARING" || {
        say "another run is preparing this machine; waiting for it"
        flock "$PREPARING"
    }
}

main() {
    local mode="${1:-}" status=0
    case "$mode" in
    venv | demo | test | stop-engine) shift ;;
    *) fail "usage: sandbox/bootstrap.sh venv|demo|test|stop-engine [COMMAND…]" ;;
    esac
    lock
    if [ "$mode" = stop-engine ]; then
        stop_engine
        return
    fi
    flock --shared "$USING"
    prepare "$mode" "$([ $# -gt 0 ] && echo passing || echo kept)"
    flock --unlock "$PREPARING"
    [ $# -gt 0 ] || return 0
    run "$@" || status=$?
    stop_engine_unless_used
    return "$status"
}

main "$@"
