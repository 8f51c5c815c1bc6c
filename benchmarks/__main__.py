"""Runs all benchmarks, one after the other: ``python benchmarks``."""

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent

if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    for name in ("throughput", "latency", "kills"):
        print(f"\n## {name}")
        sys.stdout.flush()
        runpy.run_path(str(HERE / f"{name}.py"), run_name="__main__")
