"""A run on the disk is whole at any moment, held by one process at a time, and read back with suspicion."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from data.artefacts import read_artefact, write_artefact
from data.errors import InputError
from data.sets.tables import ReadSettings
from fl_server.run_folder import (
    ESSENTIAL,
    KIND,
    STATE,
    Record,
    held,
    keep,
    kept,
    kept_state,
    new_run,
    read_record,
    read_summary,
    write_summary,
)
from fl_server.running import State
from tests.fl_server.test_lifecycle import SETTINGS, bits, usual

RECORD = Record("0.1.0", "sets/city", "abc", ReadSettings(), SETTINGS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    new_run(tmp_path / "run", RECORD, overwrite=False)
    return tmp_path / "run"


def test_a_new_run_holds_its_record_alone(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [".vhtwin", "run.json"]
    assert read_record(folder) == RECORD
    assert kept_state(folder) is None


def test_a_state_comes_back_as_it_was(folder: Path) -> None:
    for state in (usual()[0], usual()[20], usual()[-1]):
        keep(folder, state)
        again = kept_state(folder)
        assert again is not None
        assert bits(again) == bits(state)
        assert again.hierarchical.vertical.seconds == state.hierarchical.vertical.seconds


def failing(several: Sequence[State]) -> Iterator[State]:
    yield from several
    raise InputError("no station sent a usable update")


def which(folder: Path) -> int:
    """The number of the usual run's state that the folder keeps."""
    state = kept_state(folder)
    assert state is not None
    return next(number for number, each in enumerate(usual()) if bits(each) == bits(state))


def test_with_much_time_between_them_the_last_state_alone_is_kept(folder: Path) -> None:
    for _ in kept(folder, iter(usual()[1:30]), 1e9):
        assert kept_state(folder) is None
    assert which(folder) == 29


def test_without_time_between_them_the_first_is_kept_at_once(folder: Path) -> None:
    several = kept(folder, iter(usual()[1:30]), 0)
    next(several)
    assert which(folder) == 1
    several.close()  # type: ignore[attr-defined]  # it is a generator


@pytest.mark.parametrize("seconds", [0, 1e9])
def test_when_a_turn_fails_the_state_before_it_is_kept(folder: Path, seconds: float) -> None:
    with pytest.raises(InputError, match="no station"):
        list(kept(folder, failing(usual()[1:8]), seconds))
    assert which(folder) == 7


def test_one_process_at_a_time_holds_a_run(folder: Path) -> None:
    with (
        held(folder),
        pytest.raises(InputError, match="another process is at work on this run"),
        held(folder),
    ):
        pass
    with held(folder):
        pass


def test_a_run_that_is_at_work_is_not_replaced(folder: Path) -> None:
    keep(folder, usual()[3])
    with held(folder), pytest.raises(InputError, match="another process is at work on this run"):
        new_run(folder, RECORD, overwrite=True)
    assert which(folder) == 3
    new_run(folder, RECORD, overwrite=True)
    assert kept_state(folder) is None


def test_a_folder_of_somebody_else_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / ".beach.jpg.partial").write_text("half a beach")
    with pytest.raises(InputError, match="holds files that vhtwin did not write"):
        new_run(tmp_path / "photos", RECORD, overwrite=True)
    assert (tmp_path / "photos" / ".beach.jpg.partial").exists()


def test_what_killed_writers_left_is_cleared(folder: Path) -> None:
    (folder / "twins").mkdir()
    left = [folder / ".state.12ab34cd.partial", folder / "twins" / ".network.twin.12ab34cd.partial"]
    for file in left:
        file.write_bytes(b"half")
    with held(folder):
        assert not any(file.exists() for file in left)


def changed_record(folder: Path, **changes: object) -> None:
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | changes))


def test_a_record_of_an_unknown_setting_is_refused_by_name(folder: Path) -> None:
    changed_record(folder, settings={"horizontal": {"pssi": 3}})
    with pytest.raises(InputError) as refusal:
        read_record(folder)
    assert str(refusal.value) == (
        f"{folder / 'run.json'}: cannot be read: unknown setting 'settings.horizontal.pssi'; "
        f"did you mean settings.horizontal.psi?"
    )


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"version": 3}', '{"version": "0"}', "\x00"])
def test_a_damaged_record_is_refused_with_its_file(folder: Path, text: str) -> None:
    (folder / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run\.json: cannot be read"):
        read_record(folder)


def test_what_is_no_run_is_refused(tmp_path: Path, folder: Path) -> None:
    for other in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="is no run of vhtwin"):
            read_record(other)
    (folder / ".vhtwin").unlink()
    with pytest.raises(InputError, match="is no run of vhtwin"):
        read_record(folder)


@pytest.mark.parametrize("place", [0, 40, 5_000, -1])
def test_a_damaged_state_is_refused_with_its_file(folder: Path, place: int) -> None:
    keep(folder, usual()[30])
    content = bytearray((folder / STATE).read_bytes())
    content[place] ^= 1
    (folder / STATE).write_bytes(content)
    with pytest.raises(InputError, match=str(folder / STATE)):
        kept_state(folder)


def test_a_state_of_another_version_is_refused_with_its_file(folder: Path) -> None:
    keep(folder, usual()[30])
    header, _ = read_artefact(folder / STATE, KIND)
    strange = header | {"state": {"hierarchical": {"sistem": "x"}, "single_level": None}}
    write_artefact(folder / STATE, KIND, strange, {})
    with pytest.raises(InputError, match=r"state: is of another version of vhtwin: .*hierarchical\.sistem"):
        kept_state(folder)


def test_a_summary_is_read_when_the_run_is_finished(folder: Path) -> None:
    with pytest.raises(InputError, match="this run is not finished; vhtwin resume"):
        read_summary(folder)
    whole: dict[str, object] = dict.fromkeys(ESSENTIAL, 3)
    write_summary(folder, whole)
    assert read_summary(folder) == whole
    write_summary(folder, {"updates": 3})
    with pytest.raises(InputError, match=r"summary\.json: lacks v, h, clusters"):
        read_summary(folder)
    (folder / "summary.json").write_text("{")
    with pytest.raises(InputError, match=r"summary\.json: cannot be read"):
        read_summary(folder)
