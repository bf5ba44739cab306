"""`vhtwin cache train`, `evaluate` and `compare --policy`: kept, gone on with, judged, refused."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fl_server.cache_runs import CachePlan, finished_trainings, new_training, seed_file
from fl_server.cli.main import main
from hetnet.caching.systems import SYSTEMS

SETS = {
    "world.requests.requests": "20000",
    "world.requests.hours": "12",
    "world.history_hours": "6",
    "world.warm_hours": "3",
    "learning.requests": "1500",
    "learning.pairs": "2",
    "learning.windows": "2",
    "learning.common": "1",
    "learning.rare": "1",
}
SMALL = [word for name, value in SETS.items() for word in ("--set", f"{name}={value}")]
SHORT = ["--seeds", "2", "--generations", "6", *SMALL]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache") / "systems"
    assert main(["cache", "train", *SHORT, "--out", str(folder)]) == 0
    return folder


def test_a_training_is_kept_with_its_curve_and_picture(made: Path) -> None:
    curve = pl.read_csv(made / "curve.csv")
    assert curve["generation"].unique(maintain_order=True).to_list() == [0, 5, 6]
    assert set(curve["system"]) == {system.name for system in SYSTEMS}
    assert (made / "curve.png").stat().st_size > 10_000


def test_a_training_that_was_killed_goes_on_to_the_same_end(made: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert main(["cache", "train", *SHORT, "--out", str(again)]) == 0
    seed_file(again, 2).unlink()  # as if it had been killed before the second seed was stored
    assert main(["cache", "train", "--resume", str(again), "--processes", "1"]) == 0
    for one, other in zip(finished_trainings(made), finished_trainings(again), strict=True):
        assert all(np.array_equal(one[name].mean, other[name].mean) for name in one)


def test_policies_are_judged_beside_classic_caches_and_bounds(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", "evaluate", str(made), "--json"]) == 0
    lines = {each["policy"]: each for each in json.loads(capsys.readouterr().out)["policies"]}
    assert {"reliable RL + twin", "sieve, safe", "belady, station chosen", "bound of all"} <= lines.keys()
    assert all(each["hits"] <= lines["bound of all"]["hits"] for each in lines.values())
    assert lines["RL"]["interventions"] == 0
    assert (made / "outcomes.png").stat().st_size > 10_000
    assert main(["cache", "evaluate", str(made)]) == 0
    assert "reliable RL + twin" in capsys.readouterr().out


def test_policies_are_judged_on_a_log_of_ones_own(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, table = tmp_path / "log.csv", tmp_path / "table.csv"
    rng = np.random.default_rng(0)
    contents, clients = rng.zipf(1.3, 6000) % 500, rng.integers(0, 30, 6000)
    asked = enumerate(zip(clients, contents, strict=True))
    lines = [f"{10 * place},u{client},c{content}" for place, (client, content) in asked]
    log.write_text("time,client,content\n" + "\n".join(lines) + "\n")
    before = (made / "outcomes.csv").read_bytes() if (made / "outcomes.csv").exists() else b""
    assert main(["cache", "evaluate", str(made), "--requests", str(log), "--json"]) == 0
    capsys.readouterr()
    assert (made / "outcomes-log.csv").exists()  # beside those of the training's own world
    assert before == ((made / "outcomes.csv").read_bytes() if before else b"")
    words = ["--policy", str(made), "--requests", str(log), "--out", str(table)]
    assert main(["cache", "compare", *words, "--json"]) == 0
    found = {each["policy"]: each for each in json.loads(capsys.readouterr().out)["policies"]}
    assert 0 < found["RL + twin"]["hits"] < found["bound of all"]["hits"]
    assert "policy" in pl.read_csv(table).columns
    cells = tmp_path / "cells.csv"
    alone = "".join(f"u{client},s{client % 3}\n" for client in range(30))
    cells.write_text(f"client,station\n{alone}")
    assert main(["cache", "compare", *words, "--cells", str(cells), "--json"]) == 3  # the table stands there
    assert "already exists" in capsys.readouterr().err
    assert main(["cache", "compare", *words, "--cells", str(cells), "--overwrite", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["policies"]
    apart = {each["policy"]: each for each in told}
    assert "share of station 3" in pl.read_csv(table)["measure"].to_list()
    assert "share of station 4" not in pl.read_csv(table)["measure"].to_list()
    assert apart["reliable RL"]["interventions"] == 0  # nobody reaches a second station


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["train", "--seeds", "0"], "--seeds 0: expected 1 to 1,000"),
        (["train", "--seeds", "1000000000000"], "expected 1 to 1,000"),
        (["train", "--set", "seeds=[1, 1]"], "expected numbers from 0, each once"),
        (["train", "--processes", "0"], "--processes 0"),
        (["train", "--set", "world.limt=2"], "did you mean world.limit?"),
        (["train", "--set", "world.limit=.5"], "more than 1"),
        (["train", "--resume", "nowhere"], "is no training"),
        (["train", "--requests", "log.csv", "--twin", "run"], "expected no --twin beside it"),
        (["evaluate", "nowhere"], "is no training"),
        (["compare", "--policy", "nowhere"], "is no training"),
        (["compare", "--policy", "nowhere", "--number", "5"], "neither --twin nor --number"),
    ],
)
def test_what_cannot_be_is_refused(words: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", *words]) == 3
    assert reason in capsys.readouterr().err


def test_a_folder_of_another_kind_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "other"
    new_training(folder, CachePlan(), intensity=None, overwrite=False)
    (folder / "plan.json").write_text('{"gru": {}}')
    assert main(["cache", "evaluate", str(folder)]) == 3
    assert "cannot be read as that of a training of caches" in capsys.readouterr().err


def test_a_training_without_a_first_part_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new_training(tmp_path / "new", CachePlan(), intensity=None, overwrite=False)
    assert main(["cache", "evaluate", str(tmp_path / "new")]) == 3
    assert "vhtwin cache train --resume" in capsys.readouterr().err


def test_a_log_that_is_too_short_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log.csv"
    log.write_text("time,client,content\n" + "".join(f"{n},a,x{n % 9}\n" for n in range(50)))
    words = ["--requests", str(log), "--seeds", "1", "--out", str(tmp_path / "out")]
    assert main(["cache", "train", *words]) == 3
    assert "expected 1000 of each" in capsys.readouterr().err


def test_a_log_that_is_refused_leaves_no_folder(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("time,client,content\n5,a,x\n3,a,y\n")
    assert main(["cache", "train", "--requests", str(log), "--out", str(tmp_path / "out")]) == 3
    assert not (tmp_path / "out").exists()


def test_a_log_of_few_contents_is_told_of(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.csv"
    log.write_text("time,client,content\n" + "".join(f"{n},u{n % 9},c{n * n % 20}\n" for n in range(4000)))
    assert main(["cache", "evaluate", str(made), "--requests", str(log), "--json"]) == 0
    assert "A cache of 150 slots holds all" in capsys.readouterr().err
