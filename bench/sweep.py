"""What a sweep over ten thousand VMs takes: calls, memory, CPU, looks at VMs, messages.

    python -m bench.sweep [VMS]

The bot's own sweep, adapter and SQLite store, beside the sandbox's SoftLayer in another process and
VMs without machines (bench/fleet_of_many.py). The first sweep warms up: it makes all rows. Memory
is the peak of this process's resident memory during a later one, above what it was before it. With
DS_C7N_PYTHON set to an interpreter that has `c7n`, Cloud Custodian's filters judge such a list.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from bench.fleet_of_many import DEAD, LOOK_S, SLOW, CountedHosts, remember, softlayer
from bench.many_notices import measure_notices
from bench.process import rss_mb
from bot.__main__ import YOUNG
from bot.adapters.clock import SystemClock
from bot.adapters.softlayer import SoftLayerCloud
from bot.ports import Chat
from bot.services import sweep as sweep_module
from bot.services import watching
from bot.services.caretaker import Caretaker
from bot.services.operations import Operations
from bot.services.sweep import Sweep
from bot.store import OperationStore, VmStore, open_database
from config.settings import load_policy

VMS = 10_000
_MB = 1024
_SWEEPS = 3
T = TypeVar("T")


def main() -> None:
    """Print all of it."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else VMS
    gc.freeze()  # as `ds-bot serve` does it
    gc.set_threshold(YOUNG)
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as directory, softlayer(count, clock) as cloud:
        database = open_database(f"sqlite:///{directory}/bot.db")
        listed = list(cloud.vms())
        remember(database, listed, datetime.now(UTC) - timedelta(days=1))
        hosts = CountedHosts(listed[0].public_ip or "")
        sweep = _sweep(database, cloud, hosts)
        del listed
        print(f"{count} VMs; load average {os.getloadavg()[0]:.1f}")
        _measure(sweep, cloud, hosts, count)
        measure_notices()
        database.dispose()
    _beside(count)


def _sweep(database: Any, cloud: SoftLayerCloud, hosts: CountedHosts) -> Sweep:
    """Nothing is due in these sweeps, so that nobody is asked for anything."""
    return Caretaker(
        load_policy(None), database, cloud=cloud, hosts=hosts, chat=cast(Chat, None),
        clock=SystemClock(), vms=VmStore(database), operations=OperationStore(database),
        recorder=cast(Operations, None),
    ).sweep  # fmt: skip


def _measure(sweep: Sweep, cloud: SoftLayerCloud, hosts: CountedHosts, count: int) -> None:
    calls, judging = _count_calls(cloud), _Judging()
    hosts.is_quick = True
    due = datetime.now(UTC)
    for number in range(_SWEEPS + 1):
        calls.clear()
        judging.reset()
        gc.collect()
        before, cpu, began = _reset_peak(), time.process_time(), time.perf_counter()
        counts = sweep.run(due + number * sweep.policy.reaper.look)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        assert counts is not None and not counts["failed"], counts
        judged = sum(found for name, found in counts.items() if name.startswith("vm "))
        assert judged == count, counts
        name = "warm-up" if number == 0 else f"sweep {number}"
        print(f"{name}: {sum(calls.values())} list calls, {seconds:.1f} s, {cpu:.1f} s of own CPU, "
              f"of it {judging.pure_s:.2f} s judging ({judging.with_records_s:.2f} s with what is "
              f"recorded); {_peak_mb() - before:.1f} MiB above "
              f"{before:.0f} MiB")  # fmt: skip
        print(f"  {_said(counts)}")
    hosts.is_quick, hosts.most_at_once = False, 0
    began = time.perf_counter()
    vms = sweep.stores.vms.live()[:SLOW]
    seen = sweep.looks.at(vms)
    answered = sum(look is not None for look in seen.values())
    print(f"looks at {len(vms)} VMs of {LOOK_S * 1000:.0f} ms, {DEAD} of them dead: "
          f"{time.perf_counter() - began:.1f} s, {answered} answered, at most "
          f"{hosts.most_at_once} at once (policy: {sweep.policy.reaper.at_once})")  # fmt: skip
    hosts.is_quick = True


class _Judging:
    """CPU time in which VMs are judged, and in which they are judged and all that is about a look
    is read from and made to what is recorded."""

    _PURE = ("read_signals", "remember", "judge", "next_step")

    def __init__(self) -> None:
        self.pure_s = self.with_records_s = 0.0
        for name in self._PURE:
            vars(watching)[name] = self._timed(vars(watching)[name], "pure_s")
        vars(sweep_module)["assessed"] = self._timed(watching.assessed, "with_records_s")

    def reset(self) -> None:
        self.pure_s = self.with_records_s = 0.0

    def _timed(self, act: Callable[..., T], name: str) -> Callable[..., T]:
        def timed(*args: Any) -> T:
            began = time.thread_time()
            result = act(*args)
            setattr(self, name, getattr(self, name) + time.thread_time() - began)
            return result

        return timed


def _beside(count: int) -> None:
    python = os.environ.get("DS_C7N_PYTHON")
    if not python:
        print("Cloud Custodian is not beside it: DS_C7N_PYTHON names no interpreter that has c7n")
        return
    script = Path(__file__).with_name("custodian.py")
    subprocess.run([python, script, str(count)], check=True)


def _count_calls(cloud: SoftLayerCloud) -> Counter[str]:
    """Every request that is sent from now on, by its method."""
    calls: Counter[str] = Counter()
    api = cloud._api
    read = api.read_once

    def counted(service: str, method: str, *args: Any, **options: Any) -> Any:
        calls[method] += 1
        return read(service, method, *args, **options)

    api.read_once = counted  # type: ignore[method-assign]
    return calls


def _reset_peak() -> float:
    """Forget the peak; gives what is resident now, in MiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return rss_mb(os.getpid())


def _peak_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / _MB
    raise LookupError("VmHWM")


def _said(counts: Counter[str]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in sorted(counts.items()))


if __name__ == "__main__":
    main()
