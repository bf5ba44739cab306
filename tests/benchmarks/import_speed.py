"""How fast raw Milan days become Parquet: `python -m tests.benchmarks.import_speed [--mb 1000]`.

Every contestant does the whole job of `vhtwin data import` on the same generated files of the official
shape: read, sum over countries, add sms-in to sms-out and call-in to call-out, write one Parquet file a
day. Only ours checks every field, makes an interval without rows a gap and can be continued. Each runs in
a process of its own, after the files were read once; the time is of the job without imports and
compilation. CPU seconds count all threads and suffer less from a busy machine. The totals of each channel
must agree.
"""

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl

from data.progress import finished
from data.traffic import CHANNELS
from tests.data.milan.raw_files import COLUMNS, write_bulk, write_days

NEEDS = {"pandas": ("pandas", "pyarrow"), "pyarrow": ("pyarrow",), "duckdb": ("duckdb",)}
ROWS_AT_ONCE = 1_000_000


def pandas_loop(files: list[Path], out: Path) -> None:
    """The plain loop of most notebooks: read in chunks, group and sum, group the chunks' sums again."""
    import pandas as pd

    keys = ["milliseconds", "square"]
    for file in files:
        sums = []
        for rows in pd.read_csv(file, sep="\t", header=None, names=list(COLUMNS), chunksize=ROWS_AT_ONCE):
            sums.append(rows.drop(columns="country").groupby(keys).sum())
        day = pd.concat(sums).groupby(keys).sum()
        day["sms"] = day["sms-in"] + day["sms-out"]
        day["call"] = day["call-in"] + day["call-out"]
        day[list(CHANNELS)].astype("float32").reset_index().to_parquet(out / f"{file.stem}.parquet")


def polars_scan(files: list[Path], out: Path) -> None:
    """Polars' streaming engine on every file."""
    types = {name: pl.Int64 if place < 3 else pl.Float64 for place, name in enumerate(COLUMNS)}
    for file in files:
        rows = pl.scan_csv(file, separator="\t", has_header=False, schema=types)
        sums = rows.group_by("milliseconds", "square").agg(
            pl.col("internet").sum().cast(pl.Float32),
            sms=(pl.col("sms-in").sum() + pl.col("sms-out").sum()).cast(pl.Float32),
            call=(pl.col("call-in").sum() + pl.col("call-out").sum()).cast(pl.Float32),
        )
        day = sums.collect(engine="streaming").sort("milliseconds", "square")
        day.write_parquet(out / f"{file.stem}.parquet", compression="zstd", compression_level=1)


def pyarrow_csv(files: list[Path], out: Path) -> None:
    """PyArrow's parallel CSV reader and its table grouping."""
    import pyarrow as pa
    from pyarrow import compute, csv, parquet

    types = {name: pa.int64() if place < 3 else pa.float64() for place, name in enumerate(COLUMNS)}
    reading = csv.ReadOptions(column_names=list(COLUMNS))
    conversion = csv.ConvertOptions(column_types=types)
    for file in files:
        tabs = csv.ParseOptions(delimiter="\t")
        rows = csv.read_csv(file, read_options=reading, parse_options=tabs, convert_options=conversion)
        sums = rows.group_by(["milliseconds", "square"]).aggregate([(name, "sum") for name in COLUMNS[3:]])
        filled = {name: compute.fill_null(sums[f"{name}_sum"], 0.0) for name in COLUMNS[3:]}
        loads = {
            "internet": filled["internet"],
            "sms": compute.add(filled["sms-in"], filled["sms-out"]),
            "call": compute.add(filled["call-in"], filled["call-out"]),
        }
        columns = {key: sums[key] for key in COLUMNS[1::-1]}
        columns |= {name: load.cast(pa.float32()) for name, load in loads.items()}
        day = pa.table(columns).sort_by([("milliseconds", "ascending"), ("square", "ascending")])
        parquet.write_table(day, out / f"{file.stem}.parquet", compression="zstd", compression_level=1)


def duckdb_query(files: list[Path], out: Path) -> None:
    """One DuckDB query a file."""
    import duckdb

    types = {name: "BIGINT" if place < 3 else "DOUBLE" for place, name in enumerate(COLUMNS)}
    activity = "coalesce(sum({}), 0)".format
    pair = "({} + {})::FLOAT".format
    for file in files:
        duckdb.sql(
            f"""COPY (SELECT milliseconds, square, {activity("internet")}::FLOAT AS internet,
                {pair(activity('"sms-in"'), activity('"sms-out"'))} AS sms,
                {pair(activity('"call-in"'), activity('"call-out"'))} AS call
                FROM read_csv('{file}', delim='\t', header=false, columns={types})
                GROUP BY ALL ORDER BY milliseconds, square)
            TO '{out / file.stem}.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"""
        )


