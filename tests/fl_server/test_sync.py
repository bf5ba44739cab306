"""`vhtwin sync`: trainings are kept, go on and are judged; gates are learned for runs."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from data.progress import finished
from fl_server.cli.main import main
from fl_server.cli.sync import _beside
from fl_server.experiments.claims import Interval
from fl_server.sync_picture import beside_the_end
from fl_server.sync_runs import SyncPlan, new_training, read_plan, trained
from hetnet.sync.training import load_training, save_training
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set

SMALL = ["--set", "world.foresight=drift", "--set", "learning.judged_every=2", "--set", "learning.copies=8"]
SHORT = ["--seeds", "2", "--epochs", "6", *SMALL]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sync") / "sac"
    assert main(["sync", "train", *SHORT, "--out", str(folder)]) == 0
    return folder


def test_a_training_is_kept_with_its_curve_and_picture(made: Path) -> None:
    curve = pl.read_csv(made / "curve.csv")
    assert curve["epoch"].unique(maintain_order=True).to_list() == [0, 2, 4, 6]
    assert curve["seed"].unique(maintain_order=True).to_list() == [1, 2]
    assert (made / "curve.png").stat().st_size > 10_000
    assert read_plan(made).learning.epochs == 6


def test_a_training_that_was_stopped_goes_on_to_the_same_end(made: Path, tmp_path: Path) -> None:
    plan, half = read_plan(made), tmp_path / "half"
    new_training(half, replace(plan, learning=replace(plan.learning, epochs=3)), overwrite=False)
    part = finished(trained(half))
    part.settings = plan.learning  # as if the whole had been stopped here
    folder = tmp_path / "whole"
    new_training(folder, plan, overwrite=False)
    save_training(folder / "training", part)
    assert main(["sync", "train", "--resume", str(folder)]) == 0
    one, other = (load_training(each / "training").learner.arrays() for each in (made, folder))
    assert all((one[name] == other[name]).all() for name in one)


def test_policies_are_judged_beside_rules_and_a_bound(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync", "evaluate", str(made), "--copies", "20", "--json"]) == 0
    lines = {each["policy"]: each for each in json.loads(capsys.readouterr().out)["policies"]}
    assert {"SAC", "never", "always", "every k slots", "bound: sees the future"} <= lines.keys()
    assert all(each["short"] >= 0 for each in lines.values())
    assert lines["always"]["refreshes"] == 30
    assert (made / "returns.png").stat().st_size > 10_000
    assert main(["sync", "evaluate", str(made), "--copies", "20"]) == 0
    told = capsys.readouterr().out
    assert "the best rule" in told
    assert "drawn as the policy says" in told


def test_curves_are_drawn_beside_what_the_surer_action_earns_at_the_end() -> None:
    rows = [(0, 1, 3.0, 1.0), (0, 2, 5.0, 2.0), (9, 1, 10.0, 9.0), (9, 2, 20.0, 17.0)]
    curve = pl.DataFrame(rows, ["epoch", "seed", "surest", "drawn"], orient="row")
    assert [each.mean for each in beside_the_end(curve, "surest").values()] == [-11, 0]
    assert [each.mean for each in beside_the_end(curve, "drawn").values()] == [-13.5, -2]


def test_nothing_is_told_of_chance_where_a_policy_leaves_it_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "dqn"
    assert main(["sync", "train", "--policy", "dqn", *SHORT, "--out", str(folder)]) == 0
    curve = pl.read_csv(folder / "curve.csv")
    assert curve["surest"].equals(curve["drawn"])
    assert main(["sync", "evaluate", str(folder), "--copies", "20"]) == 0
    assert "drawn" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["train", "--seeds", "0"], "--seeds 0: expected 1 to 1,000"),
        (["train", "--seeds", "1000000000000"], "expected 1 to 1,000"),
        (["train", "--epochs", "1000000000"], "epochs is 1,000,000,000, expected 1,000,000 at most"),
        (["train", "--set", "learning.copies=100000000"], "copies of the worlds of all seeds"),
        (["train", "--set", "world.slots=1000000000"], "expected at most 0 of that size"),
        (["train", "--set", "world.stpe=2"], "did you mean world.step?"),
        (["train", "--set", "world.step=-1"], "expected 0 to the side"),
        (["train", "--set", "world.blocks=1000000000"], "expected at most 0 of that size"),
        (["train", "--set", "gru.trajectories=100000000"], "100,000,000 trajectories of 10 users"),
        (["train", "--set", "learning.kept=100000000"], "slots in all at most"),
        (["train", "--set", "gru.hidden=1000000"], "hidden is 1,000,000, expected 10,000 at most"),
        (["train", "--set", "learning.method.hidden=[1000000]"], "expected 1 to 10,000 in each"),
        (["train", "--epochs", "4"], "of which the first 4 are played by chance and teach nothing"),
        (["train", "--resume", "nowhere"], "is no training"),
        (["evaluate", "nowhere"], "is no training"),
    ],
)
def test_what_cannot_be_is_refused(words: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync", *words]) == 3
    assert reason in capsys.readouterr().err


def test_a_training_without_a_first_part_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new_training(tmp_path / "new", SyncPlan(), overwrite=False)
    assert main(["sync", "evaluate", str(tmp_path / "new")]) == 3
    assert "vhtwin sync train --resume" in capsys.readouterr().err


def test_a_training_that_is_not_done_says_so(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = json.loads((made / "plan.json").read_text())
    asked = {**plan, "learning": {**plan["learning"], "epochs": 12}}
    try:
        (made / "plan.json").write_text(json.dumps(asked))
        assert main(["sync", "evaluate", str(made), "--copies", "5"]) == 0
        assert "learned 6 of 12 epochs" in capsys.readouterr().out
        assert main(["sync", "train", "--resume", str(made)]) == 3
        assert "has other settings or seeds than plan.json" in capsys.readouterr().err
    finally:
        (made / "plan.json").write_text(json.dumps(plan, indent=2) + "\n")


@pytest.mark.parametrize("other", [["--policy", "dqn"], ["--seeds", "10"], ["--observed", "full"]])
def test_what_is_resumed_takes_no_other_settings(other: list[str], made: Path) -> None:
    with pytest.raises(SystemExit):
        main(["sync", "train", "--resume", str(made), *other])


def test_a_plan_of_another_world_is_refused(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(made, tmp_path / "changed")
    plan = json.loads((folder / "plan.json").read_text())
    plan["world"]["users"] = 7
    (folder / "plan.json").write_text(json.dumps(plan))
    assert main(["sync", "evaluate", str(folder), "--copies", "5"]) == 3
    assert "has learned from 26 figures an observation, and plan.json beside it" in capsys.readouterr().err


def test_one_seed_is_no_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "one"
    assert main(["sync", "train", "--seeds", "1", "--epochs", "6", *SMALL, "--out", str(folder)]) == 0
    assert main(["sync", "evaluate", str(folder), "--copies", "20"]) == 0
    told = capsys.readouterr().out
    assert "1 of at least 3 seeds, which cannot be judged" in told
    assert "±" not in told.split("short of the bound: on")[0].replace("short of the bound   ±", "")


def test_what_lies_within_wide_intervals_is_no_tie() -> None:
    assert _beside(Interval(0.1, -0.2, 0.4, 10), 650.0) == "ties with"
    assert _beside(Interval(-26.0, -81.0, 29.0, 10), 650.0) == "cannot be told from"
    assert _beside(Interval(1.0, 0.5, 1.5, 10), 650.0) == "earns more than"
    assert _beside(Interval(-1.0, -1.5, -0.5, 10), 650.0) == "earns less than"


def test_a_gate_needs_a_stream(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sync", "gate", str(tmp_path), "--out", str(tmp_path / "g.json"), "--stream-epochs", "0"]
    assert main(words) == 3
    assert "expected --stream-epochs of 1 or more" in capsys.readouterr().err


def test_who_stops_a_training_is_told_how_it_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_folder: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fl_server.cli.sync.trained", stopped)
    folder = tmp_path / "stopped"
    assert main(["sync", "train", *SHORT, "--out", str(folder)]) == 130
    assert f"vhtwin sync train --resume {folder} goes on with it" in capsys.readouterr().err


def test_all_settings_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync", "train", "--policy", "dqn", "--observed", "paper", "--list-settings"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert "world.observed=paper" in listed
    assert "learning.method.discount=0.8" in listed


def test_a_gate_is_learned_and_a_run_uses_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    city, gate = written_set(tmp_path / "city", wavy_traffic(stations=7, days=14)), tmp_path / "gate.json"
    words = ["--epochs", "3", "--stream-epochs", "6", "--test-days", "2"]
    assert main(["sync", "gate", str(city), "--out", str(gate), "--streams", "2", *words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["costs"]) == 2
    assert {name: each["cost"] >= 0 for name, each in told["gates"].items()} == {
        "learned": True,
        "psi 1e-06": True,
    }
    run = ["--sync-policy", str(gate), "--no-single-level", "--out", str(tmp_path / "run")]
    assert main(["twin", str(city), *words, *run]) == 0
    kept = json.loads((tmp_path / "run" / "run.json").read_text())["settings"]["horizontal"]["gate"]
    assert kept["rule"] == "learned"
    assert kept["learned"] == json.loads(gate.read_text())["gate"]
