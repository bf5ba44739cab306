"""Files and folders appear whole or not at all."""

import os
from pathlib import Path

import pytest

from data.errors import InputError
from data.store import (
    MARK,
    clear_partial,
    refuse_existing,
    refuse_inside,
    refuse_overlap,
    whole_file,
    whole_folder,
)


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


def filled(folder: Path, name: str, *, overwrite: bool = False) -> None:
    with whole_folder(folder, overwrite=overwrite) as partial:
        (partial / name).write_text(name)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_folder_is_replaced_only_on_demand_and_whole(tmp_path: Path) -> None:
    filled(tmp_path / "set", "old")
    with pytest.raises(InputError, match="already holds files"):
        filled(tmp_path / "set", "new")
    filled(tmp_path / "set", "new", overwrite=True)
    assert names(tmp_path / "set") == {"new", MARK}
    assert names(tmp_path) == {"set"}


def test_a_folder_that_vhtwin_did_not_write_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis").write_text("years of work")
    with pytest.raises(InputError, match="vhtwin did not write"):
        filled(tmp_path / "mine", "new", overwrite=True)
    assert (tmp_path / "mine" / "thesis").exists()


def test_a_folder_that_cannot_be_made_is_refused_before_there_is_work_to_lose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "note").write_text("a file")
    for out in (tmp_path / "note", tmp_path / "note" / "runs" / "first"):
        with pytest.raises(InputError, match="note: is a file, expected a folder to write to"):
            refuse_existing(out, overwrite=False)
    monkeypatch.setattr("data.store.os.access", lambda path, _: path != tmp_path)  # root may write anywhere
    with pytest.raises(InputError, match="may not be written to; name another folder"):
        refuse_existing(tmp_path / "runs" / "first", overwrite=False)


def test_a_file_in_the_place_of_a_folder_or_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("a file")
    with pytest.raises(InputError, match="is a folder, expected a file to write to"), whole_file(tmp_path):
        pass
    with pytest.raises(InputError, match="note: is a file"), whole_file(tmp_path / "note" / "x.csv"):
        pass


def test_what_is_read_is_not_written_over(tmp_path: Path) -> None:
    for out in (tmp_path / "set", tmp_path):
        with pytest.raises(InputError, match="which is read"):
            refuse_overlap(tmp_path / "set", out)
    refuse_overlap(tmp_path / "set", tmp_path / "set" / "forecast")
    refuse_overlap(tmp_path / "set", tmp_path / "set2")


def test_nothing_is_written_into_a_folder_that_is_kept(tmp_path: Path) -> None:
    kept = tmp_path / "run"
    for out in (kept, tmp_path, kept / "deep" / "file.csv", kept / ".." / "run" / "x"):
        with pytest.raises(InputError):
            refuse_inside(kept, out)
    refuse_inside(kept, tmp_path / "run2" / "x")


@pytest.mark.parametrize("stopped_at", [1, 2])
def test_a_replacement_stopped_between_its_renames_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_at: int
) -> None:
    filled(tmp_path / "set", "old")
    real, calls = os.replace, []

    def interrupted(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == stopped_at:
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr("data.store.os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        filled(tmp_path / "set", "new", overwrite=True)
    assert names(tmp_path / "set") == {"old", MARK}
    assert names(tmp_path) == {"set"}


def test_what_a_killed_run_left_is_put_back_or_cleared(tmp_path: Path) -> None:
    filled(tmp_path / "set", "old")
    (tmp_path / "set").rename(tmp_path / ".set.replaced")  # killed between the renames
    (tmp_path / ".set.partial").mkdir()
    (tmp_path / ".set.partial" / "half").write_text("half")
    (tmp_path / ".set.partial" / "deep").mkdir()
    with pytest.raises(InputError, match="already holds files"):
        filled(tmp_path / "set", "new")
    assert names(tmp_path / "set") == {"old", MARK}
    filled(tmp_path / "set", "new", overwrite=True)
    assert names(tmp_path / "set") == {"new", MARK}
    assert names(tmp_path) == {"set"}


def test_two_runs_do_not_fill_the_same_folder(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "set"), pytest.raises(InputError, match="another run"):
        filled(tmp_path / "set", "second")
    assert names(tmp_path) == {"set"}


def test_the_target_of_a_link_is_written_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    filled(tmp_path / "link", "file")
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path / "real") == {"file", MARK}


def test_the_current_folder_may_be_named_by_a_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    filled(Path(), "file")
    assert names(tmp_path / "here") == {"file", MARK}


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set").write_text("a file")
    with pytest.raises(InputError, match="is a file"):
        refuse_existing(tmp_path / "set", overwrite=True)


def test_what_killed_writers_left_in_a_folder_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".state.0a1b2c3d.partial", ".summary.json.ffffffff.partial"):
        (tmp_path / name).write_text("half")
    (tmp_path / ".prediction.partial").mkdir()  # whoever fills it holds a lock on it
    files = {"state", "notes.partial", ".hidden", MARK}
    for name in files:
        (tmp_path / name).write_text("whole")
    clear_partial(tmp_path)
    assert names(tmp_path) == files | {".prediction.partial"}
    clear_partial(tmp_path)
    assert names(tmp_path) == files | {".prediction.partial"}
