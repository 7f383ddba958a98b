"""Everything that is measured, one after the other. `bench/README.md` has the last figures."""

from __future__ import annotations

import os
import subprocess
import sys

PARTS = ("process", "bot", "ack", "ps", "look", "sweep", "fleet")


def main() -> int:
    """Run each part in a process of its own; 1 if one of them failed."""
    failed = []
    for part in PARTS:
        print(f"\n== {part} ==  (load average {os.getloadavg()[0]:.1f})", flush=True)
        if subprocess.run([sys.executable, "-m", f"bench.{part}"]).returncode:
            failed.append(part)
    print(f"failed: {', '.join(failed)}" if failed else "\nall parts ran")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