def ours(files: list[Path], out: Path) -> None:
    """`vhtwin data import`."""
    from data.milan.conversion import imported

    finished(imported(files[0].parent, out / "set"))


CONTESTANTS: dict[str, Callable[[list[Path], Path], None]] = {
    "pandas": pandas_loop,
    "pyarrow": pyarrow_csv,
    "duckdb": duckdb_query,
    "polars": polars_scan,
    "ours": ours,
}


def measured(contestant: str, files: list[Path]) -> dict[str, Any]:  # what JSON can hold
    """Seconds, peak memory and totals of one contestant, in this process."""
    job = CONTESTANTS[contestant]
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small"
        write_days(small, 1, 3)
        (Path(folder) / "first").mkdir()
        job(sorted(small.iterdir()), Path(folder) / "first")  # loads libraries, compiles
        out = Path(folder) / "out"
        out.mkdir()
        began, began_cpu = time.perf_counter(), time.process_time()
        job(files, out)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        written = [path for path in sorted(out.rglob("*.parquet")) if path.is_file()]
        days = pl.concat([pl.read_parquet(path, columns=list(CHANNELS)) for path in written])
        totals = days.select(pl.col(channel).cast(pl.Float64).sum() for channel in CHANNELS).row(0)
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mb": peak, "totals": totals}


def measured_apart(contestant: str, folder: Path) -> SimpleNamespace | None:
    """The same, in a fresh process; None when a library is missing."""
    missing = [name for name in NEEDS.get(contestant, ()) if importlib.util.find_spec(name) is None]
    if missing:
        print(f"{contestant:8}  left out: {', '.join(missing)} is not installed")
        return None
    command = [sys.executable, "-m", __spec__.name, "--contestant", contestant, "--folder", str(folder)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return SimpleNamespace(**json.loads(answer))


def compared(folder: Path) -> list[dict[str, object]]:
    """Measure and print every contestant on the files in `folder`; their rows."""
    rows: list[dict[str, object]] = []
    files = sorted(folder.iterdir())
    megabytes = sum(len(file.read_bytes()) for file in files) / 1e6
    print(f"{len(files)} files, {megabytes:,.0f} MB\n")
    print(f"{'':8}  {'MB/s':>7}  {'seconds':>7}  {'CPU s':>7}  {'peak MB':>7}  {'x pandas':>8}")
    slowest, totals = None, None
    for contestant in CONTESTANTS:
        result = measured_apart(contestant, folder)
        if result is None:
            continue
        slowest = slowest or result.seconds
        totals = totals or result.totals
        ratio = f"{slowest / result.seconds:8.1f}" if contestant != "pandas" else f"{1:8}"
        speed = f"{megabytes / result.seconds:7.0f}  {result.seconds:7.2f}  {result.cpu_seconds:7.2f}"
        print(f"{contestant:8}  {speed}  {result.peak_mb:7.0f}  {ratio}", flush=True)
        if any(abs(mine / first - 1) > 1e-6 for mine, first in zip(result.totals, totals, strict=True)):
            raise SystemExit(f"{contestant}: totals {result.totals} differ from {totals}")
        rows.append(
            {
                "reader": contestant,
                "mb": round(megabytes),
                "mb_per_s": round(megabytes / result.seconds),
                "cpu_s": round(result.cpu_seconds, 2),
                "peak_mb": round(result.peak_mb),
                "times_pandas": round(slowest / result.seconds, 1),
                "cores": os.cpu_count(),
            }
        )
    print("\ntotals of all channels agree")
    return rows


def main() -> None:
    """Write the files, then measure; or measure one contestant, for the process above."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mb", type=float, default=1000, help="size of the generated files")
    parser.add_argument("--csv", type=Path, help="also write the rows here")
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contestant:
        print(json.dumps(measured(arguments.contestant, sorted(arguments.folder.iterdir()))))
        return
    with tempfile.TemporaryDirectory() as folder:
        for path in write_bulk(Path(folder), arguments.mb):
            print(f"wrote {path.name}, {path.stat().st_size / 1e6:,.0f} MB", file=sys.stderr)
        rows = compared(Path(folder))
    if arguments.csv:
        pl.DataFrame(rows).write_csv(arguments.csv)


if __name__ == "__main__":
    main()
