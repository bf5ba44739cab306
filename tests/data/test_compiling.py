import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.compiling import KEPT, imported, kept_folder, stamp

PROJECT = Path(__file__).parents[2]
TILL = """
from data.compiling import cached
from shop.prices import price


@cached
def total(count):
    return count * price()


if __name__ == "__main__":
    print(total(3), sum(total.stats.cache_hits.values()), total.stats.cache_path)
"""
PRICES = """
from data.compiling import cached
from shop import taxes


@cached
def price():
    return 2 + taxes.TAX
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A package whose compiled function calls one of another file, which takes a constant from a third."""
    folder = tmp_path / "shop"
    folder.mkdir()
    texts = {"__init__": "", "till": TILL, "prices": PRICES, "taxes": "TAX = 0\n"}
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def begun(shop: Path, **settings: str) -> "subprocess.Popen[str]":
    """A new process of the shop, at work."""
    kept = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    paths = {"PYTHONPATH": f"{PROJECT}{os.pathsep}{shop.parent}"}
    return subprocess.Popen(
        [sys.executable, "-m", "shop.till"],
        env=kept | paths | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def printed(process: "subprocess.Popen[str]") -> list[str]:
    """What a process of the shop prints: the total, how much it found compiled, and where that is kept."""
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return output.split()


def test_a_constant_that_changed_two_files_away_is_compiled_in(shop: Path) -> None:
    assert printed(begun(shop))[0] == "6"
    (shop / "taxes.py").write_text("TAX = 1\n")
    assert printed(begun(shop))[0] == "9"


def test_processes_that_begin_at_once_agree_and_the_next_one_finds_their_code(shop: Path) -> None:
    several = [begun(shop) for _ in range(3)]
    assert {printed(each)[0] for each in several} == {"6"}
    total, hits, place = printed(begun(shop))
    assert (total, hits) == ("6", "1")
    assert Path(place).is_relative_to(shop / "__pycache__")


def test_where_the_package_may_not_be_written_code_is_kept_with_the_users(shop: Path) -> None:
    (shop / "__pycache__").write_text("in the way of a folder")
    users = shop.parent / "caches"
    total, _, place = printed(begun(shop, XDG_CACHE_HOME=str(users)))
    assert total == "6"
    assert Path(place).is_relative_to(users / "vhtwin")


def test_where_nothing_may_be_written_functions_are_compiled_anew(shop: Path) -> None:
    for name in ("__pycache__", "caches"):
        target = shop / name
        target.write_text("in the way of a folder")
    assert printed(begun(shop, XDG_CACHE_HOME=str(shop / "caches"))) == ["6", "0", "None"]


def test_a_folder_that_numba_is_told_to_use_is_used(shop: Path) -> None:
    told = shop.parent / "told"
    assert Path(printed(begun(shop, NUMBA_CACHE_DIR=str(told)))[-1]).is_relative_to(told)


def test_a_stamp_follows_what_is_imported_and_nothing_else(shop: Path) -> None:
    before = stamp(shop / "till.py")
    (shop / "stranger.py").write_text("import shop.till\n")
    assert stamp(shop / "till.py") == before
    (shop / "taxes.py").write_text("TAX = 1\n")
    assert stamp(shop / "till.py") != before


def test_imports_in_a_circle_have_a_stamp(shop: Path) -> None:
    before = stamp(shop / "till.py")
    (shop / "taxes.py").write_text("import shop.till\nTAX = 0\n")
    assert stamp(shop / "till.py") != before


def test_a_package_that_is_imported_from_is_in_the_stamp(shop: Path) -> None:
    before = stamp(shop / "prices.py")
    (shop / "__init__.py").write_text("TAX = 3\n")
    assert stamp(shop / "prices.py") != before


def test_old_code_does_not_pile_up(shop: Path) -> None:
    module = shop / "till.py"
    for rate in range(KEPT + 2):
        (shop / "taxes.py").write_text(f"TAX = {rate}\n")
        folder = kept_folder.__wrapped__(module)
        assert folder is not None
        os.utime(folder, (rate, rate))
    kept = {each.name[-16:] for each in (shop / "__pycache__").glob("till-*")}
    assert len(kept) == KEPT
    assert stamp(module) in kept


def test_of_another_module_nothing_is_removed(shop: Path) -> None:
    other = kept_folder.__wrapped__(shop / "prices.py")
    for rate in range(KEPT + 2):
        (shop / "till.py").write_text(f"RATE = {rate}\n")
        kept_folder.__wrapped__(shop / "till.py")
    assert other is not None
    assert other.is_dir()


def test_no_import_of_the_project_is_overlooked() -> None:
    for file in sorted(PROJECT.glob("[a-z]*/**/*.py")):
        tree = ast.walk(ast.parse(file.read_bytes()))
        assert imported(file.read_bytes()) >= {name for node in tree for name in named(node)}, file


def named(node: ast.AST) -> Iterator[str]:
    """The modules that a statement imports, and what it imports from them."""
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    if isinstance(node, ast.ImportFrom):
        assert node.module is not None
        assert node.level == 0
        yield from (node.module, *(f"{node.module}.{each.name}" for each in node.names))


def test_nothing_is_kept_by_numba_on_its_own() -> None:
    files = [file for file in PROJECT.glob("[a-z]*/**/*.py") if "cache=True" in file.read_text()]
    assert set(files) == {PROJECT / "data" / "compiling.py", Path(__file__)}
