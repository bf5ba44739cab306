"""Runs of experiments: what is made, what is kept, and what goes on after it was stopped."""

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from data.errors import InputError
from data.progress import Step, finished
from fl_server.cli.main import main
from fl_server.experiments import catalogue, tables
from fl_server.experiments.catalogue import EXPERIMENTS, Experiment, Variant, cells, named
from fl_server.experiments.cells import TIMES, measured
from fl_server.experiments.claims import Claim, along
from fl_server.experiments.ledger import kept_rows
from fl_server.experiments.sources import CITY, sources_in, traffic_of
from fl_server.experiments.work import Workshop, made
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set

SHORT = {"vertical.epochs": 2, "horizontal.epochs": 1, "segment.degree": 2}
TINY = Experiment(
    "tiny",
    "A small table",
    "stations",
    (
        Variant("4", SHORT, 4, {"v_mse": 0.5, "updates": 10}),
        Variant("6", SHORT, 6, {"v_mse": 0.6, "updates": 5}),
    ),
    (Claim("updates fall", along("updates", "4", "6"), -1, -0.5),),
)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    for name, stations in (("small", 5), ("whole", 6)):
        (folder / name).mkdir()
        written_set(folder / name, wavy_traffic(stations=stations, days=12))
    (folder / "notes").mkdir()
    return folder


def workshop(folder: Path, sets: Path, seeds: int = 2) -> Workshop:
    real = tuple(each for each in sources_in(sets) if each.name != CITY)
    return Workshop(folder, real, seeds, processes=2)


def test_rows_are_made_where_the_stations_suffice_and_the_others_are_told(sets: Path, tmp_path: Path) -> None:
    found = finished(made(TINY, workshop(tmp_path, sets)))
    assert {(row["source"], row["label"]) for row in found.rows.to_dicts()} == {
        ("small", "4"),
        ("whole", "4"),
        ("whole", "6"),
    }
    (missing,) = found.missing
    assert (missing.source, missing.label, missing.why) == ("small", "6", "it has 5 stations, expected 6")
    assert found.rows.filter(source="whole", label="6")["seed"].to_list() == [1, 2]


def test_a_run_that_was_stopped_goes_on_with_what_it_has(sets: Path, tmp_path: Path) -> None:
    straight = finished(made(TINY, workshop(tmp_path / "straight", sets)))
    stopped = made(TINY, workshop(tmp_path / "stopped", sets))
    steps = [next(stopped), next(stopped), next(stopped)]
    stopped.close()
    assert steps[-1].done == 2
    kept = kept_rows(tmp_path / "stopped" / "tiny.csv")
    assert len(kept) == 2
    again = made(TINY, workshop(tmp_path / "stopped", sets))
    assert next(again) == Step("tiny", 2, 6, unit="runs")
    went_on = finished(again)
    drop = [name for name in straight.rows.columns if name in TIMES]
    assert went_on.rows.drop(drop).equals(straight.rows.drop(drop))
    file = tmp_path / "stopped" / "tiny.csv"
    assert all(kept_rows(file)[key] == row for key, row in kept.items())


def test_a_file_tells_what_it_was_made_with(sets: Path, tmp_path: Path) -> None:
    finished(made(TINY, workshop(tmp_path, sets)))
    lines = (tmp_path / "tiny.csv").read_text().splitlines()
    told = {
        name: json.loads(value)
        for name, value in (line[2:].split(": ", 1) for line in lines if line[0] == "#")
    }
    assert told["seeds"] == [1, 2]
    assert told["settings"]["vertical"]["epochs"] == 100
    assert told["minutes"] > 0
    assert "Python" in told["machines"][0]
    assert told["changes"]["4"] == SHORT
    assert kept_rows(tmp_path / "tiny.csv").popitem()[1]["machine"] == told["machines"][0]


def test_the_same_run_in_another_table_is_not_made_again(sets: Path, tmp_path: Path) -> None:
    first = finished(made(TINY, workshop(tmp_path, sets)))
    variants = (replace(TINY.variants[0], label="few"),)
    other = replace(TINY, name="other", variants=variants, claims=())
    again = made(other, workshop(tmp_path, sets))
    assert next(again) == Step("other", 4, 4, unit="runs")
    found = finished(again)
    assert found.rows["label"].unique().to_list() == ["few"]
    assert found.rows["key"].to_list() == first.rows.filter(label="4")["key"].to_list()


