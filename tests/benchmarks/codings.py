"""Codings on cities and days that no figure is made of: `python -m tests.benchmarks.codings`.

The default of `--compress` is held against others here, on ten seeds and the week before the test days: five
minutes of a core.
"""

import sys

from fl_server.crossing.settings import COMPRESSED
from fl_server.experiments.claims import interval
from fl_server.experiments.compression import ERRS, FEWER, LINES, PARTS, PLAIN, Codings, coding_run, told

SEEDS = range(101, 111)
BEFORE = PARTS["days before"]
UP = ("top-k=0.02+int8", "top-k=0.05+int8", "top-k=0.1+int8", "top-k=0.2+int8")
DOWN = ("top-k=0.05+int8", "top-k=0.1+int8", "top-k=0.2+int8", "int8")
TITLES = ("up", "down", "times fewer bytes of all tiers", "error more, %", "worst")


def main() -> None:
    """Measure, and print a table in Markdown."""
    plain = {seed: coding_run(seed, BEFORE, LINES[PLAIN]) for seed in SEEDS}
    sys.stdout.write(f"| {' | '.join(TITLES)} |\n|---|---|--:|--:|--:|\n")
    for codings in [(up, down, COMPRESSED[2]) for up in UP for down in DOWN]:
        sys.stdout.write(f"{_line(codings, plain)}\n")
        sys.stdout.flush()


def _line(codings: Codings, plain: dict[int, dict[str, float]]) -> str:
    found = []
    for seed, whole in plain.items():
        values = told("", "", coding_run(seed, BEFORE, codings), whole)
        found.append({column: value for _, _, column, value in values})
    fewer = interval([each[FEWER] for each in found]).mean
    errors = [each[ERRS] for each in found]
    more = interval(errors)
    figures = f"{fewer:.1f} | {more.mean:.2f} ± {more.half:.2f} | {max(errors):.2f}"
    return f"| {codings[0]} | {codings[1]} | {figures} |"


if __name__ == "__main__":
    main()
