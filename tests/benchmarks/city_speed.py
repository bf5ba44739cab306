"""How long the largest city takes and how much memory, the start of Python included.

python -m tests.benchmarks.city_speed [--step 10] [--layout scattered]
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

STATIONS, DAYS = 10_000, 62
GOAL_SECONDS, GOAL_GIGABYTES = 20.0, 1.5  # of the hourly grid on two cores


def main() -> None:
    """Make the city in a process of its own and print what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--step", default="60", choices=("10", "60"))
    parser.add_argument("--layout", default="grid", choices=("grid", "scattered"))
    parser.add_argument("--csv", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "city"
        words = ["data", "make", "--stations", str(STATIONS), "--days", str(DAYS), "--out", str(out)]
        words += ["--step", arguments.step, "--layout", arguments.layout]
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "fl_server.cli.main", *words], check=True)
        seconds = time.perf_counter() - began
        size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{STATIONS:,} stations, {DAYS} days, {arguments.step} min, {arguments.layout}, three channels")
    print(f"wall {seconds:.1f} s (goal for the hourly grid: {GOAL_SECONDS:g} s)")
    print(f"processor {used.ru_utime + used.ru_stime:.1f} s on {os.cpu_count()} cores")
    print(f"peak memory {used.ru_maxrss / 1e6:.2f} GB (goal: {GOAL_GIGABYTES} GB)")  # ru_maxrss is in kB here
    print(f"written {size / 1e6:,.0f} MB")
    if arguments.csv:
        row = {
            "city": f"{STATIONS} stations, {DAYS} days, {arguments.step} min, {arguments.layout}",
            "wall_s": round(seconds, 1),
            "cpu_s": round(used.ru_utime + used.ru_stime, 1),
            "peak_gb": round(used.ru_maxrss / 1e6, 2),
            "written_mb": round(size / 1e6),
        }
        pl.DataFrame([row]).write_csv(arguments.csv)


if __name__ == "__main__":
    main()
