"""What reaches stdout: names as they are, tables as wide as they need."""

import pytest

from fl_server.cli.report import print_table, print_text

ODD = ("[/red]", "[bold]x[/bold]", ":smile:", "$x$")


def test_names_that_look_like_markup_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ODD:
        print_table(name, [name, name], [(name, name)])
        assert capsys.readouterr().out.count(name) == 5
        print_text(name)
        assert capsys.readouterr().out == name + "\n"


def test_a_name_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("set", ["station"], [("\x1b[31mred\nnext",)])
    print_text("\x1b[2J\ncleared \udcff")
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert r"\x1b[31mred\nnext" in shown
    assert shown.endswith("\\x1b[2J\ncleared \\udcff\n")


def test_without_a_terminal_nothing_is_wrapped_or_cut(capsys: pytest.CaptureFixture[str]) -> None:
    title = "from 2013-11-24T00:00 to 2013-11-30T23:00 " * 9
    wide = [f"column {number} of a wide table" for number in range(20)]
    print_table(title, wide, [wide])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == title
    assert all(sum(name in line for line in lines) == 2 for name in wide)
    assert len([line for line in lines if line.strip()]) == 4  # title, header, rule, row


def test_a_table_without_title_begins_with_its_header(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("", ["a"], [("b",)])
    assert capsys.readouterr().out.split() == ["a", "─" * 3, "b"]
