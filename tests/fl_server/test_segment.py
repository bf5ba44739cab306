"""`vhtwin segment` from the words of a person to the files it leaves."""

import json
from pathlib import Path

import polars as pl
import pytest
from matplotlib.image import imread

from fl_server.cli.main import main
from tests.cities import real_set


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic city of 30 stations and 14 days."""
    folder = tmp_path_factory.mktemp("sets") / "city"
    assert main(["data", "make", "--stations", "30", "--days", "14", "--out", str(folder), "--json"]) == 0
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ["--clusters", "5"],
        ["--topology", "nearest", "--degree", "4", "--method", "louvain", "--draw-backhaul"],
        ["--topology", "nearest", "--degree", "4", "--method", "spectral", "--clusters", "30"],
        ["--variant", "literal", "--clusters", "1", "--weights", "0", "0", "0", "1", "--noise", "0.1"],
    ],
)
def test_it_leaves_a_table_and_a_picture_and_answers_with_one_object(
    city: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    capsys.readouterr()
    assert main(["segment", str(city), *words, "--json", "--out", str(tmp_path / "run")]) == 0
    answer = json.loads(capsys.readouterr().out)
    clusters = pl.read_csv(tmp_path / "run" / "segmentation.csv", schema_overrides={"station": pl.String})
    assert dict(clusters.iter_rows()) == answer["cluster_of"]
    assert clusters["cluster"][0] == 1
    assert clusters["cluster"].n_unique() == answer["clusters"] == len(answer["sizes"])
    assert sum(answer["sizes"]) == 30
    assert ("backhaul" in answer["terms"]) == ("--draw-backhaul" in words)
    picture = imread(tmp_path / "run" / "segmentation.png")
    assert (picture[..., :3].min(axis=-1) < 0.9).mean() > 0.02


def test_a_person_sees_the_clusters_and_is_warned_when_one_swallows_the_rest(
    city: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["segment", str(city), "--clusters", "3", "--out", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr().out
    assert "warning: one cluster holds 93% of the stations" in printed
    assert "modularity" in printed
    assert "segmentation.csv" in printed


def test_the_same_words_give_the_same_bytes(city: Path, tmp_path: Path) -> None:
    words = ["segment", str(city), "--method", "louvain", "--draw-backhaul", "--noise", "0.2", "--json"]
    for name in ("one", "other"):
        assert main([*words, "--out", str(tmp_path / name)]) == 0
    one, other = ((tmp_path / name / "segmentation.csv").read_bytes() for name in ("one", "other"))
    assert one == other


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--method", "louvian"], "did you mean louvain?"),
        (["--clusters", "31"], "30 stations cannot make 31 clusters"),
        (["--degree", "30"], "a degree of 30 is impossible among 30 stations, expected 1 to 29"),
        (["--topology", "hexagons"], "expected regular, nearest or a CSV file"),
        (["--test-days", "14"], "leave nothing to segment by"),
        (["--test-days", "-1"], "test_days must be 0 or more"),
        (["--test-days", "nan"], "test_days must be 0 or more"),
        (["--most-seconds", "nan"], "most_seconds must be 0 or more"),
        (["--weights", "0", "0", "0", "0"], "nor all zero"),
        (["--most-seconds", "0"], "use --method louvain"),
    ],
)
def test_a_bad_wish_is_one_sentence_and_leaves_nothing(
    city: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    assert main(["segment", str(city), *words, "--out", str(tmp_path / "run")]) == 3
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_measured_squares_part_into_adjacent_groups(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(real_set("milan25")), "--timezone", "Europe/Rome", "--topology", "nearest", "--degree", "4"]
    assert main(["segment", *words, "--clusters", "4", "--json", "--out", str(tmp_path / "run")]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert sum(answer["sizes"]) == 25
    assert answer["singletons"] == 0
    assert answer["modularity"] > 0.5
