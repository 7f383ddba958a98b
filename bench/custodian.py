"""How long Cloud Custodian's filters take over a list like ours; run by bench/sweep.py.

    PYTHON_WITH_C7N bench/custodian.py VMS

Its age filter (`value_type: age`) and its `offhour` filter on plain dictionaries, as its policies
for instances use them. They judge by age, tags and the time of day, not by what a VM does.
"""

from __future__ import annotations

import importlib
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any


def main() -> None:
    """Print the CPU time of each filter over the whole list."""
    value_filter: Any = importlib.import_module("c7n.filters.core").ValueFilter
    off_hour: Any = importlib.import_module("c7n.filters.offhours").OffHour
    version = importlib.import_module("c7n.version").version
    count = int(sys.argv[1])
    began = datetime.now(UTC) - timedelta(days=31)
    vms: list[dict[str, Any]] = [
        {
            "InstanceId": f"i-{number:017x}",
            "LaunchTime": began.isoformat(),
            "State": {"Name": "running"},
            "Tags": [
                {"Key": "ds-bot", "Value": "1"},
                {"Key": "maid_offhours", "Value": "off=(M-F,19);on=(M-F,7);tz=Asia/Seoul"},
            ],
        }
        for number in range(count)
    ]
    age = value_filter(
        {"type": "value", "key": "LaunchTime", "op": "greater-than", "value_type": "age",
         "value": 30}
    )  # fmt: skip
    offhour = off_hour(
        {"type": "offhour", "tag": "maid_offhours", "default_tz": "Asia/Seoul", "offhour": 19}
    )
    for name, each in (("age", age), ("offhour", offhour)):
        each.annotate = False
        took = time.thread_time()
        found = len(each.process(vms))
        took = time.thread_time() - took
        print(f"c7n {version}, {name} filter over {count}: {took:.2f} s of CPU, {found} match")


if __name__ == "__main__":
    main()
