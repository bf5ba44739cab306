"""Whatever is damaged is read or refused: some inputs of every target, and all that was ever found.

`python -m tests.fuzz.campaign` tries many more.
"""

from pathlib import Path

import pytest

from tests.fuzz.campaign import CORPUS, inputs, kept_as, outcome
from tests.fuzz.targets import Target, targets

FEW = 60
FOUND = sorted(CORPUS.glob("*/*"))
NAMES = (
    "stations.csv",
    "traffic.csv",
    "traffic.csv.gz",
    "raw day",
    "squares",
    "settings",
    "links",
    "requests",
    "cells",
    "twin",
    "artefact",
    "record of a run",
    "summary of a run",
    "state of a run",
    "plan of a training",
    "plan of caches",
    "scenario",
    "capacity",
    "labels",
    "marks",
    "curves of a score",
    "gate",
    "node key",
    "operator token",
    "certificate",
    "orders",
    "answers",
    "answers of a run",
    "private orders",
    "what is spent",
    "budget of stations",
)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Target]:
    return targets(tmp_path_factory.mktemp("whole"))


def test_every_target_is_tried(known: dict[str, Target]) -> None:
    assert tuple(known) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_whole_contents_are_read(known: dict[str, Target], name: str, tmp_path: Path) -> None:
    assert {outcome(known[name], whole, tmp_path) for whole in known[name].whole} == {"read"}


@pytest.mark.parametrize("name", NAMES)
def test_damaged_contents_are_read_or_refused(known: dict[str, Target], name: str, tmp_path: Path) -> None:
    found = {outcome(known[name], content, tmp_path) for content in inputs(known[name], FEW, seed=0)}
    assert found <= {"read", "refused"}


@pytest.mark.parametrize(
    "file", sorted(CORPUS.glob("*/*")), ids=lambda file: f"{file.parent.name}/{file.name}"
)
def test_what_was_found_once_is_read_or_refused(known: dict[str, Target], file: Path, tmp_path: Path) -> None:
    target = next(each for each in known.values() if kept_as(each) == file.parent.name)
    assert outcome(target, file.read_bytes(), tmp_path) in ("read", "refused")
