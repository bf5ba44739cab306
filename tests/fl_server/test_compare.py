"""`vhtwin compare` puts finished runs side by side, and says when they do not compare."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_server.cli.compare import _cells, _short
from fl_server.cli.main import main
from fl_server.run_comparison import change, figure_names

SMALL = ["--model", "linear", "--inputs", "paper", "--epochs", "11", "--threads", "1", "--no-single-level"]
Printed = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that differ in what their names say."""
    folder = tmp_path_factory.mktemp("runs")
    for name, seed in (("city", "1"), ("town", "2")):
        words = ["--stations", "6", "--days", "28", "--seed", seed, "--out", str(folder / name)]
        assert main(["data", "make", *words]) == 0
    made: dict[str, list[str]] = {
        "first": [],
        "gated": ["--psi", "0.5"],
        "shorter": ["--test-days", "5"],
        "still": ["--stream-epochs", "0"],
    }
    for name, words in made.items():
        assert main(["twin", str(folder / "city"), *SMALL, *words, "--out", str(folder / name)]) == 0
    assert main(["twin", str(folder / "town"), *SMALL, "--out", str(folder / "elsewhere")]) == 0
    return folder


@pytest.fixture
def answered(runs: Path, capsys: Printed) -> Callable[..., dict[str, Any]]:
    """What comparing the runs of these names answers with."""

    def answer(*names: str) -> dict[str, Any]:
        capsys.readouterr()
        assert main(["compare", *(str(runs / name) for name in names), "--json"]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return answer


def test_only_the_settings_that_differ_are_told(answered: Callable[..., dict[str, Any]]) -> None:
    first, gated = answered("first", "gated")["runs"]
    assert first["settings"] == {"horizontal.psi": 1e-6}
    assert gated["settings"] == {"horizontal.psi": 0.5}


def test_a_run_beside_itself_differs_in_nothing(answered: Callable[..., dict[str, Any]]) -> None:
    answer = answered("first", "first")
    assert answer["warnings"] == []
    for each in answer["runs"]:
        assert each["settings"] == {}
        assert set(each["percent"].values()) <= {0, None}
    assert answer["runs"][1]["percent"]["v.mse"] == 0


def test_a_closed_gate_sends_less_and_spares_more(answered: Callable[..., dict[str, Any]]) -> None:
    first, gated = (each["figures"] for each in answered("first", "gated")["runs"])
    assert gated["v.mse"] == first["v.mse"]  # the gate is of H-twinning
    assert gated["updates"] < first["updates"]
    assert gated["spared"] > first["spared"]
    assert gated["bytes"] < first["bytes"]


def test_percentages_are_of_the_first_run(runs: Path, tmp_path: Path, capsys: Printed) -> None:
    for name, mse in (("one", 0.20), ("other", 0.21)):
        shutil.copytree(runs / "first", tmp_path / name)
        summary = json.loads((tmp_path / name / "summary.json").read_text())
        summary["v"]["mse"] = mse
        (tmp_path / name / "summary.json").write_text(json.dumps(summary))
    capsys.readouterr()
    assert main(["compare", str(tmp_path / "one"), str(tmp_path / "other")]) == 0
    printed = capsys.readouterr().out
    (row,) = [line for line in printed.splitlines() if "V  G-NDT  MSE" in line]
    assert row.split() == ["V", "G-NDT", "MSE", "0.2000", "0.2100", "+5.0", "%"]  # 0.21 / 0.20 - 1
    assert "the runs were asked for the same" in printed


def test_a_value_and_a_large_difference_do_not_run_together() -> None:
    (name,) = list(figure_names())[:1]
    (_, cell) = _cells(name, [{name: 0.1372}, {name: 545.5}])
    assert cell.split() == ["545.5", "+397494.8", "%"]


def test_a_long_list_is_cut_and_a_long_path_is_not() -> None:
    assert _short([0.25] * 400) == f"{json.dumps([0.25] * 400)[:40]}… (400 values)"
    path = "/a/very/long/path/to/one/of/several/networks/city"  # its end tells it from others
    assert _short(path) == path


def test_what_a_run_has_not_done_has_no_figure(answered: Callable[..., dict[str, Any]]) -> None:
    first, still = answered("first", "still")["runs"]
    assert first["figures"]["h.mse"] > 0
    assert still["figures"]["h.mse"] is None
    assert still["percent"]["h.mse"] is None
    assert first["figures"]["single_level.v.mse"] is None


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ("elsewhere", "elsewhere and first are of different traffic"),
        ("shorter", "shorter and first forecast different streams"),
    ],
)
def test_runs_on_other_data_are_compared_with_a_warning(
    runs: Path, answered: Callable[..., dict[str, Any]], capsys: Printed, other: str, sentence: str
) -> None:
    (warning,) = answered("first", other)["warnings"]
    assert warning.startswith(sentence)
    assert warning.endswith("their errors do not compare")
    assert main(["compare", str(runs / "first"), str(runs / other)]) == 0
    assert f"warning: {warning}" in capsys.readouterr().out


