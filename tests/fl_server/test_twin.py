"""`vhtwin twin`, run as a person runs it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from data.traffic import Traffic
from fl_server.cli.main import main
from fl_server.crossing.settings import COMPRESSED
from fl_server.run_folder import kept_state, read_record
from forecasting.twin import load_twin
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set

FAST = ("--inputs", "paper", "--hidden", "4", "--epochs", "2", "--stream-epochs", "3", "--test-days", "2")


def city(**changes: Any) -> Traffic:  # Any: what wavy_traffic takes
    return wavy_traffic(**{"stations": 6, "days": 8, **changes})


def written(folder: Path, traffic: Traffic) -> Path:
    folder.mkdir()
    return written_set(folder, traffic)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small set."""
    return written(tmp_path_factory.mktemp("sets") / "city", city())


def twinned(
    capsys: pytest.CaptureFixture[str], where: Path, out: Path, *words: object, fast: bool = True
) -> dict[str, Any]:  # Any: what JSON holds
    """What `vhtwin twin --json` prints."""
    capsys.readouterr()
    given = [*(FAST if fast else ()), *map(str, words)]
    assert main(["twin", str(where), "--out", str(out), "--json", *given]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def refused(capsys: pytest.CaptureFixture[str], where: Path, out: Path, *words: object) -> str:
    """The one sentence by which `vhtwin twin` refuses."""
    capsys.readouterr()
    assert main(["twin", str(where), "--out", str(out), *FAST, *map(str, words)]) == 3
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("vhtwin: ")]
    kept = f"vhtwin: the run is kept as it was before that; vhtwin resume {out} tries again"
    assert told[:-1] in ([], [kept])
    return told[-1]


