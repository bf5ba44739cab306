"""Clusters of one's own: --groups of every verb that makes a run."""

from pathlib import Path

import pytest

from fl_server.cli.main import main
from tests.cities import wavy_traffic
from tests.fl_server.test_forecast import written_set

QUICK = ["--inputs", "paper", "--epochs", "2", "--stream-epochs", "0", "--no-single-level"]


@pytest.fixture
def city(tmp_path: Path) -> Path:
    folder = tmp_path / "city"
    folder.mkdir()
    return written_set(folder, wavy_traffic(stations=4, days=12))


def groups(folder: Path, *rows: str) -> str:
    file = folder / "groups.csv"
    file.write_text("".join(f"{row}\n" for row in ("station,group", *rows)))
    return str(file)


def test_the_clusters_of_a_run_are_the_groups_of_a_file(city: Path, tmp_path: Path) -> None:
    file = groups(tmp_path, "s3,a", "s0,b", "s1,b", "s2,a", "s9,a")
    assert main(["twin", str(city), "--out", str(tmp_path / "run"), "--groups", file, *QUICK]) == 0
    rows = (tmp_path / "run" / "stations.csv").read_text().splitlines()[1:]
    assert [row.split(",")[3] for row in rows] == ["1", "1", "2", "2"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--groups", "FILE", "--clusters", "2"], "--groups gives the clusters; leave --method and"),
        (["--groups", "FILE", "--method", "louvain"], "--groups gives the clusters; leave --method and"),
        (["--groups", "FILE"], "station s1 is in no group, expected every station in one"),
        (["--groups", "nowhere.csv"], "nowhere.csv: no such file"),
        (["--method", "given"], "the method given has no groups, expected a file of them"),
        (["--method", "heads"], "for a server whose nodes are cluster heads, and none is here"),
    ],
)
def test_groups_that_make_no_clusters_are_refused_in_words(
    city: Path, tmp_path: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = groups(tmp_path, "s0,a", "s2,a", "s3,a")
    given = [file if word == "FILE" else word for word in words]
    assert main(["twin", str(city), "--out", str(tmp_path / "run"), *given, *QUICK]) == 3
    assert sentence in capsys.readouterr().err
