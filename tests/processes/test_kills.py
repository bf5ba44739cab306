"""Runs that are killed at random moments come to the twins of a run that nobody stopped."""

from pathlib import Path

import pytest

from tests.processes.kills import WAYS, killed


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("more", [[], ["--compress"]], ids=["plain", "compressed"])
def test_runs_that_are_killed_again_and_again_end_with_the_same_twins(
    way: str, more: list[str], tmp_path: Path
) -> None:
    found = killed(way, kills=6, seed=3, home=tmp_path, more=more)
    assert found.kills >= 6
    assert found.differing == 0