def test_a_set_that_is_too_short_is_told_of_and_the_others_are_made(sets: Path, tmp_path: Path) -> None:
    (tmp_path / "sets").mkdir()
    folders = {"whole": 12, "short": 3}
    for name, days in folders.items():
        (tmp_path / "sets" / name).mkdir()
        written_set(tmp_path / "sets" / name, wavy_traffic(stations=4, days=days))
    small = replace(TINY, variants=TINY.variants[:1])
    found = finished(made(small, workshop(tmp_path / "out", tmp_path / "sets", seeds=1)))
    assert found.rows["source"].to_list() == ["whole"]
    (missing,) = found.missing
    assert missing.source == "short"
    assert "the training part has 24 steps" in missing.why


def test_a_set_that_cannot_be_read_does_not_stop_the_others(sets: Path, tmp_path: Path) -> None:
    for name in ("whole", "bare"):
        (tmp_path / "sets" / name).mkdir(parents=True)
        written_set(tmp_path / "sets" / name, wavy_traffic(stations=4, days=12))
    (tmp_path / "sets" / "bare" / "traffic.csv").unlink()
    small = replace(TINY, variants=TINY.variants[:1])
    found = finished(made(small, workshop(tmp_path / "out", tmp_path / "sets", seeds=1)))
    assert found.rows["source"].to_list() == ["whole"]
    assert [each.source for each in found.missing] == ["bare"]
    assert "expected exactly one of traffic.csv" in found.missing[0].why


def test_a_set_with_the_name_of_the_synthetic_city_is_told_apart_from_it(tmp_path: Path) -> None:
    (tmp_path / "city").mkdir()
    written_set(tmp_path / "city", wavy_traffic(stations=4, days=12))
    assert [each.name for each in sources_in(tmp_path / "city")] == ["city", "city (yours)"]


