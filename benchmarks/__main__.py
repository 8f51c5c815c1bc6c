"""Runs all benchmarks, one after the other, each in a process of its own: ``python benchmarks``."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

if __name__ == "__main__":
    codes = []
    for name in ("throughput", "latency", "kills", "control", "operations"):
        print(f"\n## {name}", flush=True)
        codes.append(subprocess.run([sys.executable, str(HERE / f"{name}.py")], check=False).returncode)
    sys.exit(max(codes))
