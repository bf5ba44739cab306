"""Rows that stand twice are found, however many keys fit in memory."""

from pathlib import Path

import numpy as np
import pytest

from data.milan import repeats

DAY, CELLS = 3, 1_000


def folders(tmp_path: Path, *, twice: bool) -> list[Path]:
    """Two parts with every cell once for country 39; with `twice`, one of them again for it."""
    parts = [tmp_path / "first", tmp_path / "second"]
    order = np.random.default_rng(0).permutation(CELLS)
    for part, cells in zip(parts, np.array_split(order, 2), strict=True):
        part.mkdir()
        repeats.append_keys(part, DAY, cells, np.full(len(cells), 39, np.uint32))
    repeats.append_keys(parts[0], DAY, np.array([700]), np.array([39 if twice else 33], np.uint32))
    return parts


@pytest.mark.parametrize("keys_at_once", [7, 100, 1 << 23])
def test_a_repeated_row_is_found_whatever_is_held_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys_at_once: int
) -> None:
    monkeypatch.setattr(repeats, "KEYS_AT_ONCE", keys_at_once)
    with pytest.raises(repeats.RepeatedRowError) as found:
        repeats.refuse_repeated_rows(folders(tmp_path, twice=True), DAY, CELLS)
    assert (found.value.day, found.value.cell, found.value.country) == (DAY, 700, 39)


@pytest.mark.parametrize("keys_at_once", [7, 100, 1 << 23])
def test_other_countries_and_other_days_repeat_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys_at_once: int
) -> None:
    monkeypatch.setattr(repeats, "KEYS_AT_ONCE", keys_at_once)
    parts = folders(tmp_path, twice=False)
    repeats.append_keys(parts[0], DAY + 1, np.array([700]), np.array([39], np.uint32))
    repeats.refuse_repeated_rows(parts, DAY, CELLS)
    repeats.refuse_repeated_rows(parts, DAY + 2, CELLS)
