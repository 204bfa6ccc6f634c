"""Every benchmark, one after the other; exits with 1 when a target is missed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPTS = (
    "start",
    "reads",
    "searching",
    "stats",
    "importing",
    "copying",
    "mail",
    "deleting",
    "threads",
    "sending",
    "growing",
    "concurrency",
    "watching",
    "serving",
)


def main() -> None:
    """Run each script and say which missed a target."""
    missed = []
    for name in SCRIPTS:
        print(f"\n{name}", flush=True)
        script = Path(__file__).with_name(f"{name}.py")
        if subprocess.run([sys.executable, str(script)], check=False).returncode:
            missed.append(name)
    print(f"\nMissed: {', '.join(missed)}" if missed else "\nEvery target is met.")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
