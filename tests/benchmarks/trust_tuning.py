"""The table in fl_server/trust/README.md from which the margin of the defence was chosen."""

from pathlib import Path

import polars as pl

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / ".results" / "trust_tuning.csv"
PAGE = ROOT / "fl_server" / "trust" / "README.md"
BEGIN, END = "<!-- tuning -->\n", "<!-- end of tuning -->"


def table() -> str:
    """Mean errors above the clean run, in percent, by attack and margin."""
    rows = pl.read_csv(RESULTS)
    margins = rows["margin"].unique(maintain_order=True).to_list()
    lines = [f"| a fifth attacks | {' | '.join(f'margin {each:g}: V | H' for each in margins)} |"]
    lines.append("|---|" + "--:|--:|" * len(margins))
    for attack in rows["attack"].unique(maintain_order=True):
        cells = [
            f"{row['v_network']:.1f} | {row['h_clusters']:.1f}"
            for row in rows.filter(attack=attack).iter_rows(named=True)
        ]
        lines.append(f"| {attack} | {' | '.join(cells)} |")
    return "\n".join(["", *lines, "", ""])
