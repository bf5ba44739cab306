"""What a verb prints on stdout: one JSON object, or text and tables for a person.

Names out of a set are printed as they are: never read as markup, and with no effect on the terminal.
"""

import json
import sys
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE = 10_000  # a table takes the width it needs: a narrow terminal may wrap its lines but loses no digit


def print_json(answer: dict[str, object]) -> None:
    """Print `answer` as the one JSON object of a verb that was asked for `--json`."""
    _write(json.dumps(answer, indent=2, allow_nan=False) + "\n")


def print_text(text: str) -> None:
    """Print `text` for a person."""
    _write("\n".join(map(_harmless, text.split("\n"))) + "\n")


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; the first column is text, the others are right-aligned figures."""
    table = Table(box=SIMPLE_HEAD)
    for column, name in enumerate(header):
        table.add_column(_literal(name), justify="left" if column == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*map(_literal, row))
    console = Console(width=WIDE)
    with console.capture() as drawn:
        if title:
            console.print(Text(_harmless(title), style="bold"))
        console.print(table)
    _write(drawn.get())


def _write(text: str) -> None:
    """Write to stdout at once, so that a closed pipe is noticed here, as a BrokenPipeError."""
    sys.stdout.write(text)
    sys.stdout.flush()


def _literal(text: str) -> Text:
    return Text(_harmless(text))


def _harmless(text: str) -> str:
    """`text` with control characters and the like written out."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
