"""The README's speed section, from the rows that the benchmarks wrote.

python -m tests.benchmarks.readme    writes it; the benchmarks write their rows with --csv .results/NAME.csv
"""

from pathlib import Path

import polars as pl

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / ".results"
BEGIN, END = "<!-- speed -->\n", "<!-- end of speed -->"
LOADS = {"mlp": "MLP 12-64-64-1", "lstm": "LSTM(1→64), 12 steps"}


def trainer_table() -> str:
    """Client-updates per second by wall clock and per processor second, and the share of the floor."""
    rows = pl.read_csv(RESULTS / "trainer_speed.csv")
    clients = sorted(rows["clients"].unique())
    heads = [f"{LOADS[model]}, {count}" for model in LOADS for count in clients]
    lines = ["| client-updates per s · per CPU-s (of floor) | " + " | ".join(heads) + " |"]
    lines.append("|---|" + "--:|" * len(heads))
    for contestant in rows["contestant"].unique(maintain_order=True):
        cells = []
        for model in LOADS:
            for count in clients:
                found = rows.filter(
                    (pl.col("contestant") == contestant)
                    & (pl.col("model") == model)
                    & (pl.col("clients") == count)
                ).to_dicts()
                cells.append(_cell(found[0]) if found else "")
        lines.append(f"| {contestant} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(row: dict[str, float]) -> str:
    return f"{row['updates_per_s']:,} · {row['updates_per_cpu_s']:,} ({row['of_floor']:.0%})"


def import_table() -> str:
    """Megabytes of raw text per second, each reader doing the whole job."""
    rows = pl.read_csv(RESULTS / "import_speed.csv")
    lines = ["| reader | MB/s | CPU s | peak MB | × pandas |", "|---|--:|--:|--:|--:|"]
    for row in rows.iter_rows(named=True):
        lines.append(
            f"| {row['reader']} | {row['mb_per_s']:,} | {row['cpu_s']} | {row['peak_mb']:,} "
            f"| {row['times_pandas']} |"
        )
    return "\n".join(lines) + "\n"


def city_sentence() -> str:
    """What the largest city takes."""
    row = pl.read_csv(RESULTS / "city_speed.csv").to_dicts()[0]
    return (
        f"A synthetic city ({row['city']}, three channels)\ntakes {row['wall_s']} s of wall clock, "
        f"{row['cpu_s']} s of processor and {row['peak_gb']} GB at its peak."
    )


def twin_table() -> str:
    """Whole twinning runs by wall clock, processor and memory; what a round costs a station."""
    rows = pl.read_csv(RESULTS / "twin_speed.csv")
    lines = [
        "| `vhtwin twin`, start-up included | wall s | CPU s | peak GB "
        "| µs a station and round | per 1,000 windows |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for row in rows.iter_rows(named=True):
        lines.append(
            f"| {row['run']} | {row['wall_s']:.1f} | {row['cpu_s']:.1f} | {row['peak_gb']:.2f} "
            f"| {row['station_epoch_us']:,.0f} | {row['per_1000_windows_us']:,.0f} |"
        )
    return "\n".join(lines) + "\n"


def federation_table() -> str:
    """Rounds over processes, what they send, and what a process weighs."""
    rows = pl.read_csv(RESULTS / "federation_speed.csv")
    lines = [
        "| stations in processes | s a round | in one process | MB out a round | MB in | MB a process "
        "| H: updates/s | H: ms a step |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    digits = {
        "round_s": 2,
        "in_process_s": 3,
        "mb_out_a_round": 2,
        "mb_in_a_round": 2,
        "pss_mb_a_process": 0,
        "h_updates_a_second": 0,
        "h_step_ms": 0,
    }
    for row in rows.iter_rows(named=True):
        cells = ["" if row[name] is None else f"{row[name]:,.{number}f}" for name, number in digits.items()]
        lines.append(f"| {row['case']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


TEXT = """
Twinning: 100 rounds of V-twinning and 20 epochs of H-twinning with segmentation on schedule, hourly
synthetic cities (30 days for 50 stations, 61 for more), the default network of 5,185 parameters, 2 cores. The
same without clusters, to compare, is in it unless the line says so.

{twins}
Stations in processes of their own, over Flower (`vhtwin up`): the median of the warm rounds of V-twinning; in
H-twinning a twin that was made anew goes out with the orders of the next step. Hosts of several stations of a
cluster send one sum. A process counts with its share of the memory that all have in common.

{federation}
Training many stations at once: one epoch of 1,000 windows each, mini-batches of 64, beside the peers in one
run on 2 cores. The floor is the arithmetic of the matrix products at the best rate of any product measured
there; all end on the same loss.

{trainer}
Importing raw Milan days into Parquet, each reader doing the whole job on the same 2 cores:

{importing}
Ours alone checks every field, refuses rows that stand twice, keeps to a bound of memory and can be continued.
It is bound by parsing, about .75 GB/s a core: on two cores that stays short of the ten times the pandas loop
that we aim at; more cores help it and not the loop. {city}

`make bench` and `make bench-federation` measure again. The peers are optional: install `jax`,
`flwr[simulation]==1.41.0` or `pfl` in an environment of their own and name it:
`python -m tests.benchmarks.trainer_speed --python jax=ENV/bin/python`.

"""


def section() -> str:
    """The whole section."""
    return TEXT.format(
        twins=twin_table(),
        federation=federation_table(),
        trainer=trainer_table(),
        importing=import_table(),
        city=city_sentence(),
    )


if __name__ == "__main__":
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    readme.write_text(before + BEGIN + section() + END + rest.split(END)[1])