def test_rows_of_a_set_that_was_changed_are_made_anew(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    folder = written_set(tmp_path / "one", wavy_traffic(stations=4, days=12))
    keys = {cells(TINY, sources_in(folder)[1], 1)[0][0].key}
    traffic = folder / "traffic.csv"
    text = traffic.read_text()
    traffic.write_text(text[:-3] + str(9 - int(text[-3])) + text[-2:])
    assert traffic.stat().st_size == len(text)
    assert cells(TINY, sources_in(folder)[1], 1)[0][0].key not in keys


def test_seeds_draw_other_stations_of_a_set(sets: Path) -> None:
    (source,) = [each for each in sources_in(sets) if each.name == "whole"]
    drawn = {traffic_of(source, "internet", 3, seed).stations for seed in range(1, 9)}
    assert len(drawn) > 3
    assert traffic_of(source, "internet", 3, 1).stations == traffic_of(source, "internet", 3, 1).stations


def test_every_run_of_the_catalogue_has_the_papers_settings_but_for_what_it_varies() -> None:
    city = sources_in(None)[0]
    traffic = wavy_traffic(stations=4, days=30)
    for experiment in EXPERIMENTS:
        made_cells, missing = cells(experiment, city, 2)
        assert not missing
        assert len({cell.key for cell in made_cells}) == len(made_cells)
        for cell in made_cells:
            settings = cell.settings(traffic)
            assert settings.recipe.seed == cell.seed
            assert (settings.vertical.epochs, settings.horizontal.epochs) == (100, 20)
            assert (settings.segment.every_vertical, settings.segment.every_horizontal) == (10, 5)
            if experiment.name not in ("sensitivity", "errata"):
                assert settings.segment.topology == "regular"
                assert (settings.strategies.cluster, settings.strategies.top) == ("mean", "mean")
                for how in (settings.recipe.vertical, settings.recipe.horizontal):
                    assert (how.learning_rate, how.batch_size, how.optimizer) == (0.01, 64, "sgd")


def test_what_is_slow_is_left_out_where_things_must_be_quick(sets: Path) -> None:
    (source,) = [each for each in sources_in(sets) if each.name == "whole"]
    slow = replace(TINY, variants=(TINY.variants[0], replace(TINY.variants[1], slow=True)))
    quick, (missing,) = cells(slow, source, 1, quick=True)
    assert [cell.label for cell in quick] == ["4"]
    assert (missing.label, missing.why) == ("6", "it takes a minute, which --quick leaves out")
    assert len(cells(slow, source, 1)[0]) == 2


def test_sms_is_made_on_sets_that_hold_it_alone(sets: Path) -> None:
    (source,) = [each for each in sources_in(sets) if each.name == "whole"]
    _, (missing,) = cells(replace(catalogue.SMS, variants=(Variant("4", stations=4),)), source, 1)
    assert missing.why == "it holds no sms"


def test_figures_do_not_depend_on_the_process_that_makes_them(sets: Path, tmp_path: Path) -> None:
    found = finished(made(TINY, workshop(tmp_path, sets, seeds=1)))
    (source,) = [each for each in sources_in(sets) if each.name == "whole"]
    cell = cells(TINY, source, 1)[0][0]
    here = measured(cell)
    (there,) = found.rows.filter(key=cell.key).to_dicts()
    assert {name: here[name] for name in here if name not in TIMES} == {
        name: there[name] for name in here if name not in TIMES
    }


def test_a_table_shows_ours_with_an_interval_and_the_papers_in_brackets() -> None:
    seeds = [1, 2, 3]
    rows = pl.DataFrame(
        {
            "source": ["s"] * 6,
            "label": ["4"] * 3 + ["6"] * 3,
            "seed": seeds * 2,
            "v_mse": [0.1, 0.2, 0.3, 0.4, 0.4, 0.4],
            "updates": [10, 20, 40, 5, 10, 20],
        }
    )
    lines = {line[0]: line[1:] for line in tables.table(TINY, rows, tables.ERRORS + tables.COSTS)}
    assert lines["V MSE"] == ["0.2000 ± 0.2484 (0.500)", "0.4000 (0.600)"]
    assert lines["updates, ratio"] == ["1.00 (1.00)", "0.50 (0.500)"]
    (verdict,) = tables.verdicts(TINY, rows)
    assert (verdict.word, verdict.why) == ("holds", "in size too")


def test_the_verb_lists_what_there_is_and_refuses_what_there_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", "list"]) == 0
    listed = capsys.readouterr().out
    assert all(each.name in listed for each in EXPERIMENTS)
    for words, sentence in (
        (["tabel-1"], "unknown experiment 'tabel-1'"),
        (["fig-4", "--data", str(tmp_path / "none")], "no such folder"),
        (["fig-4", "--data", str(tmp_path)], "holds no set"),
        (["fig-4", "--seeds", "0"], "--seeds 0: expected at least 1"),
        (["fig-4", "--jobs", "0"], "--jobs 0: expected at least 1"),
        (["fig-4", "--processes", "city:7"], "no such entry of fig-4, expected one of city:50"),
    ):
        assert main(["reproduce", *words, "--out", str(tmp_path / "out")]) == 3
        assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_unknown_experiment_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="expected one of fig-4"):
        named("fig-6")


def test_the_verb_makes_rows_tables_and_a_picture(
    sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fl_server.cli.reproduce.EXPERIMENTS", (TINY,))
    monkeypatch.setattr("fl_server.experiments.catalogue.EXPERIMENTS", (TINY,))
    (source,) = [each for each in sources_in(sets) if each.name == "whole"]
    monkeypatch.setattr("fl_server.cli.reproduce.sources_in", lambda folder: (source,) if folder else ())
    out = tmp_path / "out"
    words = [
        "reproduce",
        "tiny",
        "--data",
        str(sets / "whole"),
        "--seeds",
        "3",
        "--jobs",
        "1",
        "--out",
        str(out),
    ]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "updates fall" in printed
    assert {file.name for file in out.iterdir()} == {"tiny.csv", "tiny.md", "tiny.png"}
    assert "| claim of the paper |" in (out / "tiny.md").read_text()
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["tiny"]
    assert len(told["rows"]) == 6
    assert told["verdicts"][0]["claim of the paper"] == "updates fall"
