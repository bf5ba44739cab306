"""Files and folders appear whole or not at all."""

from pathlib import Path

import pytest

from data.errors import InputError
from data.store import refuse_existing, whole_file, whole_folder


class InterruptionError(Exception):
    """What ends a block early in these tests."""


def test_a_file_appears_when_its_block_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    with whole_file(path) as partial:
        partial.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert [file.name for file in path.parent.iterdir()] == ["file.txt"]


def test_a_failed_block_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(InterruptionError), whole_file(path) as partial:
        partial.write_text("half")
        raise InterruptionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_when_its_block_succeeds(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "set") as partial:
        (partial / "inner").mkdir()
        (partial / "inner" / "file").write_text("x")
    assert (tmp_path / "set" / "inner" / "file").read_text() == "x"
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_failed_block_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InterruptionError), whole_folder(tmp_path / "set") as partial:
        (partial / "file").write_text("half")
        raise InterruptionError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_files_is_replaced_only_on_demand(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "old").write_text("old")
    with pytest.raises(InputError, match="already holds files"), whole_folder(tmp_path / "set"):
        pytest.fail("the block must not run")
    with whole_folder(tmp_path / "set", overwrite=True) as partial:
        (partial / "new").write_text("new")
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set").write_text("a file")
    with pytest.raises(InputError, match="is a file"):
        refuse_existing(tmp_path / "set", overwrite=True)