def test_json_holds_the_errors_of_both_phases_and_what_they_cost(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = twinned(capsys, small, tmp_path / "run")
    for phase in (answer["v"], answer["h"], answer["v"]["cluster"], answer["single_level"]["h"]):
        assert all(phase[name] > 0 for name in ("mse", "mae", "nrmse"))
    assert answer["seconds"] > 0
    assert answer["clusters"] == len(answer["by_cluster"])
    assert answer["updates"] > 0
    parameters = load_twin(tmp_path / "run" / "twins" / "network.twin").network.parameters
    assert answer["bytes"] == answer["updates"] * 2 * 4 * parameters
    assert (answer["folder"], answer["stations"]) == (str(tmp_path / "run"), 6)
    assert answer["stream"] == ["2024-01-07T00:00", "2024-01-08T23:00"]


def test_the_folder_holds_twins_tables_picture_and_record(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = twinned(capsys, small, tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        ".vhtwin", "history.csv", "run.json", "state", "stations.csv", "summary.json", "twins", "twins.png"
    ]  # fmt: skip
    clusters = [f"cluster-{number}.twin" for number in range(1, answer["clusters"] + 1)]
    names = sorted(path.name for path in (tmp_path / "run" / "twins").iterdir())
    assert names == [*clusters, "network.twin"]
    stations = pl.read_csv(tmp_path / "run" / "stations.csv")
    assert stations["station"].to_list() == [f"s{number}" for number in range(6)]
    assert stations["v_mse_g"].mean() == pytest.approx(answer["v"]["mse"])
    history = pl.read_csv(tmp_path / "run" / "history.csv")
    assert history["stage"].to_list() == ["vertical"] * 2 + ["horizontal"] * 48
    assert history["sent"][-1] == answer["updates"]
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary == {name: answer[name] for name in summary}


def test_a_person_sees_tables_where_the_results_are_and_what_was_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load = city().load.copy()
    load[:, 2] = 7
    where = written(tmp_path / "one-constant", replace(city(), load=load))
    assert main(["twin", str(where), "--out", str(tmp_path / "run"), *FAST]) == 0
    told = capsys.readouterr()
    for words in (
        "V  G-NDT",
        "H  C-NDT",
        "H  single-level",
        "federated ridge",
        "V, by the clusters",
    ):
        assert words in told.out
    assert "5 stations, internet, stream from 2024-01-07T00:00 to 2024-01-08T23:00" in told.out
    assert "left out, because each never varies in its history: 1 station (s2)" in told.out
    assert f"twins, tables: {tmp_path / 'run'}" in told.out
    assert "H-twinning: 100%" in told.err
    assert "s2" not in pl.read_csv(tmp_path / "run" / "stations.csv")["station"].to_list()


def test_stations_with_long_gaps_are_left_out_and_counted_unless_that_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load = city().load.copy()
    load[:150, 4] = np.nan
    where = written(tmp_path / "gappy", replace(city(), load=load))
    assert "station s4: no value for 9000 min" in refused(
        capsys, where, tmp_path / "run", "--no-leave-out-gappy"
    )
    assert main(["twin", str(where), "--out", str(tmp_path / "run"), *FAST]) == 0
    told = capsys.readouterr().out
    assert "5 stations, internet" in told
    assert "left out, because each has gaps that are too long: 1 station (s4)" in told


def test_stations_unlike_their_history_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """s1 hardly varies before the stream, s3 bursts in it, and one step of s5's history dwarfs its stream."""
    load = city().load.copy()
    load[:-48, 1] = 7 + load[:-48, 1] * 1e-4
    load[-20:, 3] *= 1e6
    load[30, 5] *= 1e6
    where = written(tmp_path / "odd", replace(city(), load=load))
    assert main(["twin", str(where), "--out", str(tmp_path / "run"), *FAST]) == 0
    told = capsys.readouterr().out
    assert "hardly varied or after which they burst: 2 stations (s1, s3), missed by more than 5" in told
    assert "100.0% of the squared error" in told
    assert "within a tenth of a standard deviation of their history: 1 station (s5)" in told


def test_the_same_seed_makes_the_same_bytes_and_another_seed_others(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = []
    for number, words in enumerate(((), ("--threads", 1), ("--seed", 2))):
        out = tmp_path / str(number)
        twinned(capsys, small, out, *words)
        files = sorted([*(out / "twins").iterdir(), *out.glob("*.csv"), out / "twins.png"])
        ends.append({file.name: file.read_bytes() for file in files})
    assert ends[0] == ends[1]
    assert ends[0]["network.twin"] != ends[2]["network.twin"]


def test_every_setting_is_listed_as_it_can_be_set(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["twin", str(small), "--list-settings", "--preset", "paper", "--psi", "0.5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "horizontal.psi=0.5" in lines
    assert "recipe.vertical.optimizer=sgd" in lines
    assert "strategies.refresh=cluster-mean" in lines
    plain = [line for line in lines if not line.endswith(("=None", "=True", "=False"))]
    words = [word for line in plain for word in ("--set", line.replace("'", '"'))]
    assert main(["twin", str(small), "--list-settings", *words]) == 0
    assert capsys.readouterr().out.splitlines() == lines


def setting(capsys: pytest.CaptureFixture[str], small: Path, name: str, *words: str) -> str:
    assert main(["twin", str(small), "--list-settings", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith(f"{name}="))


def test_what_is_said_more_closely_wins(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Defaults, then the preset, then the file, then an option, then --set."""
    file = tmp_path / "settings.toml"
    file.write_text("[recipe.vertical]\nlearning_rate = 0.5\nbatch_size = 7\n[vertical]\nepochs = 3\n")
    preset, given = ("--preset", "paper"), ("--preset", "paper", "--settings", str(file))
    rate = "recipe.vertical.learning_rate"
    assert setting(capsys, small, rate) == "0.02"
    assert setting(capsys, small, rate, *preset) == "0.01"
    assert setting(capsys, small, rate, *given) == "0.5"
    assert setting(capsys, small, rate, *given, "--set", f"{rate}=0.7") == "0.7"
    assert setting(capsys, small, "recipe.vertical.batch_size", *preset) == "64"
    assert setting(capsys, small, "vertical.epochs", *given) == "3"
    assert setting(capsys, small, "vertical.epochs", *given, "--epochs", "4") == "4"
    assert setting(capsys, small, "vertical.epochs", "--epochs", "4", "--set", "vertical.epochs=5") == "5"
    assert setting(capsys, small, "horizontal.participation", "--participation", "0.5") == "0.5"


@pytest.mark.parametrize(
    ("words", "codings"),
    [
        ((), COMPRESSED),
        (("float16",), ("float16",) * 3),
        (("int8", "float16"), ("int8", "float16", "int8")),
        (("int8", "float16", "none"), ("int8", "float16", "none")),
    ],
)
def test_what_crosses_is_compressed_in_one_coding_or_one_each(
    small: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], codings: tuple[str, ...]
) -> None:
    names = ("crossing.up", "crossing.down", "crossing.clusters")
    assert tuple(setting(capsys, small, name, "--compress", *words) for name in names) == codings


def test_a_number_of_clusters_means_girvan_newman_unless_another_method_is_named(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    method = "segment.how.method"
    assert setting(capsys, small, method) == "louvain"
    assert setting(capsys, small, method, "--clusters", "3") == "girvan-newman"
    assert setting(capsys, small, method, "--clusters", "3", "--method", "spectral") == "spectral"


def test_inputs_follow_the_network_unless_they_are_named(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert setting(capsys, small, "recipe.inputs") == "profile"
    assert setting(capsys, small, "recipe.inputs", "--model", "two-branch-lstm") == "day"
    assert setting(capsys, small, "recipe.inputs", "--model", "lstm", "--inputs", "day") == "day"


def test_louvain_takes_no_number_of_clusters(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--method", "louvain", "--clusters", 3)
    assert "--clusters 3: Louvain finds the number itself" in refused(capsys, small, tmp_path / "run", *words)


def test_as_many_clusters_as_were_asked_for(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 3, 6):
        answer = twinned(capsys, small, tmp_path / str(number), "--clusters", number)
        assert (answer["clusters"], len(answer["by_cluster"])) == (number, number)


def test_without_rounds_or_without_a_stream_the_other_phase_remains(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = twinned(capsys, small, tmp_path / "stream", "--epochs", 0)
    assert stream["phases"]["v"]["exchange"] == {}
    assert stream["h"]["mse"] < stream["v"]["mse"]
    rounds = twinned(capsys, small, tmp_path / "rounds", "--stream-epochs", 0)
    assert (rounds["h"], rounds["updates"], rounds["bytes"]) == (None, 0, 0)
    neither = twinned(capsys, small, tmp_path / "neither", "--epochs", 0, "--stream-epochs", 0)
    assert neither["h"] is None
    assert neither["v"]["mse"] == pytest.approx(stream["v"]["mse"])
    assert main(["resume", str(tmp_path / "neither")]) == 0


@pytest.mark.parametrize("model", ["linear", "lstm", "two-branch-lstm"])
def test_every_network_can_be_the_twin(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    hidden = () if model == "linear" else ("--hidden", 3)
    words = ("--model", model, *hidden, "--epochs", 2, "--stream-epochs", 2, "--test-days", 2)
    answer = twinned(capsys, small, tmp_path / "run", "--inputs", "paper", *words, fast=False)
    assert np.isfinite(answer["h"]["mse"])
    assert load_twin(tmp_path / "run" / "twins" / "network.twin").network.name == model


@pytest.mark.parametrize("personal", ["head", "steps"])
def test_stations_can_have_twins_of_their_own(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], personal: str
) -> None:
    answer = twinned(capsys, small, tmp_path / "run", "--personal", personal)
    for letter in ("v", "h"):
        assert 0 < answer[letter]["personal"]["mse"] != answer[letter]["cluster"]["mse"]
    local = load_twin(tmp_path / "run" / "twins" / "local-s3.twin")
    assert (local.scope, local.stations) == ("local", ("s3",))
    assert main(["twin", str(small), "--out", str(tmp_path / "run"), "--overwrite", *FAST]) == 0
    assert not (tmp_path / "run" / "twins" / "local-s3.twin").exists()


def test_the_papers_settings_run(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = twinned(capsys, small, tmp_path / "run", "--preset", "paper", "--clusters", 2)
    assert answer["h"]["mse"] > 0
    recipe = read_record(tmp_path / "run").settings.recipe
    assert (recipe.vertical.optimizer, recipe.vertical.batch_size) == ("sgd", 64)


def test_sets_of_ten_minutes_are_twinned_by_the_hour_or_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = written(tmp_path / "fine", city(step_minutes=10))
    hours = twinned(capsys, where, tmp_path / "hours", "--no-single-level")
    assert (hours["step_minutes"], hours["set_step_minutes"], hours["single_level"]) == (60, 10, None)
    steps = twinned(capsys, where, tmp_path / "steps", "--no-single-level", "--native-step")
    assert (steps["step_minutes"], steps["stream"]) == (10, ["2024-01-07T00:00", "2024-01-08T23:50"])
    assert pl.read_csv(tmp_path / "steps" / "history.csv").height == 2 + 2 * 144


def test_robust_strategies_and_refresh_rules_can_be_chosen(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (
        "--cluster-strategy",
        "krum:faulty=2",
        "--network-strategy",
        "median",
        "--refresh",
        "mix:rate=0.5",
    )
    twinned(capsys, small, tmp_path / "run", *words)
    lineage = load_twin(tmp_path / "run" / "twins" / "network.twin").lineage
    assert lineage.strategy == "krum:faulty=2 median mix:rate=0.5"


def test_a_short_stream_has_no_more_epochs_than_steps(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = twinned(capsys, small, tmp_path / "run", "--test-days", 0.25, "--stream-epochs", 20)
    assert answer["stream"] == ["2024-01-08T18:00", "2024-01-08T23:00"]
    assert answer["h"]["mse"] > 0


BAD_OPTIONS = [
    (("--clusters", 7), "6 stations cannot make 7 clusters"),
    (("--clusters", 0), "0 clusters, expected at least 1"),
    (("--topology", "regular", "--degree", 3, "--seed", -1), "the seed must not be negative, got -1"),
    (
        ("--topology", "regular", "--degree", 6),
        "a degree of 6 is impossible among 6 stations, expected 1 to 5",
    ),
    (
        ("--topology", "nearest", "--degree", 6),
        "a degree of 6 is impossible among 6 stations, expected 1 to 5",
    ),
    (("--topology", "ring"), "unknown topology 'ring', expected regular, nearest or a CSV file"),
    (("--psi", 0), "the threshold psi must be positive, got 0.0"),
    (("--psi", -1), "the threshold psi must be positive, got -1.0"),
    (("--psi", "nan"), "horizontal.psi: expected a number, got nan"),
    (("--cluster-strategy", "meen"), "unknown strategy 'meen', expected one of mean"),
    (("--cluster-strategy", "meen"), "did you mean mean?"),
    (("--network-strategy", "krun:faulty=1"), "did you mean krum?"),
    (("--refresh", "bufered"), "did you mean buffered?"),
    (("--method", "louvian"), "did you mean louvain?"),
    (("--preset", "papper"), "did you mean paper?"),
    (("--set", "horizontal.patience=3"), "did you mean horizontal.patience_hours?"),
    (("--set", "horizontal.psi"), "expected NAME=VALUE, with a name that --list-settings shows"),
    (("--set", "vertical.epochs=2.5"), "vertical.epochs: expected a whole number, got 2.5"),
    (("--settings", "nowhere.toml"), "nowhere.toml: there is no such file"),
    (("--epochs", -1), "epochs must not be negative, got -1"),
    (("--participation", 0), "participation must lie in (0, 1], got 0.0"),
    (("--hidden", 0), "hidden"),
    (("--threads", 0), "threads must be at least 1, got 0"),
    (("--replay", 0), "--replay must be a positive number of hours a second"),
    (("--keep-every", -1), "--keep-every must be 0 or more seconds"),
    (("--test-days", 7), "look 72 steps back"),
    (("--test-days", 8), "leave nothing to train on"),
]


@pytest.mark.parametrize(("words", "sentence"), BAD_OPTIONS)
def test_bad_options_are_one_sentence_and_leave_nothing_behind(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[object, ...], sentence: str
) -> None:
    assert sentence in refused(capsys, small, tmp_path / "run", *words)
    assert list(tmp_path.iterdir()) == []


def test_a_degree_that_no_regular_graph_has_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Five stations of three links each would share 7.5 links."""
    where = written(tmp_path / "city", city(stations=5))
    sentence = refused(capsys, where, tmp_path / "run", "--topology", "regular", "--degree", 3)
    assert "3" in sentence
    assert "5 stations" in sentence
    assert not (tmp_path / "run").exists()


def constant(*columns: int) -> Traffic:
    load = city().load.copy()
    load[:, columns] = 7
    return replace(city(), load=load)


BAD_SETS = [
    (city(stations=1), "one station makes no network of twins, expected at least two that vary"),
    (constant(0, 1, 2, 3, 4), "one station makes no network of twins, expected at least two that vary"),
    (constant(0, 1, 2, 3, 4, 5), "no station varies in the training part: there is nothing to forecast"),
    (city(days=2), "leave nothing to train on"),
    (city(days=4), "look 72 steps back"),
]


@pytest.mark.parametrize(("traffic", "sentence"), BAD_SETS)
def test_bad_sets_are_one_sentence_and_leave_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], traffic: Traffic, sentence: str
) -> None:
    where = written(tmp_path / "city", traffic)
    assert sentence in refused(capsys, where, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_cannot_begin_does_not_replace_an_earlier_run(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twinned(capsys, small, tmp_path / "run")
    before = (tmp_path / "run" / "summary.json").read_bytes()
    assert "already holds files" in refused(capsys, small, tmp_path / "run")
    for words in (("--degree", 6), ("--clusters", 7), ("--topology", "ring")):
        refused(capsys, small, tmp_path / "run", "--overwrite", *words)
    assert (tmp_path / "run" / "summary.json").read_bytes() == before


def test_folders_of_others_are_not_overwritten(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "beach.jpg").write_text("a beach")
    assert "vhtwin did not write" in refused(capsys, small, tmp_path / "photos", "--overwrite")
    assert (tmp_path / "photos" / "beach.jpg").read_text() == "a beach"
    assert "which is read" in refused(capsys, small, small, "--overwrite")


def test_a_training_that_diverges_says_so(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = refused(capsys, small, tmp_path / "run", "--set", "recipe.vertical.learning_rate=1e6")
    assert sentence.startswith("vhtwin: no station sent a usable update in round 1 of V-twinning: ")
    assert "diverged" in sentence
    assert read_record(tmp_path / "run").settings.recipe.vertical.learning_rate == 1e6


@pytest.mark.parametrize(
    ("letter", "words"),
    [
        ("V", ("--network-strategy", "momentum:rate=5", "--epochs", "30")),
        ("H", ("--set", "recipe.horizontal.learning_rate=50", "--epochs", "12")),
    ],
)
def test_twins_that_went_astray_without_a_failure_are_warned_of(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], letter: str, words: tuple[str, ...]
) -> None:
    given = [*FAST, "--no-single-level", *words]
    assert main(["twin", str(small), "--out", str(tmp_path / "run"), *given]) == 0
    told = capsys.readouterr().out
    assert f"warning: {letter}-twinning went astray: its twins' MSE is " in told
    assert "unlike their history" not in told


def test_a_training_that_diverges_later_leaves_the_last_good_state(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rounds 3 and 4 are of the clusters alone, and those diverge."""
    words = ("--epochs", 4, "--set", "vertical.settling=0.5", "--set", "recipe.settling.learning_rate=1e20")
    assert "in round 3 of V-twinning" in refused(capsys, small, tmp_path / "run", *words)
    state = kept_state(tmp_path / "run")
    assert state is not None
    assert (state.hierarchical.stage, state.hierarchical.turn) == ("vertical", 2)
    assert np.isfinite(state.hierarchical.tree.clusters).all()
    assert main(["resume", str(tmp_path / "run")]) == 3
    told = capsys.readouterr().err
    assert "in round 3 of V-twinning" in told
    assert f"vhtwin resume {tmp_path / 'run'} tries again" in told


def test_a_stream_whose_trainings_diverge_goes_on_with_the_twins_it_has(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--no-single-level", "--set", "recipe.horizontal.learning_rate=1e20")
    answer = twinned(capsys, small, tmp_path / "run", *words)
    assert answer["h"]["mse"] == pytest.approx(answer["v"]["mse"])
    ((reason, count),) = answer["phases"]["h"]["failures"].items()
    assert "diverged" in reason
    assert count == answer["phases"]["h"]["exchange"]["station_cluster"]["messages_down"]
    assert answer["updates"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--privacy", "epsilon=.1"), "far off, as the noise of the privacy budget makes twins: "),
        (("--attack", "sign-flip:.5:30"), "3 simulated attackers may be the cause; try --defend on"),
    ],
)
def test_twins_that_are_far_off_are_laid_to_what_made_them_so(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    given = [*FAST, "--no-single-level", "--epochs", "6", *words]
    assert main(["twin", str(small), "--out", str(tmp_path / "run"), *given]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]
    assert told
    for line in told:
        assert said in line
        assert "hardly varied" not in line
        assert "learning_rate" not in line


def test_a_sum_of_one_station_is_refused_before_there_is_a_run(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--secure-sum", "--stream-epochs", "0", "--no-single-level", "--participation", ".05")
    assert main(["twin", str(small), "--out", str(tmp_path / "run"), *FAST, *words]) == 3
    told = capsys.readouterr().err
    assert "would be alone in the sum of its cluster" in told
    assert "tries again" not in told
    assert list(tmp_path.iterdir()) == []


def test_what_settings_lead_to_is_not_tried_again(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where clusters change in a run, and one of a single station comes of it."""
    monkeypatch.setattr("fl_server.run.refuse_lone", lambda groups: None)
    words = ("--secure-sum", "--stream-epochs", "0", "--no-single-level", "--participation", ".05")
    assert main(["twin", str(small), "--out", str(tmp_path / "run"), *FAST, *words]) == 3
    told = capsys.readouterr().err
    assert "its settings lead there again: make a new one" in told
    assert "tries again" not in told