def test_the_table_has_a_line_a_run(runs: Path, tmp_path: Path) -> None:
    words = [str(runs / name) for name in ("first", "gated", "still")]
    assert main(["compare", *words, "--out", str(tmp_path / "runs.csv")]) == 0
    with (tmp_path / "runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == ["first", "gated", "still"]
    assert [row["horizontal.epochs"] for row in rows] == ["20", "20", "0"]
    assert set(figure_names()) < set(rows[0])
    summary = json.loads((runs / "gated" / "summary.json").read_text())
    assert float(rows[1]["h.cluster.nrmse"]) == summary["h"]["cluster"]["nrmse"]
    assert rows[2]["h.mse"] == ""


def test_what_cannot_be_compared_is_refused_and_leaves_nothing(
    runs: Path, tmp_path: Path, capsys: Printed
) -> None:
    first, out = str(runs / "first"), tmp_path / "runs.csv"
    unfinished = Path(shutil.copytree(runs / "gated", tmp_path / "stopped"))
    (unfinished / "summary.json").unlink()
    for words, sentence in (
        ([first], "compares with nothing; name at least two"),
        ([first, str(unfinished)], f"not finished; vhtwin resume {unfinished} goes on with it"),
        ([first, str(runs / "city")], "is no run of vhtwin"),
        ([first, str(tmp_path / "nowhere")], "is no run of vhtwin"),
    ):
        assert main(["compare", *words, "--out", str(out)]) == 3
        assert sentence in capsys.readouterr().err
        assert not out.exists()


def test_a_summary_of_another_kind_is_refused(runs: Path, tmp_path: Path, capsys: Printed) -> None:
    strange = Path(shutil.copytree(runs / "gated", tmp_path / "strange"))
    (strange / "summary.json").write_text('{"v": {"mse": 1}}')
    assert main(["compare", str(runs / "first"), str(strange)]) == 3
    assert "summary.json: lacks h, clusters" in capsys.readouterr().err


def test_an_existing_table_is_replaced_only_when_told(runs: Path, tmp_path: Path, capsys: Printed) -> None:
    out = tmp_path / "runs.csv"
    out.write_text("mine")
    words = ["compare", str(runs / "first"), str(runs / "gated"), "--out", str(out)]
    assert main(words) == 3
    assert "already exists" in capsys.readouterr().err
    assert out.read_text() == "mine"
    assert main([*words, "--overwrite"]) == 0
    assert out.read_text().startswith("run,horizontal.psi,")


@given(value=st.floats(1e-6, 1e6), first=st.floats(1e-6, 1e6))
def test_a_change_of_so_many_percent_leads_from_the_first_to_the_value(value: float, first: float) -> None:
    percent = change(value, first)
    assert percent is not None
    assert first * (1 + percent / 100) == pytest.approx(value, rel=1e-6, abs=1e-6)


def test_a_change_from_nothing_has_no_percentage() -> None:
    assert change(3, 0) is None
    assert change(3, None) is None
    assert change(None, 3) is None
    assert change(0, 4) == -100
