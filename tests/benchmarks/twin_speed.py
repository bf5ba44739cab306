"""How long twinning takes: whole runs from the command line, and a station's epoch as stations become many.

python -m tests.benchmarks.twin_speed [--all]    --all adds 10,000 stations and the two-branch LSTM (minutes)
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import polars as pl

DAYS = {50: 30, 200: 61, 1_000: 61, 10_000: 61}
GOALS = {"50 stations": 5.0, "200 stations": 12.0, "10,000 stations": 480.0}
COMMAND = [sys.executable, "-m", "fl_server.cli.main"]
LSTM = ["--model", "two-branch-lstm", "--epochs", "10", "--stream-epochs", "0", "--no-single-level"]


@dataclass(frozen=True)
class Figures:
    """What a run took; `station_epoch_us` is the time of V-twinning over its epochs and stations."""

    run: str
    wall_s: float
    cpu_s: float
    peak_gb: float
    station_epoch_us: float
    per_1000_windows_us: float


def main() -> None:
    """Make cities, twin them, print what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--csv", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        _compile(Path(folder) / "first")
        for stations, days in DAYS.items():
            if stations == max(DAYS) and not arguments.all:
                continue
            city = Path(folder) / f"city{stations}"
            words = ["data", "make", "--stations", str(stations), "--days", str(days), "--seed", "7"]
            subprocess.run([*COMMAND, *words, "--out", str(city)], check=True)
            rows.append(_measured(f"{stations:,} stations", city, []))
            if stations != max(DAYS):
                rows.append(_measured(f"{stations:,} stations, not compared", city, ["--no-single-level"]))
            if stations == min(DAYS) and arguments.all:
                rows.append(_measured("50 stations, two-branch LSTM, 10 epochs", city, LSTM))
    frame = pl.DataFrame(rows)
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=140, fmt_str_lengths=60):
        print(frame)
    for row in rows:
        if row.run in GOALS:
            print(f"{row.run}: {row.wall_s:.1f} s, goal {GOALS[row.run]:g} s")
    if arguments.csv:
        frame.write_csv(arguments.csv)


def _compile(city: Path) -> None:
    """Twin a small city, so that no run below is the one that compiles the kernels, once a machine."""
    words = ["data", "make", "--stations", "6", "--days", "21", "--seed", "7", "--out", str(city)]
    subprocess.run([*COMMAND, *words], check=True)
    for model in ("mlp", "two-branch-lstm"):
        _measured("first", city, ["--model", model, "--epochs", "2", "--stream-epochs", "2"])


def _measured(name: str, city: Path, words: list[str]) -> Figures:
    """Twin `city` in a process of its own, the start of Python included."""
    words = ["twin", str(city), "--json", "--out", f"{city}-run", "--overwrite", *words]
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen([*COMMAND, *words], stdout=said)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        if status:
            raise SystemExit(f"{name}: the command failed")
        said.seek(0)
        answer = json.load(said)
    epochs = int(words[words.index("--epochs") + 1]) if "--epochs" in words else 100
    each = answer["phases"]["v"]["seconds"] / epochs / answer["stations"] * 1e6
    return Figures(
        run=name,
        wall_s=round(wall, 2),
        cpu_s=round(used.ru_utime + used.ru_stime, 2),
        peak_gb=round(used.ru_maxrss / 1e6, 2),  # ru_maxrss is in kB here
        station_epoch_us=round(each, 1),
        per_1000_windows_us=round(each / answer["windows"] * 1000, 1),
    )


if __name__ == "__main__":
    main()
