"""A stored artefact comes back as it was, or is refused with a sentence."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors import safe_open
from safetensors.numpy import save_file

from data.artefacts import JSON, Arrays, read_artefact, write_artefact
from data.errors import InputError

HEADER: dict[str, JSON] = {
    "name": "cluster 3",
    "städte": ["Milano", "Zürich"],
    "rounds": 7,
    "error": 0.1,
    "parents": [],
}
ARRAYS: Arrays = {
    "weights": np.arange(3, dtype=np.float32),
    "counts": np.array([[1, -2]]),
    "active": np.array([True, False, True]),
    "nothing": np.empty((0, 4)),
    "one": np.array(0.5),
}


def stored(path: Path) -> bytes:
    """The bytes of a small artefact written to `path`."""
    write_artefact(path, "checkpoint", HEADER, ARRAYS)
    return path.read_bytes()


def refusal(path: Path, content: bytes) -> str:
    """The sentence with which a checkpoint of this content is refused."""
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_artefact(path, "checkpoint")
    return str(refused.value)


def assert_same(one: Arrays, other: Arrays) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert array.dtype == other[name].dtype
        assert array.shape == other[name].shape
        assert array.tobytes() == other[name].tobytes()


def test_header_and_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    stored(tmp_path / "file")
    header, back = read_artefact(tmp_path / "file", "checkpoint")
    assert header == HEADER
    assert_same(back, ARRAYS)
    back["weights"][0] = 5  # they are the reader's own
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


KINDS = st.sampled_from([np.float32, np.float64, np.int64, np.int32, np.uint8, np.bool_])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    header=st.dictionaries(st.text(), VALUES, max_size=3),
    content=st.dictionaries(
        st.text(min_size=1, max_size=5).filter(lambda name: name != "__metadata__"),
        KINDS.flatmap(lambda kind: arrays(kind, array_shapes(min_dims=0, min_side=0, max_side=3))),
        max_size=3,
    ),
)
def test_any_content_comes_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, header: dict[str, Any], content: Arrays
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    write_artefact(path, "any", header, content)
    back_header, back = read_artefact(path, "any")
    assert back_header == header
    assert_same(back, content)


@given(order=st.permutations(list(ARRAYS)), keys=st.permutations(list(HEADER)))
def test_the_same_content_makes_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, order: list[str], keys: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "same"
    expected = stored(path)
    path.unlink()
    spread = {name: np.asarray(ARRAYS[name], order="F") for name in order}
    write_artefact(path, "checkpoint", {key: HEADER[key] for key in keys}, spread)
    assert path.read_bytes() == expected


def test_a_slice_of_an_array_is_stored_as_what_it_shows(tmp_path: Path) -> None:
    every_other = np.arange(10)[::2]
    write_artefact(tmp_path / "file", "slice", {}, {"slice": every_other})
    np.testing.assert_array_equal(read_artefact(tmp_path / "file", "slice")[1]["slice"], [0, 2, 4, 6, 8])


def test_any_reader_of_safetensors_reads_it(tmp_path: Path) -> None:
    stored(tmp_path / "file")
    with safe_open(tmp_path / "file", framework="numpy") as file:
        assert set(file.keys()) == set(ARRAYS)
        np.testing.assert_array_equal(file.get_tensor("weights"), ARRAYS["weights"])


def test_every_flipped_bit_is_refused(tmp_path: Path) -> None:
    content = stored(tmp_path / "file")
    for place in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            sentence = refusal(tmp_path / "file", bytes(changed))
            assert "damaged" in sentence or "no file that vhtwin stored" in sentence


@given(data=st.data())
def test_a_stretch_of_other_bytes_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "stretch"
    content = stored(path)
    first = data.draw(st.integers(0, len(content)))
    last = data.draw(st.integers(first, len(content)))
    changed = content[:first] + data.draw(st.binary(max_size=30)) + content[last:]
    if changed != content:
        refusal(path, changed)


def test_every_shorter_file_is_refused(tmp_path: Path) -> None:
    content = stored(tmp_path / "file")
    for length in range(len(content)):
        refusal(tmp_path / "file", content[:length])


def test_a_longer_file_is_refused(tmp_path: Path) -> None:
    assert "damaged" in refusal(tmp_path / "file", stored(tmp_path / "file") + b"\0")


def test_what_is_not_there_or_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lost: no such file"):
        read_artefact(tmp_path / "lost", "twin")
    with pytest.raises(InputError, match="cannot be read"):
        read_artefact(tmp_path, "twin")


def test_files_of_another_origin_are_refused(tmp_path: Path) -> None:
    save_file({"weights": np.zeros(3)}, tmp_path / "theirs", {"format": "pt"})
    for content in ((tmp_path / "theirs").read_bytes(), b"time,station,load\n" * 100, b"PK\3\4" * 50):
        assert "no file that vhtwin stored, expected a stored checkpoint" in refusal(tmp_path / "x", content)


def test_another_kind_is_refused_by_its_name(tmp_path: Path) -> None:
    stored(tmp_path / "file")
    with pytest.raises(InputError, match="is a stored checkpoint, expected a stored twin"):
        read_artefact(tmp_path / "file", "twin")


def written_by_hand(described: dict[str, Any]) -> bytes:
    """An artefact without arrays as the module's first lines describe it, written without its help."""
    text = json.dumps(json.dumps(described))[1:-1]
    before, after = '{"__metadata__":{"vhtwin":"', f'{text}"}}}}'
    length = (len(before) + 64 + len(after)).to_bytes(8, "little")
    digest = sha256(length + before.encode() + after.encode()).hexdigest()
    return length + f"{before}{digest}{after}".encode()


def test_the_file_is_what_its_description_says(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(written_by_hand({"format": 1, "kind": "checkpoint", "header": {"a": 1}}))
    assert read_artefact(tmp_path / "file", "checkpoint") == ({"a": 1}, {})


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    content = written_by_hand({"format": 2, "kind": "checkpoint", "seal": "unknown"})
    assert "format 2, which a newer vhtwin wrote" in refusal(tmp_path / "file", content)


def test_what_cannot_be_stored_leaves_the_old_file(tmp_path: Path) -> None:
    content = stored(tmp_path / "file")
    with pytest.raises(ValueError, match="JSON"):
        write_artefact(tmp_path / "file", "checkpoint", {"error": float("nan")}, {})
    with pytest.raises(Exception, match="datetime64"):
        write_artefact(tmp_path / "file", "checkpoint", {}, {"when": np.zeros(2, "datetime64[m]")})
    assert (tmp_path / "file").read_bytes() == content
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
