"""What a verb prints on stdout: one JSON object, or text and tables for a person."""

import json
import sys
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table


def print_json(answer: dict[str, object]) -> None:
    """Print `answer` as the one JSON object of a verb that was asked for `--json`."""
    sys.stdout.write(json.dumps(answer, indent=2, allow_nan=False) + "\n")


def print_text(text: str) -> None:
    """Print `text` for a person."""
    sys.stdout.write(text + "\n")


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; the first column is text, the others are right-aligned figures."""
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", title_style="bold")
    for column, name in enumerate(header):
        table.add_column(name, justify="left" if column == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 120).print(table)
